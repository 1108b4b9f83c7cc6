"""A rollout batch on its way to temperature credit: what it must be, and its mean over trajectories.

Arithmetic is float64 and the mean is a correctly rounded sum, so credit depends neither on the order of
the trajectories nor on how they were split over micro-batches and processes.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tampo.temperature import simplex
from tampo.temperature.protocol import FloatArray, RolloutFeedback

ROUNDING = 1e-3
"""How far above 0 a log-probability may come to lie by rounding."""
LOWEST_MEAN = -60.0
"""Nats per token at temperature 1 that no language model's own rollout has on average."""


def checked_batch(
    log_likelihoods: ArrayLike,
    advantages: ArrayLike,
    candidates: tuple[float, ...],
    feedback: RolloutFeedback | None = None,
) -> tuple[FloatArray, FloatArray]:
    """Return likelihoods [N, K] and advantages [N] in float64, or refuse them.

    Raises:
        ValueError: an empty batch, shapes that do not fit together or the K candidates, or a NaN or
            an infinity (the message names the argument and the index), or log-likelihoods that are no
            means over tokens: above 0, or as low as sums.
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
    _require_log_probabilities(likelihoods)
    if feedback is None:
        # A trainer's feedback has lengths, and its likelihoods were divided by them.
        _require_means(likelihoods, candidates)
    if size == 0:
        raise ValueError("log_likelihoods is empty: a batch without trajectories has no mean")
    return likelihoods, weights


def _require_log_probabilities(likelihoods: FloatArray) -> None:
    highest = float(likelihoods.max(initial=-math.inf))
    if highest > ROUNDING:
        raise ValueError(
            f"log_likelihoods holds {highest:g}; a mean of log-probabilities is at most 0: are these "
            "probabilities, or negative log-likelihoods?"
        )


def _require_means(likelihoods: FloatArray, candidates: tuple[float, ...]) -> None:
    # Logits are divided by the candidate: a low one makes unlikely tokens as much less likely.
    lowest, limit = float(likelihoods.min(initial=0.0)), LOWEST_MEAN / min(1.0, *candidates)
    if lowest < limit:
        raise ValueError(
            f"log_likelihoods holds {lowest:g}; a mean over tokens is hardly below {limit:g}: are these "
            "sums over tokens?"
        )


def group_labels(feedback: RolloutFeedback | None, size: int) -> NDArray[np.int64]:
    """Return the group of each of `size` trajectories; without feedback they are one group.

    Raises:
        ValueError: as many groups as trajectories were not given.
    """
    if feedback is None:
        return np.zeros(size, dtype=np.int64)
    groups = np.asarray(feedback.groups)
    if groups.shape != (size,):
        raise ValueError(f"feedback.groups has shape {groups.shape}, expected ({size},)")
    return groups


def mean_over_trajectories(values: FloatArray) -> FloatArray:
    """Return the mean of [N, K] over N, each column a correctly rounded sum."""
    return np.array([math.fsum(column) for column in values.T]) / len(values)
