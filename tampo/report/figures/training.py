"""Figures of quantities over training: one panel per method, all on the same axes.

Their data has one row per (method, seed, step); lines are means over seeds and bands reach from the
lowest to the highest seed.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from tampo.claims.claim_inputs import ClaimInputs
from tampo.layout import (
    DIVERGED,
    ENTROPY,
    ENTROPY_AT_ONE,
    HIGH,
    LOW,
    METHOD,
    REWARD,
    SEED,
    STEP,
    STEPS,
    TEMPERATURE,
    TRUNCATED,
)
from tampo.report.figures.appearance import Appearances
from tampo.report.figures.figure_data import RUN_STEP, NotDrawn, training_table, with_divergence
from tampo.report.figures.style import (
    BAND,
    BLACK,
    GREY,
    PALE,
    label,
    legend_above,
    small_multiples,
    styled,
)
from tampo.study.study import Study

SMOOTHED_FRACTION = 0.1
"""Fraction of a run's steps that a running mean covers."""
MEAN = Line2D([], [], color=BLACK, label="mean over seeds")
RANGE = Patch(color=BLACK, alpha=BAND, linewidth=0, label="lowest to highest seed")
RUN = Line2D([], [], color=GREY, linewidth=0.6, label="single run")
OTHERS = Line2D([], [], color=PALE, linewidth=0.9, label="other methods")
ENDED = Line2D([], [], color=BLACK, marker="X", linestyle="", label="diverged")


def temperature_data(study: Study, inputs: ClaimInputs) -> pd.DataFrame:
    """Return method, seed, step, temperature: the mean over a batch where they differ in it."""
    return with_divergence(inputs, training_table(inputs, STEPS)[[*RUN_STEP, TEMPERATURE]])


def reward_data(study: Study, inputs: ClaimInputs) -> pd.DataFrame:
    """Return method, seed, step, reward, window, smoothed: see `smoothed`."""
    return with_divergence(inputs, smoothed(training_table(inputs, STEPS), REWARD))


def truncation_data(study: Study, inputs: ClaimInputs) -> pd.DataFrame:
    """Return method, seed, step, truncated, window, smoothed: see `smoothed`."""
    return with_divergence(inputs, smoothed(training_table(inputs, STEPS), TRUNCATED))


def entropy_data(study: Study, inputs: ClaimInputs) -> pd.DataFrame:
    """Return method, seed, step, entropy, entropy_at_one (nats per token)."""
    columns = [*RUN_STEP, ENTROPY, ENTROPY_AT_ONE]
    return with_divergence(inputs, training_table(inputs, STEPS)[columns])


