"""Base of the bandits: one value per candidate, learned from the steps that drew it.

Each batch yields one reward r in [0, 1] for the candidate it was drawn at; nothing is learned about
the others. Accuracy cannot be that reward: lowering T raises it without any learning. Neither of these
two can be raised that way:

    mixed_groups  fraction of groups with non-zero reward variance: 0 for a batch solved throughout as
                  for one failed throughout, and a falling T makes completions of a group alike.
    credit        TAMPO's credit c of the drawn candidate (steps 5 and 6 of its paper), mapped by
                  r = (1 + c / m) / 2 with m the largest |c| of any candidate in any batch so far
                  and r = 1/2 while m = 0 [R]. Advantages have mean 0 in every group, so rewards
                  that all rise leave it as it is.

A batch in which no trajectory could be scored is skipped.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from tampo import (
    ClosedLoopPolicy,
    PolicyContext,
    PolicySettings,
    RolloutFeedback,
    Temperature,
)
from tampo.temperature import simplex
from tampo.temperature.credit import checked_batch, mean_over_trajectories


class BanditSettings(PolicySettings):
    """Settings common to the bandits."""

    candidates: list[Temperature] | None = Field(default=None, min_length=1)
    """Candidate temperatures; null is the study's candidates."""
    reward: Literal["mixed_groups", "credit"] = "mixed_groups"
    """Reward of a batch [R]."""


class Bandit(ClosedLoopPolicy, ABC):
    """Draws one of K `arms` per step and learns from its reward; a subclass says how."""

    Settings = BanditSettings
    STATE: ClassVar[tuple[str, ...]] = ("arms", "largest_credit")

    def __init__(self, arms: list[float], reward: str, seed: int) -> None:
        self.arms, self.reward, self.seed = list(arms), reward, seed
        self.candidates = tuple(arms) if reward == "credit" else ()
        self.largest_credit = 0.0

    @classmethod
    def from_settings(cls, settings: BanditSettings, context: PolicyContext) -> Bandit:
        """Build the bandit over the settings' candidates, or else the study's."""
        own = dict(settings)
        arms = own.pop("candidates") or context.candidates
        return cls(arms=list(arms), seed=context.seed, **own)

    @abstractmethod
    def choose(self, step: int) -> int:
        """Return the index of the arm of `step`: a function of the seed, the step and the state."""

    @abstractmethod
    def learn(self, arm: int, reward: float) -> None:
        """Learn that `arm`, which `choose` returned for the present state, had `reward` in [0, 1]."""

    def draw(self, step: int) -> float:
        """Return the temperature of `step`."""
        return self.arms[self.choose(step)]

    def observe(
        self,
        log_likelihoods: np.ndarray,
        advantages: np.ndarray,
        feedback: RolloutFeedback | None = None,
    ) -> None:
        """Learn the reward of the arm that `feedback.step` was drawn at."""
        if feedback is None:
            raise ValueError(f"{type(self).__name__} learns from feedback, got None")
        if math.isnan(feedback.reward):
            return
        arm = self.choose(feedback.step)
        if self.reward == "credit":
            batch = checked_batch(log_likelihoods, advantages, self.candidates, feedback)
            reward = self._scaled_credit(arm, *batch)
        else:
            reward = feedback.mixed_groups
        self.learn(arm, reward)

    def _scaled_credit(self, arm: int, likelihoods: np.ndarray, advantages: np.ndarray) -> float:
        credit = mean_over_trajectories(simplex.sparsemax(likelihoods) * advantages[:, None])
        self.largest_credit = max(self.largest_credit, float(np.abs(credit).max()))
        return 0.5 * (1 + float(credit[arm]) / self.largest_credit) if self.largest_credit else 0.5

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned; the state of other candidates is an error."""
        if state.get("arms", self.arms) != self.arms:
            raise ValueError(f"state belongs to arms {state['arms']}, this run has {self.arms}")
        super().load_state_dict(state)
