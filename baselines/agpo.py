"""AGPO's temperature in its batch-level form: hotter where the last batch was more uncertain than usual.

Rule: u is the mean over groups of std(r) + H, the standard deviation of the rewards and the entropy in
nats of the vote over answers; c = (u - v) / (v + 1e-8), v the running mean of u before this batch
(weight 0.1 for the newest, the first u to start with); T = clip(T_b (1 + 0.15 c), 0.5, 1.5) with T_b = 1.
Source: arXiv 2605.20722, as one secondary source quotes it; its abstract says the same in words.

The paper measures u for each prompt with a probe group of its own, which doubles the rollouts; here the
last batch is the probe and one temperature serves the next, within the range of the study's candidates
unless settings say 0.5 to 1.5 [R]. Its adaptive clipping is left out.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from baselines.answers import AnswersPolicy
from baselines.bounded import BoundedSettings
from tampo import RolloutFeedback, Temperature


class AgpoSettings(BoundedSettings):
    """Settings of `agpo`; the start is also the base temperature T_b."""

    start: Temperature | None = None
    """Base temperature T_b; null is 1, or the end of the range nearest to it [S]."""
    gain: float = Field(default=0.15, gt=0, allow_inf_nan=False)
    """Relative change of the temperature for an uncertainty of twice the usual [S]."""
    newest: float = Field(default=0.1, gt=0, le=1)
    """Weight of the newest batch in the running mean [S]."""


class Agpo(AnswersPolicy):
    """Temperature from the uncertainty of the last batch over its running mean."""

    Settings = AgpoSettings
    STATE: ClassVar[tuple[str, ...]] = (*AnswersPolicy.STATE, "usual")

    def __init__(
        self, start: float, lowest: float, highest: float, gain: float, newest: float
    ) -> None:
        super().__init__(start, lowest, highest)
        self.gain, self.newest = gain, newest
        self.usual: float | None = None

    def measure(self, feedback: RolloutFeedback) -> float | None:
        """Return u, or None where no group has a known reward."""
        found = []
        for group, votes in zip(np.unique(feedback.groups), self.votes(feedback), strict=True):
            rewards = feedback.rewards[feedback.groups == group]
            shares = votes / votes.sum()
            entropy = float(-(shares * np.log(shares)).sum())
            if not np.isnan(rewards).all():
                found.append(float(np.nanstd(rewards)) + entropy)
        return float(np.mean(found)) if found else None

    def moved(self, measured: float, step: int) -> float:
        """Return the temperature for the next batch."""
        usual = measured if self.usual is None else self.usual
        self.usual = (1 - self.newest) * usual + self.newest * measured
        return self.start * (1 + self.gain * (measured - usual) / (usual + 1e-8))

    def diagnostics(self) -> dict[str, Any]:
        """Return what every bounded policy does, and the running mean of the uncertainty."""
        return super().diagnostics() | {"usual_uncertainty": self.usual}
