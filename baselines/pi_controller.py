"""PI controller: temperature from the entropy error and its sum, with anti-windup.

Rule: T = start + kp * e + ki * sum(e), clipped to the range, with e = H* - H in nats, H the batch's entropy
at its own temperature and H* the target, by default the entropy of the first batch. An error that
would push the temperature further past an end of the range is not added to the sum (conditional
integration), so the temperature leaves the end as soon as the error turns.
Defaults: kp 0.2 and ki 0.1 per nat. An error of 0.3 nats moves T by 0.06 at once and by 0.03 per step;
the loop is stable while dH / dT stays below 2 / (2 kp + ki) = 4 nats.
Source: The textbook controller; EntroPIC (arXiv 2511.15248) holds entropy by one, through the loss.

EntroPIC acts on the weights of positive and negative samples, not on the temperature. Its gains are
not published; these are our choice [R].
"""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from baselines.entropy_target import EntropyTargetPolicy, EntropyTargetSettings


class PIControllerSettings(EntropyTargetSettings):
    """Settings of `pi-controller`."""

    kp: float = Field(default=0.2, ge=0, allow_inf_nan=False)
    """Temperature per nat of error [R]."""
    ki: float = Field(default=0.1, ge=0, allow_inf_nan=False)
    """Temperature per nat of summed error [R]."""


class PIController(EntropyTargetPolicy):
    """Proportional and integral action on the entropy error."""

    Settings = PIControllerSettings
    STATE: ClassVar[tuple[str, ...]] = (*EntropyTargetPolicy.STATE, "error_sum")

    def __init__(self, *, kp: float, ki: float, **target: Any) -> None:
        super().__init__(**target)
        self.kp, self.ki = kp, ki
        self.error_sum = 0.0

    def steered(self, entropy: float, target: float, step: int) -> float:
        """Return the controller's output; add the error to the sum unless it would wind up."""
        error = target - entropy
        wanted = self.start + self.kp * error + self.ki * (self.error_sum + error)
        past_the_end = wanted > self.highest if error > 0 else wanted < self.lowest
        if past_the_end:
            return wanted
        self.error_sum += error
        return wanted

    def diagnostics(self) -> dict[str, Any]:
        """Return what every entropy controller does, and the sum of errors in nats."""
        return super().diagnostics() | {"error_sum": self.error_sum}
