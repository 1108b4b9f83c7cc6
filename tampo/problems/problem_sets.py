"""Problem sets by name, brought into one canonical form and checked before anything is sampled.

A canonical record is one JSON object:

| key           | type           | meaning                                                         |
| ------------- | -------------- | --------------------------------------------------------------- |
| `id`          | str            | stable name; seeds of the problem's responses derive from it    |
| `problem`     | str            | the text given to the model                                     |
| `answer`      | list of str    | accepted gold answers, LaTeX as published                       |
| `level`       | str, int, null | difficulty as published                                         |
| `subject`     | str, null      | subject as published                                            |
| `answer_type` | str, null      | `exact` for string equality; otherwise the publisher's own word |
| `multiple`    | bool, null     | the gold lists several values and all are required              |
| `unit`        | str, null      | unit of the gold, left out of it                                |
| `tolerance`   | str, null      | absolute tolerance of a numerical gold                          |
| `solution`    | str, null      | worked solution; of GSM8K its calculations, one per line          |
| `grader`      | str            | the user's function that grades it (`tampo.grading.own_grader`)   |

The first three are required. A set is read from canonical JSON lines when a folder is given, else
from the hub at its pinned revision; arithmetic sets are generated and come with the package; a study's
own sets are files that it names.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from tampo.files import sha256_of
from tampo.grading.own_grader import GRADER
from tampo.problems.catalogue import (
    ARITHMETIC_SEED,
    CATALOGUE,
    Generated,
    Hub,
    OwnFile,
    Part,
    ProblemSet,
)
from tampo.problems.own_files import OwnFileError, canonical_rows, read_rows
from tampo.user_code import code_of

REQUIRED: dict[str, tuple[type, ...]] = {"id": (str,), "problem": (str,), "answer": (list,)}
OPTIONAL: dict[str, tuple[type, ...]] = {
    "level": (str, int, type(None)),
    "subject": (str, type(None)),
    "answer_type": (str, type(None)),
    "multiple": (bool, type(None)),
    "unit": (str, type(None)),
    "tolerance": (str, type(None)),
    "solution": (str, type(None)),
    GRADER: (str,),
}


class ProblemSetError(ValueError):
    """A problem set that cannot be used; the message names the set or file, and the line."""


def load_problems(
    name: str, data_dir: str | Path | None = None, limit: int | None = None
) -> list[dict[str, Any]]:
    """Return the canonical records of a problem set, in the order of its source.

    Args:
        name: a name in `CATALOGUE`.
        data_dir: folder of canonical JSON lines to read instead of the hub.
        limit: keep only the first `limit` records; the whole set is read and checked all the same.

    Raises:
        ProblemSetError: the set is unknown, missing, of the wrong size or has a faulty record; the
            message names the file and line, or the hub repository and row.
    """
    entry = _entry(name)
    if isinstance(entry.source, Part):
        where, part = name, entry.source
        records = [r for r in load_problems(part.whole, data_dir) if part.keep(r)]
    else:
        where, records = _read(name, entry.source, data_dir)
    if entry.count is not None and len(records) != entry.count:
        raise ProblemSetError(
            f"{where}: {len(records)} problems, but {name} has {entry.count}; "
            "the source is truncated or of another version"
        )
    return records[:limit]


def _read(
    name: str, source: Hub | Generated | OwnFile, data_dir: str | Path | None
) -> tuple[str, list[dict[str, Any]]]:
    """Return where a set is read from, and its records, checked."""
    if isinstance(source, Generated):
        where, records = name, source.make()
        origin = [f"{name}:{number}" for number, _ in enumerate(records, start=1)]
    elif isinstance(source, OwnFile):
        where = source.path
        records, origin = _read_own(name, source)
    elif data_dir is not None:
        where = str(Path(data_dir) / source.file)
        records, origin = _read_file(Path(where))
    else:
        where = f"hub:{source.repository}"
        records, origin = _read_hub(source)
    check(records, origin)
    return where, records


def _read_own(name: str, own: OwnFile) -> tuple[list[Any], list[str]]:
    keys = [key for key in (*REQUIRED, *OPTIONAL) if key != GRADER]
    try:
        rows, origin = read_rows(Path(own.path))
        records = canonical_rows(name, rows, origin, own.columns, keys)
    except OwnFileError as error:
        raise ProblemSetError(str(error)) from None
    if not records:
        raise ProblemSetError(f"{own.path}: holds no problem")
    graded = {} if own.grader is None else {GRADER: own.grader}
    return [record | graded for record in records], origin


def problem_count(name: str, data_dir: str | Path | None = None) -> int:
    """Return the number of problems in a set; a file of the user's is read for it."""
    count = _entry(name).count
    return len(load_problems(name, data_dir)) if count is None else count


def check(records: Sequence[Any], origin: Sequence[str]) -> None:
    """Raise ProblemSetError unless all records are canonical and no id repeats.

    Args:
        records: the records.
        origin: for each record, where it comes from; the message starts with it.
    """
    seen: dict[str, str] = {}
    for record, where in zip(records, origin, strict=True):
        _check_record(record, where)
        if record["id"] in seen:
            raise ProblemSetError(
                f"{where}: id {record['id']!r} already appears in {seen[record['id']]}"
            )
        seen[record["id"]] = where


