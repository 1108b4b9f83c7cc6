"""TAMPO's signal: what a rollout batch says of every candidate temperature (steps 5-6).

With trajectories τ_i of advantage A_i and mean log-likelihood ℓ_k(τ_i) under candidate T_k:

    ℓ̂(τ_i)  = sparsemax(ℓ_1(τ_i) … ℓ_K(τ_i))                  step 5
    𝒜_B^(k) = mean_i ℓ̂_k(τ_i) A_i                             step 6, "the signal"

Arithmetic is float64 and the signal is a correctly rounded sum, so it depends neither on the order
of the trajectories nor on how they were split over micro-batches and processes.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tampo.temperature import simplex

Normalisation = Literal["sparsemax", "softmax"]
"""Map from a trajectory's log-likelihoods to weights over the candidates."""

NORMALISATIONS = {"sparsemax": simplex.sparsemax, "softmax": simplex.softmax}


def checked_batch(
    log_likelihoods: ArrayLike, advantages: ArrayLike, candidates: tuple[float, ...]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return likelihoods [N, K] and advantages [N] in float64, or refuse them.

    Raises:
        ValueError: an empty batch, shapes that do not fit together or the K candidates, or a NaN or
            an infinity (the message names the argument and the index).
    """
    likelihoods = simplex.finite_array(log_likelihoods, "log_likelihoods", ndim=2)
    weights = simplex.finite_array(advantages, "advantages", ndim=1)
    size, count = likelihoods.shape
    if count != len(candidates):
        raise ValueError(
            f"log_likelihoods has {count} columns for {len(candidates)} candidates {candidates}"
        )
    if size != len(weights):
        raise ValueError(f"log_likelihoods has {size} rows but advantages has {len(weights)}")
    if size == 0:
        raise ValueError("log_likelihoods is empty: a batch without trajectories has no mean")
    return likelihoods, weights


def candidate_weights(
    log_likelihoods: NDArray[np.float64],
    normalisation: Normalisation = "sparsemax",
    standardise: bool = False,
) -> NDArray[np.float64]:
    """Return ℓ̂ [N, K], each trajectory's weights over the candidates (step 5).

    Args:
        log_likelihoods: [N, K] ℓ_k(τ_i), mean token log-likelihoods.
        normalisation: `"sparsemax"`, or `"softmax"` as an ablation.
        standardise: replace ℓ_k by (ℓ_k − mean_j ℓ_j) / std_j ℓ_j (population) first; equal ℓ give
            zeros.
    """
    if standardise:
        log_likelihoods = _standardise(log_likelihoods)
    return NORMALISATIONS[normalisation](log_likelihoods)


def candidate_signal(
    weights: NDArray[np.float64], advantages: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return 𝒜_B [K], the mean over trajectories of weights [N, K] times advantages [N] (step 6)."""
    return _mean_over_trajectories(weights * advantages[:, None])


def _mean_over_trajectories(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of [N, K] over N, each column a correctly rounded sum: independent of row order."""
    return np.array([math.fsum(column) for column in values.T]) / len(values)


def _standardise(likelihoods: NDArray[np.float64]) -> NDArray[np.float64]:
    centred = likelihoods - likelihoods.mean(axis=1, keepdims=True)
    # Equal entries are found exactly: their computed mean can miss them by an ulp, and dividing
    # that by its own standard deviation would turn the rounding error into a signal of order one.
    equal = np.ptp(likelihoods, axis=1, keepdims=True) == 0
    deviation = np.sqrt(np.mean(centred**2, axis=1, keepdims=True))
    return np.where(equal, 0.0, centred / np.where(equal, 1.0, deviation))
