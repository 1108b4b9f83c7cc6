"""What a temperature policy is.

A policy chooses the temperature of every rollout batch of a training run and may learn from what came
back. It knows nothing of models or trainers, so a new one is one small class. For every batch the trainer
asks `draw(step)`, samples, and shows what came back to `observe`; `state_dict` goes into each checkpoint.

    class Mine(OpenLoopPolicy):
        class Settings(PolicySettings):
            temperature: Temperature = 1.0

        def __init__(self, temperature: float) -> None: ...
        def draw(self, step: int) -> float: return self.temperature

What an author may rely on, and must keep:

- One policy is built for a run, by `from_settings`; every process of the run holds the same one, is shown
  the same batches and must draw the same temperatures. So random numbers are functions of
  `PolicyContext.seed` and the step (`tampo.seeds.generator`), never of a generator that advances.
- `draw(step)` may be asked again: until the next `observe` the answer stays the same. It is one number in
  (0, `MAX_TEMPERATURE`], or one for each rollout of a group or for each token position (`of_group`).
  Steps rise and may skip: a rollout batch can serve several optimiser steps.
- `observe` is called once per rollout batch, after its `draw`, with the trajectories of all processes.
  A batch may be degenerate: rewards all equal or NaN, entropy zero.
- A run that is stopped and resumed from `state_dict` (through JSON) continues as if it had not been stopped.

`python -m tampo policies path/to/file.py:Class` holds a policy to this (`tampo.temperature.contract`).
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from tampo.temperature.json_state import from_json, to_json

FloatArray = NDArray[np.float64]

MAX_TEMPERATURE = 5.0
"""Largest legal temperature: far above every candidate, and still a distribution to learn from."""
LEGAL_TEMPERATURE = f"a finite number in (0, {MAX_TEMPERATURE:g}]"
"""The legal range in words."""
Temperature = Annotated[float, Field(gt=0, le=MAX_TEMPERATURE, allow_inf_nan=False)]
"""A legal temperature, for settings; what a policy draws is held to the same range."""


def _ascending(temperatures: list[float]) -> list[float]:
    if sorted(set(temperatures)) != temperatures:
        raise ValueError("must be ascending without repeats")
    return temperatures


Candidates = Annotated[list[Temperature], Field(min_length=1), AfterValidator(_ascending)]
"""Candidate temperatures; index k of every [K] array belongs to the k-th of them."""


class PolicySettings(BaseModel):
    """Base of every policy's settings: typed and closed, an unknown key is an error."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True
    )

    @property
    def replayed_method(self) -> str | None:
        """Method of the study whose recorded temperatures the policy needs, or None."""
        return None


@dataclass(frozen=True)
class PolicyContext:
    """What a temperature policy is told before the first step."""

    steps: int
    """Optimiser steps of the run; schedules end at `steps - 1`."""
    warmup_steps: int
    """Length of the learning-rate warm-up in steps."""
    candidates: tuple[float, ...]
    """The study's candidate temperatures, ascending."""
    seed: int
    """Base seed of the run; policies derive their own streams from it (`tampo.seeds`)."""
    group_size: int
    """Completions per prompt G."""
    vocabulary: int
    """Tokens V that the model can emit; ln V is the largest entropy."""
    completion_tokens: int
    """Longest completion L in tokens."""
    recorded: tuple[float, ...] = ()
    """Temperatures of another run of the study, one per step, for a policy whose settings name one
    (`PolicySettings.replayed_method`); empty for every other."""


@dataclass(frozen=True)
class RolloutFeedback:
    """What a rollout batch of N trajectories showed besides likelihoods and advantages."""

    step: int
    """Step at which the batch was drawn."""
    temperatures: FloatArray
    """[N] temperature of each trajectory, the mean over its tokens where it changes from token to
    token; all the same unless the policy mixes them in a group."""
    groups: NDArray[np.int64]
    """[N] integer; trajectories with the same value answer the same prompt."""
    rewards: FloatArray
    """[N] reward of each trajectory; NaN where it could not be scored."""
    lengths: NDArray[np.int64]
    """[N] completion tokens, end-of-sequence included."""
    truncated: NDArray[np.bool_]
    """[N] bool; the completion hit the length limit."""
    entropy: float
    """Mean token entropy in nats at the temperature of the loss's log-probabilities: that of the
    rollout, or 1 in the ablation `logprob_temperature: one`."""
    entropy_at_one: float
    """Mean token entropy in nats of the model at temperature 1."""
    answers: NDArray[np.int64] | None = None
    """[N] final answer of each trajectory: within a group the same number for answers that the grader
    holds to be equal, -1 for none. None unless the policy's `reads_answers` asks for them."""

    @property
    def temperature(self) -> float:
        """Mean of `temperatures`: the temperature of the batch where it has one."""
        # A mean of equal numbers can miss them by an ulp; the temperature of the batch is exact.
        equal = np.ptp(self.temperatures) == 0
        return float(self.temperatures[0] if equal else np.mean(self.temperatures))

    @property
    def reward(self) -> float:
        """Mean reward of the trajectories that could be scored; NaN if none could."""
        scored = self.rewards[~np.isnan(self.rewards)]
        return float(scored.mean()) if len(scored) else float("nan")

    @property
    def mixed_groups(self) -> float:
        """Fraction of groups with non-zero variance of known rewards: only they have a gradient."""
        rewards = [self.rewards[self.groups == name] for name in np.unique(self.groups)]
        known = [group[~np.isnan(group)] for group in rewards]
        return float(np.mean([len(group) > 0 and np.ptp(group) > 0 for group in known]))


