"""Discounted Thompson sampling: each candidate is drawn as often as it is believed to be best.

Rule: candidate k has the discounted count n_k and reward sum S_k of its batches. Its value is believed
to be normal around (τ m + S_k / σ²) / (τ + n_k / σ²) with variance 1 / (τ + n_k / σ²), τ = 1 / prior²
and m = Σ S / Σ n (1/2 before the first batch): what has faded is taken to be as good as the rest.
Each step draws one value per candidate and takes the largest; a batch multiplies all n and S by the
discount, then adds 1 and its reward to those of the drawn candidate. The first step is uniform.
Defaults: discount = 0.95, the memory of TAMPO's average (α = 0.05); σ = 0.15, the standard error of
that fraction (`mixed_groups`) over 12 prompts; prior = 0.15.
Source: Qi, Wang & Zhu, "Discounted Thompson Sampling for Non-Stationary Bandit Problems" (arXiv
2305.10718); the mean of the prior and the defaults are our choices.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from baselines.bandit import Bandit, BanditSettings
from tampo.seeds import generator


class ThompsonSettings(BanditSettings):
    """Settings of `thompson`."""

    discount: float = Field(default=0.95, gt=0, le=1)
    """Factor on what was learned before, each batch [R]; 1 forgets nothing."""
    noise: float = Field(default=0.15, gt=0, allow_inf_nan=False)
    """Standard deviation σ of a batch's reward around its candidate's value [R]."""
    prior: float = Field(default=0.15, gt=0, allow_inf_nan=False)
    """Standard deviation of the candidates' values around their mean, before any batch [R]."""


class Thompson(Bandit):
    """Gaussian Thompson sampling with fading evidence."""

    Settings = ThompsonSettings
    STATE: ClassVar[tuple[str, ...]] = (*Bandit.STATE, "counts", "sums")

    def __init__(
        self, arms: list[float], reward: str, seed: int, discount: float, noise: float, prior: float
    ) -> None:
        super().__init__(arms, reward, seed)
        self.discount, self.noise, self.prior = discount, noise, prior
        self.counts = [0.0] * len(arms)
        self.sums = [0.0] * len(arms)

    @property
    def posterior(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """[K] mean and [K] standard deviation of what each candidate is believed to be worth."""
        seen = math.fsum(self.counts)
        centre = math.fsum(self.sums) / seen if seen else 0.5
        ratio = (self.noise / self.prior) ** 2
        evidence = ratio + np.array(self.counts)
        mean = (ratio * centre + np.array(self.sums)) / evidence
        return mean, self.noise / np.sqrt(evidence)

    def choose(self, step: int) -> int:
        mean, deviation = self.posterior
        noise = generator(self.seed, "temperature", step).standard_normal(len(self.arms))
        return int(np.argmax(mean + deviation * noise))

    def learn(self, arm: int, reward: float) -> None:
        self.counts = [self.discount * count for count in self.counts]
        self.sums = [self.discount * total for total in self.sums]
        self.counts[arm] += 1.0
        self.sums[arm] += reward

    def diagnostics(self) -> dict[str, Any]:
        mean, deviation = self.posterior
        return {
            "candidates": self.arms,
            "means": mean.tolist(),
            "deviations": deviation.tolist(),
        }
