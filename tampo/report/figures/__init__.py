"""Figures of a study: each is a table of data, taken from the aggregate stage, and a drawing of it.

`write_figures(study, inputs, folder)` writes `{name}.svg`, `{name}.png` and `{name}.csv` of every
figure in `FIGURES` for which the study has inputs. A drawing takes its table and how the study's
methods look, so a figure can be checked against its CSV and redrawn from it: `redraw(name, csv, study)`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from tampo.claims.claim_inputs import ClaimInputs
from tampo.files import write_atomically, written_whole
from tampo.layout import ENTROPY, LIKELIHOOD_CURVES, METHOD, OPTIMAL_TEMPERATURES
from tampo.report.figures import likelihood, meta_policy, profiles, scores, training
from tampo.report.figures.appearance import Appearances, appearances
from tampo.report.figures.figure_data import NotDrawn
from tampo.report.figures.style import styled
from tampo.study.study import Study


@dataclass(frozen=True)
class FigureKind:
    """One figure of the report."""

    title: str
    caption: str
    """What the figure shows and how to read it, in full sentences."""
    data: Callable[[Study, ClaimInputs], pd.DataFrame]
    """Returns the frame behind the figure; raises NotDrawn where the study lacks the inputs."""
    draw: Callable[[pd.DataFrame, Appearances], Figure]
    """Draws the frame, each method as it looks in the study."""


FIGURES: dict[str, FigureKind] = {
    "differences": FigureKind(
        "Every method against the reference",
        "Pass@1, averaged over benchmarks, of every trained method minus that of the reference, paired "
        "by seed and problem, with its interval over runs and problems. Where the study names no reference, "
        "it is the fixed temperature that scored best here, and differences to it lean against the others.",
        scores.reference_data,
        scores.draw_reference,
    ),
    "temperatures": FigureKind(
        "Temperatures",
        "Temperature of every rollout batch over training: mean over seeds, range from the lowest to "
        "the highest seed, and single runs. Where a method mixes temperatures within a batch, their "
        "mean is shown.",
        training.temperature_data,
        training.draw_temperatures,
    ),
    LIKELIHOOD_CURVES: FigureKind(
        "Likelihood against temperature",
        "Mean log-likelihood of single trajectories under every candidate temperature: for each sign "
        "of the advantage, the first, the middle and the last trajectory of the first seed's run. "
        "The marker is the peak; a hollow one lies at the end of the range, and the curve may keep "
        "rising beyond it.",
        likelihood.curve_data,
        likelihood.draw_likelihood_curves,
    ),
    "meta_policy": FigureKind(
        "Learned distributions over the candidate temperatures",
        "Probability of every candidate temperature after each step, mean over seeds, and the "
        "temperatures drawn in the runs. A draw follows the distribution of its own seed one step "
        "earlier; during policy warm-up, and where a temperature policy narrows or flattens the "
        "distribution before it draws, draws follow that rule instead.",
        meta_policy.meta_policy_data,
        meta_policy.draw_meta_policy,
    ),
    OPTIMAL_TEMPERATURES: FigureKind(
        "Likelihood-optimal temperatures by sign of the advantage",
        "Fraction of the trajectories of each sign by the candidate under which they are likeliest, "
        "over all steps and seeds; black lines span the lowest to the highest seed. P is the "
        "probability that a trajectory of positive advantage (good) has a higher optimum than one of "
        "negative advantage (bad), ties counting half: 0.50 means no separation; claim C8 judges it.",
        likelihood.optimal_temperature_data,
        likelihood.draw_optimal_temperatures,
    ),
    "learning_curves": FigureKind(
        "Reward over training",
        "Mean reward of the rollouts, sampled at each method's own temperature, so a method that "
        "samples hotter shows a lower reward for the same model. Mean over seeds and their range; "
        "other methods' means in grey.",
        training.reward_data,
        training.draw_learning_curves,
    ),
    ENTROPY: FigureKind(
        "Entropy over training",
        "Mean token entropy of the model on its own rollouts, at the rollout temperature and at "
        "temperature 1: mean over seeds and their range. Under `logprob_temperature: one` both "
        "are those at temperature 1.",
        training.entropy_data,
        training.draw_entropy,
    ),
    "truncation": FigureKind(
        "Length-limited rollouts over training",
        "Fraction of rollouts that reached the length limit: mean over seeds and their range; other "
        "methods' means in grey.",
        training.truncation_data,
        training.draw_truncation,
    ),
    "benchmark_deltas": FigureKind(
        "Gain over the base model, by benchmark",
        "Pass@1 of every method minus that of the base model, paired by seed and problem, with its "
        "interval over runs and problems; `average` is the unweighted mean over benchmarks.",
        scores.delta_data,
        scores.draw_deltas,
    ),
    "performance_profiles": FigureKind(
        "Performance profiles",
        "Fraction of a method's (run, benchmark) pairs whose gain over the base model exceeds the value "
        "on the horizontal axis; a gain of 1 solves everything that the base model does not. Bands "
        "are intervals with the runs as units; other methods in grey.",
        profiles.profile_data,
        profiles.draw_profiles,
    ),
    "cost_accuracy": FigureKind(
        "Cost against accuracy",
        "Mean Pass@1 over benchmarks against what training cost: rollout tokens, and wall-clock time "
        "of its steps. Vertical lines are intervals of the score, thick horizontal lines the range "
        "of the cost over seeds.",
        scores.cost_data,
        scores.draw_costs,
    ),
}
"""Every figure by the stem of its files, in the order of the report."""


def write_figures(
    study: Study, inputs: ClaimInputs, folder: Path, *, draw: bool = True
) -> dict[str, str]:
    """Write every figure that the study has inputs for; without `draw` its data alone.

    Returns:
        `{name: reason}` of the figures that were not drawn; files of theirs from an earlier run are
        removed.
    """
    skipped, looks = {}, appearances(study)
    for name, kind in FIGURES.items():
        try:
            data = kind.data(study, inputs)
        except NotDrawn as reason:
            skipped[name] = str(reason)
            for suffix in ("svg", "png", "csv"):
                (folder / f"{name}.{suffix}").unlink(missing_ok=True)
        else:
            if draw:
                save(kind.draw(data, looks), data, folder, name)
            else:
                save_data(data, folder, name)
    return skipped


def redraw(name: str, path: Path, study: Study) -> Figure:
    """Draw the figure `name` of a study again from the CSV of its data."""
    # A method may be called 1.5; it is a name all the same.
    return FIGURES[name].draw(pd.read_csv(path, dtype={METHOD: str}), appearances(study))


@styled
def save(figure: Figure, data: pd.DataFrame, folder: Path, name: str) -> None:
    """Write `{name}.svg`, `{name}.png` and `{name}.csv`: byte for byte the same for the same data."""
    for suffix, metadata in (("svg", {"Date": None, "Creator": None}), ("png", {"Software": None})):
        with written_whole(folder / f"{name}.{suffix}") as temporary:
            figure.savefig(temporary, format=suffix, metadata=metadata)
    save_data(data, folder, name)


def save_data(data: pd.DataFrame, folder: Path, name: str) -> None:
    """Write `{name}.csv`, the numbers of a figure in full precision."""
    write_atomically(folder / f"{name}.csv", data.to_csv(index=False, lineterminator="\n"))


__all__ = ["FIGURES", "FigureKind", "NotDrawn", "redraw", "save", "write_figures"]
