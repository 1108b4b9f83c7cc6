"""Problem scores as arrays [seeds, problems], the form in which statistics want them."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import pandas as pd

from tampo.layout import BENCHMARK, METHOD, METRIC, PROBLEM, SEED, VALUE

Scores = dict[str, np.ndarray]
"""For each benchmark [S, P]: the score of each of P problems in each of S runs."""
Runs = Collection[tuple[str, int]]
"""Method and seed of training runs."""


class SeedScores(Scores):
    """`Scores` whose S runs have these seeds, ascending."""

    def __init__(self, tables: Scores, seeds: Sequence[int]) -> None:
        super().__init__(tables)
        self.seeds = tuple(seeds)


def in_common(first: SeedScores, second: SeedScores) -> tuple[SeedScores, SeedScores]:
    """Return two rows of scores on the seeds that both have, S of which may be 0."""
    if first.seeds == second.seeds:
        return first, second
    seeds = [seed for seed in first.seeds if seed in second.seeds]

    def of(scores: SeedScores) -> SeedScores:
        places = [scores.seeds.index(seed) for seed in seeds]
        return SeedScores({name: table[places] for name, table in scores.items()}, seeds)

    return of(first), of(second)


def score_arrays(
    problem_scores: pd.DataFrame,
    rows: Sequence[tuple[str, str]],
    benchmarks: Sequence[str],
    diverged: Runs = (),
) -> dict[tuple[str, str], SeedScores]:
    """Return the problem scores of some methods, paired by seed and by problem.

    Args:
        problem_scores: `problem_scores.csv` of `tampo.stages.aggregate`.
        rows: (method, metric).
        benchmarks: names, in the order wanted.
        diverged: runs that have no scores; every other run has them.

    Returns:
        `{(method, metric): {benchmark: [S, P]}}`; seeds and problems are sorted, so the same
        position is the same problem in every row, and the same seed where no run diverged
        (`in_common` pairs the others). A method of which no run finished has no row.

    Raises:
        ValueError: names the row and benchmark that have no scores, or whose seeds or problems
            differ from the others'.
    """
    wanted = problem_scores[problem_scores[BENCHMARK].isin(benchmarks)]
    groups = dict(list(wanted.groupby([METHOD, METRIC, BENCHMARK], sort=False)))
    arrays: dict[tuple[str, str], SeedScores] = {}
    axes: dict[str, tuple[list, list]] = {}
    scored = set(wanted[METHOD])
    for method, metric in rows:
        without = {seed for name, seed in diverged if name == method}
        if without and method not in scored:
            continue
        tables = {}
        for name in benchmarks:
            if (method, metric, name) not in groups:
                raise ValueError(f"no problem scores of {method}, {metric}, {name}")
            group = groups[method, metric, name]
            grid = group.pivot(index=SEED, columns=PROBLEM, values=VALUE)
            if grid.isna().any(axis=None):
                raise ValueError(f"{method}, {metric}, {name}: seeds differ in their problems")
            found = (sorted({*grid.index, *without}), list(grid.columns))
            if axes.setdefault(name, found) != found:
                raise ValueError(
                    f"{method}, {metric}, {name}: other seeds or problems than {rows[0][0]} has"
                )
            tables[name] = grid.to_numpy()
        arrays[method, metric] = SeedScores(tables, list(grid.index))
    return arrays
