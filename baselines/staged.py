"""Staged schedule: the run is cut into stages, each with a temperature of its own.

Rule: T_s = stages[k] for b_k <= s / S < b_(k+1), with b_0 = 0 and `boundaries` as the others.
Defaults: 1.4, 1.45, 1.5 in three equal stages.
Source: POLARIS, training scripts for Qwen3-4B.

POLARIS starts where accuracy just begins to fall while
diversity rises, and picks each later temperature by a search that restores the first stage's
diversity. Here the temperatures are given and nothing is searched; equal stages are our choice [R].
"""

from __future__ import annotations

import itertools

from pydantic import Field, model_validator

from tampo import OpenLoopPolicy, PolicyContext, PolicySettings, Temperature

ROUNDING = 1e-9
"""Slack in steps: 0.1 * 30 steps is a hair more than 3 in floating point."""


class StagedSettings(PolicySettings):
    """Settings of `staged`."""

    stages: list[Temperature] = Field(default=[1.4, 1.45, 1.5], min_length=1)
    """Temperature of each stage [S]."""
    boundaries: list[float] | None = None
    """Fraction of the run at which each stage after the first begins; null gives equal stages [R]."""

    @model_validator(mode="after")
    def _boundaries_fit(self) -> StagedSettings:
        if self.boundaries is None:
            return self
        edges = [0.0, *self.boundaries, 1.0]
        rising = all(a < b for a, b in itertools.pairwise(edges))
        if len(self.boundaries) != len(self.stages) - 1 or not rising:
            raise ValueError(
                f"boundaries {self.boundaries} must be {len(self.stages) - 1} rising fractions inside "
                f"(0, 1), one for each of the {len(self.stages)} stages but the first"
            )
        return self


class Staged(OpenLoopPolicy):
    """One temperature per stage of the run."""

    Settings = StagedSettings

    def __init__(self, stages: list[float], boundaries: list[float] | None, steps: int) -> None:
        if boundaries is None:
            boundaries = [k / len(stages) for k in range(1, len(stages))]
        self.stages = list(stages)
        self.begins = [fraction * steps - ROUNDING for fraction in boundaries]

    @classmethod
    def from_settings(cls, settings: StagedSettings, context: PolicyContext) -> Staged:
        """Build the schedule over the whole run."""
        return cls(settings.stages, settings.boundaries, context.steps)

    def draw(self, step: int) -> float:
        """Return the temperature of the stage that `step` lies in."""
        return self.stages[sum(step >= begin for begin in self.begins)]
