"""Scores over unequal benchmarks that no single one decides: IQM, chance of improvement, profiles.

Agarwal et al. 2021, "Deep RL at the edge of the statistical precipice" (arXiv 2108.13264): a method is
a table of runs by benchmarks. Raw scores would make the interquartile mean drop the easiest and the
hardest benchmark whatever the methods do, so they are normalised first to the *gain*, the fraction
solved of what the base model left unsolved:

    gain = (score - base) / (1 - base)

0 is the base model, 1 is everything solved, and below 0 training did harm. (Dividing by the gain of
a reference method instead would divide by nearly zero where that learned nothing.) A benchmark that the
base model solves completely has no gain: it is left out and named.

Few runs are treated as in `tampo.statistics.intervals`. Fractions of cells get Jeffreys' interval with
the *runs* as units: the benchmarks of one run rise and fall together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.stats import trim_mean

from tampo.layout import BENCHMARK, HIGH, LOW, METHOD, METRIC, NUM_SEEDS
from tampo.seeds import generator
from tampo.statistics.intervals import reweighted_problem_means, run_deviations
from tampo.statistics.proportions import jeffreys_interval
from tampo.statistics.resampling import Resampling
from tampo.statistics.score_arrays import Runs, Scores, score_arrays

THRESHOLDS = np.round(np.linspace(-0.2, 1.0, 61), 2)
"""Gains at which performance profiles are read."""


def gain(scores: np.ndarray, base: np.ndarray) -> np.ndarray:
    """Return (score - base) / (1 - base); shapes broadcast, and every base is below 1."""
    return (scores - base) / (1 - base)


def interquartile_mean(cells: np.ndarray, axis: int | None = None) -> np.ndarray:
    """Return the mean of the middle half: a quarter of the cells, rounded down, dropped at each end."""
    return np.asarray(trim_mean(cells, 0.25, axis=axis))


def probability_of_improvement(first: np.ndarray, second: np.ndarray) -> float:
    """Return the chance that a run of the first method beats one of the second on a benchmark.

    Args:
        first: [S, B] scores of S runs on B benchmarks.
        second: [S', B].

    Returns:
        The mean over benchmarks of the fraction of pairs that the first wins, ties counting half
        (Mann-Whitney's U over S S').
    """
    wins = first[:, None] > second[None]
    ties = first[:, None] == second[None]
    return float((wins + 0.5 * ties).mean())


def performance_profile(cells: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """Return for each threshold the fraction of cells (runs by benchmarks) that exceed it, [T]."""
    return (cells.reshape(1, -1) > thresholds[:, None]).mean(axis=1)


def gains(
    problem_scores: pd.DataFrame,
    methods: Sequence[str],
    base: str,
    metric: str,
    diverged: Runs = (),
) -> tuple[dict[str, np.ndarray], list[str], list[str]]:
    """Return the gains over the base model of every run of some methods.

    Args:
        problem_scores: `problem_scores.csv` of `tampo.stages.aggregate`.
        methods: rows wanted.
        base: name of the untrained method; its score is its mean over seeds.
        metric: e.g. "pass@1".
        diverged: runs without scores; a method of which no run finished is left out.

    Returns:
        `{method: [S, B]}`, the B benchmarks, and the benchmarks left out because the base model
        solves them completely.

    Raises:
        ValueError: scores are missing, or no benchmark is left.
    """
    arrays, kept, left_out = _kept(problem_scores, methods, base, metric, diverged)
    base_scores = _run_scores(arrays[base]).mean(axis=0)
    found = {m: gain(_run_scores(arrays[m]), base_scores) for m in methods if m in arrays}
    return found, kept, left_out


def robust_table(
    problem_scores: pd.DataFrame,
    methods: Sequence[str],
    base: str,
    reference: str,
    metric: str,
    settings: Resampling,
    diverged: Runs = (),
) -> pd.DataFrame:
    """Return the IQM of gains, and the chance of beating a reference method, with intervals.

    A number is NaN where no run of the method, or of the reference, finished.

    Returns:
        method, metric, iqm, iqm_low, iqm_high (gains), reference, improvement, improvement_low,
        improvement_high (probability that a run of the method beats one of the reference; 0.5 for
        the reference itself), num_seeds, left_out (benchmarks, separated by spaces).
    """
    arrays, _, left_out = _kept(problem_scores, [*methods, reference], base, metric, diverged)
    unknown = float("nan")
    rows = []
    for method in methods:
        middle = low = high = chance = unknown
        ends, runs = (unknown, unknown), np.empty((0, 0))
        if method in arrays:
            runs = _run_scores(arrays[method])
            middle, low, high = _iqm_interval(arrays[method], arrays[base], metric, settings)
        if method in arrays and reference in arrays:
            chance = probability_of_improvement(runs, _run_scores(arrays[reference]))
            ends = jeffreys_interval(chance, len(runs), settings.confidence)
        rows.append(
            {METHOD: method, METRIC: metric}
            | {"iqm": middle, "iqm_low": low, "iqm_high": high}
            | {"reference": reference, "improvement": chance}
            | {"improvement_low": ends[0], "improvement_high": ends[1]}
            | {NUM_SEEDS: len(runs), "left_out": " ".join(left_out)}
        )
    return pd.DataFrame(rows)


def performance_profiles(
    problem_scores: pd.DataFrame,
    methods: Sequence[str],
    base: str,
    metric: str,
    settings: Resampling,
    thresholds: np.ndarray = THRESHOLDS,
    diverged: Runs = (),
) -> pd.DataFrame:
    """Return the performance profile of every method: method, threshold, fraction, low, high."""
    cells, _, _ = gains(problem_scores, methods, base, metric, diverged)
    rows = []
    for method in cells:
        runs = len(cells[method])
        fractions = performance_profile(cells[method], thresholds)
        for threshold, fraction in zip(thresholds.tolist(), fractions.tolist(), strict=True):
            low, high = jeffreys_interval(fraction, runs, settings.confidence)
            row = {METHOD: method, "threshold": threshold, "fraction": fraction}
            rows.append(row | {LOW: low, HIGH: high})
    return pd.DataFrame(rows, columns=[METHOD, "threshold", "fraction", LOW, HIGH])


def _kept(
    problem_scores: pd.DataFrame,
    methods: Sequence[str],
    base: str,
    metric: str,
    diverged: Runs = (),
) -> tuple[dict[str, Scores], list[str], list[str]]:
    """Return the score arrays of base and methods on the benchmarks that have a gain."""
    benchmarks = list(dict.fromkeys(problem_scores[BENCHMARK]))
    names = list(dict.fromkeys([base, *methods]))
    rows = [(name, metric) for name in names]
    found = score_arrays(problem_scores, rows, benchmarks, diverged)
    left_out = [b for b in benchmarks if found[base, metric][b].mean() == 1]
    kept = [b for b in benchmarks if b not in left_out]
    if not kept:
        raise ValueError(f"{metric}: {base} solves every benchmark completely; there is no gain")
    tables = {n: {b: found[n, metric][b] for b in kept} for n in names if (n, metric) in found}
    return tables, kept, left_out


def _run_scores(scores: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return [S, B]: the mean over problems."""
    return np.stack([table.mean(axis=1) for table in scores.values()], axis=1)


def _iqm_interval(
    scores: Scores, base: Scores, metric: str, settings: Resampling
) -> tuple[float, float, float]:
    """Return the IQM of a method's gains over all its cells, and its interval."""
    base_scores = _run_scores(base).mean(axis=0)
    cells = gain(_run_scores(scores), base_scores)
    draws = []
    for name, table in scores.items():
        # Equal generators: method and base meet the same reweightings of the problems.
        both = [
            reweighted_problem_means(
                columns, settings.resamples, generator(settings.seed, "iqm", metric, name)
            )
            for columns in (table, base[name].mean(axis=0, keepdims=True))
        ]
        draws.append(gain(*both))
    middles = interquartile_mean(np.concatenate(draws, axis=1), axis=1)
    rng = generator(settings.seed, "iqm", metric, "runs")
    standard_t = rng.standard_t(max(1, len(cells) - 1), size=settings.resamples)
    middles = middles + run_deviations(interquartile_mean(cells, axis=1), standard_t)
    estimate = float(interquartile_mean(cells))
    tail = (1 - settings.confidence) / 2
    low, high = np.quantile(middles, [tail, 1 - tail])
    return estimate, float(min(low, estimate)), float(max(high, estimate))
