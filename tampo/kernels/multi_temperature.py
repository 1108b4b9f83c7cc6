"""Log-probabilities at one temperature, entropy and virtual log-probabilities at K others, fused.

`hidden @ weight.T` is computed tile by tile and never exists in full. Each tile is visited once in the
forward pass, for every temperature, and recomputed in the backward pass. TAMPO's step 4 (the
likelihood of each token under each candidate) thus costs K exponentials per logit on data that is in
cache anyway, and no memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import torch
from torch.autograd.function import once_differentiable

from tampo.kernels import torch_tiles
from tampo.kernels.statistics import Gradient, Statistics, Transform

CPU_TILE = (2048, 2048)
"""Tokens by vocabulary entries of a tile on CPU: 16 MiB of fp32, within a third-level cache."""

GPU_TILE = (4096, 32768)
"""The same on GPUs, where a tile has to be large to fill the matrix units; TRL's choice."""

KEPT_BYTES = 1 << 24
"""A problem of one tile of at most this size keeps the tile for the backward pass on CPU, which saves
small models the second projection."""


@dataclass(frozen=True)
class MultiTemperatureOutput:
    """Per-token results for N tokens; float32, or float64 when computed in float64."""

    log_probs: torch.Tensor
    """[N] log-probability of the target at the training temperature; differentiable."""
    entropy: torch.Tensor | None
    """[N] entropy in nats at the training temperature; differentiable. None if not wanted."""
    candidate_log_probs: torch.Tensor | None
    """[N, K] log-probability of the target at each candidate temperature; no gradient."""
    entropy_at_one: torch.Tensor | None
    """[N] entropy in nats at temperature 1; no gradient."""


def multi_temperature_log_prob(
    hidden: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None,
    targets: torch.Tensor,
    temperature: float | torch.Tensor,
    candidates: torch.Tensor | None,
    *,
    softcap: float | None = None,
    logit_scale: float = 1.0,
    entropy: bool = True,
    entropy_at_one: bool = False,
) -> MultiTemperatureOutput:
    """Score N target tokens under softmax(z / T) for the training temperature and K virtual ones.

    Projections are computed in the dtype of `hidden`, or autocast's, as the model's own LM head would;
    all sums are float32 (float64 for float64 inputs).

    Args:
        hidden: [N, H] final hidden states; N may be 0.
        weight: [V, H] LM-head weight.
        bias: [V] or None.
        targets: [N] integers in [0, V).
        temperature: training temperature, > 0: a number or one per row [N].
        candidates: [K] virtual temperatures, > 0, or None.
        softcap: logits become softcap · tanh(logits / softcap).
        logit_scale: factor on the projections, before the softcap.
        entropy: whether the entropy at the training temperature is wanted.
        entropy_at_one: whether the entropy at temperature 1 is wanted.

    Raises:
        ValueError: a temperature that is not finite and > 0, or shapes that do not fit together.
    """
    virtual = [] if candidates is None else _positive(candidates, "candidates")
    with gathered(weight, bias):
        _check_shapes(hidden, weight, bias, targets)
        log_probs, entropy_, virtual_log_probs, at_one = _MultiTemperatureFunction.apply(
            hidden,
            weight,
            bias,
            targets,
            _training_temperature(temperature, len(hidden)),
            virtual,
            Transform(logit_scale, softcap),
            entropy,
            entropy_at_one,
        )
    if candidates is None:
        virtual_log_probs = None
    return MultiTemperatureOutput(log_probs, entropy_, virtual_log_probs, at_one)


class _MultiTemperatureFunction(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        hidden: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor | None,
        targets: torch.Tensor,
        training: float | torch.Tensor,
        candidates: list[float],
        transform: Transform,
        entropy: bool,
        entropy_at_one: bool,
    ) -> tuple[torch.Tensor, torch.Tensor | None, torch.Tensor, torch.Tensor | None]:
        # An entropy that is only logged must not cost a gradient pass with zeros.
        ctx.set_materialize_grads(False)
        dtype = _compute_dtype(hidden)
        columns = _Columns(training, candidates, entropy, entropy_at_one, _sum_dtype(dtype))
        stats = Statistics(
            len(hidden), columns.temperatures, columns.entropies, columns.dtype, hidden.device
        )
        kept = None
        with torch.autocast(hidden.device.type, enabled=False):
            for tile in _Tiles(hidden, weight, bias, dtype):
                tile.kernels.fold(
                    tile.logits, targets[tile.rows], tile.rows, tile.start, stats, transform
                )
                kept = tile.logits if tile.worth_keeping else None

        log_probs, entropies = stats.log_probs(), stats.entropy()
        results = columns.select(log_probs, entropies)
        ctx.mark_non_differentiable(*(r for r in results[2:] if r is not None))
        ctx.save_for_backward(
            hidden, weight, bias, targets, stats.log_normalisers()[0], results[1], kept
        )
        ctx.inverse = stats.shared[0] if stats.shared[0] is not None else stats.inverse[0]
        ctx.compute_dtype = dtype
        ctx.transform = transform
        return results

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any,
        grad_log_probs: torch.Tensor | None,
        grad_entropy: torch.Tensor | None,
        *_: torch.Tensor | None,
    ) -> tuple[torch.Tensor | None, ...]:
        if grad_log_probs is None and grad_entropy is None:
            return (None,) * 9
        with gathered(*ctx.saved_tensors[1:3]):
            return (*_backward(ctx, grad_log_probs, grad_entropy), *(None,) * 6)


