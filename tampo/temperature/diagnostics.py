"""What `policy.jsonl` records about the meta-policy's last draw and last batch."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tampo.temperature import simplex
from tampo.temperature.permutation_null import range_null
from tampo.temperature.protocol import FloatArray

NULL_PERMUTATIONS = 64
"""Shuffles of the advantages behind the permutation null."""


class LastDraw(NamedTuple):
    """The last draw; None before the first."""

    step: int | None = None
    temperature: float | None = None
    warmup: bool | None = None
    """Whether it was drawn uniformly, during warm-up."""


class LastBatch(NamedTuple):
    """The last batch; None before the first."""

    trajectories: int | None = None
    """N."""
    signal: list[float] | None = None
    """[K] temperature credit 𝒜_B."""
    signal_range: float | None = None
    """max_k − min_k of the credit."""
    support_size_mean: float | None = None
    """Mean over trajectories of the number of candidates with weight ℓ̂_k > 0."""
    support_size_min: int | None = None
    """Smallest such number."""
    null_range_mean: float | None = None
    """Mean range of the credit of shuffled advantages."""
    null_range_q95: float | None = None
    """Their 95 % quantile."""
    p_value: float | None = None
    """Of the range among those of `NULL_PERMUTATIONS` shuffles within groups."""


def describe(
    weights: FloatArray,
    credit: FloatArray,
    advantages: FloatArray,
    groups: NDArray[np.int64],
    rng: np.random.Generator,
) -> LastBatch:
    """Describe a batch of weights [N, K], credit [K], advantages [N] and groups [N]."""
    support = simplex.support_size(weights)
    null = range_null(weights, advantages, groups, NULL_PERMUTATIONS, rng)
    return LastBatch(
        trajectories=len(advantages),
        signal=credit.tolist(),
        signal_range=float(np.ptp(credit)),
        support_size_mean=float(support.mean()),
        support_size_min=int(support.min()),
        null_range_mean=null.mean,
        null_range_q95=null.q95,
        p_value=null.p_value,
    )
