"""What a temperature policy is, and the registry of those that a study can name.

A policy chooses the temperature of every rollout batch of a training run and may learn from what came
back. It knows nothing of models or trainers, so a new one is one small class:

    class Mine(OpenLoopPolicy):
        class Settings(PolicySettings):
            temperature: Temperature = 1.0

        def __init__(self, temperature): ...
        def draw(self, step): return self.temperature
"""

from __future__ import annotations

import copy
import importlib
import importlib.util
import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

Temperature = Annotated[float, Field(gt=0, allow_inf_nan=False)]


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
    """What a run tells its policy before the first step."""

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
    recorded: tuple[float, ...] = ()
    """Temperatures of another run of the study, one a step, for a policy whose settings name one
    (`PolicySettings.replayed_method`); empty for every other."""


@dataclass(frozen=True)
class RolloutFeedback:
    """What one rollout batch of N trajectories showed, beside likelihoods and advantages."""

    step: int
    """Step at which the batch was drawn."""
    temperatures: np.ndarray
    """[N] temperature of each trajectory; all the same unless the policy mixes them in a group."""
    groups: np.ndarray
    """[N] integer; trajectories with the same value answer the same prompt."""
    rewards: np.ndarray
    """[N] reward of each trajectory; NaN where it could not be scored."""
    lengths: np.ndarray
    """[N] completion tokens, end-of-sequence included."""
    truncated: np.ndarray
    """[N] bool; the completion hit the length limit."""
    entropy: float
    """Mean token entropy in nats at the temperature of the loss's log-probabilities: that of the
    rollout, or 1 in the ablation `logprob_temperature: one`."""
    entropy_at_one: float
    """Mean token entropy in nats of the policy at temperature 1."""

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
        """Share of groups whose known rewards are not all equal: the groups that carry a gradient."""
        rewards = [self.rewards[self.groups == name] for name in np.unique(self.groups)]
        known = [group[~np.isnan(group)] for group in rewards]
        return float(np.mean([len(group) > 0 and np.ptp(group) > 0 for group in known]))


@runtime_checkable
class TemperaturePolicy(Protocol):
    """Chooses the rollout temperature of each step; may learn from the rollouts."""

    candidates: tuple[float, ...]
    """Temperatures under which it wants every trajectory's likelihood; empty if it wants none."""

    def draw(self, step: int) -> float | NDArray[np.float64]:
        """Return the temperature of step `step` (0-based), or [G] one for each rollout of a group.

        The same step gives the same answer until `observe` is called.
        """
        ...

    def observe(
        self,
        log_likelihoods: np.ndarray,
        advantages: np.ndarray,
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
        """Return all that has been learned, as JSON-serialisable values."""
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

    @classmethod
    def from_settings(cls, settings: PolicySettings, context: PolicyContext) -> OpenLoopPolicy:
        """Build the policy; the default passes the settings as keyword arguments."""
        return cls(**dict(settings))

    def draw(self, step: int) -> float | NDArray[np.float64]:
        raise TypeError(f"{type(self).__name__} does not define draw(step)")

    def observe(
        self,
        log_likelihoods: np.ndarray,
        advantages: np.ndarray,
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

    A subclass implements `draw` and `observe`; the values of its state are numbers, strings, or lists
    and dicts of them.
    """

    STATE: ClassVar[tuple[str, ...]] = ()

    def state_dict(self) -> dict[str, Any]:
        return {name: copy.deepcopy(getattr(self, name)) for name in self.STATE}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        if set(state) != set(self.STATE):
            raise ValueError(
                f"state of {type(self).__name__} has keys {sorted(state)}, "
                f"expected {sorted(self.STATE)}"
            )
        for name, value in state.items():
            setattr(self, name, copy.deepcopy(value))


REGISTRY: dict[str, str] = {
    "cosine": "baselines.cosine:Cosine",
    "e3": "baselines.e3:E3",
    "exp3": "baselines.exp3:Exp3",
    "exponential": "baselines.exponential:Exponential",
    "fixed": "baselines.fixed:Fixed",
    "linear": "baselines.linear:Linear",
    "log-temperature": "baselines.log_temperature:LogTemperature",
    "mixed": "baselines.mixed:Mixed",
    "pi-controller": "baselines.pi_controller:PIController",
    "plateau": "baselines.plateau:Plateau",
    "replay": "baselines.replay:Replay",
    "staged": "baselines.staged:Staged",
    "tampo": "tampo.temperature.meta_policy:TemperatureMetaPolicy",
    "thompson": "baselines.thompson:Thompson",
    "ucb": "baselines.ucb:SlidingWindowUcb",
    "uniform": "baselines.uniform:Uniform",
}
"""Policies by the name a study uses, as `module:Class`."""


def policy_class(name: str) -> type:
    """Return the class of the policy `name`: a registered name, or `path/to/file.py:Class`.

    Raises:
        ValueError: no such policy; the message lists the registered names.
    """
    if ".py:" in name:
        return _class_from_file(name)
    if name not in REGISTRY:
        raise ValueError(
            f"unknown policy {name!r}; registered: {', '.join(sorted(REGISTRY))}; "
            "or name a class of your own as path/to/file.py:Class"
        )
    module, _, cls = REGISTRY[name].partition(":")
    return getattr(importlib.import_module(module), cls)


def _class_from_file(name: str) -> type:
    path, _, cls = name.rpartition(":")
    if not Path(path).is_file():
        raise ValueError(f"policy {name!r}: no file {path} (paths start at the working directory)")
    spec = importlib.util.spec_from_file_location(f"tampo_user_policy_{Path(path).stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if not inspect.isclass(getattr(module, cls, None)):
        raise ValueError(f"policy {name!r}: {path} defines no class {cls!r}")
    return getattr(module, cls)


def build_policy(name: str, settings: dict[str, Any], context: PolicyContext) -> TemperaturePolicy:
    """Validate `settings` against the policy's own type and build it for one run."""
    cls = policy_class(name)
    return cls.from_settings(cls.Settings(**settings), context)
