"""E3's entropy controller: raises the temperature as the entropy of the rollouts falls, and back.

Rule: T <- T * (1 + T * ln(H* / H) / (ln V + ln ln V)), clipped to the range, with H the batch's entropy in
nats at its own temperature, V the vocabulary and H* the mean entropy of the first `target_steps`
batches. With `anneal`, after the first 1 - anneal_fraction of the run

    H* <- H0* * ((1 - anneal_floor) * (1 + cos(pi p)) / 2 + anneal_floor),  p from 0 to 1.

Defaults: one target batch, no annealing (0.4 and 0.9 if switched on), the candidates' range.
Source: E3 (arXiv 2505.18573) and its released scheduler, which has no range: clipping to the range is our
choice [R].
"""

from __future__ import annotations

import math
from typing import Any

from pydantic import Field

from baselines.entropy_target import EntropyTargetPolicy, EntropyTargetSettings
from tampo import PolicyContext


class E3Settings(EntropyTargetSettings):
    """Settings of `e3`."""

    anneal: bool = False
    """Lower the target at the end of the run."""
    anneal_fraction: float = Field(default=0.4, gt=0, le=1)
    """Fraction of the run, at its end, in which the target falls."""
    anneal_floor: float = Field(default=0.9, gt=0, le=1)
    """Final over initial target."""


class E3(EntropyTargetPolicy):
    """A multiplicative step along ln(H* / H)."""

    Settings = E3Settings

    def __init__(
        self,
        *,
        steps: int,
        vocabulary: int,
        anneal: bool,
        anneal_fraction: float,
        anneal_floor: float,
        **target: Any,
    ) -> None:
        super().__init__(**target)
        if vocabulary < 2:
            raise ValueError(f"vocabulary must be at least 2 for ln V > 0, got {vocabulary}")
        self.scale = math.log(vocabulary) + math.log(math.log(vocabulary))
        self.steps, self.annealed = steps, int(steps * anneal_fraction) if anneal else 0
        self.floor = anneal_floor

    @classmethod
    def of_run(cls, context: PolicyContext) -> dict[str, Any]:
        return {"steps": context.steps, "vocabulary": context.vocabulary}

    def steered(self, entropy: float, target: float, step: int) -> float:
        """Return E3's next temperature."""
        # Three logarithms: the quotient of extreme entropies would leave the range of floats.
        log_ratio = math.log(self.decay(step)) + math.log(target) - math.log(entropy)
        return self.temperature * (1 + self.temperature * log_ratio / self.scale)

    def decay(self, step: int) -> float:
        """Return the factor on the target at `step`: 1 until the annealed steps begin."""
        begin = self.steps - self.annealed
        if not self.annealed or step <= begin:
            return 1.0
        progress = min((step - begin) / self.annealed, 1.0)
        return (1 - self.floor) * (1 + math.cos(math.pi * progress)) / 2 + self.floor
