"""Stop signals, which clusters send before they kill a job.

SIGTERM comes when a job is preempted or cancelled, SIGUSR1 where it was asked for ahead of the time
limit, SIGINT from Ctrl-C.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)
STOPPED_FILE = "TAMPO_STOPPED_FILE"
"""Names the file that a launched process makes when it was stopped: the launcher's exit code does not
tell."""
EXIT_CODE = 75
"""What sysexits.h calls a temporary failure: the same command, started again, continues."""


class Stopped(RuntimeError):
    """Training was asked to stop and saved a checkpoint; the message says where and why."""


class StopRequest:
    """Whether this process was asked to stop, and by which signal."""

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Take a stop signal; the first one is remembered. A second Ctrl-C does not wait for the step."""
        if number == signal.SIGINT and self.signal == signal.SIGINT:
            raise KeyboardInterrupt
        self.signal = self.signal or signal.Signals(number)

    @property
    def reason(self) -> str:
        """Name of the stop signal; another process may have received it instead of this one."""
        return "a stop signal to another process" if self.signal is None else self.signal.name


@contextmanager
def stop_request() -> Iterator[StopRequest]:
    """Take SIGTERM, SIGUSR1 and Ctrl-C as a request to stop while the block runs.

    Only Python's main thread may take signals; elsewhere this is a ValueError of `signal.signal`.
    """
    request = StopRequest()
    before = {number: signal.signal(number, request) for number in SIGNALS}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def tell_launcher() -> None:
    """Say to the process that launched this one, if there is one, that the run was stopped."""
    if STOPPED_FILE in os.environ:
        Path(os.environ[STOPPED_FILE]).touch()
