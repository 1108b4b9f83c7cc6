"""Problem scores as arrays [seeds, problems], the form in which statistics want them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from tampo.layout import BENCHMARK, METHOD, METRIC, PROBLEM, SEED, VALUE

Scores = dict[str, np.ndarray]
"""For each benchmark [S, P]: the score of each of P problems in each of S runs."""


def score_arrays(
    problem_scores: pd.DataFrame, rows: Sequence[tuple[str, str]], benchmarks: Sequence[str]
) -> dict[tuple[str, str], Scores]:
    """Return the problem scores of some methods, paired by seed and by problem.

    Args:
        problem_scores: `problem_scores.csv` of `tampo.stages.aggregate`.
        rows: (method, metric).
        benchmarks: names, in the order wanted.

    Returns:
        `{(method, metric): {benchmark: [S, P]}}`; seeds and problems are sorted, so the same
        position is the same seed and problem in every row.

    Raises:
        ValueError: names the row and benchmark that have no scores, or whose seeds or problems
            differ from the others'.
    """
    wanted = problem_scores[problem_scores[BENCHMARK].isin(benchmarks)]
    groups = dict(list(wanted.groupby([METHOD, METRIC, BENCHMARK], sort=False)))
    arrays: dict[tuple[str, str], Scores] = {row: {} for row in rows}
    axes: dict[str, tuple[list, list]] = {}
    for method, metric in rows:
        for name in benchmarks:
            if (method, metric, name) not in groups:
                raise ValueError(f"no problem scores of {method}, {metric}, {name}")
            group = groups[method, metric, name]
            grid = group.pivot(index=SEED, columns=PROBLEM, values=VALUE)
            if grid.isna().any(axis=None):
                raise ValueError(f"{method}, {metric}, {name}: seeds differ in their problems")
            found = (list(grid.index), list(grid.columns))
            if axes.setdefault(name, found) != found:
                raise ValueError(
                    f"{method}, {metric}, {name}: other seeds or problems than {rows[0][0]} has"
                )
            arrays[method, metric][name] = grid.to_numpy()
    return arrays
