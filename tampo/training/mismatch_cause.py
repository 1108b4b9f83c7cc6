"""Why the sampler and the loss disagree: the known causes, each tried on the batch that showed it.

A rollout's log-probabilities are scored again as each cause would have it. What brings them to the
sampler's is the cause; where nothing does, the weights that sampled were others.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from tampo.training.scoring import TOKEN_MASK, needs_positions, score_completions

TEMPERATURES = tuple(round(0.1 * step, 1) for step in range(1, 31))
"""Temperatures that the sampler might have used instead."""
REMAINDER = 0.2
"""A cause fits if it leaves less than this fraction of the disagreement."""
ONE_SIDED = 0.95
"""Fraction of tokens that a filter on tokens makes more probable than the loss has them."""


@torch.no_grad()
def mismatch_cause(model: torch.nn.Module, inputs: dict[str, Any], autocast: Any) -> str:
    """Return which known cause explains a disagreement, in one clause.

    Args:
        model: with the LM head of `tampo.kernels.lm_head`, unwrapped, as it was trained a moment ago.
        inputs: a micro-batch of TRL's loss, with `sampling_temperature` [B].
        autocast: makes the context that the loss computes in.
    """
    drawn = inputs["sampling_temperature"]
    found = _scored(model, inputs, drawn, autocast)
    gap = _gap(inputs, found)
    fits = REMAINDER * gap
    if any(m.p > 0 for m in model.modules() if isinstance(m, torch.nn.Dropout)):
        with _evaluating(model):
            still = _gap(inputs, _scored(model, inputs, drawn, autocast))
        if still < fits:
            return (
                "dropout: with it switched off they agree; set disable_dropout=True, or the model's "
                "dropout to 0"
            )
    explicit = not needs_positions(model)
    if _gap(inputs, _scored(model, inputs, drawn, autocast, positions=explicit)) < fits:
        return "positions: they agree if positions " + (
            "count from a prompt's first token, not from its padding"
            if explicit
            else "are left to the model"
        )
    gaps = {t: _gap(inputs, _at(model, inputs, t, autocast)) for t in TEMPERATURES}
    best = min(gaps, key=lambda t: gaps[t])
    if gaps[best] < fits:
        return f"temperature: the sampler's log-probabilities are those of temperature {best:g}"
    with torch.autocast(drawn.device.type, enabled=False):
        exact = _gap(inputs, score(model.float(), inputs, drawn))
    if exact < fits:
        return "precision: in fp32 they agree, so rounding alone is that large"
    difference = _differences(inputs, found)
    if float((difference > 0).double().mean()) >= ONE_SIDED:
        return (
            "a sampling filter: nearly all tokens are more probable to the sampler, as after top_p, "
            "top_k or min_p"
        )
    return (
        "not the temperature, dropout, positions, precision or a filter: the sampler's weights are "
        "others than the loss's, as in an engine that was not updated"
    )


def score(
    model: torch.nn.Module,
    inputs: dict[str, Any],
    temperatures: torch.Tensor,
    *,
    positions: bool | None = None,
) -> torch.Tensor:
    """Return the log-probabilities [B, L] of a micro-batch's completions at `temperatures` [B]."""
    ids = torch.cat([inputs["prompt_ids"], inputs["completion_ids"]], dim=1)
    mask = torch.cat([inputs["prompt_mask"], inputs[TOKEN_MASK]], dim=1)
    length = inputs["completion_ids"].shape[1]
    return score_completions(
        model,
        ids,
        mask,
        length,
        temperatures,
        candidates=None,
        untempered=False,
        positions=positions,
    ).log_probs


def _scored(
    model: torch.nn.Module,
    inputs: dict[str, Any],
    temperatures: torch.Tensor,
    autocast: Any,
    **options: Any,
) -> torch.Tensor:
    with autocast():
        return score(model, inputs, temperatures, **options)


def _at(model: torch.nn.Module, inputs: dict[str, Any], t: float, autocast: Any) -> torch.Tensor:
    return _scored(model, inputs, torch.full_like(inputs["sampling_temperature"], t), autocast)


def _differences(inputs: dict[str, Any], found: torch.Tensor) -> torch.Tensor:
    """Return sampler less loss, in nats, of all completion tokens that the sampler scored."""
    difference = inputs["sampling_per_token_logps"].double() - found.double()
    return difference[inputs[TOKEN_MASK].bool() & ~difference.isnan()]


def _gap(inputs: dict[str, Any], found: torch.Tensor) -> float:
    return float(_differences(inputs, found).abs().mean())


@contextmanager
def _evaluating(model: torch.nn.Module) -> Iterator[None]:
    training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(training)
