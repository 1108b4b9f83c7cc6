"""What the run.json files of a study say together: cost, failures, software, machines, data."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from tampo import layout
from tampo.files import sha256_of
from tampo.grading import OUTCOMES
from tampo.layout import (
    BENCHMARK,
    CPU_SECONDS,
    EVALUATION,
    GPU_SECONDS,
    LENGTH_LIMITED,
    METHOD,
    METRIC,
    ROLLOUT_TOKENS,
    ROLLOUT_TRUNCATED,
    SEED,
    TOKENS,
    TRAINING,
    VALUE,
    N,
)
from tampo.records.run_json import AnyRun, EvaluateRun, TrainRun, read_any_run
from tampo.study.study import Study

SECONDS_PER_HOUR = 3600


@dataclass(frozen=True)
class RunRecord:
    """One run.json and where it lies."""

    path: Path
    """Path of the file below the study's results."""
    method: str | None
    """None for the base model."""
    seed: int | None
    run: AnyRun
    """Its content."""
    sha256: str
    """Checksum of the file itself."""


def record_paths(study: Study) -> list[tuple[Path, str | None, int | None]]:
    """Return path below the results, method and seed of every run.json of a finished study."""
    here = Path()
    paths: list[tuple[Path, str | None, int | None]] = [
        (here / layout.MODEL / layout.RUN_JSON, None, None)
    ]
    for folder_of, methods in (
        (layout.train_folder, study.trained_methods),
        (layout.evaluate_folder, [method.name for method in study.methods]),
    ):
        paths += [
            (folder_of(here, method, seed) / layout.RUN_JSON, method, seed)
            for method in methods
            for seed in study.seeds
        ]
    return paths


def weight_files(path: Path, listed: Iterable[str]) -> list[str]:
    """Return those of a run's files that are weights, or belong to weights and to nothing else.

    Args:
        path: of the run.json, below the study's results.
        listed: names in it, relative to its folder.
    """
    if path.parts[0] == layout.MODEL:
        return list(listed)
    in_checkpoint = [name for name in listed if Path(name).parts[0] == layout.CHECKPOINT]
    # Where a run diverged, the file that says so stands in place of weights.
    return [name for name in in_checkpoint if Path(name).name != layout.DIVERGED_FILE]


def has_weights(results: Path, path: Path) -> bool:
    """Return whether a run keeps any weights: results may be passed on without them.

    Args:
        results: the study's results.
        path: of the run.json, below them.

    Returns:
        False only where a training run has no folder `checkpoint`, or the base model's folder holds
        run.json alone: weights of which a part is gone are not absent, they are damaged.
    """
    folder = (results / path).parent
    if path.parts[0] != layout.MODEL:
        return (folder / layout.CHECKPOINT).exists()
    return any(f.name != path.name and not f.name.startswith(".") for f in folder.iterdir())


def read_records(study: Study, results: Path) -> list[RunRecord]:
    """Read every run.json of a study, in the order model, train, evaluate.

    Raises:
        FileNotFoundError: names every one that is missing.
        ValueError: names a file that is no run.json, and why.
    """
    paths = record_paths(study)
    missing = [str(results / path) for path, _, _ in paths if not (results / path).is_file()]
    if missing:
        raise FileNotFoundError("runs have not ended:\n" + "\n".join(missing))
    return [
        RunRecord(path, method, seed, read_any_run(results / path), sha256_of(results / path))
        for path, method, seed in paths
    ]


def hours(records: Iterable[RunRecord], clock: Literal["wall", "cpu"] = "wall") -> float:
    """Return the hours of all records together; `clock` is `wall` or `cpu`."""
    return sum(getattr(record.run.seconds, clock) for record in records) / SECONDS_PER_HOUR


def cost_by_method(study: Study, scores: pd.DataFrame) -> pd.DataFrame:
    """Return what each method cost, all seeds together, as `scores.csv` has it.

    Args:
        study: gives the methods and their order.
        scores: `scores.csv`; costs are `tampo.records.cost`'s.

    Returns:
        One row per method: method, runs, then for training hours, cpu_hours, gpu_hours, tokens and
        truncated (fraction of rollouts that are length-limited), and for evaluation hours, tokens
        and length_limited (fraction of responses). Training is NaN for an untrained method.
    """
    rows = []
    for method in [m.name for m in study.methods]:
        own = scores[scores[METHOD] == method]
        training = own[own[BENCHMARK] == TRAINING]
        evaluation = own[own[BENCHMARK] == EVALUATION]
        responses = own[own[METRIC].isin([TOKENS, LENGTH_LIMITED])]
        rows.append(
            {
                METHOD: method,
                "runs": own[SEED].nunique(),
                "training_hours": _total(training, "seconds") / SECONDS_PER_HOUR,
                "training_cpu_hours": _total(training, CPU_SECONDS) / SECONDS_PER_HOUR,
                "training_gpu_hours": _total(training, GPU_SECONDS) / SECONDS_PER_HOUR,
                "training_tokens": _total(training, ROLLOUT_TOKENS),
                "training_truncated": _weighted_mean(training, ROLLOUT_TRUNCATED),
                "evaluation_hours": _total(evaluation, "seconds") / SECONDS_PER_HOUR,
                "evaluation_tokens": _weighted_mean(responses, TOKENS)
                * responses.loc[responses[METRIC] == TOKENS, N].sum(),
                "evaluation_length_limited": _weighted_mean(responses, LENGTH_LIMITED),
            }
        )
    return pd.DataFrame(rows)


