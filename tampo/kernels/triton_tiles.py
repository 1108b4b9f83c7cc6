"""Fold one tile of logits into running statistics, and turn it into its gradient: Triton kernels.

The same two functions as `tampo.kernels.torch_tiles`, for GPUs; imported only where Triton runs.
Logits are tempered in base 2, because exp2 is one instruction of the special-function unit and exp is
two: exp(z / T) = exp2(z · log2 e / T).
"""

# A kernel is Triton's language, in which annotations mean something else: it is not type-checked.
# Triton compiles no unpacking, so tuples grow by concatenation.
# ruff: noqa: RUF005

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import no_type_check

import torch
import triton
import triton.language as tl

from tampo.kernels.statistics import LOG2_E, Gradient, Statistics, Transform

BLOCK = 1024
WARPS = 8
"""Four logits per thread: the accumulators of a group of temperatures then fit into its registers."""

GROUP = 16
"""Temperatures in one launch; more of them are done in several, each reading the tile again."""

_LOG2_E = tl.constexpr(LOG2_E)
_LN_2 = tl.constexpr(1 / LOG2_E)


def fold(
    tile: torch.Tensor,
    targets: torch.Tensor,
    rows: slice,
    start: int,
    stats: Statistics,
    transform: Transform,
) -> None:
    """Add the logits of one tile to the statistics of its rows: `torch_tiles.fold`."""
    inverse = stats.rows_of(rows)
    maximum = stats.maximum[rows]
    groups = range(0, len(stats.sums), GROUP)
    # Every group starts from the maximum before this tile, and the first one moves it.
    before = maximum.clone() if len(groups) > 1 else maximum
    for first in groups:
        sums = stats.sums[first : first + GROUP, rows]
        entropies = stats.entropies if first == 0 else 0
        # An empty tensor has no address to give; the kernel never touches this one then.
        weighted = stats.weighted[:, rows] if entropies else sums
        with _device_of(tile):
            _fold_kernel[(len(tile),)](
                tile,
                tile.stride(0),
                targets,
                before,
                maximum,
                stats.target_logit[rows],
                sums,
                weighted,
                sums.stride(0),
                weighted.stride(0),
                inverse[first:],
                inverse.stride(0),
                0 if inverse.shape[1] == 1 else inverse.stride(1),
                start,
                tile.shape[1],
                transform.scale,
                transform.softcap or 1.0,
                SOFTCAP=transform.softcap is not None,
                TEMPERATURES=len(sums),
                ENTROPIES=entropies,
                BLOCK=BLOCK,
                num_warps=WARPS,
            )


def differentiate(
    tile: torch.Tensor,
    targets: torch.Tensor,
    rows: slice,
    start: int,
    gradient: Gradient,
    transform: Transform,
    out: torch.Tensor,
) -> None:
    """Write the gradient with respect to the projections: `torch_tiles.differentiate`."""
    log_normaliser = gradient.log_normaliser[rows]
    inverse = gradient.inverse
    by_row = inverse if isinstance(inverse, torch.Tensor) else None
    entropy, grad_entropy = gradient.entropy or (None, None)

    def of_rows(values: torch.Tensor | None) -> torch.Tensor:
        return log_normaliser if values is None else values[rows].contiguous()

    with _device_of(tile):
        _differentiate_kernel[(len(tile), triton.cdiv(tile.shape[1], BLOCK))](
            tile,
            tile.stride(0),
            out,
            out.stride(0),
            targets,
            log_normaliser,
            of_rows(gradient.grad_log_prob),
            of_rows(grad_entropy),
            of_rows(entropy),
            of_rows(by_row),
            inverse if by_row is None else 1.0,
            start,
            tile.shape[1],
            transform.scale,
            transform.softcap or 1.0,
            SOFTCAP=transform.softcap is not None,
            SHARED_TEMPERATURE=by_row is None,
            LOG_PROB_GRADIENT=gradient.grad_log_prob is not None,
            ENTROPY_GRADIENT=grad_entropy is not None,
            BLOCK=BLOCK,
            num_warps=WARPS,
        )


def _device_of(tile: torch.Tensor) -> AbstractContextManager:
    """Context that launches on the GPU of the tile, which need not be the current one."""
    if tile.device.type == "cpu":
        return nullcontext()
    return torch.get_device_module(tile.device).device(tile.device)


@triton.jit
@no_type_check
def _logits(projection, scale, softcap, SOFTCAP: tl.constexpr):
    z = projection.to(tl.float32) * scale
    if SOFTCAP:
        # tanh(x) = 2 sigmoid(2x) − 1
        z = softcap * (2 * tl.sigmoid(2 * z / softcap) - 1)
    return z


