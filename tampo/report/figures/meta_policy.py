"""Figure of the distributions over candidate temperatures that policies learn (Figure 3)."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from tampo.claims.claim_inputs import ClaimInputs
from tampo.layout import CANDIDATE, METHOD, POLICY, PROBABILITY, SEED, STEP, STEPS, TEMPERATURE
from tampo.report.figures.appearance import Appearances
from tampo.report.figures.figure_data import finished_runs
from tampo.report.figures.style import label, legend_above, small_multiples, styled
from tampo.study.study import Study

LEARNED, DRAWN = PROBABILITY, "drawn"


def meta_policy_data(study: Study, inputs: ClaimInputs) -> pd.DataFrame:
    """Return kind, method, seed, step, temperature, probability.

    `kind` is `probability` for the distribution after a step, one row per candidate, and `drawn` for
    the temperature that the rollouts of the step were drawn at.
    """
    policy = finished_runs(inputs, POLICY)
    steps = finished_runs(inputs, STEPS)
    learned = policy.rename(columns={CANDIDATE: TEMPERATURE}).assign(kind=LEARNED)
    drawn = steps[steps[METHOD].isin(learned[METHOD])].assign(kind=DRAWN)
    columns = ["kind", METHOD, SEED, STEP, TEMPERATURE]
    return pd.concat([learned[[*columns, PROBABILITY]], drawn[columns]], ignore_index=True)


@styled
def draw_meta_policy(data: pd.DataFrame, looks: Appearances) -> Figure:
    """Draw the mean distribution over seeds as a heat map, each seed's draws on top."""
    methods = list(data[METHOD].unique())
    titles = [looks[method].label for method in methods]
    figure, panels = small_multiples(titles, panel_height=1.7, columns=min(2, len(methods)))
    highest = data.groupby([METHOD, STEP, TEMPERATURE])[PROBABILITY].mean().max()
    for axes, method in zip(panels, methods, strict=True):
        own = data[data[METHOD] == method]
        mesh = _heat_map(axes, own[own["kind"] == LEARNED], highest)
        drawn = own[own["kind"] == DRAWN]
        axes.scatter(
            *(drawn[STEP], drawn[TEMPERATURE]),
            s=5,
            color="white",
            edgecolor="black",
            linewidth=0.4,
        )
        axes.grid(False)
    bar = figure.colorbar(mesh, ax=panels, shrink=0.8, pad=0.02)
    bar.set_label("probability, mean over seeds")
    label(figure, "step", "candidate temperature")
    drawn_handle = Line2D(
        [],
        [],
        linestyle="",
        label="drawn, every seed",
        marker="o",
        markersize=4,
        color="white",
        markeredgecolor="black",
    )
    legend_above(figure, [drawn_handle], columns=1)
    return figure


def _heat_map(axes: Axes, learned: pd.DataFrame, highest: float) -> QuadMesh:
    grid = learned.pivot_table(index=TEMPERATURE, columns=STEP, values=PROBABILITY, aggfunc="mean")
    return axes.pcolormesh(
        *(_edges(grid.columns.to_numpy()), _edges(grid.index.to_numpy()), grid.to_numpy()),
        cmap="cividis_r",
        vmin=0,
        vmax=highest,
        rasterized=True,
    )


def _edges(centres: np.ndarray) -> np.ndarray:
    """Return [n + 1] ends of the cells around [n] ascending centres."""
    if len(centres) == 1:
        return centres[0] + np.array([-0.5, 0.5])
    between = (centres[:-1] + centres[1:]) / 2
    first, last = centres[0] - between[0], centres[-1] - between[-1]
    return np.concatenate([[centres[0] + first], between, [centres[-1] + last]])
