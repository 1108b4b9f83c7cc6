"""What subcommands are made of: how one is added, and the options that several share."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

from tampo.spelling import nearest
from tampo.study.references import STUDIES
from tampo.study.study import Study, StudyError, load_study

Commands: TypeAlias = "argparse._SubParsersAction[Any]"
"""Where subcommands are added; argparse has no public name for it."""
Run = Callable[[argparse.Namespace], int | None]
"""Runs a subcommand; None is exit code 0."""


def add_command(
    commands: Commands, name: str, run: Run | None, text: str
) -> argparse.ArgumentParser:
    """Add a subcommand that calls `run`; `text` is its help and its description."""
    command = commands.add_parser(name, help=text, description=text)
    command.set_defaults(run=run)
    return command


def add_data_dir(command: argparse.ArgumentParser) -> None:
    """Add the option that names a folder of problem sets."""
    command.add_argument(
        "--data-dir", metavar="DIR", help="read problem sets from canonical JSONL here"
    )


def add_out(command: argparse.ArgumentParser) -> None:
    """Add the option that names the output folder."""
    command.add_argument("--out", required=True, type=Path, metavar="DIR", help="output folder")


def study_file(named: str) -> Path:
    """Return the file of a study that is named, or given as a file.

    Raises:
        StudyError: there is no such study; names the nearest.
    """
    if Path(named).suffix or Path(named).is_file():
        return Path(named)
    file = STUDIES / f"{named}.yaml"
    if file.is_file():
        return file
    known = sorted(path.stem for path in STUDIES.glob("*.yaml"))
    where = ", ".join(known) if known else f"none, as there is no folder {STUDIES} here"
    raise StudyError(f"unknown study {named!r}{nearest(named, known)}; studies: {where}")


def study_of(args: argparse.Namespace) -> Study:
    """Load the study that `--study` names."""
    return load_study(study_file(args.study), getattr(args, "data_dir", None))


class Parser(argparse.ArgumentParser):
    """A parser whose complaint about a wrong choice names the nearest right one."""

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is None or value in action.choices:
            return
        legal = ", ".join(map(str, action.choices))
        guess = nearest(str(value), map(str, action.choices))
        raise argparse.ArgumentError(action, f"{value!r}{guess}; legal: {legal}")
