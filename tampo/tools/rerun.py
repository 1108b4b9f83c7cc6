"""One job again, from its run.json: the same command into a temporary folder, then file by file."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tampo import layout
from tampo.files import read_jsonl, sha256_of
from tampo.records.provenance import versions
from tampo.records.run_json import read_any_run
from tampo.study.study import StudyError

STAGES = (layout.MODEL, layout.TRAIN, layout.EVALUATE)
"""Stages whose jobs can be repeated by themselves."""
OUT = "--out"


def rerun(record: Path) -> tuple[list[str], bool]:
    """Repeat the job of a run.json and compare what it writes.

    Args:
        record: the run.json, beside the files that it lists.

    Returns:
        Lines to print, and whether every file that is still there is the same. Times are not compared.

    Raises:
        StudyError: the job cannot be repeated from here; says why.
    """
    run = read_any_run(record)
    if run.stage not in STAGES or OUT not in run.command:
        raise StudyError(f"{record}: a job of stage {run.stage} is not repeated by itself")
    words = run.command[run.command.index(run.stage) :]
    study = Path(words[words.index("--study") + 1])
    if not study.is_file():
        raise StudyError(f"{record}: no {study} here; run it from where its command was typed")
    here = versions()
    lines = [
        f"note: {name} is {here.get(name, 'missing')} here and was {was}"
        for name, was in run.packages.items()
        if here.get(name) != was
    ]
    with tempfile.TemporaryDirectory(prefix=f"rerun-{run.stage}-") as temporary:
        out = Path(temporary) / "out"
        words[words.index(OUT) + 1] = str(out)
        done = subprocess.run([sys.executable, "-m", "tampo", *words])
        if done.returncode:
            raise StudyError(f"{record}: the job ended with exit code {done.returncode}")
        same = True
        for name in run.checksums:
            if not (record.parent / name).is_file():
                lines.append(f"{name}: not here any more, not compared")
                continue
            difference = _difference(record.parent / name, out / name)
            same = same and difference is None
            lines.append(f"{name}: {difference or 'equal'}")
    return lines, same


def _difference(before: Path, now: Path) -> str | None:
    """Return how a file differs from the one that the job wrote now; None where it does not."""
    if not now.is_file():
        return "not written again"
    if sha256_of(before) == sha256_of(now):
        return None
    if before.suffix != ".jsonl":
        return "differs"
    rows = (read_jsonl(before), read_jsonl(now))
    if len(rows[0]) != len(rows[1]):
        return f"{len(rows[0])} lines, now {len(rows[1])}"
    for number, (old, new) in enumerate(zip(*rows, strict=True), start=1):
        for key in _differing(old, new):
            return f"line {number}: {key} is {_short(old, key)}, now {_short(new, key)}"
    return None


def _differing(old: dict[str, Any], new: dict[str, Any]) -> Iterator[str]:
    """Yield the keys in which two lines differ, but for times."""
    for key in (*old, *(key for key in new if key not in old)):
        if key != layout.SECONDS and old.get(key) != new.get(key):
            yield key


def _short(row: dict[str, Any], key: str) -> str:
    text = json.dumps(row.get(key), ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."
