"""What subcommands are made of: how one is added, and the options that several share."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from tampo.study.study import Study, load_study

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
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


def study_of(args: argparse.Namespace) -> Study:
    """Load the study that `--study` names."""
    return load_study(args.study, getattr(args, "data_dir", None))
