"""Tables: one row per (method, metric), a score and its interval for the average and each benchmark.

Scores are percent with two decimals. Columns: method, metric, then `average, average_low,
average_high` and the same three for every benchmark, then num_seeds. Where a run of the study diverged,
`diverged` says for each method how many of its runs did; the numbers are of those that finished, and a
method without any has empty cells.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from math import isnan, nan
from pathlib import Path

import pandas as pd

from tampo.layout import (
    AVERAGE,
    BENCHMARK,
    DIVERGED,
    HIGH,
    LOW,
    METHOD,
    METRIC,
    NUM_SEEDS,
    SEED,
    VALUE,
)
from tampo.records.outcomes import Outcomes
from tampo.report.rounding import number
from tampo.statistics.intervals import Interval, score_intervals
from tampo.statistics.score_arrays import score_arrays
from tampo.study.settings import Statistics
from tampo.study.study import Study

DECIMALS = 2
LONGEST_CELL = 100
"""Characters of a cell beyond which a terminal is not shown its column."""
ESTIMATES = {"estimate": (LOW, HIGH), "difference": (LOW, HIGH)}
"""Columns whose intervals end in columns of other names."""
FRACTIONS = ("iqm", "improvement")
"""Columns that are no percentages, and are rounded as the page rounds numbers."""
EMPHASIS = {"best": "**", "second": "_"}
"""How Markdown shows a mark of `tampo.statistics.ranking`."""


def score_table(
    scores: pd.DataFrame,
    problem_scores: pd.DataFrame,
    methods: list[str],
    metrics: list[str],
    settings: Statistics,
    outcomes: Outcomes | None = None,
) -> pd.DataFrame:
    """Return a table of the report.

    Args:
        scores: `scores.csv` of `tampo.stages.aggregate`; the numbers of the table.
        problem_scores: `problem_scores.csv`; the intervals around them.
        methods: rows, in order.
        metrics: one row of each method for each, in order.
        settings: how intervals are made.
        outcomes: which runs diverged, and have no scores; none by default.

    Raises:
        ValueError: a score is missing, or the two score tables do not belong together.
    """
    rows = [(method, metric) for method in methods for metric in metrics]
    benchmarks = list(dict.fromkeys(problem_scores[BENCHMARK]))
    outcomes = outcomes or Outcomes()
    arrays = score_arrays(problem_scores, rows, benchmarks, outcomes.diverged)
    intervals = score_intervals(arrays, settings)
    means = scores.groupby([METHOD, METRIC, BENCHMARK])[VALUE].mean()
    seeds = scores.groupby([METHOD, METRIC])[SEED].nunique()
    table = []
    for row in rows:
        cells: dict[str, str | float] = {METHOD: row[0], METRIC: row[1]}
        if row not in arrays:
            unknown = Interval(nan, nan, nan)
            for name in [AVERAGE, *benchmarks]:
                cells |= _cells(name, unknown)
            table.append(cells | {NUM_SEEDS: 0})
            continue
        for benchmark in benchmarks:
            if abs(means[*row, benchmark] - intervals[row][benchmark].mean) > 1e-9:
                raise ValueError(
                    f"{row[0]}, {row[1]}, {benchmark}: scores.csv says {means[*row, benchmark]}, "
                    f"problem_scores.csv {intervals[row][benchmark].mean}; aggregate again"
                )
        for name in [AVERAGE, *benchmarks]:
            cells |= _cells(name, intervals[row][name])
        table.append(cells | {NUM_SEEDS: int(seeds[row])})
    if outcomes.diverged:
        for cells in table:
            cells[DIVERGED] = outcomes.fraction(str(cells[METHOD]))
    return pd.DataFrame(table)


def _cells(name: str, interval: Interval) -> dict[str, float]:
    return {
        name: 100 * interval.mean,
        f"{name}_low": 100 * interval.low,
        f"{name}_high": 100 * interval.high,
    }


def diverged_note(outcomes: Outcomes, methods: Iterable[str]) -> str:
    """Return the note under a table whose methods have runs that diverged; empty if none has."""
    methods = list(methods)
    if not (counts := outcomes.note(methods)):
        return ""
    return (
        f"Diverged, and without scores: {counts}. Numbers of a method are of its runs that finished; two "
        "methods are compared on the seeds that both finished. "
        f"{'; '.join(outcomes.sentences(methods))}."
    )


def to_csv(table: pd.DataFrame) -> str:
    """Render a table as CSV, byte for byte the same for the same table."""
    return table.to_csv(index=False, float_format=f"%.{DECIMALS}f", lineterminator="\n")


def readable(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table as text, rounded as the report rounds, a score and its interval in one cell."""
    columns, ends = {}, set()
    for name in table.columns:
        low, high = ESTIMATES.get(name, (f"{name}_low", f"{name}_high"))
        if {low, high} <= set(table.columns):
            rounded = number if name in ESTIMATES or name in FRACTIONS else "{:.1f}".format
            cells = zip(table[name], table[low], table[high], strict=True)
            columns[name] = [_interval_cell(*cell, rounded) for cell in cells]
            ends |= {low, high}
        elif pd.api.types.is_float_dtype(table[name]):
            columns[name] = ["" if isnan(value) else number(value) for value in table[name]]
        else:
            columns[name] = ["" if pd.isna(value) else str(value) for value in table[name]]
    return pd.DataFrame({name: cells for name, cells in columns.items() if name not in ends})