def _check_record(record: Any, where: str) -> None:
    if not isinstance(record, dict):
        raise ProblemSetError(f"{where}: a problem is a JSON object, got {_short(record)}")
    allowed = REQUIRED | OPTIONAL
    for key in REQUIRED:
        if key not in record:
            raise ProblemSetError(f"{where}: key {key!r} is missing; found {', '.join(record)}")
    for key, value in record.items():
        if key not in allowed:
            raise ProblemSetError(f"{where}: unknown key {key!r}; allowed: {', '.join(allowed)}")
        # bool is an int to Python; a level of `true` is a mistake all the same.
        if not isinstance(value, allowed[key]) or (
            isinstance(value, bool) and bool not in allowed[key]
        ):
            names = " or ".join(t.__name__.replace("NoneType", "null") for t in allowed[key])
            raise ProblemSetError(f"{where}: {key} must be {names}, got {_short(value)}")
    for key in ("id", "problem"):
        if not record[key].strip():
            raise ProblemSetError(f"{where}: {key} is empty")
    answers = record["answer"]
    if not answers or not all(isinstance(a, str) and a.strip() for a in answers):
        raise ProblemSetError(
            f"{where}: answer must be a list of at least one text, none empty, got {_short(answers)}"
        )


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _entry(name: str) -> ProblemSet:
    if name not in CATALOGUE:
        raise ProblemSetError(f"no problem set {name!r}; there are {', '.join(CATALOGUE)}")
    return CATALOGUE[name]


def _read_file(path: Path) -> tuple[list[Any], list[str]]:
    if not path.is_file():
        beside = ", ".join(sorted(p.name for p in path.parent.glob("*.jsonl"))) or "none"
        raise ProblemSetError(f"{path}: no such file; JSON-lines files beside it: {beside}")
    records, origin = [], []
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise ProblemSetError(f"{path}: not UTF-8: {error}") from None
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            records.append(json.loads(line))
        except json.JSONDecodeError as error:
            raise ProblemSetError(
                f"{path}:{number}: not JSON: {error.msg} (column {error.colno})"
            ) from None
        origin.append(f"{path}:{number}")
    return records, origin


@cache
def _revision(repository: str, pinned: str | None) -> str:
    """Return the pinned commit, or the newest one, looked up once per process."""
    if pinned is not None:
        return pinned
    from huggingface_hub import HfApi

    newest = HfApi().dataset_info(repository).sha
    if newest is None:
        raise ValueError(f"the hub names no commit of {repository}")
    return newest


def _read_hub(hub: Hub) -> tuple[list[Any], list[str]]:
    from datasets import load_dataset

    try:
        revision = _revision(hub.repository, hub.revision)
        rows = load_dataset(hub.repository, hub.config, split=hub.split, revision=revision)
    except Exception as error:
        # Network, login and hub errors come as many types; all mean that the set is not available.
        raise ProblemSetError(
            f"hub:{hub.repository}: cannot be read ({type(error).__name__}: {error}); "
            "set data_dir to read canonical JSON lines instead"
        ) from error
    records, origin = [], []
    for index, row in enumerate(rows):
        origin.append(f"hub:{hub.repository}@{revision[:8]}:{index}")
        try:
            records.append(hub.record(row, index))
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ProblemSetError(
                f"{origin[-1]}: row does not have the expected columns "
                f"({type(error).__name__}: {error}); found {', '.join(row)}"
            ) from error
    return records, origin


def source(name: str, data_dir: str | Path | None = None) -> dict[str, Any]:
    """Return where the set's records come from, for `run.json`; hub revisions are resolved."""
    found = _entry(name).source
    if isinstance(found, Part):
        return source(found.whole, data_dir)
    if isinstance(found, Generated):
        return {"generated": name, "seed": ARITHMETIC_SEED}
    if isinstance(found, OwnFile):
        return {"file": Path(found.path).name}
    if data_dir is not None:
        return {"file": found.file}
    return {
        "repository": found.repository,
        "config": found.config,
        "split": found.split,
        "revision": _revision(found.repository, found.revision),
        "pinned": found.revision is not None,
    }


def identity(name: str, data_dir: str | Path | None = None) -> dict[str, Any]:
    """Return what decides the problems of a set, without reading them: what a result depends on.

    Of a folder that is the content of the set's file, not where it lies or how its path is spelled; None
    if the file is not there. Of the hub it is the pinned revision, without asking the hub.
    """
    found = _entry(name).source
    if isinstance(found, Part):
        return {"part": name, **identity(found.whole, data_dir)}
    if isinstance(found, Generated):
        return {"generated": name, "seed": ARITHMETIC_SEED}
    if isinstance(found, OwnFile):
        code = {} if found.grader is None else {"grader": code_of(found.grader, "grader")}
        own = {"set": name, "sha256": _file_digest(Path(found.path)), "columns": found.columns}
        return own | code
    if data_dir is not None:
        return {"set": name, "sha256": _file_digest(Path(data_dir) / found.file)}
    return {
        "set": name,
        "repository": found.repository,
        "config": found.config,
        "split": found.split,
        "revision": found.revision,
    }


def _file_digest(path: Path) -> str | None:
    if not path.is_file():
        return None
    status = path.stat()
    return _digest(path.resolve(), status.st_mtime_ns, status.st_size)


@cache
def _digest(path: Path, changed: int, size: int) -> str:
    """Return a file's checksum; a study of many methods asks for it once for each."""
    return sha256_of(path)


def fingerprint(problems: Sequence[dict[str, Any]]) -> str:
    """Return the SHA-256 of records, independent of key order and of where they were read from."""
    digest = hashlib.sha256()
    for record in problems:
        digest.update(json.dumps(record, sort_keys=True, ensure_ascii=False).encode() + b"\n")
    return digest.hexdigest()
