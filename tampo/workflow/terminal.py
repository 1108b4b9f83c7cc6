"""What a run of Snakemake says in the terminal: one line per job, with progress and the time left.

Snakemake's log file keeps every detail; `--verbose` leaves the terminal as it was.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from snakemake_interface_logger_plugins.common import LogEvent

from tampo.workflow.status import in_words

STREAM = "DefaultStreamHandler"
"""Name of Snakemake's own handler of the terminal."""
ROUTINE = ("Select jobs to execute", "Execute ", "Shell command: ")
"""Beginnings of messages that say nothing of a job."""
QUIET = {LogEvent.JOB_INFO, LogEvent.JOB_STARTED, LogEvent.SHELLCMD, LogEvent.JOB_FINISHED}


class OneLinePerJob(logging.Filter):
    """Drops what is not the end of a job, and remembers what the line at its end has to say.

    Args:
        clock: seconds that only rise.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._started_at = clock()
        self._jobs: dict[int, tuple[str, float]] = {}
        self._finished: list[int] = []

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the terminal is shown a record."""
        event = getattr(record, "event", None)
        if event == LogEvent.JOB_INFO:
            self._jobs[record.jobid] = (_name(record), self._clock())  # type: ignore[attr-defined]
        elif event == LogEvent.JOB_FINISHED:
            self._finished.append(record.job_id)  # type: ignore[attr-defined]
        elif event == LogEvent.ERROR:
            return not str(record.getMessage()).startswith("RuleException:\nCalledProcessError")
        elif event is None:
            return not record.getMessage().startswith(ROUTINE)
        return event not in QUIET

    def name_of(self, jobid: int, rule: str) -> str:
        """Return the name of a job that was started, or of its rule."""
        return self._jobs.get(jobid, (rule, 0.0))[0]

    def line(self, done: int, total: int) -> str:
        """Return the line of the job that has just ended."""
        now = self._clock()
        jobid = self._finished.pop() if self._finished else -1
        name, started = self._jobs.pop(jobid, ("a job", now))
        text = f"{done}/{total}  {name}  {in_words(now - started)}"
        if done < total:
            text += f"; about {in_words((now - self._started_at) / done * (total - done))} left"
        return text


def _name(record: Any) -> str:
    wildcards = {k: v for k, v in record.wildcards.items() if k != "study"}
    run = ", ".join(v if k != "seed" else f"seed {v}" for k, v in wildcards.items())
    return f"{record.rule_name} {run}".rstrip()


class _Lines(logging.Formatter):
    def __init__(self, told: OneLinePerJob, otherwise: logging.Formatter | None) -> None:
        super().__init__()
        self._told, self._otherwise = told, otherwise or logging.Formatter()

    def format(self, record: logging.LogRecord) -> str:
        event = getattr(record, "event", None)
        if event == LogEvent.PROGRESS:
            return self._told.line(record.done, record.total)  # type: ignore[attr-defined]
        if event == LogEvent.JOB_ERROR:
            failed: Any = record
            log = ", ".join(failed.log or []) or "none"
            return f"failed: {self._told.name_of(failed.jobid, failed.rule_name)}; log: {log}"
        return self._otherwise.format(record)


def say_one_line_per_job(manager: Any) -> None:
    """Let Snakemake's terminal handler say one line per job.

    Args:
        manager: the workflow's `logger_manager`.
    """
    if manager.settings.verbose:
        return
    for handler in manager.logger.handlers:
        if handler.name == STREAM:
            told = OneLinePerJob()
            handler.addFilter(told)
            handler.setFormatter(_Lines(told, handler.formatter))
