"""TAMPO: a distribution π over K candidate temperatures, learned from the rollouts it caused.

Source: Dang et al., "Temperature as a Meta-Policy" (ICLR 2026, arXiv 2602.11779). Steps 2 and 3, the
rollouts and the GRPO update, are TRL's (`tampo.training`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Self, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from tampo.seeds import generator
from tampo.temperature import ablations, simplex
from tampo.temperature.credit import checked_batch, group_labels, mean_over_trajectories
from tampo.temperature.diagnostics import LastDraw, describe
from tampo.temperature.meta_policy_settings import (
    DEFAULTS,
    MetaPolicySettings,
    Normalisation,
    Update,
    checked_settings,
)
from tampo.temperature.meta_policy_state import Learned, MetaPolicyState
from tampo.temperature.permutation_null import shuffle_within_groups
from tampo.temperature.protocol import FloatArray, PolicyContext, RolloutFeedback

if TYPE_CHECKING:
    import torch

Scores = TypeVar("Scores", FloatArray, "torch.Tensor")


class Credited(NamedTuple):
    """A batch of N trajectories, and what is learned after it."""

    weights: FloatArray
    """[N, K] ℓ̂, each trajectory's weights over the candidates."""
    credit: FloatArray
    """[K] 𝒜_B, the batch's temperature credit."""
    learned: Learned


def trajectory_log_likelihoods(log_probs: Scores, mask: Scores) -> Scores:
    """[N, L, K] log π_{θ,T_k}(o_{i,t} | s_{i,t}) and the [N, L] mask of tokens -> [N, K] ℓ_k(τ_i)."""
    # Step 4: ℓ_k(τ_i) = 1/|τ_i| Σ_t log π_{θ,T_k}(o_{i,t} | s_{i,t})
    means: Scores = (log_probs * mask[..., None]).sum(1) / mask.sum(1)[:, None]
    return means


def learn(
    before: Learned,
    log_likelihoods: FloatArray,
    advantages: FloatArray,
    settings: MetaPolicySettings = DEFAULTS,
) -> Credited:
    """[N, K] ℓ_k(τ_i) and [N] A_i of step s, and what was learned until s - 1 -> what is after it."""
    # Step 5: ℓ̂(τ_i) = sparsemax(ℓ_1(τ_i) … ℓ_K(τ_i))
    normalise = ablations.normalisation(settings, default=simplex.sparsemax)
    weights = normalise(log_likelihoods)
    # Step 6: 𝒜_B^(k) = mean_i ℓ̂_k(τ_i) A_i
    credit = mean_over_trajectories(weights * advantages[:, None])
    # Step 7: Ā_s^(k) = (1 − α) Ā_{s−1}^(k) + α 𝒜_B^(k), Ā_0 = 0
    average = (1 - settings.alpha) * before.average + settings.alpha * credit
    logits = ablations.policy_gradient_step(before.logits, credit, settings)
    return Credited(weights, credit, Learned(average, logits))


def meta_policy(learned: Learned, settings: MetaPolicySettings = DEFAULTS) -> FloatArray:
    """Return π_s [K], the distribution over the candidates that was learned."""
    if settings.update == "policy-gradient":
        return simplex.softmax(learned.logits)
    # Step 8: Ã_k = (Ā_k − min_j Ā_j) / (max_j Ā_j − min_j Ā_j), π_s(T_k) = Ã_k / Σ_j Ã_j
    return simplex.min_max(learned.average)


def draw_candidate(probabilities: FloatArray, top_p: float, rng: np.random.Generator) -> int:
    """Return the index k of the next step's temperature T_k."""
    # Step 1: T_{s+1} ~ nucleus(π_s, p)
    return simplex.draw(simplex.nucleus(probabilities, top_p), rng)


