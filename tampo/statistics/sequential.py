"""Looking more than once: tests that are repeated as seeds are added, without more false findings.

A study declares after how many seeds it is looked at. Testing at every look with level α would reject a true
null hypothesis far more often than α. Lan and DeMets' (1983) spending function after O'Brien and Fleming
says how much of α may be spent up to a fraction t of the last look's seeds,

    α(t) = 4 (1 − Φ(z / √t)),   z = Φ⁻¹(1 − α / 4),

half of it for either sign, and the level of each look follows, one after another, from the joint
distribution of the statistics of all looks (Armitage, McPherson and Rowe 1969). With independent seeds those
of two looks after n and m > n seeds are normal with correlation √(n / m). Where they are correlated more, as
through problems that all seeds have in common, fewer false findings are made than α. Levels are applied
to p-values, so a test for few seeds may be Student's.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy.optimize import brentq
from scipy.stats import norm

Looks = tuple[int, ...]
"""Seeds at every declared look, rising; the last is the study's end."""
NODES = 160
"""Of the quadrature over the values that have not crossed a boundary."""
FARTHEST = 9.0
"""Standard deviations beyond which nothing is left: 2e-19."""
LARGEST = 0.3
"""The largest level that is looked at: nobody tests at higher ones."""
GRID = np.geomspace(1e-9, LARGEST, 100)
"""Levels between which the look-adjusted p-value is interpolated."""


def spent(level: float, fraction: float) -> float:
    """Return α(t): how much of `level` may be spent up to a fraction of the last look's seeds."""
    return float(4 * norm.sf(norm.isf(level / 4) / np.sqrt(fraction)))


@lru_cache(maxsize=4096)
def look_levels(level: float, looks: Looks) -> tuple[float, ...]:
    """Return the two-sided level of the test at every look.

    Args:
        level: chance of rejecting a true null hypothesis at any look.
        looks: seeds at every look.
    """
    levels: list[float] = []
    # Sums of `seeds` standard normal values that have crossed no boundary, and their density.
    values, density, seeds = np.zeros(1), np.ones(1), 0
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    for look in looks:
        before = spent(level, seeds / looks[-1]) if seeds else 0.0
        target = spent(level, look / looks[-1]) - before
        bound = _bound(values, density, look - seeds, look, target)
        levels.append(float(2 * norm.sf(bound)))
        edge, scale = bound * np.sqrt(look), np.sqrt(look - seeds)
        steps = norm.pdf((edge * nodes[:, None] - values) / scale) / scale
        values, density, seeds = edge * nodes, edge * weights * (steps @ density), look
    return tuple(levels)


def _bound(values: np.ndarray, density: np.ndarray, added: int, look: int, target: float) -> float:
    """Return the standardised bound that a sum of `look` seeds crosses first with chance `target`.

    Args:
        values, density: [N] sums before the last `added` seeds, none of which crossed a bound.
    """
    scale = np.sqrt(added)

    def excess(bound: float) -> float:
        edge = bound * np.sqrt(look)
        beyond = norm.sf((edge - values) / scale) + norm.cdf((-edge - values) / scale)
        return float(density @ beyond) - target

    if excess(FARTHEST) >= 0:
        return FARTHEST
    return float(brentq(excess, 0.0, FARTHEST, xtol=1e-10))


def look_adjusted(p_value: float, look: int, looks: Looks) -> float:
    """Return the smallest level at which a test with this p-value rejects at this look.

    Rejecting where it is at most α, at whichever look, keeps the chance of a false rejection at α; so
    does Holm's adjustment of such values over several hypotheses.

    Args:
        p_value: two-sided, of the seeds up to this look.
        look: its number, from 0.
        looks: seeds at every look.

    Returns:
        1 where the level would be above `LARGEST`.
    """
    at_look = _levels_of_grid(looks)[:, look]
    if p_value > at_look[-1]:
        return 1.0
    # Below the smallest level of the grid, everything counts as that.
    reached = np.interp(np.log(max(p_value, 1e-300)), np.log(at_look), np.log(GRID))
    return float(np.exp(reached))


@lru_cache(maxsize=64)
def _levels_of_grid(looks: Looks) -> np.ndarray:
    """Return [levels, looks] levels of every look, rising with the level."""
    found = np.array([look_levels(float(level), looks) for level in GRID])
    return np.maximum.accumulate(np.maximum(found, 1e-300), axis=0)
