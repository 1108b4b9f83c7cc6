"""TAMPO: a distribution over candidate temperatures, learned from the rollouts it caused.

With trajectories τ_i of advantage A_i and mean log-likelihood ℓ_k(τ_i) under candidate T_k:

    ℓ̂(τ_i)  = sparsemax(ℓ_1(τ_i) … ℓ_K(τ_i))                  step 5
    𝒜_B^(k) = mean_i ℓ̂_k(τ_i) A_i                             step 6, "the signal"
    Ā_s^(k) = (1 − α) Ā_{s−1}^(k) + α 𝒜_B^(k),  Ā_0 = 0       step 7
    π_s(T_k) = Ã_k / Σ_j Ã_j,  Ã = min-max of Ā_s             step 8
    T_{s+1} ~ nucleus(π_s, p)                                 step 1

Steps 5-6 are in `tampo.temperature.credit`. Random numbers are functions of (seed, step), so a
resumed run needs no generator state.

Source: Dang et al., "Temperature as a Meta-Policy" (ICLR 2026, arXiv 2602.11779), steps 1 and 5-8.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field

from tampo.seeds import generator
from tampo.temperature import simplex
from tampo.temperature.credit import (
    NORMALISATIONS,
    Normalisation,
    candidate_signal,
    candidate_weights,
    checked_batch,
)
from tampo.temperature.permutation_null import range_null, shuffle_within_groups
from tampo.temperature.protocol import PolicyContext, PolicySettings, RolloutFeedback, Temperature

Update = Literal["min-max", "policy-gradient"]

NULL_PERMUTATIONS = 64
"""Shuffles of the advantages behind the permutation null in `diagnostics`."""


class MetaPolicySettings(PolicySettings):
    """Settings of TAMPO's meta-policy; the defaults are the paper's method."""

    alpha: float = Field(default=0.05, gt=0, le=1)
    """Weight α of the newest signal in the moving average [P]."""
    top_p: float = Field(default=0.7, ge=0, le=1)
    """Mass p of the nucleus that temperatures are drawn from; 0 is greedy [P]."""
    warmup_steps: int | None = Field(default=None, ge=0)
    """Steps drawn uniformly while the average fills; null is the learning-rate warm-up [R]."""
    candidates: list[Temperature] | None = Field(default=None, min_length=1)
    """Candidate temperatures, ascending; null is the study's candidates [P]."""
    normalisation: Normalisation = "sparsemax"
    """Map from log-likelihoods to weights over candidates; softmax is an ablation [P]."""
    update: Update = "min-max"
    """Map from signals to π; the policy gradient is an ablation [P]."""
    standardise: bool = False
    """Ablation: scale each trajectory's log-likelihoods to mean 0 and standard deviation 1 over the
    candidates, which makes the normalisation independent of how flat they are."""
    shuffle_advantages: bool = False
    """Control: learn from advantages shuffled within groups, which carry no signal."""
    learning_rate: float = Field(default=10.0, gt=0, allow_inf_nan=False)
    """Step size of the policy gradient [R]; signals are of the order 1e-3 to 1e-2."""


_DEFAULTS = MetaPolicySettings()


