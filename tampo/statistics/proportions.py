"""Intervals for proportions of few units, where mean ± two standard errors fails."""

from __future__ import annotations

from scipy.stats import beta


def jeffreys_interval(proportion: float, units: float, confidence: float) -> tuple[float, float]:
    """Return Jeffreys' interval of a proportion: Beta quantiles, with 0 and 1 kept at the ends.

    Args:
        proportion: of the units, between 0 and 1; need not be a whole number of units (a mean of parts).
        units: independent units behind it, above 0. Dependent observations count once: the runs
            of a method are its units, not its runs times benchmarks.
        confidence: nominal coverage.

    Raises:
        ValueError: a proportion outside [0, 1] or no units.
    """
    if not 0 <= proportion <= 1 or units <= 0:
        raise ValueError(
            f"proportion {proportion} of {units} units; allowed: 0 <= proportion <= 1, units > 0"
        )
    tail, hits = (1 - confidence) / 2, proportion * units
    low = 0.0 if proportion == 0 else float(beta.ppf(tail, hits + 0.5, units - hits + 0.5))
    high = 1.0 if proportion == 1 else float(beta.ppf(1 - tail, hits + 0.5, units - hits + 0.5))
    return low, high
