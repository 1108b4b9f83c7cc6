"""Ctrl-C and SIGTERM to Snakemake: jobs save what they have, and the run says that it was stopped."""

from __future__ import annotations

import logging
import re
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from types import FrameType

import psutil

SHELLS = {"bash", "sh", "dash", "zsh"}

_asked: list[signal.Signals] = []


def leave_interrupts_to_the_run() -> None:
    """Let a job's own Snakemake, and what it starts, take no Ctrl-C: the run tells jobs to stop, once."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGUSR2, _fall_silent)


def _fall_silent(number: int, frame: FrameType | None) -> None:
    """Let the end of a job that was stopped not be told as a failure."""
    logging.disable(logging.CRITICAL)


def stop_on_signals() -> None:
    """Take Ctrl-C and SIGTERM as a request to stop; called when the run starts, in its main process."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)


def was_stopped() -> bool:
    """Return whether this run was asked to stop."""
    return bool(_asked)


def _stop(number: int, frame: FrameType | None) -> None:
    if _asked:
        return
    _asked.append(signal.Signals(number))
    print("\nstopping: running jobs save what they have", file=sys.stderr, flush=True)
    logging.disable(logging.CRITICAL)
    below = psutil.Process().children(recursive=True)
    for process, answer in [
        *((process, signal.SIGUSR2) for process in below if _is_snakemake(process)),
        *((process, signal.SIGTERM) for process in jobs_below(psutil.Process())),
    ]:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(answer)
    # Snakemake takes it as its own Ctrl-C: it starts nothing more, cancels what a cluster runs and
    # waits for what runs here.
    raise KeyboardInterrupt


def jobs_below(process: psutil.Process) -> Iterator[psutil.Process]:
    """Yield the jobs' own processes: below Snakemakes and shells, which must wait for them."""
    with suppress(psutil.NoSuchProcess):
        for child in process.children():
            if child.name() in SHELLS or _is_snakemake(child):
                yield from jobs_below(child)
            else:
                yield child


def _is_snakemake(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        # Below a shell, which has the same words in one.
        return "snakemake" in process.cmdline()[:4] and process.name() not in SHELLS
    return False


def stopped_line(snakemake_log: str) -> str:
    """Return how far a run came that was stopped, from the text of Snakemake's log."""
    done = re.findall(r"^(\d+) of (\d+) steps", snakemake_log, re.MULTILINE)
    planned = re.findall(r"^total\s+(\d+)", snakemake_log, re.MULTILINE)
    finished, total = done[-1] if done else ("0", planned[-1] if planned else "?")
    return f"stopped: {finished} of {total} jobs done; the same command goes on"
