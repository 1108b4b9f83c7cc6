"""Figures of scores: gains over the base model, and what they cost."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from tampo.claims.claim_inputs import ClaimInputs
from tampo.claims.comparisons import references
from tampo.layout import (
    AVERAGE,
    BENCHMARK,
    HIGH,
    LOW,
    METHOD,
    METRIC,
    ROLLOUT_TOKENS,
    SECONDS,
    TOKENS,
    TRAINING,
    VALUE,
)
from tampo.report.figures.appearance import Appearances
from tampo.report.figures.figure_data import (
    PASS_1,
    NotDrawn,
    base_and_trained,
    method_label,
    named,
    require_pass_1,
)
from tampo.report.figures.style import (
    WIDTH,
    label,
    spread,
    styled,
)
from tampo.statistics.intervals import score_intervals
from tampo.statistics.paired import difference_table
from tampo.statistics.score_arrays import score_arrays
from tampo.study.study import Study

ENDS = ("", "_low", "_high")
LINE_HEIGHT = 0.17
"""Inches per method where methods are listed below each other."""
COSTS = {TOKENS: ROLLOUT_TOKENS, SECONDS: SECONDS}
"""Columns of the data by the metric of scores.csv that they come from."""


def delta_data(study: Study, inputs: ClaimInputs) -> pd.DataFrame:
    """Return method, baseline, metric, benchmark, difference, low, high, ...: percent over base.

    Raises:
        NotDrawn: no base model, no other method, or no Pass@1.
    """
    base, trained = base_and_trained(study, inputs)
    return _differences(study, inputs, [(method, base) for method in trained])


def _differences(study: Study, inputs: ClaimInputs, pairs: list[tuple[str, str]]) -> pd.DataFrame:
    """Return `difference_table` of Pass@1 in percent, with how many runs of each method diverged."""
    table = difference_table(
        inputs.problem_scores, pairs, [PASS_1], study.statistics, inputs.outcomes.diverged
    )
    columns = ["difference", LOW, HIGH, "standard_error"]
    return named(inputs, table.assign(**{name: 100 * table[name] for name in columns}))


def cost_data(study: Study, inputs: ClaimInputs) -> pd.DataFrame:
    """Return a row per method: score (percent), tokens and seconds, each with _low and _high.

    Costs are those of training (0 for the base model), means over seeds with their range; the score
    is the mean Pass@1 over benchmarks with its interval. Both are of runs that finished; a method
    without any is left out.

    Raises:
        NotDrawn: scores.csv has no costs, or there is no Pass@1.
    """
    require_pass_1(inputs)
    methods = [m.name for m in study.methods]
    benchmarks = list(dict.fromkeys(inputs.problem_scores[BENCHMARK]))
    rows = [(method, PASS_1) for method in methods]
    arrays = score_arrays(inputs.problem_scores, rows, benchmarks, inputs.outcomes.diverged)
    intervals = score_intervals(arrays, study.statistics)
    costs = inputs.scores[inputs.scores[BENCHMARK] == TRAINING]
    table = []
    for method in methods:
        if (method, PASS_1) not in arrays:
            continue
        found = intervals[method, PASS_1][AVERAGE]
        score = {"score": found.mean, "score_low": found.low, "score_high": found.high}
        row = {METHOD: method} | {name: 100 * value for name, value in score.items()}
        for name, metric in COSTS.items():
            own = costs[(costs[METHOD] == method) & (costs[METRIC] == metric)][VALUE]
            if method in study.trained_methods and own.empty:
                raise NotDrawn(f"scores.csv has no {metric} of {method}")
            spent = (own.mean(), own.min(), own.max()) if len(own) else (0.0, 0.0, 0.0)
            row |= dict(zip((f"{name}{end}" for end in ENDS), spent, strict=True))
        table.append(row)
    if not table:
        raise NotDrawn("no run has a score")
    return named(inputs, pd.DataFrame(table))


def reference_data(study: Study, inputs: ClaimInputs) -> pd.DataFrame:
    """Return method, baseline, metric, benchmark, difference, low, high, ...: percent over the reference.

    The reference is the first that `comparisons.csv` has; of its rows these are the averages of
    Pass@1. The base model is left out: on its scale the others would lie on one point.

    Raises:
        NotDrawn: no reference, no other method, or no Pass@1.
    """
    require_pass_1(inputs)
    against = next(iter(references(study, inputs.problem_scores)), None)
    if against is None:
        raise NotDrawn("the study has neither a fixed temperature, nor uniform draws, nor TAMPO")
    pairs = [(name, against) for name in study.trained_methods if name != against]
    if not pairs:
        raise NotDrawn(f"there is no trained method besides {against}")
    table = _differences(study, inputs, pairs)
    return table[table[BENCHMARK] == AVERAGE].reset_index(drop=True)


@styled
def draw_reference(data: pd.DataFrame, looks: Appearances) -> Figure:
    """Draw the difference of every method to the reference, below each other."""
    own = data.set_index(METHOD)
    places, ticks = _rows(list(own.index), looks)
    figure = Figure((WIDTH, 0.6 + LINE_HEIGHT * (len(ticks) + 1)), layout="constrained")
    axes = figure.subplots()
    axes.axvline(0, color="black", linewidth=0.8)
    _intervals(axes, own, places, looks)
    _name_rows(axes, ticks, {m: method_label(own.loc[[m]].reset_index(), looks) for m in own.index})
    baseline = looks[str(data["baseline"].iloc[0])].label
    label(figure, f"{PASS_1} minus that of {baseline}, percentage points", "")
    return figure


@styled
def draw_deltas(data: pd.DataFrame, looks: Appearances) -> Figure:
    """Draw the gain of every method over the base model, one panel per benchmark."""
    benchmarks, methods = list(data[BENCHMARK].unique()), list(data[METHOD].unique())
    columns = min(2, len(benchmarks))
    rows = -(-len(benchmarks) // columns)
    places, ticks = _rows(methods, looks)
    height = 0.6 + rows * (0.45 + max(3, len(ticks)) * LINE_HEIGHT)
    figure = Figure((WIDTH, height), layout="constrained")
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    for axes, benchmark in zip(grid, benchmarks, strict=False):
        own = data[data[BENCHMARK] == benchmark].set_index(METHOD).loc[methods]
        axes.axvline(0, color="black", linewidth=0.8)
        _intervals(axes, own, places, looks)
        axes.set_title(benchmark, fontweight="bold" if benchmark == AVERAGE else "normal")
        names = {m: method_label(own.loc[[m]].reset_index(), looks) for m in methods}
        _name_rows(axes, ticks, names)
        # With many methods the lowest panel is a page away.
        axes.tick_params(labelbottom=True)
    for place in range(len(benchmarks), len(grid)):
        grid[place].set_axis_off()
    baseline = looks[str(data["baseline"].iloc[0])].label
    label(figure, f"{PASS_1} minus that of {baseline}, percentage points", "")
    return figure


@styled
def draw_costs(data: pd.DataFrame, looks: Appearances) -> Figure:
    """Draw mean Pass@1 against tokens and against time; a line leads each method to its name."""
    inner = max(2.4, LINE_HEIGHT * len(data))
    figure = Figure((WIDTH, inner + 0.6), layout="constrained")
    *panels, names = figure.subplots(1, 3, sharey=True, width_ratios=[1, 1, 0.75])
    low, high = data["score_low"].min(), data["score_high"].max()
    places = spread(data["score"].to_numpy(), (high - low) * LINE_HEIGHT / inner)
    marks = [(looks[name].colour, looks[name].marker) for name in data[METHOD]]
    for axes, cost in zip(panels, COSTS, strict=True):
        unit, title = _unit(cost, data[f"{cost}_high"].max())
        _cost_panel(axes, data, cost, unit, marks)
        axes.set_xlabel(title)
        axes.set_xlim(left=0)
        axes.xaxis.set_major_locator(MaxNLocator(4))
    panels[0].set_ylabel(f"mean {PASS_1}, percent")
    margin = 0.03 * (high - low)
    panels[0].set_ylim(min(low, places.min()) - margin, max(high, places.max()) + margin)
    names.set_axis_off()
    names.set_xlim(0, 1)
    for row, place, (colour, marker) in zip(data.itertuples(), places, marks, strict=True):
        names.plot([-0.1, 0.12], [row.score, place], color=colour, linewidth=0.5, clip_on=False)
        names.plot(0.18, place, marker, color=colour, markersize=4)
        text = method_label(data.loc[[row.Index]], looks)
        names.text(0.26, place, text, va="center", fontsize=8.5)
    return figure


def _rows(methods: list[str], looks: Appearances) -> tuple[list[int], list[tuple[str, bool]]]:
    """Return the place of each method, and what stands at every place: a method, or a group (True)."""
    places: list[int] = []
    ticks: list[tuple[str, bool]] = []
    group = None
    for method in methods:
        if (own := looks[method].group) != group:
            group = own
            ticks.append((own or "", True))
        places.append(len(ticks))
        ticks.append((method, False))
    return places, ticks


def _name_rows(axes: Axes, ticks: list[tuple[str, bool]], names: dict[str, str]) -> None:
    """Write the names of methods and groups beside their rows, the first row at the top."""
    texts = [text if heading else names[text] for text, heading in ticks]
    axes.set_ylim(len(ticks) - 0.4, -0.6)
    axes.set_yticks(range(len(ticks)), texts)
    for tick, (_, heading) in zip(axes.yaxis.get_major_ticks(), ticks, strict=True):
        tick.label1.set_fontweight("bold" if heading else "normal")


def _intervals(axes: Axes, rows: pd.DataFrame, places: list[int], looks: Appearances) -> None:
    """Draw difference, low and high of rows indexed by method as points with lines, at these heights."""
    for (method, row), place in zip(rows.iterrows(), places, strict=True):
        look = looks[str(method)]
        axes.plot([row[LOW], row[HIGH]], [place, place], color=look.colour, linewidth=1.6)
        axes.plot(row["difference"], place, look.marker, color=look.colour, markersize=4.5)


def _unit(cost: str, largest: float) -> tuple[float, str]:
    """Return the unit that a cost is shown in, and its name, by the largest value shown."""
    if cost == TOKENS:
        return (
            (1e6, "rollout tokens, millions") if largest >= 1e6 else (1e3, "rollout tokens, 1000")
        )
    return (3600, "training hours") if largest >= 3600 else (60, "training minutes")


def _cost_panel(
    axes: Axes, data: pd.DataFrame, cost: str, unit: float, marks: list[tuple[str, str]]
) -> None:
    """Draw one cross per method: its score with the interval, its cost with the range over seeds."""
    axes.grid(False)
    for row, (colour, marker) in zip(data.to_dict("records"), marks, strict=True):
        score, spent, low, high = row["score"], *(row[f"{cost}{end}"] / unit for end in ENDS)
        axes.axhline(score, color=colour, linewidth=0.4, alpha=0.6)
        axes.vlines(spent, row["score_low"], row["score_high"], color=colour, linewidth=0.8)
        axes.hlines(score, low, high, color=colour, linewidth=1.6)
        # The base model's point lies on the axis and must not be cut in half by it.
        axes.plot(spent, score, marker, color=colour, markersize=5.5, clip_on=False)
