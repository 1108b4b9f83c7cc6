"""What the workflow does in its own process: Python of the jobs, stop signals, final messages."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from types import FrameType

import psutil

from tampo import layout
from tampo.training.stop_signals import EXIT_CODE
from tampo.workflow.failures import failures
from tampo.workflow.stopping import stopped_line, was_stopped


def use_this_python() -> None:
    """Let jobs, which say `python`, find the one that runs this; an environment may come before it."""
    folders = [str(Path(sys.executable).parent), os.environ.get("PATH", "")]
    os.environ["PATH"] = os.pathsep.join(folders)


def pass_on_stop_signals() -> None:
    """Let SIGUSR1 reach the jobs of this process.

    Some clusters announce the end of a job to the job's first process only, which is Snakemake.
    """
    signal.signal(signal.SIGUSR1, _pass_on)


def _pass_on(number: int, frame: FrameType | None) -> None:
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            process.send_signal(number)


def print_table1(study: str) -> None:
    """Print the study's Table 1, if there is one."""
    from tampo.report.tables import show

    table = layout.RESULTS / study / layout.REPORT / layout.TABLE1
    if table.is_file():
        print(f"\n{table} (percent, interval in brackets)\n\n{show(table)}", file=sys.stderr)
        print(f"\n{table.with_name(layout.PAGE)} has the rest", file=sys.stderr)


def print_failures(snakemake_logs: Iterable[str]) -> None:
    """Print one line for each job that failed for good: its log and the reason.

    Raises:
        SystemExit: the run was stopped, and says so instead.
    """
    text = "".join(Path(path).read_text() for path in snakemake_logs)
    if was_stopped():
        print(f"\n{stopped_line(text)}", file=sys.stderr)
        sys.exit(EXIT_CODE)
    lines = [failure.line() for failure in failures(text)]
    print(f"\n{len(lines)} failed:", *lines, sep="\n  ", file=sys.stderr)
