"""Power: the smallest difference that a study of this size is likely to find."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import brentq
from scipy.stats import nct, t

from tampo.statistics.paired import PairedDifference

POWER = 0.8
"""Chance of finding the smallest detectable difference: the convention of sample-size planning."""


def detectable_difference(
    standard_error: float, freedom: float, confidence: float, power: float = POWER
) -> float:
    """Return the true difference that a two-sided t-test finds with probability `power`.

    Solves P(T > t_crit) = power for the noncentrality of T; the chance of finding it with the wrong
    sign is not counted.

    Args:
        standard_error: of the difference; the result has its unit.
        freedom: degrees of freedom of the standard error.
        confidence: 1 - α of the test.
        power: between α / 2 and 1.
    """
    critical = float(t.isf((1 - confidence) / 2, freedom))

    def excess(noncentrality: float) -> float:
        return float(nct.sf(critical, freedom, noncentrality)) - power

    upper = critical
    while excess(upper) < 0:
        upper *= 2
    return standard_error * float(brentq(excess, 0.0, upper))


def study_detectable(
    comparisons: Sequence[PairedDifference], confidence: float, power: float = POWER
) -> float:
    """Return the smallest detectable difference of a study from the comparisons it made.

    Their variances are averaged, since each alone rests on few runs; so are their degrees of freedom.
    """
    errors = np.array([c.standard_error for c in comparisons])
    freedom = float(np.mean([c.freedom for c in comparisons]))
    return detectable_difference(float(np.sqrt(np.mean(errors**2))), freedom, confidence, power)


def error_after(seeds: int, run_deviation: float, problem_error: float) -> tuple[float, float]:
    """Return the standard error of a mean paired difference over `seeds` seeds, and its degrees of freedom.

    Args:
        run_deviation: standard deviation of the difference over seeds.
        problem_error: standard error that is due to the problems, which more seeds leave as it is.
    """
    error = float(np.hypot(run_deviation / np.sqrt(seeds), problem_error))
    # Only the runs' part of the variance is estimated from few values (Welch-Satterthwaite).
    fraction = run_deviation**2 / seeds / error**2 if error else 1.0
    return error, (seeds - 1) / max(fraction**2, 1e-9)


def seeds_needed(
    difference: float,
    run_deviation: float,
    problem_error: float,
    level: float,
    power: float = POWER,
    most: int = 1000,
) -> int | None:
    """Return how many seeds in all find a true difference with probability `power`.

    Args:
        difference: true one, a fraction as the next two; its sign does not matter.
        run_deviation, problem_error: of `error_after`.
        level: of the two-sided test.
        power: between `level` and 1.
        most: seeds beyond which the search ends.

    Returns:
        None where `most` do not suffice.
    """

    def found(seeds: int) -> bool:
        error, freedom = error_after(seeds, run_deviation, problem_error)
        return detectable_difference(error, freedom, 1 - level, power) <= abs(difference)

    if difference == 0 or not found(most):
        return None
    low, high = 2, most
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if found(middle) else (middle + 1, high)
    return low
