"""Answer-diversity controller: holds the number of different answers in a group.

Rule: D is the mean over groups of the number of mathematically distinct answers, smoothed by
D_s = 0.6 D_{s-1} + 0.4 D, the first as it is. With e = 2 - D_s, and e = 0 within 0.1 of the target,
T <- clip(T clip(exp(0.5 e / 2), 0.9, 1.1), 0.3, 1.5), from T = 0.6.
Source: Practice; one secondary source, no paper. Ours [R]: the first D starts the average, and the range is
that of the study's candidates unless settings say 0.3 to 1.5.

Rollouts without a final answer count together as one answer.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

from pydantic import Field

from baselines.answers import AnswersPolicy
from baselines.bounded import BoundedSettings
from tampo import RolloutFeedback, Temperature


class DiversitySettings(BoundedSettings):
    """Settings of `diversity`."""

    start: Temperature | None = None
    """Temperature of the first step; null is 0.6, or the end of the range nearest to it [S]."""
    target: float = Field(default=2.0, ge=1, allow_inf_nan=False)
    """Distinct answers per group to hold [S]."""
    gain: float = Field(default=0.5, gt=0, allow_inf_nan=False)
    """Change of ln T for an error as large as the target [S]."""
    dead_band: float = Field(default=0.1, ge=0, allow_inf_nan=False)
    """Error that changes nothing [S]."""
    newest: float = Field(default=0.4, gt=0, le=1)
    """Weight of the newest batch in the smoothed number [S]."""
    largest_change: float = Field(default=0.1, gt=0, lt=1)
    """Largest relative change of the temperature in a step [S]."""


class Diversity(AnswersPolicy):
    """Multiplicative control of the smoothed number of distinct answers."""

    Settings = DiversitySettings
    START: ClassVar[float] = 0.6
    STATE: ClassVar[tuple[str, ...]] = (*AnswersPolicy.STATE, "smoothed")

    def __init__(self, start: float, lowest: float, highest: float, **control: float) -> None:
        super().__init__(start, lowest, highest)
        self.control = control
        self.smoothed: float | None = None

    def measure(self, feedback: RolloutFeedback) -> float:
        """Return the mean number of distinct answers in a group."""
        counts = [len(votes) for votes in self.votes(feedback)]
        return math.fsum(counts) / len(counts)

    def moved(self, measured: float, step: int) -> float:
        """Return the temperature that the smoothed number asks for."""
        own, newest = self.control, self.control["newest"]
        before = measured if self.smoothed is None else self.smoothed
        self.smoothed = (1 - newest) * before + newest * measured
        error = own["target"] - self.smoothed
        if abs(error) <= own["dead_band"]:
            return self.temperature
        most = own["largest_change"]
        factor = math.exp(own["gain"] * error / own["target"])
        return self.temperature * min(max(factor, 1 - most), 1 + most)

    def diagnostics(self) -> dict[str, Any]:
        """Return what every bounded policy does, and the smoothed number of distinct answers."""
        return super().diagnostics() | {"distinct_answers": self.smoothed}
