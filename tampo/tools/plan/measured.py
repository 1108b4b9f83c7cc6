"""Measured against planned training cost: for the report, and to plan the next study better."""

from __future__ import annotations

import math

import pandas as pd

from tampo.layout import (
    MEAN_LENGTH,
    METHOD,
    SECONDS,
    SECONDS_GENERATE,
    SECONDS_REWARD,
    SEED,
    STEPS,
    TOKENS,
)
from tampo.records.run_json import TrainRun
from tampo.records.run_records import RunRecord
from tampo.study.study import Study, StudyError
from tampo.tools.plan.cost_model import Assumptions, update_flops
from tampo.tools.plan.hardware import GPUS, Gpu
from tampo.tools.plan.shapes import shape_of
from tampo.tools.plan.study_plan import Layout, rollouts, step_seconds

COLUMNS = [
    *(METHOD, "runs", STEPS, "planned_tokens", "measured_tokens", "tokens_ratio"),
    *("completion_fraction", "planned_seconds", "measured_seconds", "seconds_ratio"),
    *("generate_seconds", "update_seconds", "tflops"),
]


def measured_against_planned(
    study: Study, steps: pd.DataFrame, gpu: Gpu | None = None, assumed: Assumptions | None = None
) -> pd.DataFrame:
    """Return a row for each trained method that has steps, with the columns `COLUMNS`.

    `*_tokens` count the rollouts of all the method's recorded steps, `*_seconds` are means of one
    step, `*_ratio` is measured over planned. `completion_fraction` is the measured mean length of a
    rollout over the longest allowed, which the next plan can be given. `update_seconds` is what a step
    took besides sampling and rewards, and `tflops` the operations that the cost model counts for it, in
    10^12 per second and process: over the peak of the chip it is the utilisation.

    Args:
        study: its shape, resources and settings are planned for.
        steps: `steps.csv` of `tampo.records.training_tables`; method, seed, tokens, mean_length, seconds,
            seconds_generate and seconds_reward are read.
        gpu: the GPU that trained; None plans no seconds.
        assumed: what was planned with.

    Raises:
        StudyError: the shape of the base model is not known.
    """
    assumed = assumed or Assumptions()
    found = steps.groupby(METHOD, sort=False)
    rows = [
        _row(study, name, found.get_group(name), gpu, assumed)
        for name in study.trained_methods
        if name in found.groups
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def against_plan(
    study: Study, records: list[RunRecord], steps: pd.DataFrame | None
) -> tuple[pd.DataFrame, str]:
    """Return measured against planned training cost, without empty columns, and a sentence on it.

    Seconds are planned for GPUs only, and only for a base model of known shape.
    """
    if steps is None:
        return pd.DataFrame(), "Nothing is set beside a plan: no step was recorded."
    trained = [record.run for record in records if isinstance(record.run, TrainRun)]
    names = {name for run in trained for name in run.hardware.gpus}
    # "V100-32" is listed for planning, "Tesla V100-SXM2-32GB" is what a driver says.
    known = [gpu for gpu in GPUS.values() for name in names if gpu.name.partition("-")[0] in name]
    gpu = known[0] if len(names) == 1 and known else None
    try:
        table = measured_against_planned(study, steps, gpu)
    except StudyError as error:
        return pd.DataFrame(), f"No plan to compare with: {error}."
    where = (
        f"Seconds are planned for {gpu.name}."
        if gpu
        else "Seconds are planned for known GPUs only."
    )
    return table.dropna(axis=1, how="all"), (
        f"Measured training cost against what `plan` assumes before any measurement. {where}"
    )


def _row(
    study: Study, method: str, steps: pd.DataFrame, gpu: Gpu | None, assumed: Assumptions
) -> dict:
    training, shape = study.training_of(method), shape_of(study.model)
    processes = study.resources.train.num_processes
    batch = rollouts(training, processes, assumed)
    planned_tokens = len(steps) / training.iterations * training.completions_per_step * batch.mean
    planned = math.nan
    if gpu is not None:
        planned = sum(step_seconds(shape, training, Layout.of(study, gpu), assumed))
    seconds = steps[SECONDS].mean()
    update = (steps[SECONDS] - steps[SECONDS_GENERATE] - steps[SECONDS_REWARD]).mean()
    return {
        METHOD: method,
        "runs": steps[SEED].nunique(),
        STEPS: len(steps),
        "planned_tokens": planned_tokens,
        "measured_tokens": steps[TOKENS].sum(),
        "tokens_ratio": steps[TOKENS].sum() / planned_tokens,
        "completion_fraction": steps[MEAN_LENGTH].mean() / training.max_completion_tokens,
        "planned_seconds": planned,
        "measured_seconds": seconds,
        "seconds_ratio": seconds / planned,
        "generate_seconds": steps[SECONDS_GENERATE].mean(),
        "update_seconds": update,
        "tflops": update_flops(shape, training, batch) / update / 1e12,
    }
