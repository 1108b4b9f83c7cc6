"""The permutation null of temperature credit: what range it has when advantages mean nothing.

Min-max (step 8) is blind to scale: it gives the best candidate the most mass however small the
differences are. Shuffling the advantages within each group breaks their link to the likelihoods and
keeps everything else, so the range of the shuffled credit is what noise alone produces.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class RangeNull:
    """Where the range of a credit lies among those of shuffled advantages."""

    mean: float
    """Mean range over the permutations."""
    q95: float
    """95 % quantile of the range over the permutations."""
    p_value: float
    """(1 + number of permutations with at least the observed range) / (1 + permutations)."""


def shuffle_within_groups(
    values: NDArray[np.float64],
    groups: NDArray[np.int64],
    permutations: int,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Permute `values` uniformly at random within each group, `permutations` times.

    Args:
        values: [N].
        groups: [N], equal for members of a group; members need not be neighbours.
        permutations: number of shuffles P.
        rng: generator of the shuffles.

    Returns:
        [P, N].
    """
    _, rank = np.unique(groups, return_inverse=True)
    # Positions sorted by group are filled with members sorted by (group, random key).
    positions = np.argsort(rank, kind="stable")
    # Halved, so that rank + key cannot round up to the next rank.
    keys = rank + 0.5 * rng.random((permutations, len(values)))
    members = np.argsort(keys, axis=1, kind="stable")
    shuffled = np.empty((permutations, len(values)))
    shuffled[:, positions] = values[members]
    return shuffled


def range_null(
    normalised: NDArray[np.float64],
    advantages: NDArray[np.float64],
    groups: NDArray[np.int64],
    permutations: int,
    rng: np.random.Generator,
) -> RangeNull:
    """Compare the range of the credit mean_i ℓ̂_k(τ_i) A_i with that of shuffled advantages.

    Args:
        normalised: [N, K] weights ℓ̂ over the candidates.
        advantages: [N].
        groups: [N].
        permutations: number of shuffles.
        rng: generator of the shuffles.
    """
    shuffled = shuffle_within_groups(advantages, groups, permutations, rng)
    # einsum and not matmul: BLAS may round differently with another number of threads.
    rows = np.concatenate([advantages[None], shuffled])
    credits = np.einsum("pn,nk->pk", rows, normalised) / len(advantages)
    ranges = np.ptp(credits, axis=1)
    observed, null = ranges[0], ranges[1:]
    # Shuffles that change nothing on paper (equal advantages) differ by rounding: ties.
    rounding = 1e-12 * np.abs(advantages).max()
    exceeding = int(np.count_nonzero(null >= observed - rounding))
    return RangeNull(
        mean=float(null.mean()),
        q95=float(np.quantile(null, 0.95)),
        p_value=(1 + exceeding) / (1 + permutations),
    )