def of_group(drawn: float | FloatArray, group_size: int) -> FloatArray:
    """Return what a policy drew as the temperatures of a group of G rollouts, [G] or [G, M].

    Args:
        drawn: one temperature; [G] one for each rollout of a group; or [1, M] or [G, M] one for each of
            the first M token positions as well, the last of which serves all later ones.
        group_size: G.

    Raises:
        ValueError: another shape.
    """
    values = np.asarray(drawn, dtype=np.float64)
    legal = values.ndim == 0 or values.shape == (group_size,)
    by_position = values.ndim == 2 and values.shape[0] in (1, group_size) and values.shape[1] > 0
    if not (legal or by_position):
        raise ValueError(
            f"shape {values.shape}; legal: (), [G], [1, M] or [G, M] with G {group_size}"
        )
    return np.broadcast_to(values, (group_size, *values.shape[1:]))


@runtime_checkable
class TemperaturePolicy(Protocol):
    """Chooses the rollout temperature of each step; may learn from the rollouts."""

    candidates: tuple[float, ...]
    """Temperatures under which it wants every trajectory's likelihood; empty if it wants none."""

    def draw(self, step: int) -> float | FloatArray:
        """Return the temperature of step `step` (0-based), or several (`of_group`).

        The same step gives the same answer until `observe` is called.
        """
        ...

    def observe(
        self,
        log_likelihoods: FloatArray,
        advantages: FloatArray,
        feedback: RolloutFeedback | None = None,
    ) -> None:
        """Learn from one rollout batch.

        Args:
            log_likelihoods: [N, K] mean token log-likelihood of each trajectory under each of
                `candidates` (K = 0 for a policy without candidates).
            advantages: [N] group-normalised advantages.
            feedback: the rest of what the batch showed.
        """
        ...

    def state_dict(self) -> dict[str, Any]:
        """Return all that has been learned: values that `tampo.temperature.json_state` can hold."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        ...

    def diagnostics(self) -> dict[str, Any]:
        """Return what a reader of `policy.jsonl` wants to know of the last step."""
        ...


class OpenLoopPolicy:
    """Base of policies whose temperature depends on the step alone: nothing to learn or to save."""

    Settings: ClassVar[type[PolicySettings]] = PolicySettings
    candidates: tuple[float, ...] = ()
    reads_answers: ClassVar[bool] = False
    """Whether `RolloutFeedback.answers` is wanted; telling answers apart takes the grader's time."""

    @classmethod
    def from_settings(cls, settings: Any, context: PolicyContext) -> Self:
        """Build the policy of one run; the default passes the settings as keyword arguments.

        Args:
            settings: of the class's own `Settings`.
            context: what else a policy may need: the run's steps, candidates, seed and so on.
        """
        return cls(**dict(settings))

    def draw(self, step: int) -> float | FloatArray:
        raise TypeError(f"{type(self).__name__} does not define draw(step)")

    def observe(
        self,
        log_likelihoods: FloatArray,
        advantages: FloatArray,
        feedback: RolloutFeedback | None = None,
    ) -> None:
        """Ignore the rollouts."""

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        if state:
            raise ValueError(f"{type(self).__name__} has no state, got keys {sorted(state)}")

    def diagnostics(self) -> dict[str, Any]:
        return {}


class ClosedLoopPolicy(OpenLoopPolicy):
    """Base of policies that learn: what they have learned is the attributes named in `STATE`.

    A subclass implements `draw` and `observe`. The values of its state are numbers, text, NumPy arrays,
    or lists and dicts of them; they come back exactly as they were (`tampo.temperature.json_state`).
    """

    STATE: ClassVar[tuple[str, ...]] = ()

    def state_dict(self) -> dict[str, Any]:
        return {
            name: to_json(getattr(self, name), f"{type(self).__name__}.{name}")
            for name in self.STATE
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        if set(state) != set(self.STATE):
            raise ValueError(
                f"state of {type(self).__name__} has keys {sorted(state)}, "
                f"expected {sorted(self.STATE)}"
            )
        for name, value in state.items():
            # A copy even where the state was never text: nobody else may hold what is learned.
            setattr(self, name, copy.deepcopy(from_json(value)))
