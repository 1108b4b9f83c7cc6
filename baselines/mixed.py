"""Mixed temperatures: the rollouts of one group are spread evenly around a centre.

Rule: T_i = centre + spread * (2 i / (G - 1) - 1) for the rollouts i = 0 .. G - 1 of every group, at
every step. Each trajectory's likelihoods, ratio and entropy are taken at its own temperature.
Defaults: centre 1.0, spread 0.2, so the group covers 0.8 .. 1.2.
Source: openbrowser-ai pull request 60; the defaults are our choice [R].

The aim is fewer groups with all rewards equal. `spread` is half the width of the covered range: a review
of that pull request found the two confused.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from tampo import OpenLoopPolicy, PolicyContext, PolicySettings, Temperature


class MixedSettings(PolicySettings):
    """Settings of `mixed`."""

    centre: Temperature = 1.0
    """Mean temperature of a group [R]."""
    spread: float = Field(default=0.2, ge=0, allow_inf_nan=False)
    """Distance from the centre to the group's lowest and to its highest temperature [R]."""

    @model_validator(mode="after")
    def _stays_positive(self) -> MixedSettings:
        if self.spread >= self.centre:
            raise ValueError(
                f"spread {self.spread:g} must be below centre {self.centre:g}: the lowest "
                "temperature of a group is centre - spread"
            )
        return self


class Mixed(OpenLoopPolicy):
    """The same [G] temperatures in every group; a group of one has the centre."""

    Settings = MixedSettings

    def __init__(self, centre: float, spread: float, group_size: int) -> None:
        places = np.linspace(-1, 1, group_size) if group_size > 1 else np.zeros(1)
        self.temperatures = centre + spread * places

    @classmethod
    def from_settings(cls, settings: MixedSettings, context: PolicyContext) -> Mixed:
        """Spread the temperatures over the run's group size."""
        return cls(settings.centre, settings.spread, context.group_size)

    def draw(self, step: int) -> NDArray[np.float64]:
        """Return the [G] temperatures of a group, ascending."""
        return self.temperatures.copy()