def _backward(
    ctx: Any, grad_log_probs: torch.Tensor | None, grad_entropy: torch.Tensor | None
) -> list[torch.Tensor | None]:
    hidden, weight, bias, targets, log_normaliser, entropy, kept = ctx.saved_tensors
    dtype = log_normaliser.dtype
    gradient = Gradient(
        inverse=ctx.inverse,
        log_normaliser=log_normaliser,
        grad_log_prob=None if grad_log_probs is None else grad_log_probs.to(dtype),
        entropy=None if grad_entropy is None else (entropy, grad_entropy.to(dtype)),
    )
    inputs = (hidden, weight, bias)
    sums = [
        torch.zeros(x.shape, dtype=dtype, device=x.device) if wanted else None
        for x, wanted in zip(inputs, ctx.needs_input_grad[:3], strict=True)
    ]
    with torch.autocast(hidden.device.type, enabled=False):
        for tile in _Tiles(hidden, weight, bias, ctx.compute_dtype, kept):
            # A kept tile may be needed again by a second backward pass over the same graph.
            out = tile.logits if kept is None else torch.empty_like(kept)
            tile.kernels.differentiate(
                tile.logits, targets[tile.rows], tile.rows, tile.start, gradient, ctx.transform, out
            )
            _accumulate(sums, out, tile)
    return [s if s is None else s.to(x.dtype) for s, x in zip(sums, inputs, strict=True)]


class _Columns:
    """Which distinct temperatures are computed, and which of them each result reads.

    TAMPO trains at one of its candidates, and 1 is often another: equal temperatures share a column.
    """

    def __init__(
        self,
        training: float | torch.Tensor,
        candidates: list[float],
        entropy: bool,
        entropy_at_one: bool,
        dtype: torch.dtype,
    ) -> None:
        self.dtype = dtype
        self.temperatures: list[float | torch.Tensor] = [training]
        self._places: dict[float, int] = {}
        if not isinstance(training, torch.Tensor):
            self._places[self._rounded(training)] = 0
        self._one = self._place(1.0) if entropy_at_one else None
        self._entropy = entropy
        self.entropies = int(entropy) if self._one is None else self._one + 1
        self._candidates = [self._place(t) for t in candidates]

    def select(
        self, log_probs: torch.Tensor, entropies: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor | None, torch.Tensor, torch.Tensor | None]:
        """Return log-probs [N], entropy [N], candidates' log-probs [N, K], entropy at 1 [N]."""
        return (
            log_probs[0].clone(),
            entropies[0].clone() if self._entropy else None,
            log_probs[self._candidates].T.contiguous(),
            None if self._one is None else entropies[self._one].clone(),
        )

    def _rounded(self, temperature: float) -> float:
        # A candidate that went through float32 is the temperature it was before.
        return torch.tensor(temperature, dtype=self.dtype).item()

    def _place(self, temperature: float) -> int:
        place = self._places.setdefault(self._rounded(temperature), len(self.temperatures))
        if place == len(self.temperatures):
            self.temperatures.append(temperature)
        return place


@dataclass(frozen=True)
class _Tile:
    logits: torch.Tensor
    """[n, C] raw projections."""
    hidden: torch.Tensor
    """[n, H] in the compute dtype."""
    weight: torch.Tensor
    """[C, H] in the compute dtype."""
    rows: slice
    start: int
    stop: int
    kernels: ModuleType
    worth_keeping: bool


class _Tiles:
    """Iterate over the tiles of `hidden @ weight.T + bias`; one buffer serves all of them."""

    def __init__(
        self,
        hidden: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor | None,
        dtype: torch.dtype,
        kept: torch.Tensor | None = None,
    ) -> None:
        self._hidden, self._weight, self._bias = hidden, weight, bias
        self._dtype, self._kept = dtype, kept
        self._kernels = kernels_for(hidden.device, dtype)
        self._shape = CPU_TILE if hidden.device.type == "cpu" else GPU_TILE

    def __iter__(self) -> Iterator[_Tile]:
        count, vocabulary = len(self._hidden), len(self._weight)
        tokens, entries = min(count, self._shape[0]), min(vocabulary, self._shape[1])
        if count == 0:
            return
        device = self._hidden.device
        buffer = torch.empty((tokens, entries), dtype=self._dtype, device=device)
        only = tokens == count and entries == vocabulary and device.type == "cpu"
        keep = only and buffer.nbytes <= KEPT_BYTES
        # Vocabulary outside, so that a weight in another dtype is converted once and not per row tile.
        for start in range(0, vocabulary, entries):
            stop = min(start + entries, vocabulary)
            weight = self._weight[start:stop].to(self._dtype)
            for first in range(0, count, tokens):
                rows = slice(first, min(first + tokens, count))
                hidden = self._hidden[rows].to(self._dtype)
                logits = buffer[: rows.stop - first, : stop - start]
                if self._kept is not None:
                    logits = self._kept
                else:
                    torch.mm(hidden, weight.t(), out=logits)
                    if self._bias is not None:
                        logits.add_(self._bias[start:stop].to(self._dtype))
                yield _Tile(logits, hidden, weight, rows, start, stop, self._kernels, keep)


