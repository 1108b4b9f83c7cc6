"""EXP3 with discount: exponential weights on importance-weighted rewards that fade.

Rule: p_k = (1 - γ) softmax(G)_k + γ / K, and after reward r of the drawn arm a:
G_k <- discount * G_k for every k, then G_a <- G_a + rate * r / p_a. The first step is uniform.
Defaults: γ = 0.2; discount = 0.95, the memory of TAMPO's average (α = 0.05); rate = 0.4, from simulated
fractions of groups with non-zero reward variance, the best candidate moving once in 200 steps. The rate
of the original, γ / K, suits longer memories than 20 steps; with this one it was no better than uniform.
Source: Auer et al., "The Nonstochastic Multiarmed Bandit Problem" (SIAM J. Comput. 32(1), 2002),
EXP3 in the form with the rate apart; discount, rate and γ are our choices.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from baselines.bandit import Bandit, BanditSettings
from tampo.seeds import generator
from tampo.temperature import simplex


class Exp3Settings(BanditSettings):
    """Settings of `exp3`."""

    exploration: float = Field(default=0.2, gt=0, le=1)
    """Weight γ of the uniform distribution in every draw [R]."""
    discount: float = Field(default=0.95, gt=0, le=1)
    """Factor on what was learned before, each batch [R]; 1 forgets nothing."""
    rate: float = Field(default=0.4, gt=0, allow_inf_nan=False)
    """Step size on the importance-weighted reward [R]."""


class Exp3(Bandit):
    """Exponential weights over the candidates."""

    Settings = Exp3Settings
    STATE: ClassVar[tuple[str, ...]] = (*Bandit.STATE, "gains")

    def __init__(
        self,
        arms: list[float],
        reward: str,
        seed: int,
        exploration: float,
        discount: float,
        rate: float,
    ) -> None:
        super().__init__(arms, reward, seed)
        self.exploration, self.discount, self.rate = exploration, discount, rate
        self.gains = [0.0] * len(arms)

    @property
    def probabilities(self) -> NDArray[np.float64]:
        """[K] distribution of the next draw."""
        weight = self.exploration
        return (1 - weight) * simplex.softmax(self.gains) + weight / len(self.arms)

    def choose(self, step: int) -> int:
        return simplex.draw(self.probabilities, generator(self.seed, "temperature", step))

    def learn(self, arm: int, reward: float) -> None:
        probability = float(self.probabilities[arm])
        self.gains = [self.discount * gain for gain in self.gains]
        self.gains[arm] += self.rate * reward / probability

    def diagnostics(self) -> dict[str, Any]:
        return {"candidates": self.arms, "probabilities": self.probabilities.tolist()}
