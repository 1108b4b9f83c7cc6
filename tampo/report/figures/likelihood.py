"""Figures of the likelihood of trajectories under the candidate temperatures (Figures 2 and 4)."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from tampo.claims.claim_inputs import ClaimInputs
from tampo.claims.training import separation
from tampo.layout import (
    COUNT,
    LIKELIHOOD_CURVES,
    LOG_LIKELIHOOD,
    METHOD,
    NEGATIVE,
    OPTIMAL_TEMPERATURES,
    POSITIVE,
    ROW,
    SEED,
    SIGN,
    STEP,
    TEMPERATURE,
)
from tampo.report.figures.appearance import Appearances
from tampo.report.figures.figure_data import NotDrawn, finished_runs, fixed_temperatures
from tampo.report.figures.style import (
    BLUE,
    VERMILLION,
    label,
    legend_above,
    small_multiples,
    styled,
)
from tampo.study.study import Study

STYLES: dict[str, tuple[str, Literal["-", "--"], Literal["o", "s"]]] = {
    POSITIVE: (BLUE, "-", "o"),
    NEGATIVE: (VERMILLION, "--", "s"),
}
"""Colour, line style and marker by the sign of the advantage."""


def curve_data(study: Study, inputs: ClaimInputs) -> pd.DataFrame:
    """Return method, seed, step, row, sign, temperature, log_likelihood, peak.

    Of up to three methods of fixed temperature (any three trained ones where there is none), the
    first seed that finished, trajectories with an advantage other than 0. `peak` marks the largest
    value.
    """
    curves = finished_runs(inputs, LIKELIHOOD_CURVES)
    try:
        methods = list(fixed_temperatures(study))
    except NotDrawn:
        methods = study.trained_methods[:3]
    place = curves[SEED].map({seed: i for i, seed in enumerate(study.seeds)})
    first = place == place.groupby(curves[METHOD]).transform("min")
    chosen = curves[curves[METHOD].isin(methods) & first & curves[SIGN].isin(STYLES)]
    if chosen.empty:
        raise NotDrawn("no trajectory has an advantage other than 0")
    largest = chosen.groupby([METHOD, SIGN, STEP, ROW])[LOG_LIKELIHOOD].idxmax()
    return _in_order(chosen.assign(peak=chosen.index.isin(largest)), methods)


def optimal_temperature_data(study: Study, inputs: ClaimInputs) -> pd.DataFrame:
    """Return method, trained_at, seed, sign, temperature, count for up to three temperatures."""
    counts = finished_runs(inputs, OPTIMAL_TEMPERATURES)
    fixed = fixed_temperatures(study)
    chosen = counts[counts[METHOD].isin(fixed) & counts[SIGN].isin(STYLES)]
    totals = chosen.groupby([METHOD, SIGN])[COUNT].sum()
    if totals.empty or (totals == 0).any():
        raise NotDrawn("a method of fixed temperature has no trajectories of one sign of advantage")
    trained_at = chosen[METHOD].map(fixed)
    chosen = chosen.assign(trained_at=trained_at)
    columns = [
        METHOD,
        "trained_at",
        SEED,
        SIGN,
        TEMPERATURE,
        COUNT,
    ]
    return _in_order(chosen[columns], list(fixed))


def _in_order(data: pd.DataFrame, methods: list[str]) -> pd.DataFrame:
    """Return the rows of one method after those of the other, in the order of `methods`."""
    place = data[METHOD].map({method: i for i, method in enumerate(methods)})
    return data.loc[place.sort_values(kind="stable").index].reset_index(drop=True)


def mean_difference(counts: pd.DataFrame) -> float:
    """Return mean optimal temperature of positive minus that of negative advantage."""
    means = [
        np.average(own[TEMPERATURE], weights=own[COUNT])
        for own in (counts[counts[SIGN] == sign] for sign in STYLES)
    ]
    return float(means[0] - means[1])


@styled
def draw_likelihood_curves(data: pd.DataFrame, looks: Appearances) -> Figure:
    """Draw log-likelihood against temperature; a hollow peak lies at the end of the range."""
    methods = list(data[METHOD].unique())
    titles = [looks[method].label for method in methods]
    figure, panels = small_multiples(titles, panel_height=1.9, columns=1, same_heights=False)
    for axes, method in zip(panels, methods, strict=True):
        own = data[data[METHOD] == method]
        ends = own[TEMPERATURE].min(), own[TEMPERATURE].max()
        for (sign, *_), curve in own.groupby([SIGN, STEP, ROW], sort=False):
            colour, line, marker = STYLES[sign]
            axes.plot(curve[TEMPERATURE], curve[LOG_LIKELIHOOD], line, color=colour)
            peak = curve[curve["peak"]].iloc[0]
            inside = ends[0] < peak[TEMPERATURE] < ends[1]
            axes.plot(
                *(peak[TEMPERATURE], peak[LOG_LIKELIHOOD]),
                *(marker,),
                color=colour,
                markersize=6,
                markerfacecolor=colour if inside else "white",
            )
    label(figure, "temperature", "mean log-likelihood, nats per token")
    legend_above(figure, _sign_handles("advantage"), columns=2)
    return figure


def _sign_handles(what: str) -> list[Line2D]:
    return [
        Line2D([], [], color=c, linestyle=line, marker=m, label=f"{sign} {what}")
        for sign, (c, line, m) in STYLES.items()
    ]


@styled
def draw_optimal_temperatures(data: pd.DataFrame, _looks: Appearances) -> Figure:
    """Draw the fraction of trajectories by the candidate that makes them likeliest."""
    methods = list(data[METHOD].unique())
    titles = [f"trained at {own['trained_at'].iloc[0]:g}" for _, own in _by_method(data)]
    figure, panels = small_multiples(titles, panel_height=1.9, columns=1)
    for axes, method in zip(panels, methods, strict=True):
        own = data[data[METHOD] == method]
        _bars(axes, own)
        seeds = [separation(run) for _, run in own.groupby(SEED)]
        axes.text(
            *(0.99, 0.97),
            f"P(good above bad) = {separation(own):.2f}\n"
            f"seeds {np.nanmin(seeds):.2f} to {np.nanmax(seeds):.2f}\n"
            f"difference of means {mean_difference(own):+.2f}".replace("-", "\N{MINUS SIGN}"),
            transform=axes.transAxes,
            ha="right",
            va="top",
            fontsize=8.5,
        )
    # Room for the text above the highest bar, wherever that is.
    panels[0].set_ylim(top=1.4 * panels[0].get_ylim()[1])
    label(figure, "candidate temperature of largest likelihood", "fraction of trajectories")
    legend_above(figure, panels[0].get_legend_handles_labels()[0], columns=2)
    return figure


def _by_method(data: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    return [(str(method), own) for method, own in data.groupby(METHOD, sort=False)]


def _bars(axes: Axes, data: pd.DataFrame) -> None:
    """Draw two bars per candidate, with the range over seeds."""
    temperatures = np.sort(data[TEMPERATURE].unique())
    width = 0.4 * (np.diff(temperatures).min() if len(temperatures) > 1 else 0.1)
    for offset, (sign, (colour, _, _)) in zip((-0.5, 0.5), STYLES.items(), strict=True):
        own = data[data[SIGN] == sign]
        counts = own.pivot_table(
            index=SEED,
            columns=TEMPERATURE,
            values=COUNT,
            aggfunc="sum",
            fill_value=0,
        )
        pooled = counts.sum() / counts.to_numpy().sum()
        by_seed = counts[counts.sum(axis=1) > 0].apply(lambda run: run / run.sum(), axis=1)
        axes.bar(
            temperatures + offset * width,
            pooled,
            width,
            color=colour if sign == POSITIVE else "white",
            edgecolor=colour,
            hatch="" if sign == POSITIVE else "////",
            label=f"{sign} advantage",
        )
        axes.vlines(
            temperatures + offset * width, by_seed.min(), by_seed.max(), color="black", linewidth=1
        )
    axes.set_xticks(temperatures)
