"""Training in tables: what every run wrote as it went, put together for figures and claims.

Everything follows from steps.jsonl, policy.jsonl and trajectories.parquet of the trained runs. All
tables are long, in the study's order of methods and seeds, and start with method, seed:

`steps.csv`                 step (0-based), temperature (mean over the batch), reward, reward_std,
                            entropy, entropy_at_one (nats per token), mixed_groups, truncated (fractions),
                            tokens (of the batch), mean_length, loss, grad_norm, kl, seconds,
                            seconds_* (its parts), then whatever else a run logs; empty where a run
                            has no such number
`policy.csv`                step, candidate, probability: the distribution after the step, of every
                            policy that publishes `candidates` and `probabilities`
`credit.csv`                step, credit_p, slope: temperature credit of every step beside its permutation
                            null, of policies that have one (`tampo.records.policy_tables`)
`optimal_temperatures.csv`  sign (of the advantage), temperature, count: trajectories whose mean
                            log-likelihood is largest at that recorded candidate. A trajectory that
                            could not be scored has advantage 0, as in the loss.
`unimodality.csv`           trajectories, unimodal (how many of them have one peak over the recorded
                            candidates), largest_dip (nats; see `dips`)
`likelihood_curves.csv`     step, row, sign, temperature, log_likelihood: of each sign the first, the
                            middle and the last trajectory of the run
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from tampo import layout
from tampo.files import IncompleteResults, read_jsonl, write_atomically
from tampo.layout import (
    ADVANTAGE,
    COUNT,
    CREDIT,
    LARGEST_DIP,
    LIKELIHOOD_CURVES,
    LIKELIHOOD_PREFIX,
    LOG_LIKELIHOOD,
    METHOD,
    OPTIMAL_TEMPERATURES,
    POLICY,
    ROW,
    SECONDS,
    SEED,
    SIGN,
    SIGNS,
    STEP,
    STEPS,
    TEMPERATURE,
    TRAINING_TABLES,
    TRAJECTORY_COUNT,
    UNIMODAL,
    UNIMODALITY,
)
from tampo.records.policy_tables import credit_rows, policy_rows
from tampo.records.run_json import TrainRun, read_run
from tampo.study.study import Study

DIP_TOLERANCE = 1e-5
"""Nats by which a likelihood may dip and still count as having one peak: float32 log-sum-exps of
logits up to 100 round at about this size."""


@dataclass(frozen=True)
class Trajectories:
    """The N trajectories of a run, under its K recorded candidates, ascending."""

    step: np.ndarray
    """[N] step at which each was sampled."""
    row: np.ndarray
    """[N] its index within the step."""
    sign: np.ndarray
    """[N] one of `SIGNS`."""
    candidates: np.ndarray
    """[K] temperatures."""
    log_likelihoods: np.ndarray
    """[N, K] mean token log-likelihood in nats."""


def dips(log_likelihoods: np.ndarray) -> np.ndarray:
    """Return how far each curve is from having one peak: 0 where it rises, then falls.

    Args:
        log_likelihoods: [N, K] curves over ascending temperatures.

    Returns:
        [N] largest fall before the peak or rise after it, in the unit of the curves.
    """
    peak = log_likelihoods.argmax(axis=1)[:, None]
    index = np.arange(log_likelihoods.shape[1])
    falls = np.maximum.accumulate(log_likelihoods, axis=1) - log_likelihoods
    backwards = log_likelihoods[:, ::-1]
    rises = (np.maximum.accumulate(backwards, axis=1) - backwards)[:, ::-1]
    return np.where(index <= peak, falls, rises).max(axis=1)


def read_trajectories(path: Path, steps: int | None = None) -> Trajectories:
    """Read the columns that the tables need, and no other.

    Args:
        steps: of a run that diverged, the number of steps before it did; it may then have no
            trajectory, and has none of a later step.

    Raises:
        IncompleteResults: no trajectory, no recorded candidate, a number that is not finite, or a
            trajectory from beyond `steps`.
    """
    names = [name for name in pq.read_schema(path).names if name.startswith(LIKELIHOOD_PREFIX)]
    if not names:
        raise IncompleteResults(f"{path}: no column {LIKELIHOOD_PREFIX}*")
    names.sort(key=lambda name: float(name.removeprefix(LIKELIHOOD_PREFIX)))
    table = pq.read_table(path, columns=[STEP, ROW, ADVANTAGE, *names])
    columns = {name: table[name].to_numpy() for name in table.column_names}
    if not len(table) and steps is None:
        raise IncompleteResults(f"{path}: no trajectories")
    for name, values in columns.items():
        bad = int((~np.isfinite(values)).sum())
        if bad:
            raise IncompleteResults(f"{path}: {name} is not finite in {bad} of {len(values)} rows")
    if steps is not None and (columns[STEP] >= steps).any():
        raise IncompleteResults(f"{path}: trajectories from after step {steps}, where it diverged")
    advantage = columns[ADVANTAGE]
    return Trajectories(
        step=columns[STEP],
        row=columns[ROW],
        sign=np.select([advantage > 0, advantage < 0], SIGNS[:2], SIGNS[2]),
        candidates=np.array([float(name.removeprefix(LIKELIHOOD_PREFIX)) for name in names]),
        log_likelihoods=np.stack([columns[name] for name in names], axis=1),
    )


def step_rows(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the lines of steps.jsonl flat: `seconds` is the total, `seconds_*` are its parts."""
    rows = []
    for record in records:
        parts = dict(record[SECONDS])
        flat = {name: value for name, value in record.items() if name != SECONDS}
        flat[SECONDS] = parts.pop("total")
        rows.append(flat | {f"{SECONDS}_{name}": value for name, value in parts.items()})
    return rows


