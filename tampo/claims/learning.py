"""Does training raise the reward? The start of a run against its end, at one temperature.

Only runs at a fixed temperature can say so: where the temperature moves, so does the reward of the same
model. The first quarter of the steps is compared with the last. What was sampled in a step are prompts,
each with a group of rollouts, so the unit is the group's mean reward: rollouts of one prompt are alike,
and counting them one by one would count the prompt several times. Groups are resampled, and permuted,
within each run; intervals and p-values therefore cover these runs only, and their number says how far
they generalise.

- *Interval*: percentile bootstrap of groups within run and window.
- *p-value*: two-sided permutation of the groups of both windows within each run. Without any
  change they could have been sampled in either, so the test is exact.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from tampo import layout
from tampo.claims.roles import roles
from tampo.layout import GROUP, HIGH, LOW, METHOD, REWARD, STEP
from tampo.seeds import generator
from tampo.statistics.permutation_tests import holm
from tampo.study.settings import Statistics
from tampo.study.study import Study
from tampo.temperature.permutation_null import shuffle_within_groups

WINDOW = 0.25
"""Fraction of the steps that counts as a run's start, and as its end."""
BATCH = 500
"""Permutations that are held in memory at a time."""
COLUMNS = [
    *(
        METHOD,
        "runs",
        "groups",
        "start",
        "start_low",
        "start_high",
        "end",
        "end_low",
        "end_high",
    ),
    *("difference", LOW, HIGH, "runs_up", "p_value", "holm"),
]


@dataclass(frozen=True)
class Windows:
    """Mean rewards of the prompt groups in the two windows of one run."""

    start: np.ndarray
    """[n]."""
    end: np.ndarray
    """[m]."""

    @property
    def rise(self) -> float:
        """Mean at the end minus mean at the start."""
        return float(self.end.mean() - self.start.mean())


@dataclass(frozen=True)
class Rise:
    """What some runs gained from start to end, runs weighted equally; (value, low, high)."""

    start: tuple[float, float, float]
    end: tuple[float, float, float]
    difference: tuple[float, float, float]
    p_value: float


def group_means(trajectories: pd.DataFrame) -> pd.DataFrame:
    """Return the mean reward of every prompt group.

    Args:
        trajectories: step, group (within the step), reward; NaN where a rollout could not be scored.

    Returns:
        step, reward: a row per group that has any reward.
    """
    means = trajectories.groupby([STEP, GROUP])[REWARD].mean().dropna()
    return means.reset_index()[[STEP, REWARD]]


def windows(groups: pd.DataFrame, steps: int) -> Windows | None:
    """Return the groups of the first and of the last quarter of the steps, one step at least.

    Args:
        groups: of `group_means`.
        steps: number of steps of the run.

    Returns:
        None for a run too short to have both, or without a reward in either.
    """
    width = max(1, int(WINDOW * steps))
    start = groups.loc[groups[STEP] < width, REWARD].to_numpy()
    end = groups.loc[groups[STEP] >= steps - width, REWARD].to_numpy()
    return Windows(start, end) if 2 * width <= steps and len(start) and len(end) else None


def rise(runs: Sequence[Windows], settings: Statistics, rng: np.random.Generator) -> Rise:
    """Compare the ends of some runs of one method with their starts."""
    tail = (1 - settings.confidence) / 2

    def estimate(value: float | np.floating, draws: np.ndarray) -> tuple[float, float, float]:
        low, high = np.quantile(draws, [tail, 1 - tail])
        return float(value), float(low), float(high)

    start = np.mean([_redrawn(run.start, settings.resamples, rng) for run in runs], axis=0)
    end = np.mean([_redrawn(run.end, settings.resamples, rng) for run in runs], axis=0)
    return Rise(
        start=estimate(np.mean([run.start.mean() for run in runs]), start),
        end=estimate(np.mean([run.end.mean() for run in runs]), end),
        difference=estimate(np.mean([run.rise for run in runs]), end - start),
        p_value=_permutation_p_value(runs, settings.resamples, rng),
    )


def _redrawn(values: np.ndarray, resamples: int, rng: np.random.Generator) -> np.ndarray:
    """Return the means [R] of bootstrap samples of `values`."""
    return values[rng.integers(len(values), size=(resamples, len(values)))].mean(axis=1)


def _permutation_p_value(
    runs: Sequence[Windows], permutations: int, rng: np.random.Generator
) -> float:
    values = np.concatenate([part for run in runs for part in (run.start, run.end)])
    sizes = [len(run.start) + len(run.end) for run in runs]
    strata = np.repeat(np.arange(len(runs)), sizes)
    # The mean difference is one weighted sum of all values.
    weights = np.concatenate(
        [
            np.full(len(part), sign / len(part) / len(runs))
            for run in runs
            for sign, part in ((-1.0, run.start), (1.0, run.end))
        ]
    )
    # Shuffles that change nothing on paper differ by rounding: ties.
    least = abs(weights @ values) - 1e-12 * np.abs(values).max()
    beyond = 0
    for first in range(0, permutations, BATCH):
        shuffled = shuffle_within_groups(values, strata, min(BATCH, permutations - first), rng)
        beyond += int(np.count_nonzero(np.abs(shuffled @ weights) >= least))
    return (1 + beyond) / (1 + permutations)


def learning_rows(
    study: Study, results: Path, diverged: Collection[tuple[str, int]] = ()
) -> pd.DataFrame:
    """Return what every method at a fixed temperature learned, as its own rollouts show it.

    Args:
        study: names the methods; those with training settings of their own are left out.
        results: `results/{study}`, of which trajectories.parquet are read.
        diverged: runs that have no end to compare with their start.

    Returns:
        One row per method: `COLUMNS`. `groups` are those compared, `runs_up` the runs that ended above
        their start, `holm` the p-value adjusted for the methods. Methods whose runs are too short
        for two windows are left out.
    """
    rows: list[list[Any]] = []
    for method in roles(study).fixed:
        steps = study.training_of(method).steps
        paths = [
            layout.train_folder(results, method, seed) / layout.TRAJECTORIES
            for seed in study.seeds
            if (method, seed) not in diverged
        ]
        tables = (pq.read_table(p, columns=[STEP, GROUP, REWARD]).to_pandas() for p in paths)
        found = [windows(group_means(table), steps) for table in tables]
        runs = [run for run in found if run is not None]
        if not runs:
            continue
        # Every method meets the same draws, so a row does not change because another was added.
        learned = rise(runs, study.statistics, generator(study.statistics.seed, "learning"))
        numbers = (*learned.start, *learned.end, *learned.difference)
        groups = sum(len(run.start) + len(run.end) for run in runs)
        up = sum(run.rise > 0 for run in runs)
        rows.append([method, len(runs), groups, *numbers, up, learned.p_value])
    adjusted = holm([row[-1] for row in rows])
    return pd.DataFrame([[*row, p] for row, p in zip(rows, adjusted, strict=True)], columns=COLUMNS)
