"""What closed-loop baselines have in common: a temperature bounded to a range, held when a batch fails."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np

from tampo import (
    ClosedLoopPolicy,
    PolicyContext,
    PolicySettings,
    RolloutFeedback,
    Temperature,
)


class BoundedSettings(PolicySettings):
    """Settings of every policy whose temperature moves by feedback."""

    start: Temperature | None = None
    """Temperature of the first step; null is 1, or the end of the range nearest to 1 [R]."""
    lowest: Temperature | None = None
    """Lower end of the range; null is the study's lowest candidate [R]."""
    highest: Temperature | None = None
    """Upper end of the range; null is the study's highest candidate [R]."""


class BoundedPolicy(ClosedLoopPolicy, ABC):
    """Keeps `temperature` in [lowest, highest] and holds it where a batch does not show the measurement.

    A subclass says what it measures and how the measurement moves the temperature. A measurement of
    None leaves everything as it is and is counted in `held`.
    """

    Settings = BoundedSettings
    STATE: ClassVar[tuple[str, ...]] = ("temperature", "held")
    START: ClassVar[float] = 1.0
    """Temperature of the first step where the settings leave it null and the range holds it."""

    def __init__(self, start: float, lowest: float, highest: float) -> None:
        if lowest > highest:
            raise ValueError(f"lowest {lowest:g} must not exceed highest {highest:g}")
        if not lowest <= start <= highest:
            raise ValueError(
                f"start {start:g} must lie in the range from lowest {lowest:g} to highest {highest:g}"
            )
        self.start, self.lowest, self.highest = start, lowest, highest
        self.temperature, self.held = start, 0

    @classmethod
    def from_settings(cls, settings: BoundedSettings, context: PolicyContext) -> BoundedPolicy:
        """Build the policy; ends of the range left null are those of the study's candidates."""
        chosen = dict(settings)
        if chosen["lowest"] is None:
            chosen["lowest"] = context.candidates[0]
        if chosen["highest"] is None:
            chosen["highest"] = context.candidates[-1]
        if chosen["start"] is None:
            chosen["start"] = min(max(cls.START, chosen["lowest"]), chosen["highest"])
        return cls(**chosen, **cls.of_run(context))

    @classmethod
    def of_run(cls, context: PolicyContext) -> dict[str, Any]:
        """Return the constructor's arguments that come from the run and not from the settings."""
        return {}

    def draw(self, step: int) -> float:
        """Return the temperature that the last batch led to."""
        return self.temperature

    def observe(
        self,
        log_likelihoods: np.ndarray,
        advantages: np.ndarray,
        feedback: RolloutFeedback | None = None,
    ) -> None:
        """Move the temperature by what `feedback` shows; the likelihoods are not used.

        Raises:
            ValueError: no feedback.
        """
        if feedback is None:
            raise ValueError(f"{type(self).__name__} learns from feedback, got None")
        measured = self.measure(feedback)
        if measured is None:
            self.held += 1
            return
        wanted = self.moved(measured, feedback.step)
        self.temperature = min(max(wanted, self.lowest), self.highest)

    @abstractmethod
    def measure(self, feedback: RolloutFeedback) -> float | None:
        """Return the batch's measurement, or None where it cannot be used."""

    @abstractmethod
    def moved(self, measured: float, step: int) -> float:
        """Return the next temperature, before it is clipped to the range."""

    def diagnostics(self) -> dict[str, Any]:
        """Return the temperature of the next step, and `held`: batches that could not be used."""
        return {"next_temperature": self.temperature, "held": self.held}


def positive(value: float) -> float | None:
    """Return `value`, or None if it is not a positive finite number."""
    return float(value) if math.isfinite(value) and value > 0 else None
