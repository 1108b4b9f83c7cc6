"""When training has diverged: a number that it lives on is NaN or infinite.

Every check reads numbers that all processes share, or is agreed on by all of them, so that no process
goes on without the others. A reward that is NaN is none of them: that rollout was not scored.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import gather_object

from tampo.training.scoring import score_completions

GRADIENT_NORM = "gradient norm"
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


def require_finite_step(step: int, numbers: Mapping[str, float], accelerator: Accelerator) -> None:
    """Raise Diverged if a number of the step is not finite; each is one over all processes.

    fp16 drops a step whose scaled gradients overflow, and scales less: it searches that way, as long as
    the scale is at least 1.
    """
    scaler = accelerator.scaler
    if accelerator.optimizer_step_was_skipped and (scaler is None or scaler.get_scale() >= 1):
        numbers = {name: value for name, value in numbers.items() if name != GRADIENT_NORM}
    require_finite(step, numbers)


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


def require_finite_answers(
    step: int, model: torch.nn.Module, inputs: Mapping[str, torch.Tensor], untempered: bool
) -> None:
    """Raise Diverged on all processes if the model gives its last batch's completions NaN or infinity.

    Args:
        step: 0-based optimiser step just done.
        model: with the weights after it.
        inputs: of the last call of the loss, as TRL prepares them.
        untempered: whether log-probabilities are taken at temperature 1.
    """
    ids, mask = (
        torch.cat([inputs[f"prompt_{part}"], inputs[f"completion_{part}"]], dim=1)
        for part in ("ids", "mask")
    )
    with torch.no_grad():
        scored = score_completions(
            model,
            ids,
            mask,
            inputs["completion_ids"].shape[1],
            inputs["sampling_temperature"],
            candidates=None,
            untempered=untempered,
        )
    finite = scored.log_probs[inputs["completion_mask"].bool()].isfinite().all()
    agree(step, [] if finite else ["log-probabilities after the last update"], "model")


def agree(step: int, bad: list[str], what: str) -> None:
    """Raise Diverged on all processes if any of them found something bad."""
    everywhere = list(dict.fromkeys(gather_object(bad)))
    if everywhere:
        named = ", ".join(everywhere[:MOST_NAMED])
        more = f" and {len(everywhere) - MOST_NAMED} more" if len(everywhere) > MOST_NAMED else ""
        raise Diverged(step, f"{what} not finite: {named}{more}")
