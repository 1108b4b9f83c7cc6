"""Best and second best of a table, where the paired differences allow saying so.

A row is *best* in a column when it beats every other row of the same metric there: the interval of its
paired difference to each of them lies above zero. It is *second* when another is best and it beats
all the rest in the same way. A small study mostly marks nothing, which is what it found out.
"""

from __future__ import annotations

from functools import cache

import pandas as pd

from tampo.layout import AVERAGE, BENCHMARK, METHOD, METRIC
from tampo.statistics.paired import PairedDifference, pair_generator, paired_differences
from tampo.statistics.resampling import Resampling
from tampo.statistics.score_arrays import score_arrays

BEST, SECOND = "best", "second"
RULE = (
    "Bold marks the best: better than every other row of the same metric, each with the interval of "
    "the paired difference above zero. Underlined (in Markdown, italic) is the second best in the "
    "same sense. Where nothing is marked the study cannot tell."
)
Marks = dict[tuple[int, str], str]
"""`best` or `second` by row number and column of a table."""


def marks(table: pd.DataFrame, problem_scores: pd.DataFrame, settings: Resampling) -> Marks:
    """Return which cells of a table are best and second best.

    Args:
        table: of `tampo.report.tables.score_table`; average and benchmarks are judged.
        problem_scores: `problem_scores.csv`.
        settings: how the intervals of the differences are made.
    """
    benchmarks = list(dict.fromkeys(problem_scores[BENCHMARK]))
    rows = list(zip(table[METHOD], table[METRIC], strict=True))
    arrays = score_arrays(problem_scores, rows, benchmarks)

    @cache
    def differences(metric: str, first: str, second: str) -> dict[str, PairedDifference]:
        rng = pair_generator(settings, metric)
        return paired_differences(arrays[first, metric], arrays[second, metric], settings, rng)

    found: Marks = {}
    for metric, group in table.groupby(METRIC, sort=False):
        for column in [AVERAGE, *benchmarks]:
            order = group[column].sort_values(ascending=False, kind="stable").index
            for place, mark in ((0, BEST), (1, SECOND)):
                # The nearest rival comes first: it settles most columns alone.
                rivals = [table[METHOD][row] for row in order[place + 1 :]]
                method = table[METHOD][order[min(place, len(order) - 1)]]
                if not rivals or not all(
                    differences(metric, method, rival)[column].low > 0 for rival in rivals
                ):
                    break
                found[int(order[place]), column] = mark
    return found
