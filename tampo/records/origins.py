"""Where a checkpoint comes from, and which it is."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tampo import layout
from tampo.files import checksums, sha256_of
from tampo.records.run_json import EvaluateRun, ModelRun, TrainRun, read_any_run, read_run
from tampo.study.model_settings import FolderModel
from tampo.study.study import UNTRAINED, Study, StudyError


def origin_of(checkpoint: Path) -> dict[str, Any]:
    """Return what the run.json of a checkpoint says of its making.

    Raises:
        FileNotFoundError: there are no weights, or nothing says where they come from.
    """
    if not (checkpoint / "config.json").is_file():
        raise FileNotFoundError(f"{checkpoint}: no checkpoint here (config.json is missing)")
    return made_by(checkpoint)


def made_by(checkpoint: Path) -> dict[str, Any]:
    """Return checksum and stage of the run.json in a folder of weights, or beside it.

    Raises:
        FileNotFoundError: there is none.
    """
    place = _record_of(checkpoint)
    return {"run_json_sha256": sha256_of(place), "stage": read_any_run(place).stage}


def _record_of(checkpoint: Path) -> Path:
    """Return the run.json in a folder of weights, or beside it."""
    places = [checkpoint / layout.RUN_JSON, checkpoint.parent / layout.RUN_JSON]
    place = next((p for p in places if p.is_file()), None)
    if place is None:
        raise FileNotFoundError(
            f"{checkpoint}: a checkpoint of unknown origin is not evaluated; "
            f"its run.json is neither in it nor beside it"
        )
    return place


def require_identity(checkpoint: Path, study: Study, method: str, seed: int) -> None:
    """Raise StudyError unless a checkpoint is that of `method` and `seed` of `study`.

    What it is stands in its run.json. That of a trained one also lists its files, which must be those
    that are there.
    """
    run = read_any_run(_record_of(checkpoint))
    asked = f"method {method!r}, seed {seed} of study {study.name!r}"
    if isinstance(run, ModelRun):
        if study.method(method).policy != UNTRAINED:
            raise StudyError(f"{checkpoint}: a base model, which is not evaluated as {asked}")
        return
    if not isinstance(run, TrainRun):
        raise StudyError(f"{checkpoint}: made by stage {run.stage!r}, not a checkpoint")
    own, of_study = _named(run.arguments), run.study or study.name
    if (*own, of_study) != (method, seed, study.name):
        made = f"method {own[0]!r}, seed {own[1]} of study {of_study!r}"
        raise StudyError(f"{checkpoint}: made by {made}; it is not evaluated as {asked}")
    there = {f"{checkpoint.name}/{name}": sha for name, sha in checksums(checkpoint).items()}
    listed = {n: sha for n, sha in run.files.items() if n.startswith(f"{checkpoint.name}/")}
    for name in sorted({*there, *listed}):
        if there.get(name) != listed.get(name):
            raise StudyError(
                f"{checkpoint.parent / name}: not the file that the run's {layout.RUN_JSON} lists; the "
                "checkpoint is another's, or was changed"
            )


def weights_sha256(checkpoint: Path) -> str:
    """Return the checksum of the checksums of a checkpoint's files."""
    files = {
        name: digest for name, digest in checksums(checkpoint).items() if name != layout.RUN_JSON
    }
    return hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()


def require_folder(source: FolderModel) -> None:
    """Raise StudyError unless the folder of a model is there and holds the pinned files."""
    if not (Path(source.path) / "config.json").is_file():
        raise StudyError(f"model.path: {source.path} is no folder of a model: no config.json in it")
    if (found := weights_sha256(Path(source.path))) != source.sha256:
        raise StudyError(
            f"model.sha256: the files of {source.path} have {found}, the study names {source.sha256}"
        )


def identity_faults(
    study: Study, results: Path, method: str, seed: int
) -> Iterator[tuple[Path, str]]:
    """Yield each run.json of a method and seed that says it is of another run, or made from another.

    Files that are missing are not this function's business.
    """
    trained = layout.train_folder(results, method, seed) / layout.RUN_JSON
    evaluated = layout.evaluate_folder(results, method, seed) / layout.RUN_JSON
    base = results / layout.MODEL / layout.RUN_JSON
    made = base if study.method(method).policy == UNTRAINED else trained
    if made is trained and trained.is_file():
        run = read_run(trained, TrainRun)
        yield from _another(trained, run.arguments, method, seed)
        if run.study not in (None, study.name):
            yield trained, f"is of study {run.study!r}"
        here = read_run(base, ModelRun).files if base.is_file() else None
        if None not in (here, run.base_model) and here != run.base_model:
            yield trained, "was trained from another base model"
    if evaluated.is_file():
        scored = read_run(evaluated, EvaluateRun)
        yield from _another(evaluated, scored.arguments, method, seed)
        if made.is_file() and scored.checkpoint.run_json_sha256 != sha256_of(made):
            yield evaluated, f"scores another checkpoint than that of {made.parent}"


def _another(
    path: Path, arguments: dict[str, Any], method: str, seed: int
) -> Iterator[tuple[Path, str]]:
    own = _named(arguments)
    if own != (method, seed):
        yield path, f"is of method {own[0]!r}, seed {own[1]}"


def _named(arguments: dict[str, Any]) -> tuple[Any, Any]:
    """Return the method's name and the seed that a run.json was asked for."""
    method = arguments.get("method")
    return method.get("name") if isinstance(method, dict) else method, arguments.get("seed")
