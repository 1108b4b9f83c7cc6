"""What entropy controllers have in common: the entropy they measure and its target.

They read the mean token entropy at the temperature of the loss's log-probabilities, which is the
rollout's: the temperature acts on it directly. (In the ablation `logprob_temperature: one` that is the
entropy at temperature 1, and the loop closes only through training.) A batch whose entropy is zero or
not finite leaves the temperature as it is.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Annotated, Any, ClassVar

from pydantic import Field

from baselines.bounded import BoundedPolicy, BoundedSettings, positive
from tampo import RolloutFeedback


class EntropyTargetSettings(BoundedSettings):
    """Settings of every entropy controller."""

    target_entropy: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """Entropy H* in nats to hold; null is the mean of the first `target_steps` usable batches."""
    target_steps: int = Field(default=1, ge=1)
    """Batches at the start temperature whose mean entropy becomes the target; unused if a target is given."""


class EntropyTargetPolicy(BoundedPolicy):
    """Steers the entropy H of a batch to the target H*; a subclass says how in `steered`."""

    Settings = EntropyTargetSettings
    STATE: ClassVar[tuple[str, ...]] = ("temperature", "held", "target_entropy", "first_entropies")

    def __init__(
        self,
        start: float,
        lowest: float,
        highest: float,
        target_entropy: float | None,
        target_steps: int,
    ) -> None:
        super().__init__(start, lowest, highest)
        self.target_entropy, self.target_steps = target_entropy, target_steps
        self.first_entropies: list[float] = []

    def measure(self, feedback: RolloutFeedback) -> float | None:
        """Return the entropy in nats at the rollout temperature, if positive and finite."""
        return positive(feedback.entropy)

    def moved(self, measured: float, step: int) -> float:
        """Return the steered temperature, or the start while the target is being measured."""
        if self.target_entropy is not None:
            return self.steered(measured, self.target_entropy, step)
        self.first_entropies.append(measured)
        if len(self.first_entropies) == self.target_steps:
            self.target_entropy = math.fsum(self.first_entropies) / self.target_steps
        return self.temperature

    @abstractmethod
    def steered(self, entropy: float, target: float, step: int) -> float:
        """Return the next temperature after a batch of `entropy` nats, before it is cut."""

    def diagnostics(self) -> dict[str, Any]:
        """Return the next temperature, the batches held, and the target in nats (None until set)."""
        return super().diagnostics() | {"target_entropy": self.target_entropy}