def _accumulate(sums: list[torch.Tensor | None], grad: torch.Tensor, tile: _Tile) -> None:
    grad_hidden, grad_weight, grad_bias = sums
    if grad_hidden is not None:
        _add_product(grad_hidden[tile.rows], grad, tile.weight)
    if grad_weight is not None:
        _add_product(grad_weight[tile.start : tile.stop], grad.t(), tile.hidden)
    if grad_bias is not None:
        grad_bias[tile.start : tile.stop] += grad.sum(dim=0, dtype=grad_bias.dtype)


def _add_product(total: torch.Tensor, a: torch.Tensor, b: torch.Tensor) -> None:
    """total += a @ b without rounding the product to a low precision on the way."""
    if a.dtype == total.dtype:
        total.addmm_(a, b)
    elif total.device.type == "cuda":
        torch.addmm(total, a, b, out_dtype=total.dtype, out=total)
    else:
        total.addmm_(a.to(total.dtype), b.to(total.dtype))


def gathered(*parameters: torch.Tensor | None) -> AbstractContextManager:
    """Context in which parameters that DeepSpeed ZeRO-3 has partitioned are whole."""
    partitioned = [
        p for p in parameters if isinstance(p, torch.nn.Parameter) and hasattr(p, "ds_status")
    ]
    if not partitioned:
        return nullcontext()
    from trl.trainer.utils import maybe_gather_lm_head_ctx

    return maybe_gather_lm_head_ctx(*partitioned)


def kernels_for(device: torch.device, dtype: torch.dtype) -> ModuleType:
    """Return the module that folds tiles on `device` when computing in `dtype`."""
    on_gpu = device.type in ("cuda", "xpu") and find_spec("triton") is not None
    # The kernels' sums are float32.
    if not on_gpu or dtype == torch.float64:
        return torch_tiles
    from tampo.kernels import triton_tiles

    return triton_tiles


def _compute_dtype(hidden: torch.Tensor) -> torch.dtype:
    kind = hidden.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else hidden.dtype


def _sum_dtype(compute_dtype: torch.dtype) -> torch.dtype:
    return torch.float64 if compute_dtype == torch.float64 else torch.float32


def _training_temperature(temperature: float | torch.Tensor, rows: int) -> float | torch.Tensor:
    """Return one number where all rows agree, else [N]: a number may share its column."""
    if not isinstance(temperature, torch.Tensor) or temperature.ndim == 0:
        return _positive([float(temperature)], "temperature")[0]
    if temperature.shape != (rows,):
        raise ValueError(f"temperature has shape {tuple(temperature.shape)}, expected ({rows},)")
    if rows == 0:
        return 1.0
    low, high = torch.stack(temperature.aminmax()).tolist()
    # aminmax is NaN when an entry is, so these two numbers tell of all.
    if not (0 < low <= high < float("inf")):
        _positive(temperature, "temperature")
    return low if low == high else temperature


def _positive(values: torch.Tensor | list[float], name: str) -> list[float]:
    numbers = values.tolist() if isinstance(values, torch.Tensor) else list(values)
    if isinstance(values, torch.Tensor) and values.ndim != 1:
        raise ValueError(f"{name} must be one-dimensional, got shape {tuple(values.shape)}")
    for index, value in enumerate(numbers):
        if not 0 < value < float("inf"):
            raise ValueError(f"{name}[{index}] is {value}; a temperature must be finite and > 0")
    return numbers


def _check_shapes(
    hidden: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None,
    targets: torch.Tensor,
) -> None:
    if hidden.ndim != 2 or weight.ndim != 2 or hidden.shape[1] != weight.shape[1]:
        raise ValueError(
            f"hidden {tuple(hidden.shape)} and weight {tuple(weight.shape)} must be [N, H] and [V, H]"
        )
    if targets.shape != hidden.shape[:1]:
        raise ValueError(f"targets has shape {tuple(targets.shape)}, expected ({len(hidden)},)")
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ValueError(f"bias has shape {tuple(bias.shape)}, expected ({len(weight)},)")
