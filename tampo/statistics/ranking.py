"""Best and second best of a table, where the paired differences allow saying so.

A row is *best* in a column when it beats every other row of the same metric there: the interval of its
paired difference to each of them lies above zero. It is *second* when another is best and it beats
all the rest in the same way. A small study mostly marks nothing.
"""

from __future__ import annotations

from functools import cache

import pandas as pd

from tampo.layout import AVERAGE, BENCHMARK, METHOD, METRIC
from tampo.statistics.paired import PairedDifference, pair_generator, paired_differences
from tampo.statistics.resampling import Resampling
from tampo.statistics.score_arrays import Runs, in_common, score_arrays

BEST, SECOND = "best", "second"
RULE = (
    "Bold marks the best: better than every other row of the same metric, each with the interval of "
    "the paired difference above zero. Underlined (in Markdown, italic) is the second best in the "
    "same sense. Where nothing is marked, no row is significantly better than all others."
)
Marks = dict[tuple[int, str], str]
"""`best` or `second` by row number and column of a table."""


def marks(
    table: pd.DataFrame,
    problem_scores: pd.DataFrame,
    settings: Resampling,
    diverged: Runs = (),
) -> Marks:
    """Return which cells of a table are best and second best.

    Rows are compared on the seeds that both finished; where runs diverged and that leaves fewer than
    two, nothing is known of how they compare. A row without a score is compared with none.

    Args:
        table: of `tampo.report.tables.score_table`; average and benchmarks are judged.
        problem_scores: `problem_scores.csv`.
        settings: how the intervals of the differences are made.
        diverged: runs without scores.
    """
    benchmarks = list(dict.fromkeys(problem_scores[BENCHMARK]))
    rows = list(zip(table[METHOD], table[METRIC], strict=True))
    arrays = score_arrays(problem_scores, rows, benchmarks, diverged)

    @cache
    def differences(metric: str, first: str, second: str) -> dict[str, PairedDifference]:
        rng = pair_generator(settings, metric)
        pair = in_common(arrays[first, metric], arrays[second, metric])
        if diverged and len(pair[0].seeds) < 2:
            return {}
        return paired_differences(*pair, settings, rng)

    def beats(metric: str, first: str, second: str, column: str) -> bool:
        found = differences(metric, first, second).get(column)
        return found is not None and found.low > 0

    found: Marks = {}
    for metric, group in table.groupby(METRIC, sort=False):
        group = group[[(method, metric) in arrays for method in group[METHOD]]]
        if group.empty:
            continue
        for column in [AVERAGE, *benchmarks]:
            order = group[column].sort_values(ascending=False, kind="stable").index
            for place, mark in ((0, BEST), (1, SECOND)):
                # The next best comes first: it alone settles most columns.
                others = [table[METHOD][row] for row in order[place + 1 :]]
                method = table[METHOD][order[min(place, len(order) - 1)]]
                if not others or not all(beats(str(metric), method, r, column) for r in others):
                    break
                found[int(order[place]), column] = mark
    return found