class TemperatureMetaPolicy:
    """The meta-policy as a temperature policy: `draw` a temperature, `observe` what it led to.

    Random numbers are functions of (seed, step), so a resumed run needs no generator state.

    Args:
        candidates: the K temperatures; index k of every [K] array belongs to the k-th of them.
        seed: base seed of the draws.

    The other arguments, and the ranges of all, are those of `MetaPolicySettings`.

    Raises:
        ValueError: a setting outside its range, with its name, its value and what is allowed.
    """

    Settings = MetaPolicySettings

    def __init__(
        self,
        candidates: Sequence[float],
        alpha: float = DEFAULTS.alpha,
        top_p: float = DEFAULTS.top_p,
        warmup_steps: int = 0,
        seed: int = 0,
        *,
        normalisation: Normalisation = DEFAULTS.normalisation,
        update: Update = DEFAULTS.update,
        standardise: bool = DEFAULTS.standardise,
        shuffle_advantages: bool = DEFAULTS.shuffle_advantages,
        learning_rate: float = DEFAULTS.learning_rate,
    ) -> None:
        self.candidates = tuple(map(float, candidates))
        self.seed = int(seed)
        self.warmup_steps = warmup_steps
        self.settings = checked_settings(
            candidates=list(self.candidates),
            alpha=alpha,
            top_p=top_p,
            warmup_steps=warmup_steps,
            normalisation=normalisation,
            update=update,
            standardise=standardise,
            shuffle_advantages=shuffle_advantages,
            learning_rate=learning_rate,
        )
        self._state = MetaPolicyState.initial(len(self.candidates))

    @classmethod
    def from_settings(cls, settings: MetaPolicySettings, context: PolicyContext) -> Self:
        """Build the policy of one run; what the settings leave null comes from the run."""
        chosen = dict(settings)
        if chosen["candidates"] is None:
            chosen["candidates"] = context.candidates
        if chosen["warmup_steps"] is None:
            chosen["warmup_steps"] = context.warmup_steps
        return cls(seed=context.seed, **chosen)

    @property
    def probabilities(self) -> FloatArray:
        """[K] π after the last batch; uniform before the first and whenever all Ā_k are equal."""
        return meta_policy(self._state.learned, self.settings)

    @property
    def ema_advantages(self) -> FloatArray:
        """[K] moving average Ā of the credit; zero before the first batch."""
        return self._state.learned.average.copy()

    def draw(self, step: int) -> float:
        """Return the temperature of step `step`, counted from 0 (step 1).

        A function of (seed, step, π): asking twice gives the same answer and advances nothing.
        During warm-up it is drawn uniformly from all candidates, without a nucleus.

        Raises:
            ValueError: a negative step.
        """
        if step < 0:
            raise ValueError(f"step is {step}; allowed is an integer >= 0")
        warmup = step < self.warmup_steps
        rng = generator(self.seed, "temperature", int(step))
        if warmup:
            index = simplex.draw(simplex.uniform(len(self.candidates)), rng)
        else:
            index = draw_candidate(self.probabilities, self.settings.top_p, rng)
        temperature = self.candidates[index]
        self._state = self._state._replace(last_draw=LastDraw(int(step), temperature, warmup))
        return temperature

    def observe(
        self,
        log_likelihoods: ArrayLike,
        advantages: ArrayLike,
        feedback: RolloutFeedback | None = None,
    ) -> None:
        """Learn from one rollout batch (steps 5-8). Called once per batch, with all its trajectories.

        Args:
            log_likelihoods: [N, K] ℓ_k(τ_i), mean token log-likelihoods; numpy or torch.
            advantages: [N] A_i, group-normalised.
            feedback: only `groups` [N] is used, for shuffling within groups; without it the batch
                counts as one group.

        Raises:
            ValueError: an empty batch, shapes that do not fit together or the candidates, or a NaN
                or an infinity (the message names the argument and the index).
        """
        likelihoods, own = checked_batch(log_likelihoods, advantages, self.candidates, feedback)
        groups = group_labels(feedback, len(own))
        batch = self._state.observations
        if self.settings.shuffle_advantages:
            rng = generator(self.seed, "shuffle", batch)
            own = shuffle_within_groups(own, groups, 1, rng)[0]
        weights, credit, learned = learn(self._state.learned, likelihoods, own, self.settings)
        rng = generator(self.seed, "permutation", batch)
        self._state = self._state._replace(
            learned=learned,
            observations=batch + 1,
            last_batch=describe(weights, credit, own, groups, rng),
        )

    def diagnostics(self) -> dict[str, Any]:
        """Return what drove the last step, JSON-serialisable.

        Keys: `candidates`, `probabilities` and `ema_advantages` [K], the fields of `LastDraw` and
        those of `LastBatch`, None before the first draw and the first batch.
        """
        return {
            **self._state.last_draw._asdict(),
            "candidates": list(self.candidates),
            "probabilities": self.probabilities.tolist(),
            "ema_advantages": self.ema_advantages.tolist(),
            **self._state.last_batch._asdict(),
        }

    def state_dict(self) -> dict[str, Any]:
        """Return everything learned as JSON-serialisable values; a round trip is exact."""
        return self._state.to_json(self.candidates, self.settings.alpha)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned; ValueError where it does not fit this policy."""
        self._state = MetaPolicyState.from_json(state, self.candidates, self.settings.alpha)