class TemperatureMetaPolicy:
    """The meta-policy π over K candidate temperatures.

    Args:
        candidates: K ≥ 1 temperatures, positive and strictly ascending: index k of every [K] array
            belongs to the k-th of them.
        alpha: α of step 7, in (0, 1].
        top_p: p of step 1, in [0, 1].
        warmup_steps: draws of steps below it are uniform over all candidates, nucleus off; the
            average is updated all the same (ruling).
        seed: base seed of the draws.
        normalisation: `"sparsemax"`, or `"softmax"` as an ablation of step 5.
        update: `"min-max"` for steps 7-8, or `"policy-gradient"`: π = softmax(θ), θ_0 = 0, and each
            batch takes one exact gradient step on the expected signal Σ_k π_k 𝒜_B^(k),

                θ_k ← θ_k + learning_rate · π_k (𝒜_B^(k) − Σ_j π_j 𝒜_B^(j)).

            The signal is known for every candidate, so the expectation over k replaces the sampled
            REINFORCE term, with the expected signal as its baseline; the average Ā is still kept
            and reported but does not drive π.
        standardise: replace ℓ_k by (ℓ_k − mean_j ℓ_j) / std_j ℓ_j (population) before step 5; equal
            ℓ give zeros.
        shuffle_advantages: permute the advantages within groups before step 6.
        learning_rate: step size of the policy gradient.

    Raises:
        ValueError: a setting outside its range, with its name, its value and what is allowed.
    """

    Settings = MetaPolicySettings

    def __init__(
        self,
        candidates: Sequence[float],
        alpha: float = _DEFAULTS.alpha,
        top_p: float = _DEFAULTS.top_p,
        warmup_steps: int = 0,
        seed: int = 0,
        *,
        normalisation: Normalisation = _DEFAULTS.normalisation,
        update: Update = _DEFAULTS.update,
        standardise: bool = _DEFAULTS.standardise,
        shuffle_advantages: bool = _DEFAULTS.shuffle_advantages,
        learning_rate: float = _DEFAULTS.learning_rate,
    ) -> None:
        self.candidates = _ascending_temperatures(candidates)
        _require(0 < alpha <= 1, "alpha", alpha, "0 < alpha <= 1")
        _require(0 <= top_p <= 1, "top_p", top_p, "0 <= top_p <= 1")
        _require(warmup_steps >= 0, "warmup_steps", warmup_steps, "an integer >= 0")
        _require(
            normalisation in NORMALISATIONS, "normalisation", normalisation, list(NORMALISATIONS)
        )
        _require(update in _UPDATES, "update", update, list(_UPDATES))
        _require(0 < learning_rate < math.inf, "learning_rate", learning_rate, "a number > 0")
        self.alpha = float(alpha)
        self.top_p = float(top_p)
        self.warmup_steps = int(warmup_steps)
        self.seed = int(seed)
        self.normalisation = normalisation
        self.update = update
        self.standardise = bool(standardise)
        self.shuffle_advantages = bool(shuffle_advantages)
        self.learning_rate = float(learning_rate)
        self._ema = np.zeros(len(self.candidates))
        self._logits = np.zeros(len(self.candidates))
        self._observations = 0
        self._last_draw: dict[str, Any] = {"step": None, "temperature": None, "warmup": None}
        self._last_observation: dict[str, Any] = dict.fromkeys(_OBSERVATION_KEYS)

    @classmethod
    def from_settings(
        cls, settings: MetaPolicySettings, context: PolicyContext
    ) -> TemperatureMetaPolicy:
        """Build the policy of one run; what the settings leave null comes from the run."""
        chosen = dict(settings)
        if chosen["candidates"] is None:
            chosen["candidates"] = context.candidates
        if chosen["warmup_steps"] is None:
            chosen["warmup_steps"] = context.warmup_steps
        return cls(seed=context.seed, **chosen)

    @property
    def probabilities(self) -> NDArray[np.float64]:
        """[K] π after the last batch; uniform before the first and whenever all Ā_k are equal."""
        if self.update == "policy-gradient":
            return simplex.softmax(self._logits)
        return simplex.min_max(self._ema)

    @property
    def ema_advantages(self) -> NDArray[np.float64]:
        """[K] moving average Ā of the signal; zero before the first batch."""
        return self._ema.copy()

    def draw(self, step: int) -> float:
        """Return the temperature of step `step`, counted from 0 (step 1).

        A function of (seed, step, π): asking twice gives the same answer and advances nothing.

        Raises:
            ValueError: a negative step.
        """
        _require(step >= 0, "step", step, "an integer >= 0")
        warmup = step < self.warmup_steps
        if warmup:
            distribution = simplex.uniform(len(self.candidates))
        else:
            distribution = simplex.nucleus(self.probabilities, self.top_p)
        index = simplex.draw(distribution, generator(self.seed, "temperature", int(step)))
        temperature = self.candidates[index]
        self._last_draw = {"step": int(step), "temperature": temperature, "warmup": warmup}
        return temperature

    def observe(
        self,
        log_likelihoods: ArrayLike,
        advantages: ArrayLike,
        feedback: RolloutFeedback | None = None,
    ) -> None:
        """Learn from one rollout batch (steps 5-8). Called once a batch, with all its trajectories.

        Args:
            log_likelihoods: [N, K] ℓ_k(τ_i), mean token log-likelihoods; numpy or torch.
            advantages: [N] A_i, group-normalised.
            feedback: only `groups` [N] is used, for shuffling within groups; without it the batch
                counts as one group.

        Raises:
            ValueError: an empty batch, shapes that do not fit together or the candidates, or a NaN
                or an infinity (the message names the argument and the index).
        """
        likelihoods, weights = checked_batch(log_likelihoods, advantages, self.candidates)
        groups = _groups(feedback, len(weights))
        if self.shuffle_advantages:
            rng = generator(self.seed, "shuffle", self._observations)
            weights = shuffle_within_groups(weights, groups, 1, rng)[0]

        normalised = candidate_weights(likelihoods, self.normalisation, self.standardise)
        signal = candidate_signal(normalised, weights)
        self._ema = (1 - self.alpha) * self._ema + self.alpha * signal
        if self.update == "policy-gradient":
            policy = simplex.softmax(self._logits)
            self._logits = self._logits + self.learning_rate * policy * (signal - policy @ signal)
        self._last_observation = self._describe(normalised, weights, groups, signal)
        self._observations += 1

    def diagnostics(self) -> dict[str, Any]:
        """Return what drove the last step, JSON-serialisable.

        Fields of the last draw and the last batch are None before the first.

        Keys: `step`, `temperature`, `warmup` of the last draw; `candidates`, `probabilities`,
        `ema_advantages` [K]; and of the last batch: `trajectories` N, `signal` 𝒜_B [K],
        `signal_range` max_k − min_k of it, `support_size_mean` and `support_size_min` of ℓ̂ over
        trajectories, `null_range_mean`, `null_range_q95` and `p_value` of the signal's range among
        `NULL_PERMUTATIONS` shuffles of the advantages within groups.
        """
        return {
            **self._last_draw,
            "candidates": list(self.candidates),
            "probabilities": self.probabilities.tolist(),
            "ema_advantages": self._ema.tolist(),
            **self._last_observation,
        }

    def state_dict(self) -> dict[str, Any]:
        """Return everything learned as JSON-serialisable values; a round trip is exact."""
        return {
            "candidates": list(self.candidates),
            "ema_advantages": self._ema.tolist(),
            "logits": self._logits.tolist(),
            "observations": self._observations,
            "last_draw": dict(self._last_draw),
            "last_observation": dict(self._last_observation),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned.

        Raises:
            ValueError: missing or unknown keys, other candidates than this policy's, or arrays that
                are not [K] and finite.
        """
        expected = self.state_dict()
        if set(state) != set(expected):
            raise ValueError(
                f"state of the meta-policy has keys {sorted(state)}, expected {sorted(expected)}"
            )
        if tuple(state["candidates"]) != self.candidates:
            raise ValueError(
                f"state belongs to candidates {tuple(state['candidates'])}, "
                f"but this meta-policy has {self.candidates}"
            )
        arrays = {
            k: simplex.finite_array(state[k], k, ndim=1) for k in ("ema_advantages", "logits")
        }
        for name, array in arrays.items():
            if len(array) != len(self.candidates):
                raise ValueError(f"{name} has {len(array)} entries, not {len(self.candidates)}")
        self._ema = arrays["ema_advantages"].copy()
        self._logits = arrays["logits"].copy()
        self._observations = int(state["observations"])
        self._last_draw = dict(state["last_draw"])
        self._last_observation = dict(state["last_observation"])

    def _describe(
        self,
        normalised: NDArray[np.float64],
        weights: NDArray[np.float64],
        groups: NDArray[np.int64],
        signal: NDArray[np.float64],
    ) -> dict[str, Any]:
        support = simplex.support_size(normalised)
        rng = generator(self.seed, "permutation", self._observations)
        null = range_null(normalised, weights, groups, NULL_PERMUTATIONS, rng)
        values = (
            len(weights),
            signal.tolist(),
            float(np.ptp(signal)),
            float(support.mean()),
            int(support.min()),
            null.mean,
            null.q95,
            null.p_value,
        )
        return dict(zip(_OBSERVATION_KEYS, values, strict=True))


_UPDATES = ("min-max", "policy-gradient")
_OBSERVATION_KEYS = (
    "trajectories",
    "signal",
    "signal_range",
    "support_size_mean",
    "support_size_min",
    "null_range_mean",
    "null_range_q95",
    "p_value",
)


def _groups(feedback: RolloutFeedback | None, size: int) -> NDArray[np.int64]:
    if feedback is None:
        return np.zeros(size, dtype=np.int64)
    groups = np.asarray(feedback.groups)
    if groups.shape != (size,):
        raise ValueError(f"feedback.groups has shape {groups.shape}, expected ({size},)")
    return groups


def _ascending_temperatures(candidates: Sequence[float]) -> tuple[float, ...]:
    values = tuple(simplex.finite_array(candidates, "candidates", ndim=1).tolist())
    if not values:
        raise ValueError("candidates is empty; at least one temperature is needed")
    for index, value in enumerate(values):
        if value <= 0:
            raise ValueError(f"candidates[{index}] is {value}; a temperature must be > 0")
        if index and value <= values[index - 1]:
            raise ValueError(
                f"candidates[{index}] is {value} after {values[index - 1]}; "
                "they must be strictly ascending"
            )
    return values


def _require(holds: bool, name: str, value: object, allowed: object) -> None:
    if not holds:
        raise ValueError(f"{name} is {value!r}; allowed is {allowed}")
