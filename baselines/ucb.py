"""Sliding-window UCB: the candidate that could be best, judged by the latest batches only.

Rule: over the last W batches, n_k of which drew candidate k with mean reward m_k, draw
argmax_k m_k + c sqrt(ln(min(s, W)) / n_k), s batches seen; a candidate that the window does not hold
goes first. Equal ones are drawn from at random, so the first K steps take the candidates in random
order, which keeps temperature apart from training progress.
Defaults: W = 40, whose mean age of 20 batches is that of TAMPO's average (α = 0.05); c = 0.1, from
simulated fractions of groups with non-zero reward variance, the best candidate moving once in 200 steps.
Theory asks for more, but the window alone makes every candidate come round every W steps.
Source: Garivier & Moulines, "On Upper-Confidence Bound Policies for Switching Bandit Problems"
(ALT 2011); W, c and the random ties are our choices.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from baselines.bandit import Bandit, BanditSettings
from tampo.seeds import generator
from tampo.temperature import simplex


class UcbSettings(BanditSettings):
    """Settings of `ucb`."""

    window: int = Field(default=40, ge=1)
    """Batches W that are remembered [R]; with W <= K the candidates only take turns."""
    exploration: float = Field(default=0.1, ge=0, allow_inf_nan=False)
    """Weight c of the uncertainty, in units of the reward [R]."""


class SlidingWindowUcb(Bandit):
    """Upper confidence bounds over a window of batches."""

    Settings = UcbSettings
    STATE: ClassVar[tuple[str, ...]] = (*Bandit.STATE, "history")

    def __init__(
        self, arms: list[float], reward: str, seed: int, window: int, exploration: float
    ) -> None:
        super().__init__(arms, reward, seed)
        self.window, self.exploration = window, exploration
        self.history: list[list[float]] = []

    @property
    def bounds(self) -> NDArray[np.float64]:
        """[K] upper bound of each candidate's reward; infinite for one not in the window."""
        bounds = np.full(len(self.arms), np.inf)
        for arm in range(len(self.arms)):
            rewards = [reward for drawn, reward in self.history if drawn == arm]
            if rewards:
                width = math.sqrt(math.log(len(self.history)) / len(rewards))
                bounds[arm] = math.fsum(rewards) / len(rewards) + self.exploration * width
        return bounds

    def choose(self, step: int) -> int:
        best = self.bounds == self.bounds.max()
        return simplex.draw(best / best.sum(), generator(self.seed, "temperature", step))

    def learn(self, arm: int, reward: float) -> None:
        self.history = [*self.history, [arm, reward]][-self.window :]

    def diagnostics(self) -> dict[str, Any]:
        finite = [bound if math.isfinite(bound) else None for bound in self.bounds.tolist()]
        return {"candidates": self.arms, "bounds": finite}
