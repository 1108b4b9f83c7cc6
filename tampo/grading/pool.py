"""Worker processes that can be killed: mathematics with a hard limit, from any thread.

A worker is a fresh interpreter joined by a socket, not a fork and not `multiprocessing`: it
inherits no locks, no threads and no accelerator context, and it does not import the caller's main
module a second time. It starts when the first request comes, lives on, and is replaced when
it had to be killed.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import socket
import subprocess
import sys
import threading
import time
from multiprocessing.connection import Connection
from pathlib import Path

START_SECONDS = 300.0
"""How long a worker may take to import its libraries, even from a cold network file system."""

MEMORY_BYTES = 4 * 2**30
"""Resident memory at which a worker is killed (where /proc tells it)."""

_WATCH_SECONDS = 0.05
_DEAF = "trap '' INT TERM USR1; exec \"$@\""
"""What stops a job is often sent to all of its processes. It is for the parent, which may need
grades until its step has ended and then closes the socket; a worker that obeyed would leave an answer
without its grade. Set before Python starts, because the signal may come meanwhile."""
_PACKAGE_ROOT = Path(__file__).resolve().parents[2]


class WorkerStartError(RuntimeError):
    """A worker could not start; the message holds its own account of why."""


class WorkerLost(Exception):
    """A worker died or was killed before it answered."""


class Worker:
    """One process; `ask` is not safe to call from two threads at once."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        path = [str(_PACKAGE_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(path),
            # The order of sympy's sets, hence of its work, follows from string hashes.
            "PYTHONHASHSEED": "0",
        }
        with theirs:
            worker = [sys.executable, "-P", "-m", "tampo.grading.worker", str(theirs.fileno())]
            self.process = subprocess.Popen(
                ["sh", "-c", _DEAF, "sh", *worker],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env=environment,
            )
        self._connection = Connection(ours.detach())
        try:
            greeting = self._receive(START_SECONDS)
        except WorkerLost as lost:
            raise WorkerStartError(f"the grading worker did not start: {lost}") from None
        if "ready" not in greeting:
            self.kill()
            raise WorkerStartError(f"the grading worker did not start:\n{greeting.get('error')}")

    def ask(self, request: dict, wall_seconds: float) -> dict:
        """Send a request and return the reply; WorkerLost, the process gone, if there is none."""
        try:
            self._connection.send_bytes(json.dumps(request).encode())
        except OSError as error:
            self.kill()
            raise WorkerLost(f"worker gone before the request: {error}") from None
        return self._receive(wall_seconds)

    def kill(self) -> None:
        """End the process at once and reap it; harmless if it has ended."""
        with contextlib.suppress(OSError):
            self._connection.close()
        self.process.kill()
        self.process.wait()

    def _receive(self, wall_seconds: float) -> dict:
        deadline = time.monotonic() + wall_seconds
        try:
            while not self._connection.poll(_WATCH_SECONDS):
                if time.monotonic() > deadline:
                    raise WorkerLost(f"no reply within {wall_seconds:g} s")
                if self._resident_bytes() > MEMORY_BYTES:
                    raise WorkerLost(f"more than {MEMORY_BYTES} bytes of memory")
            return json.loads(self._connection.recv_bytes())
        except (EOFError, OSError):
            self.kill()
            raise WorkerLost(f"worker ended with status {self.process.returncode}") from None
        except WorkerLost:
            self.kill()
            raise

    def _resident_bytes(self) -> int:
        try:
            pages = Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        except (OSError, IndexError):
            return 0
        return int(pages) * os.sysconf("SC_PAGE_SIZE")


class WorkerPool:
    """At most `size` workers, started as requests need them; safe to use from any thread."""

    def __init__(self, size: int = 1) -> None:
        if size < 1:
            raise ValueError(f"workers is {size}, allowed: 1 or more")
        self.size = size
        self._free: queue.LifoQueue[Worker | None] = queue.LifoQueue()
        for _ in range(size):
            self._free.put(None)
        self._lock = threading.Lock()
        self._live: set[Worker] = set()

    def ask(self, request: dict, wall_seconds: float) -> dict:
        """Have a free worker answer; WorkerLost if it was lost over this request."""
        worker = self._free.get()
        try:
            if worker is None or worker.process.poll() is not None:
                self._forget(worker)
                worker = Worker()
                with self._lock:
                    self._live.add(worker)
            return worker.ask(request, wall_seconds)
        except BaseException:
            # Also an interrupt: a worker whose answer nobody took must not serve the next request.
            self._forget(worker)
            worker = None
            raise
        finally:
            self._free.put(worker)

    def close(self) -> None:
        """End all workers. The pool can be used again and then starts new ones."""
        with self._lock:
            workers = list(self._live)
        for worker in workers:
            self._forget(worker)

    def __enter__(self) -> WorkerPool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _forget(self, worker: Worker | None) -> None:
        if worker is not None:
            with self._lock:
                self._live.discard(worker)
            worker.kill()
