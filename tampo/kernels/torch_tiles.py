"""Fold one tile of logits into running statistics, and turn it into its gradient: torch operations.

Used wherever Triton does not run; `tampo.kernels.triton_tiles` has the same two functions. Work goes
in blocks of rows that stay in the processor's cache, so the K candidates re-read the cache and not
the memory. exp(x) is taken as 2^(x log2 e): exp2 is about three times as fast as exp in torch on CPU.
"""

from __future__ import annotations

import math

import torch

from tampo.kernels.statistics import LOG2_E, Gradient, Statistics, Transform

BLOCK_ELEMENTS = 1 << 20
"""Logits in a block: block and scratch take 8 MiB of fp32, within a third-level cache. Blocks for the
second-level cache are no faster on one thread, and on several their many short parallel regions make
threads wait for one another."""


def fold(
    tile: torch.Tensor,
    targets: torch.Tensor,
    rows: slice,
    start: int,
    stats: Statistics,
    transform: Transform,
) -> None:
    """Add the logits of one tile to the statistics of its rows.

    Args:
        tile: [n, C] projections of the tokens `rows` onto the vocabulary entries from `start` on.
        targets: [n] target tokens.
        rows: which of the N tokens these are.
        start: first vocabulary entry of the tile.
        stats: updated in place.
        transform: from projections to logits.
    """
    count, width = tile.shape
    local, inside = _local_targets(targets, start, width)
    picked = transform.apply(tile.gather(1, local).squeeze(1).to(stats.dtype))
    target_logit = stats.target_logit[rows]
    target_logit.copy_(torch.where(inside, picked, target_logit))

    step = max(1, BLOCK_ELEMENTS // width)
    shifted = torch.empty((min(step, count), width), dtype=stats.dtype, device=tile.device)
    powers = torch.empty_like(shifted)
    for first in range(0, count, step):
        last = min(first + step, count)
        logits = transform.apply(tile[first:last].to(stats.dtype))
        block = slice(rows.start + first, rows.start + last)
        _fold_block(logits, shifted[: last - first], powers[: last - first], block, stats)


def _fold_block(
    logits: torch.Tensor,
    shifted: torch.Tensor,
    powers: torch.Tensor,
    block: slice,
    stats: Statistics,
) -> None:
    before = stats.maximum[block]
    maximum = torch.maximum(before, logits.amax(dim=-1))
    torch.sub(logits, maximum.unsqueeze(-1), out=shifted)
    factors = stats.rows_of(block) * LOG2_E
    sums = torch.empty((len(factors), len(before)), dtype=stats.dtype, device=logits.device)
    weighted = sums.new_empty((stats.entropies, len(before)))
    for index, inverse in enumerate(stats.shared):
        factor = factors[index].unsqueeze(-1) if inverse is None else inverse * LOG2_E
        torch.mul(shifted, factor, out=powers).exp2_()
        torch.sum(powers, dim=-1, out=sums[index])
        if index < stats.entropies:
            torch.sum(powers.mul_(shifted), dim=-1, out=weighted[index])

    # What was summed relative to the old maximum, relative to the new one.
    fall = before - maximum
    decay = (fall * factors).exp2_()
    old_sums, old_weighted = stats.sums[:, block], stats.weighted[:, block]
    entropies = slice(0, stats.entropies)
    old_weighted.add_(fall * old_sums[entropies]).mul_(decay[entropies]).add_(weighted)
    old_sums.mul_(decay).add_(sums)
    before.copy_(maximum)


def differentiate(
    tile: torch.Tensor,
    targets: torch.Tensor,
    rows: slice,
    start: int,
    gradient: Gradient,
    transform: Transform,
    out: torch.Tensor,
) -> None:
    """Write the gradient of the loss with respect to the projections of one tile.

    With p = softmax(z / T) and H its entropy, for log-probability gradient g and entropy gradient h:

        d loss / d z_v = (g · (1[v = target] − p_v) − h · p_v (log p_v + H)) / T

    Args:
        tile: [n, C] projections, as in `fold`.
        targets: [n] target tokens.
        rows: which of the N tokens these are.
        start: first vocabulary entry of the tile.
        gradient: what the rows need; its arrays cover all N tokens.
        transform: from projections to logits.
        out: [n, C] result; may be `tile` itself.
    """
    count, width = tile.shape
    local, inside = _local_targets(targets, start, width)
    dtype = gradient.log_normaliser.dtype
    step = max(1, BLOCK_ELEMENTS // width)
    powers = torch.empty((min(step, count), width), dtype=dtype, device=tile.device)
    for first in range(0, count, step):
        last = min(first + step, count)
        block = slice(rows.start + first, rows.start + last)
        logits = transform.apply(tile[first:last].to(dtype))
        result = _differentiate_block(
            logits, powers[: last - first], local[first:last], inside[first:last], block, gradient
        )
        if transform.softcap is not None or transform.scale != 1.0:
            result = result * transform.derivative(logits)
        out[first:last] = result


def _differentiate_block(
    logits: torch.Tensor,
    powers: torch.Tensor,
    local: torch.Tensor,
    inside: torch.Tensor,
    block: slice,
    gradient: Gradient,
) -> torch.Tensor:
    inverse = gradient.inverse
    if isinstance(inverse, torch.Tensor):
        inverse = inverse[block].unsqueeze(-1)
    log2_normaliser = (gradient.log_normaliser[block] * LOG2_E).unsqueeze(-1)
    torch.mul(logits, inverse * LOG2_E, out=powers).sub_(log2_normaliser)
    g = gradient.grad_log_prob
    g = None if g is None else g[block].unsqueeze(-1) * inverse
    if gradient.entropy is not None:
        entropy, h = (values[block].unsqueeze(-1) for values in gradient.entropy)
        weight = powers * math.log(2)
        weight.add_(entropy).mul_(h * inverse)
        if g is not None:
            weight.add_(g)
        powers.exp2_().mul_(weight.neg_())
    elif g is not None:
        powers.exp2_().mul_(-g)
    if g is not None:
        powers.scatter_add_(1, local, torch.where(inside.unsqueeze(-1), g, 0.0))
    return powers


def _local_targets(
    targets: torch.Tensor, start: int, width: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return target positions in the tile, clamped into it [n, 1], and whether they lie in it [n]."""
    local = targets - start
    return local.clamp(0, width - 1).unsqueeze(-1), (local >= 0) & (local < width)
