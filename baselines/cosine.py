"""Cosine schedule: the temperature moves along half a cosine, slowly at both ends of the run.

Rule: T_s = start + (end - start) * (1 - cos(pi p)) / 2 with p = min(s, S - 1) / (S - 1).
Defaults: 0.9 -> 1.5, the ends of TAMPO's linear baseline; `end` below `start` cools.
Source: prime-rl pull request 1624 (January 2026; taken out again by 2193); the ends are our choice [R].
"""

from __future__ import annotations

import math

from baselines.ramp import Ramp


class Cosine(Ramp):
    """Half a cosine from `start` at the first step to `end` at the last."""

    def covered(self, progress: float) -> float:
        """Return (1 - cos(pi p)) / 2."""
        return (1 - math.cos(math.pi * progress)) / 2