def _total(rows: pd.DataFrame, metric: str) -> float:
    """Return the sum of a metric; NaN where no run has it, which is not the same as 0."""
    return float(rows.loc[rows[METRIC] == metric, VALUE].sum(min_count=1))


def _weighted_mean(rows: pd.DataFrame, metric: str) -> float:
    """Return the mean of a metric over everything that its rows are means of."""
    own = rows[rows[METRIC] == metric]
    total = own[N].sum()
    return float((own[VALUE] * own[N]).sum() / total) if total else float("nan")


def outcome_counts(study: Study, scores: pd.DataFrame) -> pd.DataFrame:
    """Return how many responses of each method had each outcome, all benchmarks and seeds.

    Returns:
        One row per method: method, responses, then a column of counts for each outcome.
    """
    rows = []
    for method in [m.name for m in study.methods]:
        own = scores[(scores[METHOD] == method) & scores[METRIC].isin(OUTCOMES)]
        # Fractions of n responses are stored; n times a fraction is the count it came from.
        counts = (own[VALUE] * own[N]).groupby(own[METRIC]).sum().round().astype(int)
        responses = int(own.loc[own[METRIC] == OUTCOMES[0], N].sum())
        rows.append(
            # A method of which every run diverged has no responses.
            {METHOD: method, "responses": responses, **{o: int(counts.get(o, 0)) for o in OUTCOMES}}
        )
    return pd.DataFrame(rows)


def irregularities(records: list[RunRecord]) -> list[str]:
    """Return a sentence for everything about the runs that a reader should not have to discover."""
    sentences = []
    for record in records:
        name = record.path.parent
        if not isinstance(record.run, TrainRun):
            continue
        if left_out := record.run.problems_left_out.ids:
            reason = record.run.problems_left_out.reason
            sentences.append(f"{name}: {len(left_out)} training problems left out ({reason}).")
        if record.run.diverged is not None:
            sentences.append(f"{name}: {record.run.diverged}; not evaluated.")
        sentences += [
            f"{name}: collapsed: {found.what} for {found.steps} steps from step {found.first_step}."
            for found in record.run.collapse
        ]
        if record.run.resumed_from is not None:
            checkpoint = record.run.resumed_from
            sentences.append(f"{name}: interrupted and resumed from {checkpoint}.")
    sources = [record.run.source for record in records]
    if dirty := sum(bool(source.dirty) for source in sources):
        sentences.append(
            f"{dirty} of {len(sources)} runs came from files that differ from the commit."
        )
    if unknown := sum(source.commit is None for source in sources):
        sentences.append(f"{unknown} of {len(sources)} runs do not know their commit.")
    for what, groups in (
        ("commits", {source.commit for source in sources}),
        ("sets of package versions", {_packages(record) for record in records}),
        ("kinds of machine", {_machine(record) for record in records}),
    ):
        if len(groups) > 1:
            sentences.append(f"The runs come from {len(groups)} {what}.")
    return sentences


def environments(records: list[RunRecord]) -> list[dict[str, Any]]:
    """Return the distinct surroundings of the runs, and how many runs each had.

    Returns:
        `[{"runs", "tampo", "commit", "python", "packages", "machine"}]`, in order of appearance.
    """
    groups: dict[tuple, dict[str, Any]] = {}
    for record in records:
        run = record.run
        key = (
            run.tampo,
            run.source.commit,
            run.python,
            _packages(record),
            _machine(record),
        )
        names = ("tampo", "commit", "python", "packages", "machine")
        groups.setdefault(key, {"runs": 0, **dict(zip(names, key, strict=True))})["runs"] += 1
    return list(groups.values())


def _packages(record: RunRecord) -> str:
    return ", ".join(f"{name} {version}" for name, version in record.run.packages.items())


def _machine(record: RunRecord) -> str:
    facts = record.run.hardware
    gpus = facts.gpus
    accelerators = f"{len(gpus)} × {gpus[0]}" if gpus else "no GPU"
    memory = f"{facts.memory_mib / 1024:.0f} GiB"
    return f"{facts.processor}, {facts.cores} cores, {memory}, {accelerators}"


def data_sources(records: list[RunRecord]) -> pd.DataFrame:
    """Return where each benchmark's problems came from: benchmark, version, problems, source, sha256.

    One row for each distinct source: two rows of one benchmark mean that runs met different data.
    """
    rows = {}
    for record in records:
        if not isinstance(record.run, EvaluateRun):
            continue
        for name, entry in record.run.benchmarks.items():
            source = {key: value for key, value in entry.data.items() if key != "sha256"}
            row = {
                BENCHMARK: name,
                "task version": entry.version,
                "problems": entry.problems,
                "source": ", ".join(f"{k} {v}" for k, v in source.items()),
                "sha256": entry.data["sha256"],
            }
            rows[tuple(row.values())] = row
    return pd.DataFrame(list(rows.values()))