def optimal_temperature_rows(trajectories: Trajectories) -> list[dict[str, Any]]:
    """Return how often each candidate is the likeliest, by sign; a tie goes to the lower one."""
    best = trajectories.log_likelihoods.argmax(axis=1)
    rows = []
    for sign in SIGNS:
        chosen = best[trajectories.sign == sign]
        counts = np.bincount(chosen, minlength=len(trajectories.candidates))
        rows += [
            {SIGN: sign, TEMPERATURE: float(temperature), COUNT: int(count)}
            for temperature, count in zip(trajectories.candidates, counts, strict=True)
        ]
    return rows


def unimodality_rows(trajectories: Trajectories) -> list[dict[str, Any]]:
    """Return how many of the run's curves have one peak, up to `DIP_TOLERANCE`; no row without any."""
    if not len(trajectories.step):
        return []
    depths = dips(trajectories.log_likelihoods)
    unimodal = int((depths <= DIP_TOLERANCE).sum())
    return [{TRAJECTORY_COUNT: len(depths), UNIMODAL: unimodal, LARGEST_DIP: float(depths.max())}]


def likelihood_curve_rows(trajectories: Trajectories) -> list[dict[str, Any]]:
    """Return the curves of a few trajectories, chosen by their place in the run alone."""
    order = np.lexsort([trajectories.row, trajectories.step])
    rows = []
    for sign in SIGNS:
        places = order[trajectories.sign[order] == sign]
        for position in sorted({0, len(places) // 2, len(places) - 1} if len(places) else ()):
            place = places[position]
            key = {
                STEP: int(trajectories.step[place]),
                ROW: int(trajectories.row[place]),
            }
            curve = zip(trajectories.candidates, trajectories.log_likelihoods[place], strict=True)
            rows += [
                key
                | {
                    SIGN: sign,
                    TEMPERATURE: float(t),
                    LOG_LIKELIHOOD: float(value),
                }
                for t, value in curve
            ]
    return rows


def read_training_run(folder: Path, steps: int) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of one trained run for every table.

    Of a run that diverged they are those of the steps before, which are all that it has.

    Args:
        folder: the run's folder, `train/{method}/seed{seed}`.
        steps: number of optimiser steps that the study asks for.

    Raises:
        IncompleteResults: names every file that is missing or incomplete.
    """
    names = (layout.RUN_JSON, *layout.TRAINING_LOGS)
    faults = [f"{folder / name}: missing" for name in names if not (folder / name).is_file()]
    if faults:
        raise IncompleteResults("\n".join(faults))
    diverged = read_run(folder / layout.RUN_JSON, TrainRun).diverged
    done = steps if diverged is None else diverged.step
    try:
        logged = step_rows(read_jsonl(folder / layout.STEPS_LOG))
    except KeyError as error:
        raise IncompleteResults(f"{folder / layout.STEPS_LOG}: a line has no key {error}") from None
    if [row.get(STEP) for row in logged] != list(range(done)):
        why = "" if diverged is None else f", as the run {diverged}"
        raise IncompleteResults(
            f"{folder / layout.STEPS_LOG}: {len(logged)} lines are not the steps 0 to {done - 1} "
            f"in order{why}"
        )
    try:
        lines = read_jsonl(folder / layout.POLICY_LOG)
        policy, credit = policy_rows(lines), credit_rows(lines)
    except (KeyError, ValueError) as error:
        raise IncompleteResults(
            f"{folder / layout.POLICY_LOG}: candidates and probabilities of a line do not match: {error}"
        ) from None
    trajectories = read_trajectories(
        folder / layout.TRAJECTORIES, None if diverged is None else done
    )
    return {
        STEPS: logged,
        POLICY: policy,
        CREDIT: credit,
        OPTIMAL_TEMPERATURES: optimal_temperature_rows(trajectories),
        UNIMODALITY: unimodality_rows(trajectories),
        LIKELIHOOD_CURVES: likelihood_curve_rows(trajectories),
    }


def training_tables(study: Study, results: Path) -> dict[str, pd.DataFrame]:
    """Return the tables of all trained runs of a study, by the names in `TRAINING_TABLES`.

    Args:
        study: names the methods, the seeds and their steps.
        results: folder of the study's results.

    Raises:
        IncompleteResults: names every run that is missing or incomplete.
    """
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in TRAINING_TABLES}
    faults = []
    for method in study.trained_methods:
        for seed in study.seeds:
            folder = layout.train_folder(results, method, seed)
            try:
                run = read_training_run(folder, study.training_of(method).steps)
            except IncompleteResults as error:
                faults.append(str(error))
                continue
            for name, found in run.items():
                rows[name] += [{METHOD: method, SEED: seed} | row for row in found]
    if faults:
        raise IncompleteResults("training runs are missing or incomplete:\n" + "\n".join(faults))
    return {name: _table(found, TRAINING_TABLES[name]) for name, found in rows.items()}


def _table(rows: list[dict[str, Any]], columns: list[str]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=None if rows else columns)
    # Numbers that no run logged (kl without a KL term) keep an empty column.
    return table.reindex(columns=[*columns, *(c for c in table.columns if c not in columns)])


def write_training_tables(study: Study, results: Path, out: Path) -> None:
    """Write `{table}.csv` below `out` for every table of `training_tables`.

    Raises:
        IncompleteResults: names every run that is missing or incomplete; nothing is written.
    """
    for name, table in training_tables(study, results).items():
        write_atomically(
            out / layout.table_file(name), table.to_csv(index=False, lineterminator="\n")
        )
