"""Maps onto the probability simplex and draws from it: steps 1, 5 and 8 of TAMPO, in float64.

Every function refuses NaN and infinity by name and index, and says what it does with ties and 0/0.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tampo.temperature.protocol import FloatArray

BOUNDARY_TOLERANCE = 1e-12
"""A prefix counts as having reached the mass p when it lies this close below it. Eight times 1/10
is 8/10 on paper and 0.7999999999999999 when added up in float64; without the tolerance a rounding
error could let one more candidate in."""

MASS_TOLERANCE = 1e-9
"""How far the sum of a distribution that is handed in may be from 1."""


def finite_array(values: ArrayLike, name: str, ndim: int | None = None) -> FloatArray:
    """Return `values` as a float64 array, or refuse it.

    Torch tensors of any device and dtype are accepted, without importing torch here.

    Args:
        values: numbers of any shape.
        name: what the caller calls them; part of the error.
        ndim: number of dimensions that is required, if any.

    Raises:
        ValueError: a NaN or an infinity (the message gives the first index and the value), or
            another number of dimensions.
    """
    if hasattr(values, "detach"):
        # bfloat16 has no numpy counterpart; every float type of torch is exact in float64.
        values = values.detach().cpu().double().numpy()
    array = np.asarray(values, dtype=np.float64)
    if ndim is not None and array.ndim != ndim:
        raise ValueError(f"{name} must have {ndim} dimension(s), got shape {array.shape}")
    finite = np.isfinite(array)
    if not finite.all():
        index = tuple(int(i) for i in np.argwhere(~finite)[0])
        place = f"[{', '.join(map(str, index))}]" if index else ""
        raise ValueError(f"{name}{place} is {array[index]}; only finite numbers are allowed")
    return array


def sparsemax(scores: ArrayLike) -> FloatArray:
    """Project each row of scores onto the simplex: argmin_p ‖p − scores‖² (step 5).

    Martins & Astudillo, "From Softmax to Sparsemax" (ICML 2016), Algorithm 1. The result is unique,
    so ties need no rule: equal scores get equal probabilities.

    Args:
        scores: [..., K], K ≥ 1.

    Returns:
        [..., K], each row non-negative with sum 1.

    Raises:
        ValueError: no candidate (K = 0), or a NaN or an infinity.
    """
    z = finite_array(scores, "scores")
    if z.ndim == 0 or z.shape[-1] == 0:
        raise ValueError(f"scores must hold at least one candidate, got shape {z.shape}")
    with np.errstate(over="ignore"):
        z = z - z.max(axis=-1, keepdims=True)
    # The threshold is never more than 1 below the maximum, so what lies lower is zero in any case;
    # cutting there keeps the sums below free of overflow and of cancellation.
    z = np.maximum(z, -1.0)
    descending = -np.sort(-z, axis=-1)
    cumulative = np.cumsum(descending, axis=-1)
    counts = np.arange(1, z.shape[-1] + 1)
    support = (1.0 + counts * descending > cumulative).sum(axis=-1, keepdims=True)
    threshold = (np.take_along_axis(cumulative, support - 1, axis=-1) - 1.0) / support
    weights: FloatArray = np.maximum(z - threshold, 0.0)
    return weights


def softmax(scores: ArrayLike) -> FloatArray:
    """Normalise each row of scores by exp: the ablation of `sparsemax`, with the same contract."""
    z = finite_array(scores, "scores")
    if z.ndim == 0 or z.shape[-1] == 0:
        raise ValueError(f"scores must hold at least one candidate, got shape {z.shape}")
    with np.errstate(over="ignore"):
        weights: FloatArray = np.exp(z - z.max(axis=-1, keepdims=True))
    weights /= weights.sum(axis=-1, keepdims=True)
    return weights


def support_size(probabilities: ArrayLike) -> NDArray[np.int64]:
    """Count the candidates with a probability above zero.

    Args:
        probabilities: [..., K].

    Returns:
        [...] integers between 0 and K.
    """
    positive = finite_array(probabilities, "probabilities") > 0
    counts: NDArray[np.int64] = np.count_nonzero(positive, axis=-1)
    return counts


def nucleus(probabilities: ArrayLike, p: float) -> FloatArray:
    """Keep the most probable candidates up to mass `p` and renormalise (step 1).

    Candidates are taken in order of falling probability, equal ones in order of rising index, which
    for TAMPO is rising temperature. The smallest non-empty prefix whose mass is at least `p`, to
    within `BOUNDARY_TOLERANCE`, is kept. Hence `p = 0` is greedy with ties going to the lowest
    index, and `p = 1` returns the whole distribution.

    Args:
        probabilities: [K], non-negative with sum 1 to within `MASS_TOLERANCE`.
        p: mass to keep, in [0, 1].

    Returns:
        [K], sum 1, zero outside the prefix.

    Raises:
        ValueError: not a distribution, or `p` outside [0, 1].
    """
    weights = _distribution(probabilities)
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"p is {p}; allowed is 0 <= p <= 1")
    if p == 1.0:
        return weights.copy()
    order = np.argsort(-weights, kind="stable")
    # fsum, so that the mass of a prefix does not depend on the order of equal candidates.
    kept = next(
        n
        for n in range(1, weights.size + 1)
        if n == weights.size or math.fsum(weights[order[:n]]) >= p - BOUNDARY_TOLERANCE
    )
    result = np.zeros_like(weights)
    result[order[:kept]] = weights[order[:kept]]
    return result / math.fsum(result)


def draw(probabilities: ArrayLike, rng: np.random.Generator) -> int:
    """Draw an index by inverting the distribution function at one uniform number.

    Exactly one number is taken from `rng`, whatever the distribution, and runs that share a stream
    and have similar distributions draw similar indices. Probability zero is never drawn.

    Args:
        probabilities: [K], non-negative with sum 1 to within `MASS_TOLERANCE`.
        rng: generator of the draw.

    Raises:
        ValueError: not a distribution.
    """
    weights = _distribution(probabilities)
    cumulative = np.cumsum(weights)
    index = int(np.searchsorted(cumulative, rng.random() * cumulative[-1], side="right"))
    # The product can round up to the total, which would fall behind the last candidate.
    return min(index, int(np.flatnonzero(weights)[-1]))


def min_max(scores: ArrayLike) -> FloatArray:
    """Turn scores into probabilities: scale to [0, 1] by the range, divide by the sum (step 8).

    The lowest score gets probability 0 and only differences count. When all scores are equal the
    quotient is 0/0 and we choose the uniform distribution.

    Args:
        scores: [K], K ≥ 1.

    Returns:
        [K], sum 1.

    Raises:
        ValueError: no candidate, or a NaN or an infinity.
    """
    z = finite_array(scores, "scores", ndim=1)
    if z.size == 0:
        raise ValueError("scores must hold at least one candidate, got none")
    low, high = z.min(), z.max()
    if low == high:
        return uniform(z.size)
    # Halved, the range of any two finite numbers is finite; halving is exact but for denormals.
    scale = 0.5 if not math.isfinite(float(high) - float(low)) else 1.0
    scaled: FloatArray = (z * scale - low * scale) / (high * scale - low * scale)
    return scaled / math.fsum(scaled)


def uniform(size: int) -> FloatArray:
    """Return the uniform distribution over `size` candidates."""
    return np.full(size, 1.0 / size)


def _distribution(probabilities: ArrayLike) -> FloatArray:
    weights = finite_array(probabilities, "probabilities", ndim=1)
    if weights.size == 0:
        raise ValueError("probabilities must hold at least one candidate, got none")
    if weights.min() < 0:
        index = int(np.argmin(weights))
        raise ValueError(f"probabilities[{index}] is {weights[index]}; it must not be negative")
    mass = math.fsum(weights)
    if abs(mass - 1.0) > MASS_TOLERANCE:
        raise ValueError(f"probabilities sum to {mass!r}; they must sum to 1")
    return weights
