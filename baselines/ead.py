"""EAD: the temperature of a token falls with its position in the completion.

Rule: T_t = 1 for t < c, then max(1 + tau_max - exp(t / d_s), tau_min), where t is the token's position from
0, s the step, and d_s = min(d0 + 5 s, 40000): the fall gets slower as training goes on.
Defaults: tau_max 1.2, tau_min 0.1, d0 25, c 10, those of the authors' script.
Source: Exploratory Annealed Decoding (arXiv 2510.05251) and its repository EAD-RLVR. The two agree but for
one factor: the repository's sampler has exp(t / (20 d_s)), its correction of the loss exp(t / d_s) as in
the paper. Here sampler and loss share one temperature, the paper's.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tampo import OpenLoopPolicy, PolicyContext, PolicySettings, Temperature

GROWTH = 5
"""Tokens by which the decay gets longer in a step."""
LONGEST_DECAY = 40_000
"""Upper bound of the decay, in tokens."""


class EadSettings(PolicySettings):
    """Settings of `ead`."""

    tau_max: Temperature = 1.2
    """Temperature that the fall starts from, were it to begin at the first token."""
    tau_min: Temperature = 0.1
    """Lowest temperature."""
    decay: int = Field(default=25, ge=1)
    """d0, in tokens."""
    cutoff: int = Field(default=10, ge=0)
    """c: tokens sampled at temperature 1 before the fall begins."""


class Ead(OpenLoopPolicy):
    """One temperature per token position, the same for every rollout of a step."""

    Settings = EadSettings

    def __init__(
        self, tau_max: float, tau_min: float, decay: int, cutoff: int, completion_tokens: int
    ) -> None:
        self.tau_max, self.tau_min, self.decay, self.cutoff = tau_max, tau_min, decay, cutoff
        self.positions = np.arange(completion_tokens)

    @classmethod
    def from_settings(cls, settings: EadSettings, context: PolicyContext) -> Ead:
        """Cover the run's longest completion."""
        return cls(**dict(settings), completion_tokens=context.completion_tokens)

    def draw(self, step: int) -> NDArray[np.float64]:
        """Return the [1, L] temperatures of the token positions."""
        decay = min(self.decay + GROWTH * step, LONGEST_DECAY)
        with np.errstate(over="ignore"):
            falling = np.maximum(1 + self.tau_max - np.exp(self.positions / decay), self.tau_min)
        return np.where(self.positions < self.cutoff, 1.0, falling)[None]
