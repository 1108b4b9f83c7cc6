"""Worker processes that can be killed: mathematics with a hard limit, from any thread.

Workers are forked by a fork server, which starts when the first request comes. A worker lives on until
it had to be killed; the next one is there within milliseconds.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import threading
import time
from collections import OrderedDict
from pathlib import Path

from tampo.grading.workers.fork_server import ForkServer

MEMORY_BYTES = 4 * 2**30
"""Resident memory at which a worker is killed (where /proc tells it)."""

MOST_WORKERS = 8
"""Workers that are used unless more are asked for: this process prepares requests on one core."""

REMEMBERED = 2**14
"""Requests whose replies are kept: responses to one problem often have the same answer."""

_WATCH_SECONDS = 0.05


class WorkerLost(Exception):
    """A worker died or was killed before it answered.

    outcome: "timeout" if it overran a limit of time, else "error".
    """

    outcome = "error"


class TimeLimit(WorkerLost):
    """A worker was killed because a request took too long."""

    outcome = "timeout"


def available_workers() -> int:
    """Return how many workers keep the cores of this process busy, MOST_WORKERS at most.

    Processes of one distributed run on this machine (LOCAL_WORLD_SIZE, as torchrun sets it) share
    its cores.
    """
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # not Linux
        cores = os.cpu_count() or 1
    sharers = max(1, int(os.environ.get("LOCAL_WORLD_SIZE") or 1))
    return max(1, min(MOST_WORKERS, cores // sharers))


class Worker:
    """One forked process; `ask` is not safe to call from two threads at once."""

    def __init__(self, server: ForkServer) -> None:
        self._server = server
        self.pid, self._connection = server.fork()
        self._status: int | None = None

    def ends(self) -> bool:
        """Return whether an idle worker has ended, by itself or by another's hand."""
        try:
            return self._connection.closed or self._connection.poll(0)
        except OSError:
            return True

    def ask(self, request: bytes, wall_seconds: float) -> dict:
        """Send a request and return the reply; WorkerLost, the process gone, if there is none."""
        deadline = time.monotonic() + wall_seconds
        try:
            self._connection.send_bytes(request)
            while not self._connection.poll(_WATCH_SECONDS):
                if time.monotonic() > deadline:
                    raise TimeLimit(f"no reply within {wall_seconds:g} s")
                if self._resident_bytes() > MEMORY_BYTES:
                    raise WorkerLost(f"more than {MEMORY_BYTES} bytes of memory")
            return json.loads(self._connection.recv_bytes())
        except (EOFError, OSError):
            status = self.kill()
            if status == -signal.SIGPROF:
                raise TimeLimit("its processor time was used up") from None
            raise WorkerLost(f"worker ended with status {status}") from None
        except WorkerLost:
            self.kill()
            raise

    def kill(self) -> int | None:
        """End the process at once and return its exit status; harmless if it has ended."""
        if not self._connection.closed:
            self._connection.close()
            self._status = self._server.end(self.pid)
        return self._status

    def _resident_bytes(self) -> int:
        try:
            pages = Path(f"/proc/{self.pid}/statm").read_text().split()[1]
        except (OSError, IndexError):
            return 0
        return int(pages) * os.sysconf("SC_PAGE_SIZE")


class WorkerPool:
    """At most `size` workers, started as requests need them; safe to use from any thread."""

    def __init__(self, size: int = 1) -> None:
        if size < 1:
            raise ValueError(f"workers is {size}, allowed: 1 or more")
        self._free: queue.LifoQueue[Worker | None] = queue.LifoQueue()
        self._lock = threading.Lock()
        self._live: set[Worker] = set()
        self._server: ForkServer | None = None
        self._replies: OrderedDict[bytes, dict] = OrderedDict()
        self.size = 0
        self.allow(size)

    def allow(self, size: int) -> None:
        """Let the pool have `size` workers if it had fewer."""
        with self._lock:
            for _ in range(self.size, size):
                self._free.put(None)
            self.size = max(self.size, size)

    def prepare(self) -> ForkServer:
        """Start loading what workers need, without waiting for it; harmless if it is loaded."""
        with self._lock:
            if self._server is None or self._server.process.poll() is not None:
                self._server = ForkServer()
            return self._server

    def ask(self, request: dict, wall_seconds: float) -> dict:
        """Have a free worker answer; WorkerLost if it was lost over this request.

        A request that was answered before, or found to take too much processor time, is not asked again.
        """
        message = json.dumps(request).encode()
        reply = self._remembered(message)
        if reply is None:
            try:
                reply = self._ask_worker(message, wall_seconds)
            except TimeLimit as limit:
                reply = {"lost": str(limit)}
            self._remember(message, reply)
        if "lost" in reply:
            raise TimeLimit(reply["lost"])
        return reply

    def _ask_worker(self, message: bytes, wall_seconds: float) -> dict:
        worker = self._free.get()
        try:
            if worker is None or worker.ends():
                self._forget(worker)
                worker = self._start()
            return worker.ask(message, wall_seconds)
        except BaseException:
            # Also an interrupt: a worker whose answer nobody took must not serve the next request.
            self._forget(worker)
            worker = None
            raise
        finally:
            self._free.put(worker)

    def close(self) -> None:
        """End all processes. The pool can be used again and then starts new ones."""
        with self._lock:
            workers, server = list(self._live), self._server
            self._server = None
        for worker in workers:
            self._forget(worker)
        if server is not None:
            server.close()

    def __enter__(self) -> WorkerPool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start(self) -> Worker:
        worker = Worker(self.prepare())
        with self._lock:
            self._live.add(worker)
        return worker

    def _forget(self, worker: Worker | None) -> None:
        if worker is not None:
            with self._lock:
                self._live.discard(worker)
            worker.kill()

    def _remembered(self, message: bytes) -> dict | None:
        with self._lock:
            reply = self._replies.get(message)
            if reply is not None:
                self._replies.move_to_end(message)
            return reply

    def _remember(self, message: bytes, reply: dict) -> None:
        with self._lock:
            self._replies[message] = reply
            while len(self._replies) > REMEMBERED:
                self._replies.popitem(last=False)
