"""What an unfinished training run leaves for its next attempt, and whose it is."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tampo import layout
from tampo.files import LOCK, sole_writer, write_json
from tampo.study.study import StudyError
from tampo.training.study_trainer import COMPLETE

logger = logging.getLogger(__name__)

RUN, MODEL, SETTINGS, PROBLEMS = "run", "model", "settings", "problems"
"""Keys of an identity: study, method and seed; checksums of the base model's files; the settings that
the run depends on, and among them the content of its problem sets."""


class AnotherRun(StudyError):
    """What was left to resume is not of this run; the message says of which, and what to do."""


class ResumeFolder:
    """The folder `resume` of one run, which is there until the run is over.

    Args:
        path: the folder; made when it is locked.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.checkpoints = path / "checkpoints"
        self.log = path / "log"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Be the one process that writes this run; another is refused (`files.sole_writer`)."""
        with sole_writer(self.path):
            yield

    def prepare(self, identity: dict[str, Any]) -> None:
        """Make it the folder of this very run, or empty; the trainer rewinds the log to the checkpoint.

        Settings that changed start the run over, and the log names them.

        Args:
            identity: of the run, with the keys above; more may differ as settings do.

        Raises:
            AnotherRun: what is there is another run, or this one on other problems or weights.
        """
        identity = json.loads(json.dumps(identity))
        stated = self.path / layout.RESUME_IDENTITY
        if stated.is_file():
            self._compare(json.loads(stated.read_text(encoding="utf-8")), identity)
        else:
            self._clear()
        write_json(stated, identity)

    def _compare(self, before: dict[str, Any], now: dict[str, Any]) -> None:
        remedy = f"delete {self.path} to start over"
        if before.get(RUN) != now[RUN]:
            raise AnotherRun(
                f"{self.path} holds {_named(before.get(RUN))}, not {_named(now[RUN])}: a run is never "
                f"continued as another; name another --out, or {remedy}"
            )
        changed = sorted(
            key
            for key in {*before[SETTINGS], *now[SETTINGS]}
            if before[SETTINGS].get(key) != now[SETTINGS].get(key)
        )
        if changed == [PROBLEMS]:
            raise AnotherRun(
                f"{self.path}: the problems have changed since this run was stopped "
                f"({_changed(before, now)}); put them back, or {remedy}"
            )
        if not changed and before[MODEL] != now[MODEL]:
            raise AnotherRun(
                f"{self.path}: the base model's files have changed since this run was stopped; put "
                f"them back, or {remedy}"
            )
        others = [
            key for key in now if key not in (RUN, MODEL, SETTINGS) and before.get(key) != now[key]
        ]
        if changed or others:
            what = ", ".join([*changed, *others])
            logger.warning("%s: other settings (%s); starting over", self.path, what)
            self._clear()

    def _clear(self) -> None:
        for path in self.path.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name != LOCK:
                path.unlink()

    @property
    def newest(self) -> Path | None:
        """The last checkpoint that was written to its end."""
        folders = self.checkpoints.glob("checkpoint-*")
        return max((f for f in folders if (f / COMPLETE).is_file()), key=step_of, default=None)


def step_of(checkpoint: Path) -> int:
    """Return the number of steps behind a checkpoint."""
    return int(checkpoint.name.partition("-")[2])


def _named(run: dict[str, Any] | None) -> str:
    if run is None:
        return "a run that does not say whose it is"
    return f"method {run['method']!r}, seed {run['seed']} of study {run['study']!r}"


def _changed(before: dict[str, Any], now: dict[str, Any]) -> str:
    """Return the names of the problem sets whose content changed."""
    sets = [identity[SETTINGS].get(PROBLEMS, {}) for identity in (before, now)]
    names = sorted({*sets[0], *sets[1]})
    return ", ".join(name for name in names if sets[0].get(name) != sets[1].get(name))
