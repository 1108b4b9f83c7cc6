"""Linear schedule: the temperature moves in a straight line over the run.

Rule: T_s = start + (end - start) * p with progress p = min(s, S - 1) / (S - 1), s = 0 .. S - 1.
Defaults: 0.9 -> 1.5; `end` below `start` cools.
Source: TAMPO's heuristic baseline 0.9 -> 1.5 (arXiv 2602.11779, Table 1).
"""

from __future__ import annotations

from baselines.ramp import Ramp


class Linear(Ramp):
    """A straight line from `start` at the first step to `end` at the last."""

    def covered(self, progress: float) -> float:
        """Return p."""
        return progress