def smoothed(steps: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return method, seed, step, the column, window and its running mean over `window` steps.

    The window is centred, an odd number of about a tenth of the longest run, cut at the ends of a
    run, and leaves out steps without a value.

    Raises:
        NotDrawn: no run has a value.
    """
    if steps[column].isna().all():
        raise NotDrawn(f"steps.csv has no value of {column}")
    count = int(steps[STEP].max()) + 1
    window = int(count * SMOOTHED_FRACTION) // 2 * 2 + 1
    ordered = steps.sort_values(STEP, kind="stable")
    running = ordered.groupby([METHOD, SEED], sort=False)[column].transform(
        lambda run: run.rolling(window, center=True, min_periods=1).mean()
    )
    return steps[[*RUN_STEP, column]].assign(window=window, smoothed=running)


def over_seeds(data: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return mean, low and high of `column` over seeds, indexed by step."""
    return (
        data.groupby(STEP)[column].agg(["mean", "min", "max"]).set_axis(["mean", LOW, HIGH], axis=1)
    )


def _band(axes: Axes, values: pd.DataFrame, colour: str, style: str = "-") -> None:
    axes.fill_between(
        values.index, values[LOW], values[HIGH], color=colour, alpha=BAND, linewidth=0
    )
    axes.plot(values.index, values["mean"], color=colour, linestyle=style)


def _mark_divergence(data: pd.DataFrame, panels: Sequence[Axes]) -> list[Line2D]:
    """Mark the step of each run that diverged on the lower edge of its panel; return the legend's entry."""
    if DIVERGED not in data or not data[DIVERGED].any():
        return []
    for axes, (_, own) in zip(panels, data.groupby(METHOD, sort=False), strict=True):
        for step in own.loc[own[DIVERGED], STEP]:
            axes.axvline(step, color=BLACK, linewidth=0.8, linestyle=":")
            edge = axes.get_xaxis_transform()
            axes.plot(step, 0, "X", color=BLACK, transform=edge, clip_on=False, markersize=6)
    return [ENDED]


@styled
def draw_temperatures(data: pd.DataFrame, looks: Appearances) -> Figure:
    """Draw the temperature of every rollout batch against the step."""
    methods = list(data[METHOD].unique())
    figure, panels = small_multiples([looks[method].label for method in methods])
    for axes, method in zip(panels, methods, strict=True):
        own = data[data[METHOD] == method]
        for _, run in own.groupby(SEED):
            axes.plot(run[STEP], run[TEMPERATURE], color=GREY, linewidth=0.5, alpha=0.8)
        _band(axes, over_seeds(own, TEMPERATURE), looks[method].colour)
    label(figure, "step", "temperature")
    legend_above(figure, [MEAN, RANGE, RUN, *_mark_divergence(data, panels)])
    return figure


@styled
def draw_learning_curves(data: pd.DataFrame, looks: Appearances) -> Figure:
    """Draw the mean reward of the rollout batches against the step."""
    return _smoothed_panels(data, REWARD, looks)


@styled
def draw_truncation(data: pd.DataFrame, looks: Appearances) -> Figure:
    """Draw the fraction of rollouts that are length-limited against the step."""
    return _smoothed_panels(data, "fraction length-limited", looks)


def _smoothed_panels(data: pd.DataFrame, quantity: str, looks: Appearances) -> Figure:
    """Draw one panel per method, the means of the others behind it for comparison."""
    methods = list(data[METHOD].unique())
    values = {m: over_seeds(data[data[METHOD] == m], "smoothed") for m in methods}
    figure, panels = small_multiples([looks[method].label for method in methods])
    for axes, method in zip(panels, methods, strict=True):
        for other in methods:
            if other != method:
                axes.plot(values[other]["mean"], color=PALE, linewidth=0.7, zorder=1)
        _band(axes, values[method], looks[method].colour)
    panels[0].set_ylim(bottom=min(0.0, data["smoothed"].min()))
    window = int(data["window"].iloc[0])
    label(figure, "step", f"{quantity}, running mean of {window} steps")
    marks = _mark_divergence(data, panels)
    legend_above(figure, [MEAN, RANGE, *([OTHERS] if len(methods) > 1 else []), *marks])
    return figure


@styled
def draw_entropy(data: pd.DataFrame, looks: Appearances) -> Figure:
    """Draw the token entropy at the temperature of the rollouts and at temperature 1."""
    methods = list(data[METHOD].unique())
    figure, panels = small_multiples([looks[method].label for method in methods])
    for axes, method in zip(panels, methods, strict=True):
        own = data[data[METHOD] == method]
        _band(axes, over_seeds(own, ENTROPY), looks[method].colour)
        _band(axes, over_seeds(own, ENTROPY_AT_ONE), looks[method].colour, "--")
    panels[0].set_ylim(bottom=0)
    label(figure, "step", "entropy, nats per token")
    at_rollout = Line2D([], [], color=BLACK, label="at the rollout temperature")
    at_one = Line2D([], [], color=BLACK, linestyle="--", label="at temperature 1")
    legend_above(figure, [at_rollout, at_one, RANGE, *_mark_divergence(data, panels)], columns=2)
    return figure