@triton.jit
@no_type_check
def _fold_kernel(
    tile_ptr,
    tile_stride,
    targets_ptr,
    before_ptr,
    maximum_ptr,
    target_logit_ptr,
    sums_ptr,
    weighted_ptr,
    sums_stride,
    weighted_stride,
    inverse_ptr,
    inverse_stride,
    inverse_row_stride,
    vocabulary_start,
    width,
    scale,
    softcap,
    SOFTCAP: tl.constexpr,
    TEMPERATURES: tl.constexpr,
    ENTROPIES: tl.constexpr,
    BLOCK: tl.constexpr,
):
    # One program per row. The maximum first: the sums then need no rescaling from block to block, so
    # they stay apart in the threads and are added up once at the end. The second reading of the row
    # comes from cache.
    row = tl.program_id(0).to(tl.int64)
    row_ptr = tile_ptr + row * tile_stride
    lanes = tl.arange(0, BLOCK)

    highest = tl.full((BLOCK,), -float("inf"), tl.float32)
    for first in range(0, width, BLOCK):
        inside = first + lanes < width
        projection = tl.load(row_ptr + first + lanes, mask=inside, other=0.0)
        z = _logits(projection, scale, softcap, SOFTCAP)
        highest = tl.maximum(highest, tl.where(inside, z, -float("inf")))
    before = tl.load(before_ptr + row)
    maximum = tl.maximum(before, tl.max(highest, axis=0))

    factors = ()
    sums = ()
    for j in tl.static_range(TEMPERATURES):
        inverse = tl.load(inverse_ptr + j * inverse_stride + row * inverse_row_stride)
        factors = factors + (inverse * _LOG2_E,)
        sums = sums + (tl.zeros((BLOCK,), tl.float32),)
    weighted = ()
    for _ in tl.static_range(ENTROPIES):
        weighted = weighted + (tl.zeros((BLOCK,), tl.float32),)

    for first in range(0, width, BLOCK):
        inside = first + lanes < width
        projection = tl.load(row_ptr + first + lanes, mask=inside, other=0.0)
        # Low enough that every power of it is 0, and finite, so that 0 times it is 0.
        shifted = tl.where(inside, _logits(projection, scale, softcap, SOFTCAP) - maximum, -1e30)
        new_sums = ()
        new_weighted = ()
        for j in tl.static_range(TEMPERATURES):
            power = tl.exp2(shifted * factors[j])
            new_sums = new_sums + (sums[j] + power,)
            if j < ENTROPIES:
                new_weighted = new_weighted + (weighted[j] + power * shifted,)
        sums = new_sums
        weighted = new_weighted

    fall = before - maximum
    for j in tl.static_range(TEMPERATURES):
        decay = tl.exp2(fall * factors[j])
        sum_ptr = sums_ptr + j * sums_stride + row
        old = tl.load(sum_ptr)
        if j < ENTROPIES:
            pointer = weighted_ptr + j * weighted_stride + row
            carried = (tl.load(pointer) + fall * old) * decay
            tl.store(pointer, carried + tl.sum(weighted[j], axis=0))
        tl.store(sum_ptr, old * decay + tl.sum(sums[j], axis=0))
    tl.store(maximum_ptr + row, maximum)

    local = tl.load(targets_ptr + row) - vocabulary_start
    if (local >= 0) & (local < width):
        projection = tl.load(row_ptr + local)
        tl.store(target_logit_ptr + row, _logits(projection, scale, softcap, SOFTCAP))


@triton.jit
@no_type_check
def _differentiate_kernel(
    tile_ptr,
    tile_stride,
    out_ptr,
    out_stride,
    targets_ptr,
    log_normaliser_ptr,
    grad_log_prob_ptr,
    grad_entropy_ptr,
    entropy_ptr,
    inverse_ptr,
    shared_inverse,
    vocabulary_start,
    width,
    scale,
    softcap,
    SOFTCAP: tl.constexpr,
    SHARED_TEMPERATURE: tl.constexpr,
    LOG_PROB_GRADIENT: tl.constexpr,
    ENTROPY_GRADIENT: tl.constexpr,
    BLOCK: tl.constexpr,
):
    row = tl.program_id(0).to(tl.int64)
    columns = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = columns < width
    inverse = shared_inverse
    if not SHARED_TEMPERATURE:
        inverse = tl.load(inverse_ptr + row)
    projection = tl.load(tile_ptr + row * tile_stride + columns, mask=inside, other=0.0)
    z = _logits(projection, scale, softcap, SOFTCAP)
    log2_p = (z * inverse - tl.load(log_normaliser_ptr + row)) * _LOG2_E
    p = tl.exp2(log2_p)

    grad = tl.zeros((BLOCK,), tl.float32)
    if LOG_PROB_GRADIENT:
        is_target = columns + vocabulary_start == tl.load(targets_ptr + row)
        grad += tl.load(grad_log_prob_ptr + row) * (is_target.to(tl.float32) - p)
    if ENTROPY_GRADIENT:
        surprise = log2_p * _LN_2 + tl.load(entropy_ptr + row)
        grad -= tl.load(grad_entropy_ptr + row) * p * surprise
    grad *= inverse * scale
    if SOFTCAP:
        grad *= 1 - (z / softcap) * (z / softcap)
    pointers = out_ptr + row * out_stride + columns
    tl.store(pointers, grad.to(out_ptr.dtype.element_ty), mask=inside)
