"""Logs of earlier attempts: a job that starts again leaves what it said before beside its new log."""

from __future__ import annotations

import logging
from itertools import count
from pathlib import Path
from typing import Any

from snakemake_interface_logger_plugins.common import LogEvent


class EarlierLogs(logging.Handler):
    """Renames the log of a job that is about to start: `seed1.log` becomes `seed1.log.1`, then `.2`.

    It listens to Snakemake, which announces a job before it runs it, here or on a cluster: in the rules the
    same would be another shell command, for which finished results would be made again.
    """

    def emit(self, record: logging.LogRecord) -> None:
        """Take one record of Snakemake's."""
        if getattr(record, "event", None) == LogEvent.JOB_INFO:
            announced: Any = record
            for name in announced.log or []:
                keep(Path(name))


def keep(log: Path) -> None:
    """Give a log that says something the next free number."""
    if log.is_file() and log.stat().st_size:
        free = next(n for n in count(1) if not (log.parent / f"{log.name}.{n}").exists())
        log.rename(log.parent / f"{log.name}.{free}")


def keep_earlier_logs(manager: Any) -> None:
    """Let the logs of earlier attempts stay.

    Args:
        manager: the workflow's `logger_manager`.
    """
    manager.logger.addHandler(EarlierLogs())
