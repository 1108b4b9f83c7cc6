"""How training runs end: finished, or diverged at a step for a reason.

A run that diverged is a result of its method, not a failure of its job. It leaves the logs of the steps
before, and in place of weights `checkpoint/diverged.json`; its evaluation is refused. What runs.csv holds
of all this, and whether the files of a study agree on it, is told here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from tampo import layout
from tampo.files import plain_or_packed, read_jsonl, write_json
from tampo.layout import DIVERGED, FINISHED, METHOD, OUTCOME, REASON, SEED, STEP
from tampo.records.cost import training_cost
from tampo.records.run_json import Divergence, EvaluateRun, TrainRun, read_any_run, read_run
from tampo.study.study import Study


@dataclass(frozen=True)
class DivergedRun:
    """One training run that diverged."""

    method: str
    seed: int
    divergence: Divergence


@dataclass(frozen=True)
class Outcomes:
    """How the training runs of a study ended, as runs.csv has it; without the table all finished."""

    table: pd.DataFrame | None = None

    @classmethod
    def read(cls, folder: Path) -> Outcomes:
        """Read runs.csv of an aggregate folder, which is there where a run diverged."""
        path = plain_or_packed(folder / layout.RUNS)
        return cls(pd.read_csv(path, dtype={METHOD: str}) if path.is_file() else None)

    @property
    def diverged(self) -> frozenset[tuple[str, int]]:
        """Method and seed of every run that diverged."""
        return frozenset(zip(self._diverged[METHOD], self._diverged[SEED], strict=True))

    def counted(self, method: str) -> str:
        """Return `1 of 3 runs diverged`; nothing where every run of the method finished."""
        if method not in set(self._diverged[METHOD]):
            return ""
        runs = int((self._all[METHOD] == method).sum())
        return f"{int((self._diverged[METHOD] == method).sum())} of {runs} runs diverged"

    def fraction(self, method: str) -> str:
        """Return `1 of 3 runs`: what a column named `diverged` says of a method; may be empty."""
        return self.counted(method).removesuffix(f" {DIVERGED}")

    def all_diverged(self, method: str) -> bool:
        """Return whether no run of a trained method finished."""
        own = self._all[self._all[METHOD] == method]
        return len(own) > 0 and bool((own[OUTCOME] == DIVERGED).all())

    def note(self, methods: Iterable[str]) -> str:
        """Return which of some methods have runs that diverged and how many; may be empty."""
        counts = {method: self.counted(method) for method in methods}
        return "; ".join(f"{method}: {count}" for method, count in counts.items() if count)

    def sentences(self, methods: Iterable[str] | None = None) -> list[str]:
        """Return for every run that diverged, of some methods or of all: which, at which step, why."""
        rows = self._diverged.to_dict("records")
        wanted = [row[METHOD] for row in rows] if methods is None else list(methods)
        return [
            f"{row[METHOD]}, seed {row[SEED]}, at step {row[STEP]}: {row[REASON]}"
            for row in rows
            if row[METHOD] in wanted
        ]

    @property
    def methods(self) -> list[str]:
        """Methods with a run that diverged."""
        return list(dict.fromkeys(self._diverged[METHOD]))

    @property
    def ends(self) -> pd.DataFrame:
        """The rows of runs.csv that are of runs that diverged."""
        return self._diverged

    def spent(self) -> tuple[float, float]:
        """Return the rollout tokens and the training seconds of all runs that diverged."""
        own = self._diverged
        return float(own[layout.ROLLOUT_TOKENS].sum()), float(own[layout.SECONDS].sum())

    @property
    def _all(self) -> pd.DataFrame:
        return pd.DataFrame(columns=layout.RUN_COLUMNS) if self.table is None else self.table

    @property
    def _diverged(self) -> pd.DataFrame:
        return self._all[self._all[OUTCOME] == DIVERGED]


def write_marker(checkpoint: Path, found: Divergence) -> None:
    """Say in the folder of a checkpoint that there are no weights, and why."""
    write_json(checkpoint / layout.DIVERGED_FILE, found.model_dump())


def divergence_of(checkpoint: Path) -> Divergence | None:
    """Return why a folder holds no weights: what it says itself, or the run.json of its run."""
    marker, record = checkpoint / layout.DIVERGED_FILE, checkpoint.parent / layout.RUN_JSON
    if marker.is_file():
        return Divergence(**json.loads(marker.read_text(encoding="utf-8")))
    if (checkpoint / layout.RUN_JSON).is_file() or not record.is_file():
        return None
    run = read_any_run(record)
    return run.diverged if isinstance(run, TrainRun) else None


def diverged_runs(study: Study, results: Path) -> list[DivergedRun]:
    """Return the runs of a study that diverged, as their run.json say, in the study's order.

    Runs without run.json are left out: whoever needs them says that they are missing.
    """
    found = []
    for method in study.trained_methods:
        for seed in study.seeds:
            path = layout.train_folder(results, method, seed) / layout.RUN_JSON
            divergence = read_run(path, TrainRun).diverged if path.is_file() else None
            if divergence is not None:
                found.append(DivergedRun(method, seed, divergence))
    return found


def runs_table(study: Study, results: Path) -> pd.DataFrame:
    """Return one row a training run, with the columns `layout.RUN_COLUMNS`.

    `step` is the number of steps that were done, `reason` is empty where the run finished. Costs are
    given of diverged runs alone: those of the others stand in scores.csv.
    """
    diverged = {(run.method, run.seed): run.divergence for run in diverged_runs(study, results)}
    rows: list[dict[str, Any]] = []
    for method in study.trained_methods:
        for seed in study.seeds:
            row: dict[str, Any] = {METHOD: method, SEED: seed, OUTCOME: FINISHED}
            row[STEP] = study.training_of(method).steps
            if (found := diverged.get((method, seed))) is not None:
                row |= {OUTCOME: DIVERGED, STEP: found.step, REASON: found.what}
                cost = training_cost(layout.train_folder(results, method, seed))
                row |= {entry[layout.METRIC]: entry[layout.VALUE] for entry in cost}
            rows.append(row)
    return pd.DataFrame(rows, columns=layout.RUN_COLUMNS)


def disagreements(results: Path, method: str, seed: int) -> Iterator[tuple[Path, str]]:
    """Yield each file of a trained run that contradicts its run.json on whether the run diverged.

    Files that are missing are not this function's business.
    """
    folder = layout.train_folder(results, method, seed)
    evaluated = layout.evaluate_folder(results, method, seed) / layout.RUN_JSON
    if not (folder / layout.RUN_JSON).is_file():
        return
    found = read_run(folder / layout.RUN_JSON, TrainRun).diverged
    yield from _checkpoint_faults(folder / layout.CHECKPOINT, found)
    if found is not None and (folder / layout.STEPS_LOG).is_file():
        steps = [row.get(STEP) for row in read_jsonl(folder / layout.STEPS_LOG)]
        if steps != list(range(found.step)):
            yield (
                folder / layout.STEPS_LOG,
                f"not the {found.step} steps before the run {found}",
            )
    if evaluated.is_file():
        refused = read_run(evaluated, EvaluateRun).refused
        if (refused.diverged if refused else None) != found:
            said = "scores a run that" if refused is None else "was refused, but the run"
            state = FINISHED if found is None else str(found)
            yield evaluated, f"{said} {state}"
        elif refused is not None:
            yield from _response_faults(evaluated.parent, refused.files)


def _checkpoint_faults(checkpoint: Path, found: Divergence | None) -> Iterator[tuple[Path, str]]:
    if not checkpoint.is_dir():
        return
    marker = checkpoint / layout.DIVERGED_FILE
    # Snakemake leaves the time in a hidden file of a folder that it declared.
    names = {path.name for path in checkpoint.iterdir() if not path.name.startswith(".")}
    if found is None and marker.name in names:
        yield marker, "the run finished, as its run.json says"
    elif found is not None and names != {marker.name}:
        extra = ", ".join(sorted(names - {marker.name})) or "nothing"
        yield checkpoint, f"holds {extra}; the run {found}, and leaves {marker.name} alone"
    elif found is not None and divergence_of(checkpoint) != found:
        yield marker, f"the run {found}, as its run.json says"


def _response_faults(folder: Path, names: Iterable[str]) -> Iterator[tuple[Path, str]]:
    for name in names:
        if (folder / name).is_file() and (folder / name).stat().st_size:
            yield folder / name, "holds responses, but the evaluation was refused"