def _interval_cell(mean: float, low: float, high: float, rounded: Callable[[float], str]) -> str:
    return "–" if isnan(mean) else f"{rounded(mean)} [{rounded(low)}, {rounded(high)}]"


def labelled(table: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Return a table of methods with their labels in place of their names."""
    titles = {method.name: method.title for method in study.methods}
    return table.assign(**{METHOD: [titles[name] for name in table[METHOD]]})


def group_headings(methods: Iterable[str], study: Study) -> dict[int, str]:
    """Return the group that begins at a row, by row number, for rows of these methods."""
    found, last = {}, None
    for row, name in enumerate(methods):
        group = study.method(name).group
        if group and group != last:
            found[row] = group
        last = group
    return found


def to_markdown(
    text: pd.DataFrame,
    marks: Mapping[tuple[int, str], str] | None = None,
    headings: Mapping[int, str] | None = None,
) -> str:
    """Render a table of text in Markdown.

    Args:
        text: of `readable`.
        marks: `best` (bold) or `second` (italic) by row number and column.
        headings: of `group_headings`.
    """
    lines = [[str(name) for name in text.columns]]
    for index, row in enumerate(text.itertuples(index=False)):
        if headings and index in headings:
            lines.append([f"**{headings[index]}**", *[""] * (len(text.columns) - 1)])
        cells = zip(text.columns, map(str, row), strict=True)
        lines.append([_marked(cell, (marks or {}).get((index, name))) for name, cell in cells])
    lines = [[cell.replace("|", "\\|") for cell in line] for line in lines]
    widths = [max(len(line[i]) for line in lines) for i in range(len(text.columns))]
    rule = ["-" * width for width in widths]
    rendered = [
        "| " + " | ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)) + " |\n"
        for line in [lines[0], rule, *lines[1:]]
    ]
    return "".join(rendered)


def _marked(cell: str, mark: str | None) -> str:
    if mark is None:
        return cell
    score, space, interval = cell.partition(" ")
    sign = EMPHASIS[mark]
    return f"{sign}{score}{sign}{space}{interval}"


def show(path: Path) -> str:
    """Return the table in a CSV file as aligned text for a terminal."""
    text = readable(pd.read_csv(path))
    long = [name for name in text.columns if text[name].str.len().max() > LONGEST_CELL]
    shown = aligned(text.drop(columns=long))
    return f"{shown}\n\nnot shown, in {path}: {', '.join(long)}" if long else shown


def aligned(text: pd.DataFrame) -> str:
    """Return a table of text in columns of one width."""
    lines = [list(text.columns), *text.values.tolist()]
    widths = [max(len(line[i]) for line in lines) for i in range(len(text.columns))]
    return "\n".join(
        "  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in lines
    )
