"""Schedules that lead from one temperature to another: common to linear, cosine and exponential."""

from __future__ import annotations

from abc import ABC, abstractmethod

from tampo import OpenLoopPolicy, PolicyContext, PolicySettings, Temperature


class RampSettings(PolicySettings):
    """Settings of every schedule with two ends."""

    start: Temperature = 0.9
    """Temperature of the first step [P]."""
    end: Temperature = 1.5
    """Temperature that the schedule leads to [P]; below `start` it cools."""


class Ramp(OpenLoopPolicy, ABC):
    """T_s = start + (end - start) * f(p) with progress p = min(s, S - 1) / (S - 1), s = 0 .. S - 1.

    A subclass says how much of the way is covered: f(0) = 0, f never falls and never exceeds 1, so
    the temperature stays between the ends.
    """

    Settings = RampSettings

    def __init__(self, start: float, end: float, steps: int) -> None:
        if steps < 1:
            raise ValueError(f"steps must be at least 1, got {steps}")
        self.start, self.end, self.steps = start, end, steps

    @classmethod
    def from_settings(cls, settings: RampSettings, context: PolicyContext) -> Ramp:
        """Build the schedule over the whole run."""
        return cls(**dict(settings), steps=context.steps)

    def draw(self, step: int) -> float:
        """Return the temperature at `step`; a run of one step stays at `start`."""
        progress = min(step, self.steps - 1) / max(self.steps - 1, 1)
        return self.start + (self.end - self.start) * self.covered(progress)

    @abstractmethod
    def covered(self, progress: float) -> float:
        """Return f(p), the fraction of the way covered at progress p in [0, 1]."""
