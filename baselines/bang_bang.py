"""AEPO's bang-bang rule on entropy: hot where the entropy is at or below its target, cool above.

Rule: T = 1.2 if H <= H*, else 0.8; H the last batch's entropy at its own temperature, H* = 0.75 nats.
Source: arXiv 2510.08141, and its code (597358816/AEPO, `ray_trainer.py`), which agree on the rule.

There the main batch stays at temperature 1, a quarter of the prompts is sampled again at T, and those
rollouts enter the loss as a REINFORCE term. Here T is the temperature of the whole batch: the rule
without its second batch and its loss [R].
"""

from __future__ import annotations

from typing import Any

from pydantic import Field

from baselines.bounded import BoundedPolicy, BoundedSettings, positive
from tampo import RolloutFeedback, Temperature


class BangBangSettings(BoundedSettings):
    """Settings of `bang-bang`: the two temperatures are the ends of the range."""

    lowest: Temperature | None = 0.8
    """Temperature above the target [S]."""
    highest: Temperature | None = 1.2
    """Temperature at or below it [S]."""
    target_entropy: float = Field(default=0.75, gt=0, allow_inf_nan=False)
    """Entropy H* in nats; the paper's best [S]."""


class BangBang(BoundedPolicy):
    """One of two temperatures, by the side of the target that the entropy is on."""

    Settings = BangBangSettings

    def __init__(self, start: float, lowest: float, highest: float, target_entropy: float) -> None:
        super().__init__(start, lowest, highest)
        self.target_entropy = target_entropy

    def measure(self, feedback: RolloutFeedback) -> float | None:
        """Return the entropy in nats at the rollout temperature, if positive and finite."""
        return positive(feedback.entropy)

    def moved(self, measured: float, step: int) -> float:
        """Return the hot temperature where the entropy is too low, else the cool one."""
        return self.highest if measured <= self.target_entropy else self.lowest

    def diagnostics(self) -> dict[str, Any]:
        """Return what every bounded policy does, and the target in nats."""
        return super().diagnostics() | {"target_entropy": self.target_entropy}
