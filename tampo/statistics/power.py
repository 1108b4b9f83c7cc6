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


def seeds_needed(
    difference: float,
    run_deviation: float,
    problem_error: float,
    level: float,
    power: float = POWER,
    most: int = 1000,
) -> int | None:
    """Return how many seeds in all find a true difference with probability `power`.

    The error of a mean over n seeds is √(run_deviation² / n + problem_error²): more seeds do not make
    up for few problems.

    Args:
        difference: true one, between 0 and what it is a fraction of; its sign does not matter.
        run_deviation: standard deviation of the paired difference over seeds.
        problem_error: standard error of the mean difference that is due to the problems.
        level: of the two-sided test.
        power: between `level` and 1.
        most: seeds beyond which the search ends.

    Returns:
        None where `most` do not suffice.
    """

    def found(seeds: int) -> float:
        error = np.hypot(run_deviation / np.sqrt(seeds), problem_error)
        if error == 0:
            return 1.0 if difference else 0.0
        # Only the runs' part of the error is estimated from few values.
        fraction = run_deviation**2 / seeds / error**2
        freedom = (seeds - 1) / max(fraction**2, 1e-9)
        critical = float(t.isf(level / 2, freedom))
        return float(nct.sf(critical, freedom, abs(difference) / error))

    if found(most) < power:
        return None
    low, high = 2, most
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if found(middle) >= power else (middle + 1, high)
    return low
