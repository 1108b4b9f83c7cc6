"""The fused head against float64, beside TRL's head in the same precision."""

from __future__ import annotations

from collections.abc import Callable

import torch
from trl.kernels import ChunkedLogProbFunction

from tampo.kernels import multi_temperature_log_prob
from tampo.kernels.multi_temperature import kernels_for
from tampo.tools.acceptance.check import Outcome, Progress, judged
from tampo.tools.bench.head import SHAPES, TRL_CHUNK
from tampo.tools.bench.step import CANDIDATES

TOKENS = 256
"""Rows compared; float64 logits of all of them are held at once."""
ALLOWED = 1.5
"""The fused head's error over TRL's: they round the same products in another order."""
ROUNDING = 1e-6
"""Error in nats, and relative error of a gradient, that is never held against it."""


def head_is_exact(names: list[str], progress: Progress) -> Outcome:
    """Compare log-probabilities under K candidates, entropy and gradients with float64.

    Errors of log-probabilities and entropies are means over tokens in nats; those of gradients are
    Euclidean, relative to the gradient.
    """
    figures, held = {}, True
    for name in names:
        errors = _errors(name)
        progress(f"head {name} against float64")
        worst = max(ours / (ALLOWED * trl + ROUNDING) for ours, trl in errors.values())
        held = held and worst <= 1
        figures[name] = {
            **{f"{what}, fused": ours for what, (ours, _) in errors.items()},
            **{f"{what}, TRL": trl for what, (_, trl) in errors.items()},
            "kernels": kernels_for(_device(), torch.float32).__name__,
        }
    rule = f"no error against float64 is more than {ALLOWED} times that of TRL's head"
    return judged(held, rule, figures)


def _device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _errors(name: str) -> dict[str, tuple[float, float]]:
    """Return (fused, TRL) errors by quantity; of log-probabilities, at the worst candidate."""
    shape, device = SHAPES[name], _device()
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    generator = torch.Generator(device).manual_seed(0)

    def normal(rows: int, scale: float) -> torch.Tensor:
        values = torch.randn(rows, shape.hidden, device=device, generator=generator)
        return (values * scale).to(dtype)

    hidden, weight = normal(TOKENS, 1.0), normal(shape.vocabulary, 3 * shape.hidden**-0.5)
    targets = torch.randint(shape.vocabulary, (TOKENS,), device=device, generator=generator)
    upstream = torch.randn(TOKENS, device=device, generator=generator)
    candidates = torch.tensor(CANDIDATES, device=device)

    def exact(h: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        return torch.log_softmax(h @ w.T, -1).gather(-1, targets[:, None]).squeeze(-1)

    def trl(h: torch.Tensor, w: torch.Tensor, temperature: float = 1.0) -> tuple[torch.Tensor, ...]:
        return ChunkedLogProbFunction.apply(
            h, w, None, targets, temperature, TRL_CHUNK, None, 1.0, ("entropy",)
        )

    def fused(h: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        return multi_temperature_log_prob(h, w, None, targets, 1.0, None).log_probs

    with torch.no_grad():
        logits = hidden.double() @ weight.double().T
        own = multi_temperature_log_prob(hidden, weight, None, targets, 1.0, candidates)
        log_probs, entropy = [], []
        for k, temperature in enumerate(CANDIDATES):
            reference = torch.log_softmax(logits / temperature, -1)
            right = reference.gather(-1, targets[:, None]).squeeze(-1)
            scored, at_temperature = trl(hidden, weight, temperature)[:2]
            log_probs.append(
                (_mean(own.candidate_log_probs[:, k], right), _mean(scored, right))  # type: ignore[index]  # candidates were given
            )
            if temperature == 1.0:
                spread = -(reference.exp() * reference).sum(-1)
                entropy.append((_mean(own.entropy, spread), _mean(at_temperature, spread)))  # type: ignore[arg-type]  # wanted by default
        del logits, reference
    gradients = _gradient_errors(hidden, weight, upstream, exact, fused, lambda h, w: trl(h, w)[0])
    worst = max(range(len(log_probs)), key=lambda k: log_probs[k][0] / max(log_probs[k][1], 1e-30))
    return {
        "log-probability": log_probs[worst],
        "entropy": entropy[0],
        **gradients,
    }


def _mean(values: torch.Tensor, right: torch.Tensor) -> float:
    return float((values.double() - right).abs().mean())


def _gradient_errors(
    hidden: torch.Tensor,
    weight: torch.Tensor,
    upstream: torch.Tensor,
    exact: Callable[..., torch.Tensor],
    fused: Callable[..., torch.Tensor],
    trl: Callable[..., torch.Tensor],
) -> dict[str, tuple[float, float]]:
    def gradients(head: Callable[..., torch.Tensor], dtype: torch.dtype) -> list[torch.Tensor]:
        inputs = [t.detach().to(dtype).requires_grad_() for t in (hidden, weight)]
        (head(*inputs) * upstream).sum().backward()
        return [t.grad for t in inputs if t.grad is not None]

    right = gradients(exact, torch.float64)
    found = [gradients(head, hidden.dtype) for head in (fused, trl)]
    return {
        f"gradient of the {name}": tuple(  # type: ignore[misc]  # two heads, two errors
            float((grads[i].double() - right[i]).norm() / right[i].norm()) for grads in found
        )
        for i, name in enumerate(("hidden states", "weight"))
    }
