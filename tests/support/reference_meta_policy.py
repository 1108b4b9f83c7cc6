"""A slow meta-policy written from the equations of the paper, sharing no code with the package.

Pure Python and exact rational arithmetic: every floating-point input is taken as the rational number
that it is. Only the support of step 5 is found by bisection, in floating point; a score that close to
the threshold contributes less than 1e-15 either way.
"""

from __future__ import annotations

from fractions import Fraction

BISECTIONS = 60

BOUNDARY = Fraction(1, 10**12)
"""Our choice: a prefix whose mass is this close below p has reached it. Linear credits give π like
(0, 0.1, 0.2, 0.3, 0.4), whose two largest are 0.7 on paper and miss it by the rounding of inputs."""


def sparsemax(scores: list[float]) -> list[Fraction]:
    """Step 5: the point of the simplex nearest to `scores`.

    The projection is max(z − τ, 0) with τ such that it sums to 1. That sum falls in τ, is at least 1
    at max(z) − 1 and 0 at max(z).
    """
    low, high = max(scores) - 1, max(scores)
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        if sum(max(z - middle, 0) for z in scores) >= 1:
            low = middle
        else:
            high = middle
    exact = [Fraction(z) for z in scores]
    support = [z for z in exact if z > low]
    threshold = (sum(support) - 1) / len(support)
    return [max(z - threshold, Fraction(0)) for z in exact]


def batch_credit(
    log_likelihoods: list[list[float]], advantages: list[float], count: int
) -> list[Fraction]:
    """Step 6: mean over the batch of normalised likelihood times advantage."""
    total = [Fraction(0)] * count
    for row, advantage in zip(log_likelihoods, advantages, strict=True):
        for k, weight in enumerate(sparsemax(row)):
            total[k] += weight * Fraction(advantage)
    return [t / len(advantages) for t in total]


class ReferenceMetaPolicy:
    """Steps 6 to 8 and the distribution of step 1, for K candidates."""

    def __init__(self, count: int, alpha: float, top_p: float) -> None:
        self.alpha = Fraction(alpha)
        self.top_p = Fraction(top_p)
        self.ema = [Fraction(0)] * count

    def observe(self, log_likelihoods: list[list[float]], advantages: list[float]) -> None:
        """Step 7."""
        credit = batch_credit(log_likelihoods, advantages, len(self.ema))
        self.ema = [
            (1 - self.alpha) * old + self.alpha * new
            for old, new in zip(self.ema, credit, strict=True)
        ]

    def probabilities(self) -> list[Fraction]:
        """Step 8; uniform where it is 0/0."""
        low, high = min(self.ema), max(self.ema)
        if low == high:
            return [Fraction(1, len(self.ema))] * len(self.ema)
        scaled = [(a - low) / (high - low) for a in self.ema]
        return [s / sum(scaled) for s in scaled]

    def nucleus(self) -> list[Fraction]:
        """Step 1: the distribution that a temperature is drawn from, after warm-up."""
        return nucleus(self.probabilities(), self.top_p)


def nucleus(probabilities: list[Fraction], p: Fraction) -> list[Fraction]:
    """Add candidates from the most probable down, lower index first, until their mass is p."""
    kept: list[int] = []
    left = list(range(len(probabilities)))
    while left and (not kept or sum(probabilities[k] for k in kept) < p - BOUNDARY):
        best = left[0]
        for k in left:
            if probabilities[k] > probabilities[best]:
                best = k
        kept.append(best)
        left.remove(best)
    mass = sum(probabilities[k] for k in kept)
    return [
        probabilities[k] / mass if k in kept else Fraction(0) for k in range(len(probabilities))
    ]
