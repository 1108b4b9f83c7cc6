"""When training has diverged: a number that it lives on is NaN or infinite.

Every check reads numbers that all processes share, or is agreed on by all of them, so that no process
goes on without the others. A reward that is NaN is none of them: that rollout was not scored.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import numpy as np
import torch
from accelerate.utils import gather_object

MOST_NAMED = 3
"""Weights that a reason names; the rest are counted."""


class Diverged(ArithmeticError):
    """Training cannot go on; `step` is the 0-based optimiser step, `what` what is not finite."""

    def __init__(self, step: int, what: str) -> None:
        super().__init__(f"diverged at step {step}: {what}")
        self.step, self.what = step, what


def require_finite(step: int, numbers: Mapping[str, float]) -> None:
    """Raise Diverged unless every number is finite; the reason names each that is not."""
    bad = [f"{name} is {value}" for name, value in numbers.items() if not math.isfinite(value)]
    if bad:
        raise Diverged(step, ", ".join(bad))


def require_finite_arrays(step: int, arrays: Mapping[str, np.ndarray]) -> None:
    """Raise Diverged unless all values [N] or [N, K] of every rollout are finite.

    The reason names the first that are not: the others follow from it.
    """
    for name, values in arrays.items():
        rows = ~np.isfinite(values.reshape(len(values), -1)).all(axis=1)
        if rows.any():
            what = f"{name} not finite in {int(rows.sum())} of {len(rows)} rollouts"
            raise Diverged(step, what)


def require_no_infinite_reward(step: int, rewards: torch.Tensor, names: Iterable[str]) -> None:
    """Raise Diverged if a reward [N, functions] is infinite."""
    infinite = rewards.isinf().sum(dim=0).tolist()
    bad = [
        f"reward {name} is infinite in {count} of {len(rewards)} rollouts"
        for name, count in zip(names, infinite, strict=True)
        if count
    ]
    if bad:
        raise Diverged(step, ", ".join(bad))


def require_finite_weights(step: int, model: torch.nn.Module) -> None:
    """Raise Diverged on all processes if a weight of any of them is not finite."""
    named = dict(model.named_parameters())
    # The largest magnitude of each tensor: one pass, no copy; NaN wins over every number.
    largest = torch._foreach_norm([p.detach() for p in named.values()], torch.inf)
    finite = torch.stack([value.float() for value in largest]).isfinite().tolist()
    agree(step, [name for name, good in zip(named, finite, strict=True) if not good], "weights")


def agree(step: int, bad: list[str], what: str) -> None:
    """Raise Diverged on all processes if any of them found something bad."""
    everywhere = list(dict.fromkeys(gather_object(bad)))
    if everywhere:
        named = ", ".join(everywhere[:MOST_NAMED])
        more = f" and {len(everywhere) - MOST_NAMED} more" if len(everywhere) > MOST_NAMED else ""
        raise Diverged(step, f"{what} not finite: {named}{more}")
