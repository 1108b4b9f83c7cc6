"""Figure of performance profiles: how many runs on benchmarks exceed a gain over the base model."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from tampo.claims.claim_inputs import ClaimInputs
from tampo.layout import HIGH, LOW, METHOD
from tampo.report.figures.appearance import Appearances
from tampo.report.figures.figure_data import (
    PASS_1,
    NotDrawn,
    base_and_trained,
    method_label,
    named,
)
from tampo.report.figures.style import (
    BAND,
    BLACK,
    PALE,
    label,
    legend_above,
    small_multiples,
    styled,
)
from tampo.statistics.robust_scores import performance_profiles
from tampo.study.study import Study


def profile_data(study: Study, inputs: ClaimInputs) -> pd.DataFrame:
    """Return method, threshold, fraction, low, high: `performance_profiles` of the study."""
    base, trained = base_and_trained(study, inputs)
    diverged = inputs.outcomes.diverged
    data = performance_profiles(
        inputs.problem_scores, trained, base, PASS_1, study.statistics, diverged=diverged
    )
    if data.empty:
        raise NotDrawn(f"no run finished: {inputs.outcomes.note(trained)}")
    return named(inputs, data)


@styled
def draw_profiles(data: pd.DataFrame, looks: Appearances) -> Figure:
    """Draw one panel per method, the profiles of the others behind it for comparison."""
    profiles = {str(method): own for method, own in data.groupby(METHOD, sort=False)}
    figure, panels = small_multiples([method_label(own, looks) for own in profiles.values()])
    for axes, (method, own) in zip(panels, profiles.items(), strict=True):
        axes.fill_between(
            *(own["threshold"], own[LOW], own[HIGH]),
            step="pre",
            color=looks[method].colour,
            alpha=BAND,
            linewidth=0,
        )
        for other, values in profiles.items():
            if other != method:
                axes.step(values["threshold"], values["fraction"], color=PALE, linewidth=0.7)
        axes.step(own["threshold"], own["fraction"], color=looks[method].colour)
    panels[0].set_ylim(0, 1.02)
    label(figure, "gain over the base model", "fraction of (run, benchmark) pairs above it")
    handles = [
        Line2D([], [], color=BLACK, label="this method"),
        Patch(color=BLACK, alpha=BAND, linewidth=0, label="interval"),
        Line2D([], [], color=PALE, linewidth=0.9, label="other methods"),
    ]
    legend_above(figure, handles[: 3 if len(profiles) > 1 else 2])
    return figure
