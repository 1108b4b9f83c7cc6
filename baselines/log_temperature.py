"""Log-temperature controller: SAC's update of its entropy weight, applied to the temperature.

Rule: ln T <- ln T + rate * (H* - H), clipped to the range, with H the batch's entropy in nats at its own
temperature and H* the target, by default the entropy of the first batch.
Defaults: rate 0.1 per nat. An error of 0.3 nats moves T by 3 % per step; the loop is stable while
dH / d ln T stays below 2 / rate = 20 nats.
Source: The step on log alpha in Soft Actor-Critic (arXiv 1812.05905).

There alpha weighs an entropy bonus and Adam takes the steps. Its use on the rollout temperature, with
plain steps, and the rate are our choices [R].
"""

from __future__ import annotations

import math
from typing import Any

from pydantic import Field

from baselines.entropy_target import EntropyTargetPolicy, EntropyTargetSettings


class LogTemperatureSettings(EntropyTargetSettings):
    """Settings of `log-temperature`."""

    rate: float = Field(default=0.1, gt=0, allow_inf_nan=False)
    """Change of ln T per nat of error [R]."""


class LogTemperature(EntropyTargetPolicy):
    """A step of ln T proportional to the entropy error."""

    Settings = LogTemperatureSettings

    def __init__(self, *, rate: float, **target: Any) -> None:
        super().__init__(**target)
        self.rate = rate

    def steered(self, entropy: float, target: float, step: int) -> float:
        """Return exp(ln T + rate * (H* - H)); the exponent is bounded, the range cuts the rest."""
        change = min(max(self.rate * (target - entropy), -100.0), 100.0)
        return self.temperature * math.exp(change)
