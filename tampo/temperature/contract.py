"""A dry run of a temperature policy: the contract checked on simulated rollout batches.

For authors of a policy: no model is trained. The batches are random, and every third one is degenerate in
a way that real runs are now and then: all rewards equal, no reward at all, no entropy.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tampo.seeds import generator
from tampo.temperature.guarded_policy import PolicyFault, place_of
from tampo.temperature.json_state import UnsavableValue, to_json
from tampo.temperature.protocol import (
    PolicyContext,
    RolloutFeedback,
    TemperaturePolicy,
    of_group,
)
from tampo.temperature.registry import build_policy, policy_class

__all__ = ["CONTEXT", "PolicyFault", "trial"]

GROUPS = 4
SPOILT = ("rewards all equal", "no reward", "no entropy")
CONTEXT = PolicyContext(
    steps=60,
    warmup_steps=1,
    candidates=(0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.4, 1.5),
    seed=0,
    group_size=4,
    vocabulary=1000,
    completion_tokens=64,
)
"""The run that a policy is tried in, unless a study says of another."""


def trial(name: str, settings: dict[str, Any], context: PolicyContext = CONTEXT) -> list[Any]:
    """Run the policy `name` through simulated batches and return what it drew for each step, as lists.

    Args:
        name: a registered policy or `path/to/file.py:Class`.
        settings: of the policy.
        context: the run that is simulated. Where it records no temperatures, random ones stand for
            those of the run that a replay follows.

    Raises:
        PolicyFault: whatever would end a run, or change it without a word: an answer that the guard
            refuses, candidates that the study lacks, a temperature that changes when it is asked for
            again, or a path that changes with a second policy of the same seed or with a stop and
            resume. The message names file, line, method, step and value.
        ValueError: an unknown policy or setting.
    """
    if not context.recorded:
        drawn = generator(context.seed, "recorded").choice(context.candidates, context.steps)
        context = replace(context, recorded=tuple(drawn.tolist()))
    run = _Trial(name, context, lambda: build_policy(name, settings, context))
    policy = run.build()
    unknown = sorted(set(policy.candidates) - set(context.candidates))
    if unknown:
        raise run.fault("candidates", f"holds {unknown}, none of the study's {context.candidates}")
    path = run.steps(policy, 0, context.steps)
    if run.steps(run.build(), 0, context.steps) != path:
        raise run.fault("draw", "gave other temperatures for the same seed and batches")
    for stop in sorted({1, context.steps // 2, context.steps - 1} & set(range(1, context.steps))):
        run.resume(stop, path)
    return [step.temperatures for step in path]


@dataclass(frozen=True)
class _Step:
    temperatures: Any
    diagnostics: str
    """As JSON, in which NaN equals NaN."""


@dataclass(frozen=True)
class _Trial:
    name: str
    context: PolicyContext
    build: Callable[[], TemperaturePolicy]

    def fault(self, method: str, what: str) -> PolicyFault:
        cls = policy_class(self.name)
        return PolicyFault(f"{place_of(cls, method)}: {cls.__name__}.{method} {what}")

    def steps(self, policy: TemperaturePolicy, first: int, stop: int) -> list[_Step]:
        """Take steps of the run; the guard around the policy checks each answer."""
        taken = []
        for step in range(first, stop):
            drawn = np.asarray(policy.draw(step))
            again = np.asarray(policy.draw(step))
            if not np.array_equal(drawn, again):
                what = f"at step {step} returned {drawn.tolist()}, then {again.tolist()}"
                raise self.fault("draw", f"{what}; legal: one answer until observe is called")
            _show(policy, self.context, step, drawn)
            taken.append(_Step(drawn.tolist(), json.dumps(policy.diagnostics())))
        return taken

    def resume(self, stop: int, path: list[_Step]) -> None:
        """Stop before step `stop`, go on from the state, and compare with the path without a stop."""
        stopped, resumed = self.build(), self.build()
        self.steps(stopped, 0, stop)
        resumed.load_state_dict(json.loads(json.dumps(stopped.state_dict(), allow_nan=False)))
        lost = _differing(stopped, resumed)
        for step, expected in enumerate(path[stop:], start=stop):
            (found,) = self.steps(resumed, step, step + 1)
            if found == expected:
                continue
            if found.temperatures != expected.temperatures:
                what = f"draw({step}) is {found.temperatures} for {expected.temperatures}"
            else:
                what = f"diagnostics() of step {step} are {found.diagnostics} for {expected.diagnostics}"
            attributes = f"; attributes that it did not restore: {', '.join(lost)}" if lost else ""
            raise self.fault(
                "state_dict",
                f"does not hold all that decides: stopped before step {stop} and resumed, {what}"
                f"{attributes}",
            )


def _differing(one: Any, other: Any) -> list[str]:
    """Return the names of attributes in which two guarded policies differ."""
    mine, theirs = ({**getattr(p.policy, "__dict__", {})} for p in (one, other))
    return sorted(
        name
        for name in mine.keys() | theirs.keys()
        if _comparable(mine.get(name)) != _comparable(theirs.get(name))
    )


def _comparable(value: Any) -> str:
    try:
        return json.dumps(to_json(value, ""))
    except UnsavableValue:
        # The text of an object without one of its own holds its address.
        return repr(getattr(value, "__dict__", value))


def _show(policy: TemperaturePolicy, context: PolicyContext, step: int, drawn: np.ndarray) -> None:
    """Show the policy one random batch, a function of the seed and the step."""
    rng = generator(context.seed, "simulated-batch", step)
    size = GROUPS * context.group_size
    temperatures = of_group(drawn, context.group_size)
    if temperatures.ndim == 2:
        temperatures = temperatures.mean(axis=1)
    kind = SPOILT[step // 3 % len(SPOILT)] if step % 3 == 2 else ""
    rewards = rng.integers(0, 2, size).astype(float)
    if kind in ("rewards all equal", "no reward"):
        rewards[:] = 1.0 if kind == "rewards all equal" else np.nan
    entropy = 0.0 if kind == "no entropy" else float(rng.uniform(0.1, 2.0))
    by_group = np.nan_to_num(rewards).reshape(GROUPS, context.group_size)
    advantages = (by_group - by_group.mean(axis=1, keepdims=True)).ravel()
    candidates = context.candidates
    likelihoods = -rng.gamma(2.0, 0.5, (size, 1)) * (1 + 0.1 * rng.random((size, len(candidates))))
    feedback = RolloutFeedback(
        step=step,
        temperatures=np.tile(temperatures, GROUPS),
        groups=np.repeat(np.arange(GROUPS), context.group_size),
        rewards=rewards,
        lengths=rng.integers(1, 50, size),
        truncated=rng.random(size) < 0.2,
        entropy=entropy,
        entropy_at_one=entropy,
        answers=rng.integers(-1, 3, size),
    )
    columns = [candidates.index(candidate) for candidate in policy.candidates]
    policy.observe(likelihoods[:, columns], advantages, feedback)
