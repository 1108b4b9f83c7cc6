"""A dry run of a temperature policy: the contract checked on simulated rollout batches.

For authors of a policy: no model is trained. The batches are random, and every third one is degenerate in
a way that real runs are now and then: all rewards equal, no reward at all, no entropy.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from tampo.seeds import generator
from tampo.temperature.protocol import PolicyContext, RolloutFeedback, TemperaturePolicy
from tampo.temperature.registry import build_policy

STEPS, GROUPS, GROUP_SIZE = 12, 4, 4
CANDIDATES = (0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.4, 1.5)
SPOILT = ("rewards all equal", "no reward", "no entropy")


class PolicyFault(ValueError):
    """A temperature policy that breaks the contract; the message names the rule, the step and the value."""


def trial(name: str, settings: dict[str, Any], seed: int = 0) -> list[float | list[float]]:
    """Run the policy `name` through simulated batches and return the temperature of each step.

    Args:
        name: a registered policy or `path/to/file.py:Class`.
        settings: of the policy.
        seed: base seed of the policy and of the batches.

    Raises:
        PolicyFault: a temperature that is not finite and positive or has the wrong shape, candidates
            that the study lacks, a state that JSON cannot hold, or a path that changes with a second
            policy of the same seed or with a stop and resume in the middle.
        ValueError: an unknown policy or setting.
    """

    def build() -> TemperaturePolicy:
        recorded = tuple(generator(seed, "recorded").choice(CANDIDATES, STEPS).tolist())
        context = PolicyContext(
            steps=STEPS,
            warmup_steps=1,
            candidates=CANDIDATES,
            seed=seed,
            group_size=GROUP_SIZE,
            vocabulary=1000,
            recorded=recorded,
        )
        return build_policy(name, settings, context)

    policy = build()
    unknown = sorted(set(policy.candidates) - set(CANDIDATES))
    if unknown:
        raise PolicyFault(f"{name}: candidates {unknown} are none of the study's {CANDIDATES}")
    path = _run(name, policy, 0, STEPS, seed)
    if _run(name, build(), 0, STEPS, seed) != path:
        raise PolicyFault(f"{name}: the same seed and batches gave other temperatures")
    stopped, resumed, half = build(), build(), STEPS // 2
    _run(name, stopped, 0, half, seed)
    try:
        state = json.dumps(stopped.state_dict(), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise PolicyFault(f"{name}: state_dict() after step {half - 1}: {error}") from error
    resumed.load_state_dict(json.loads(state))
    if _run(name, resumed, half, STEPS, seed) != path[half:]:
        raise PolicyFault(
            f"{name}: resumed from its state after step {half - 1} it gave other temperatures; "
            "state_dict() does not hold all that it has learned"
        )
    return path


def _run(
    name: str, policy: TemperaturePolicy, first: int, stop: int, seed: int
) -> list[float | list[float]]:
    path: list[float | list[float]] = []
    for step in range(first, stop):
        drawn = np.asarray(policy.draw(step), dtype=float)
        if drawn.shape not in ((), (GROUP_SIZE,)):
            raise PolicyFault(
                f"{name}: draw({step}) has shape {drawn.shape}; allowed are one number and one for "
                f"each of the group's {GROUP_SIZE} rollouts"
            )
        if not (np.isfinite(drawn).all() and (drawn > 0).all()):
            raise PolicyFault(
                f"{name}: draw({step}) is {drawn.tolist()}; allowed is finite and > 0"
            )
        path.append(drawn.tolist())
        _show(policy, step, np.broadcast_to(drawn, GROUP_SIZE), seed)
    return path


def _show(policy: TemperaturePolicy, step: int, drawn: np.ndarray, seed: int) -> None:
    """Show the policy one random batch, a function of the seed and the step."""
    rng = generator(seed, "simulated-batch", step)
    size = GROUPS * GROUP_SIZE
    kind = SPOILT[step // 3 % len(SPOILT)] if step % 3 == 2 else ""
    rewards = rng.integers(0, 2, size).astype(float)
    if kind in ("rewards all equal", "no reward"):
        rewards[:] = 1.0 if kind == "rewards all equal" else np.nan
    entropy = 0.0 if kind == "no entropy" else float(rng.uniform(0.1, 2.0))
    by_group = np.nan_to_num(rewards).reshape(GROUPS, GROUP_SIZE)
    advantages = (by_group - by_group.mean(axis=1, keepdims=True)).ravel()
    likelihoods = -rng.gamma(2.0, 0.5, (size, 1)) * (1 + 0.1 * rng.random((size, len(CANDIDATES))))
    feedback = RolloutFeedback(
        step=step,
        temperatures=np.tile(drawn, GROUPS),
        groups=np.repeat(np.arange(GROUPS), GROUP_SIZE),
        rewards=rewards,
        lengths=rng.integers(1, 50, size),
        truncated=rng.random(size) < 0.2,
        entropy=entropy,
        entropy_at_one=entropy,
    )
    columns = [CANDIDATES.index(candidate) for candidate in policy.candidates]
    policy.observe(likelihoods[:, columns], advantages, feedback)
