"""Reward-plateau raise: a higher temperature whenever the reward has stopped moving.

Rule: with w = `window`, once 2 w rewards have come in since the last raise and the mean of the newest w
differs from that of the w before by at most `tolerance`, raise T by `raise_by`, up to `highest`, and
start counting again. T never falls.
Defaults: window 10, tolerance 0.01 (in units of the reward), raise_by 0.1, the candidates' range.
Source: GLM-4.5 (arXiv 2508.06471, section 3.2).

GLM-4.5 raises T once the average reward is stable, to the highest value whose held-out score is within
1 % of the best of a sweep. The sweep over held-out problems is replaced by a fixed raise without a
check, because it would cost an evaluation per candidate; window, tolerance and raise are our choices [R].
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

from pydantic import Field

from baselines.bounded import BoundedPolicy, BoundedSettings
from tampo import RolloutFeedback


class PlateauSettings(BoundedSettings):
    """Settings of `plateau`."""

    window: int = Field(default=10, ge=1)
    """Batches in each of the two means that are compared [R]."""
    tolerance: float = Field(default=0.01, ge=0, allow_inf_nan=False)
    """Largest difference of the means that counts as a plateau, in units of the reward [R]."""
    raise_by: float = Field(default=0.1, gt=0, allow_inf_nan=False)
    """Temperature added at a plateau [R]."""


class Plateau(BoundedPolicy):
    """A staircase up, one step per plateau of the mean reward."""

    Settings = PlateauSettings
    STATE: ClassVar[tuple[str, ...]] = ("temperature", "held", "rewards", "raises")

    def __init__(self, *, window: int, tolerance: float, raise_by: float, **bounds: Any) -> None:
        super().__init__(**bounds)
        self.window, self.tolerance, self.raise_by = window, tolerance, raise_by
        self.rewards: list[float] = []
        self.raises = 0

    def measure(self, feedback: RolloutFeedback) -> float | None:
        """Return the mean reward of the scored trajectories, None if none could be scored."""
        return feedback.reward if math.isfinite(feedback.reward) else None

    def moved(self, measured: float, step: int) -> float:
        """Return the temperature, raised if the rewards since the last raise end in a plateau."""
        self.rewards = [*self.rewards, measured][-2 * self.window :]
        if len(self.rewards) < 2 * self.window or self.temperature >= self.highest:
            return self.temperature
        before, newest = self.rewards[: self.window], self.rewards[self.window :]
        if abs(math.fsum(newest) - math.fsum(before)) > self.tolerance * self.window:
            return self.temperature
        self.rewards, self.raises = [], self.raises + 1
        return self.temperature + self.raise_by

    def diagnostics(self) -> dict[str, Any]:
        """Return the next temperature, the batches held, and the raises so far."""
        return super().diagnostics() | {"raises": self.raises}
