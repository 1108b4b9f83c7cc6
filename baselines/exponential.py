"""Exponential schedule: the temperature approaches its end, fast at first and ever more slowly.

Rule: T_s = end + (start - end) * exp(-p / decay) with p = min(s, S - 1) / (S - 1), so `decay` is the
fraction of the run in which the distance to `end` falls to 1/e. The end itself is not reached: with the
default decay 0.7 % of the distance is left at the last step.
Defaults: 0.9 -> 1.5, decay 0.2; `end` below `start` cools.
Source: The step variants, up and down, of EAD-RLVR's annealed sampling (arXiv 2510.05251), which
count the decay in steps; the ends and the decay are our choices [R].
"""

from __future__ import annotations

import math

from pydantic import Field

from baselines.ramp import Ramp, RampSettings


class ExponentialSettings(RampSettings):
    """Settings of `exponential`."""

    decay: float = Field(default=0.2, gt=0, allow_inf_nan=False)
    """Fraction of the run in which the distance to `end` falls to 1/e [R]."""


class Exponential(Ramp):
    """An exponential approach from `start` at the first step towards `end`."""

    Settings = ExponentialSettings

    def __init__(self, start: float, end: float, decay: float, steps: int) -> None:
        super().__init__(start, end, steps)
        self.decay = decay

    def covered(self, progress: float) -> float:
        """Return 1 - exp(-p / decay)."""
        return -math.expm1(-progress / self.decay)
