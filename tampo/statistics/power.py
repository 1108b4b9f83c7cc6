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
