"""AEPO's bang-bang rule on entropy: hot where the entropy is at or below its target, cool above.

Rule: T = 1.2 if H <= H*, else 0.8; H the last batch's entropy at its own temperature, H* = 0.75 nats.
Source: arXiv 2510.08141, and its code (597358816/AEPO, `ray_trainer.py`), which agree on the rule.

There the main batch stays at temperature 1, a quarter of the prompts is sampled again at T, and those
rollouts enter the loss as a REINFORCE term. Here T is the temperature of the whole batch: the rule
without its second batch and its loss [R].
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from baselines.entropy_target import EntropyTargetPolicy, EntropyTargetSettings
from tampo import Temperature


class BangBangSettings(EntropyTargetSettings):
    """Settings of `bang-bang`: the two temperatures are the ends of the range."""

    lowest: Temperature | None = 0.8
    """Temperature above the target [S]."""
    highest: Temperature | None = 1.2
    """Temperature at or below it [S]."""
    target_entropy: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = 0.75
    """Entropy H* in nats, the paper's best [S]; null is the mean of the first `target_steps` batches."""


class BangBang(EntropyTargetPolicy):
    """One of two temperatures, by the side of the target that the entropy is on."""

    Settings = BangBangSettings

    def steered(self, entropy: float, target: float, step: int) -> float:
        """Return the hot temperature where the entropy is too low, else the cool one."""
        return self.highest if entropy <= target else self.lowest
