"""Paired differences: how much better one method scores than another, and how sure that is.

Both methods met the same problems with the same seeds (same order of problems, same sampling noise),
so what is compared is the table of differences D [seeds, problems] of each benchmark. Three things
were sampled, training seeds, then problems, then responses, and a hierarchical bootstrap covers them:

- *Problems* are reweighted at random (Bayesian bootstrap, Rubin 1981) on the mean over seeds. Half a
  problem on which the first method wins by the largest difference seen and half a problem on which
  it loses by it are added: one problem that differs among thirty then proves nothing, while without
  them every reweighting would have its sign.
- *Runs* are few, often three, so the mean over seeds is moved by Student's t with its standard error
  (`tampo.statistics.intervals` says why they are not resampled).
- *Responses* need no draw of their own. Their noise is in every cell of D, so it moves the run
  means, where t already counts it; it also moves the problem means, and is taken out there so that it
  does not count twice: by the two-way analysis of variance, a fraction 1 - MS_residual / MS_problem
  of the variance between problems is the problems' own. (Resampling both axes without this counts
  the residual up to three times: Owen 2007, "The pigeonhole bootstrap".) With one seed the two cannot
  be separated, and the problem level carries it all.

With one seed the run level is unknown and the interval covers these two runs only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from tampo.layout import AVERAGE, BENCHMARK, HIGH, LOW, METHOD, METRIC, NUM_SEEDS
from tampo.seeds import generator
from tampo.statistics.intervals import run_deviations
from tampo.statistics.resampling import Resampling
from tampo.statistics.score_arrays import Runs, Scores, in_common, score_arrays

END_WEIGHT = 0.5
"""Weight of the problem won and of the problem lost that are added to every benchmark."""


@dataclass(frozen=True)
class PairedDifference:
    """First method minus second; a fraction of problems, so 0.01 is one percentage point."""

    difference: float
    low: float
    high: float
    p_value: float
    """Two-sided: twice the smaller fraction of bootstrap draws on either side of zero."""
    standard_error: float
    freedom: float
    """Degrees of freedom of the standard error (Welch-Satterthwaite)."""
    runs: int
    """Seeds S."""


UNKNOWN = PairedDifference(*(float("nan"),) * 6, runs=0)
"""Of two methods that finished no seed in common."""


@dataclass(frozen=True)
class _Level:
    """One benchmark's part in the uncertainty of a mean difference."""

    mean: float
    deviations: np.ndarray
    """[R] draws of how far the problems sampled may have moved the mean."""
    variance: float
    """Variance of the mean that is due to the problems sampled."""
    freedom: int


def problem_fraction(differences: np.ndarray) -> float:
    """Return the fraction of the variance between problem means that is the problems' own.

    Args:
        differences: [S, P]. With one seed or one problem the two cannot be separated: 1.
    """
    runs, problems = differences.shape
    means = differences.mean(axis=0)
    between = runs * means.var(ddof=1) if problems > 1 else 0.0
    if runs < 2 or between == 0:
        return 1.0
    residual = differences - means - differences.mean(axis=1, keepdims=True) + means.mean()
    within = (residual**2).sum() / ((runs - 1) * (problems - 1))
    return float(max(0.0, 1 - within / between))


def problem_deviations(
    differences: np.ndarray, resamples: int, rng: np.random.Generator
) -> np.ndarray:
    """Return draws of how far the choice of problems may have moved the mean difference.

    Args:
        differences: [S, P] first method minus second, each between -1 and 1.
        resamples: number of draws R.
        rng: decides the weights.

    Returns:
        [R], to be added to the mean of `differences`.
    """
    means = differences.mean(axis=0)
    weights = rng.standard_exponential(size=(resamples, len(means)))
    won, lost = rng.standard_gamma(END_WEIGHT, size=(2, resamples))
    # Where nothing differs the size of a difference is unknown, and 1 is the largest there is.
    size = np.abs(means).max() or 1.0
    total = weights.sum(axis=1) + won + lost
    draws = (weights @ means + size * (won - lost)) / total
    return (draws - means.mean()) * np.sqrt(problem_fraction(differences))


def paired_differences(
    first: Scores, second: Scores, settings: Resampling, rng: np.random.Generator
) -> dict[str, PairedDifference]:
    """Return the difference of two methods on every benchmark and on their average.

    Args:
        first, second: `{benchmark: [S, P]}` with the same benchmarks, seeds and problems.
        settings: confidence and number of resamples.
        rng: two pairs that start from equal generators share their draws.

    Returns:
        `{benchmark: ..., "average": ...}`; the average weights benchmarks equally.

    Raises:
        ValueError: benchmarks or shapes differ.
    """
    if list(first) != list(second):
        raise ValueError(f"benchmarks {list(first)} and {list(second)} differ")
    runs_rng, *problem_rngs = rng.spawn(1 + len(first))
    differences, levels = {}, {}
    for name, problem_rng in zip(first, problem_rngs, strict=True):
        if first[name].shape != second[name].shape:
            raise ValueError(
                f"{name}: scores of shapes {first[name].shape} and {second[name].shape} "
                "cannot be paired"
            )
        differences[name] = first[name] - second[name]
        levels[name] = _level(differences[name], settings.resamples, problem_rng)
    runs = len(next(iter(differences.values())))
    standard_t = runs_rng.standard_t(max(1, runs - 1), size=settings.resamples)
    result = {
        name: _difference([levels[name]], differences[name].mean(axis=1), standard_t, settings)
        for name in differences
    }
    run_means = np.mean([table.mean(axis=1) for table in differences.values()], axis=0)
    result[AVERAGE] = _difference(list(levels.values()), run_means, standard_t, settings)
    return result


