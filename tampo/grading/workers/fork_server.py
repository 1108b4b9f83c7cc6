"""The fork server as its parent sees it: started, asked for workers, ended.

It is a fresh interpreter joined by a socket, not a fork of this process and not `multiprocessing`: it
inherits no locks, no threads and no accelerator context, and it does not import the caller's main
module a second time. `tampo.grading.workers.worker` is what it runs.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
from multiprocessing.connection import Connection
from pathlib import Path

START_SECONDS = 300.0
"""How long a fork server may take to import its libraries, even from a cold network file system."""

FORK, END = "fork", "end"
"""What a fork server is told to do."""

MOST_BYTES = 4096
"""Of a message between parent and fork server, which take turns: each is one JSON value."""

_DEAF = "trap '' INT TERM USR1; exec \"$@\""
"""What stops a job is often sent to all of its processes. It is for the parent, which may need
grades until its step has ended and then closes the socket; a worker that obeyed would leave an answer
without its grade. Set before Python starts, because the signal may come meanwhile."""
_PACKAGE_ROOT = Path(__file__).resolve().parents[3]


class WorkerStartError(RuntimeError):
    """A worker could not start; the message holds its own account of why."""


class ForkServer:
    """One process that forks workers. Safe to use from any thread."""

    def __init__(self) -> None:
        self._control, theirs = socket.socketpair()
        path = [str(_PACKAGE_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(path),
            # The order of sympy's sets, hence of its work, follows from string hashes.
            "PYTHONHASHSEED": "0",
        }
        with theirs:
            server = [
                sys.executable,
                "-P",
                "-m",
                "tampo.grading.workers.worker",
                str(theirs.fileno()),
            ]
            self.process = subprocess.Popen(
                ["sh", "-c", _DEAF, "sh", *server],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env=environment,
            )
        self._lock = threading.Lock()
        self._ready = False

    def fork(self) -> tuple[int, Connection]:
        """Return process id and connection of a new worker.

        Raises:
            WorkerStartError: the server could not import its libraries, or is gone.
        """
        ours, theirs = socket.socketpair()
        with contextlib.ExitStack() as undo, theirs:
            undo.callback(ours.close)
            pid = self._exchange([FORK], theirs.fileno())["pid"]
            undo.pop_all()
        return pid, Connection(ours.detach())

    def end(self, pid: int) -> int | None:
        """Kill a worker and return its exit status; None if the server is gone, its workers too."""
        try:
            return self._exchange([END, pid])["status"]
        except WorkerStartError:
            return None

    def close(self) -> None:
        """End the server, which kills its workers first; harmless if it has ended."""
        with contextlib.suppress(OSError):
            self._control.shutdown(
                socket.SHUT_RDWR
            )  # heard also where a forked child holds it open
        self._control.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _exchange(self, order: list, *descriptors: int) -> dict:
        with self._lock:
            try:
                if not self._ready:
                    greeting = self._hear(START_SECONDS)
                    if "ready" not in greeting:
                        raise OSError(greeting["error"])
                    self._ready = True
                socket.send_fds(self._control, [json.dumps(order).encode()], descriptors)
                return self._hear(START_SECONDS)
            except OSError as error:
                self.close()
                raise WorkerStartError(f"the grading worker did not start: {error}") from None
            except BaseException:
                # An interrupt between order and answer: they would no longer fit together.
                self.close()
                raise

    def _hear(self, seconds: float) -> dict:
        self._control.settimeout(seconds)
        line = self._control.recv(MOST_BYTES)
        if not line:
            raise OSError(f"its process ended with status {self.process.wait()}")
        return json.loads(line)
