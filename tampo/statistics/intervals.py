"""Intervals: how far a mean score would move with other training seeds and other problems.

The scores of one method are a table [seeds, problems]: every seed meets the same problems. Two
things were sampled, and the interval is a percentile interval of a bootstrap over both:

- *Problems* are reweighted at random, the same weights for every seed and method. Drawing them
  separately for each seed would treat a hard problem met by three seeds as three hard problems. The
  weights are the Bayesian bootstrap's (Rubin 1981) with half a problem scored 0 and half a problem
  scored 1 added: for scores of 0 and 1 this is exactly Jeffreys' interval for a proportion, which
  holds for small sets, and three wrong answers to three problems do not give "0, certainly".
- *Runs* (training seed, and what sampling adds) are few, often three. Resampling three numbers
  cannot produce a mean outside their range, and percentile intervals made that way cover 75-90 %
  where 95 % is promised. The run level is therefore drawn from Student's t with their standard
  error. `tests/unit/statistics/test_intervals.py` measures the coverage of both.

With one seed nothing is known about the run level and the interval covers problems only; tables
show the number of seeds in every row.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from tampo.layout import AVERAGE
from tampo.seeds import generator
from tampo.statistics.resampling import Resampling

Row = TypeVar("Row", bound=Hashable)

END_WEIGHT = 0.5
"""Weight of the problem scored 0 and of the one scored 1 that are added to every set."""


@dataclass(frozen=True)
class Interval:
    """A mean score and the ends of its interval, all between 0 and 1."""

    mean: float
    low: float
    high: float


def reweighted_problem_means(
    scores: np.ndarray, resamples: int, rng: np.random.Generator
) -> np.ndarray:
    """Return means over problems under random weights (Bayesian bootstrap, Jeffreys' ends).

    Args:
        scores: [C, P] score between 0 and 1 of each of P problems in each of C columns.
        resamples: number of draws R.
        rng: decides the weights; all columns share them.

    Returns:
        [R, C].
    """
    weights = rng.standard_exponential(size=(resamples, scores.shape[1]))
    wrong, right = rng.standard_gamma(END_WEIGHT, size=(2, resamples))
    total = weights.sum(axis=1) + wrong + right
    # One column at a time: the last bits of a matrix product depend on its other columns.
    return np.stack([(weights @ column + right) / total for column in scores], axis=1)


def run_deviations(run_means: np.ndarray, standard_t: np.ndarray) -> np.ndarray:
    """Return draws of how far the mean over runs may lie from its expectation.

    Args:
        run_means: [S] mean score of each run; one run gives zeros.
        standard_t: [R] draws of Student's t with S - 1 degrees of freedom.

    Returns:
        [R] draws scaled by the standard error of the mean over runs.
    """
    if len(run_means) < 2:
        return np.zeros(len(standard_t))
    return standard_t * run_means.std(ddof=1) / np.sqrt(len(run_means))


def percentile_interval(mean: float, draws: np.ndarray, confidence: float) -> Interval:
    """Return the central interval of `draws` with mass `confidence`, cut to [0, 1].

    It is widened to hold `mean` where it does not, which happens at 0 and 1 only.
    """
    tail = (1 - confidence) / 2
    low, high = np.clip(np.quantile(draws, [tail, 1 - tail]), 0.0, 1.0)
    return Interval(float(mean), low=float(min(low, mean)), high=float(max(high, mean)))


def score_intervals(
    scores: Mapping[Row, Mapping[str, np.ndarray]], settings: Resampling
) -> dict[Row, dict[str, Interval]]:
    """Return the mean and interval of every row on every benchmark and on their average.

    Args:
        scores: for each row (a method and metric, say) and benchmark, [S, P]: the score of each of
            P problems in each of S runs. All rows have the same benchmarks and problems; S may
            differ.
        settings: confidence, number of resamples and base seed. A benchmark's draws depend on
            its name, its number of problems and S only, so a row never changes because another
            row or benchmark was added.

    Returns:
        For each row: `{benchmark: Interval, ..., "average": Interval}`.
    """
    rows = list(scores)
    if not rows:
        return {}
    benchmarks = list(scores[rows[0]])
    for row in rows:
        if list(scores[row]) != benchmarks:
            raise ValueError(f"row {row}: benchmarks {list(scores[row])} differ from {benchmarks}")
    averages = np.zeros((settings.resamples, len(rows)))
    result: dict[Row, dict[str, Interval]] = {row: {} for row in rows}
    for benchmark in benchmarks:
        over_runs = np.stack([scores[row][benchmark].mean(axis=0) for row in rows])
        rng = generator(settings.seed, "bootstrap", "problems", benchmark)
        draws = reweighted_problem_means(over_runs, settings.resamples, rng)
        averages += draws / len(benchmarks)
        for column, row in enumerate(rows):
            run_means = scores[row][benchmark].mean(axis=1)
            result[row][benchmark] = _interval(draws[:, column], run_means, benchmark, settings)
    for column, row in enumerate(rows):
        run_means = np.mean([scores[row][name].mean(axis=1) for name in benchmarks], axis=0)
        result[row][AVERAGE] = _interval(averages[:, column], run_means, AVERAGE, settings)
    return result


def _interval(
    problem_draws: np.ndarray, run_means: np.ndarray, name: str, settings: Resampling
) -> Interval:
    rng = generator(settings.seed, "bootstrap", "runs", name)
    freedom = max(1, len(run_means) - 1)
    standard_t = rng.standard_t(freedom, size=settings.resamples)
    draws = problem_draws + run_deviations(run_means, standard_t)
    return percentile_interval(run_means.mean(), draws, settings.confidence)