def _level(differences: np.ndarray, resamples: int, rng: np.random.Generator) -> _Level:
    problems = differences.shape[1]
    spread = differences.mean(axis=0).var(ddof=1) if problems > 1 else 0.0
    return _Level(
        mean=float(differences.mean()),
        deviations=problem_deviations(differences, resamples, rng),
        variance=float(problem_fraction(differences) * spread / problems),
        freedom=max(1, problems - 1),
    )


def _difference(
    levels: list[_Level], run_means: np.ndarray, standard_t: np.ndarray, settings: Resampling
) -> PairedDifference:
    """Put the benchmarks' problem levels and the runs together."""
    runs = len(run_means)
    mean = float(np.mean([level.mean for level in levels]))
    deviations = np.mean([level.deviations for level in levels], axis=0)
    draws = mean + deviations + run_deviations(run_means, standard_t)
    tail = (1 - settings.confidence) / 2
    low, high = np.clip(np.quantile(draws, [tail, 1 - tail]), -1.0, 1.0)
    beyond = min(np.count_nonzero(draws <= 0), np.count_nonzero(draws >= 0))
    parts = [(level.variance / len(levels) ** 2, level.freedom) for level in levels]
    if runs > 1:
        parts.append((float(run_means.var(ddof=1)) / runs, runs - 1))
    variance, freedom = _satterthwaite(parts)
    return PairedDifference(
        difference=mean,
        low=float(min(low, mean)),
        high=float(max(high, mean)),
        p_value=min(1.0, 2 * (1 + beyond) / (1 + len(draws))),
        standard_error=float(np.sqrt(variance)),
        freedom=freedom,
        runs=runs,
    )


def _satterthwaite(parts: Sequence[tuple[float, int]]) -> tuple[float, float]:
    """Return the sum of independent variance estimates and its degrees of freedom."""
    variance = sum(part for part, _ in parts)
    if variance == 0:
        return 0.0, float(min(freedom for _, freedom in parts))
    return variance, variance**2 / sum(part**2 / freedom for part, freedom in parts)


def difference_table(
    problem_scores: pd.DataFrame,
    pairs: Sequence[tuple[str, str]],
    metrics: Sequence[str],
    settings: Resampling,
    diverged: Runs = (),
) -> pd.DataFrame:
    """Return paired differences of methods as a long table.

    Args:
        problem_scores: `problem_scores.csv` of `tampo.stages.aggregate`.
        pairs: (method, baseline); the difference is method minus baseline.
        metrics: e.g. `["pass@1", "pass@8"]`.
        settings: how intervals are made; draws depend on its seed and on the metric, so a row does
            not change because another pair was added.
        diverged: runs without scores; a pair is compared on the seeds that both finished, and has
            NaN and num_seeds 0 without any.

    Returns:
        method, baseline, metric, benchmark ("average" first), difference, low, high, standard_error
        (between -1 and 1), p_value, num_seeds.
    """
    benchmarks = list(dict.fromkeys(problem_scores[BENCHMARK]))
    methods = list(dict.fromkeys(name for pair in pairs for name in pair))
    rows = [(method, metric) for method in methods for metric in metrics]
    arrays = score_arrays(problem_scores, rows, benchmarks, diverged)
    table = []
    for metric in metrics:
        for method, baseline in pairs:
            found = dict.fromkeys([AVERAGE, *benchmarks], UNKNOWN)
            if (method, metric) in arrays and (baseline, metric) in arrays:
                pair = in_common(arrays[method, metric], arrays[baseline, metric])
                if pair[0].seeds:
                    rng = pair_generator(settings, metric)
                    found = paired_differences(*pair, settings, rng)
            table += [
                {
                    METHOD: method,
                    "baseline": baseline,
                    METRIC: metric,
                    BENCHMARK: name,
                }
                | _cells(found[name])
                for name in [AVERAGE, *benchmarks]
            ]
    columns = [
        METHOD,
        "baseline",
        METRIC,
        BENCHMARK,
        "difference",
        LOW,
        HIGH,
    ]
    return pd.DataFrame(table, columns=[*columns, "standard_error", "p_value", NUM_SEEDS])


def pair_generator(settings: Resampling, metric: str) -> np.random.Generator:
    """Return the generator of every comparison on `metric`: all pairs meet the same reweightings."""
    return generator(settings.seed, "paired", metric)


def _cells(found: PairedDifference) -> dict[str, float]:
    return {
        "difference": found.difference,
        LOW: found.low,
        HIGH: found.high,
        "standard_error": found.standard_error,
        "p_value": found.p_value,
        NUM_SEEDS: found.runs,
    }
