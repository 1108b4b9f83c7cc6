"""A grader in a process of its own: asked, timed, and killed when it takes too long."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass

from tampo.tools.bench.grading.cases import Case

LIMIT_SECONDS = 15.0
"""For one case; math-verify's and Minerva's own limits are 5 s per step."""

START_SECONDS = 120.0


@dataclass(frozen=True)
class Verdict:
    """What a grader said of one case.

    accepted: None if it raised an exception, was stopped or says that it did not finish.
    """

    accepted: bool | None
    seconds: float
    error: str | None = None


class Referee:
    """One grader, by its name in `peers.PEERS`; not for two threads at once."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._process: _GraderProcess | None = None

    def ask(self, case: Case) -> Verdict:
        """Return what the grader says of a case; a hang and a death are errors."""
        process = self._started()
        request = {
            "golds": case.gold.split(" | "),
            "response": case.response,
            "record": case.record,
        }
        started = time.monotonic()
        process.say(request)
        reply = process.hear(LIMIT_SECONDS)
        if "seconds" not in reply:
            self.close()
            return Verdict(None, time.monotonic() - started, reply["error"])
        return Verdict(reply.get("accepted"), reply["seconds"], reply.get("error"))

    def close(self) -> None:
        """End the process and what it started."""
        if self._process is not None:
            self._process.kill()
            self._process = None

    def _started(self) -> _GraderProcess:
        if self._process is None:
            self._process = _GraderProcess(self.name)
            if "ready" not in (greeting := self._process.hear(START_SECONDS)):
                self.close()
                raise RuntimeError(f"{self.name} did not start: {greeting}")
        return self._process


class _GraderProcess:
    """The process of one grader: JSON requests and replies, one per line."""

    def __init__(self, name: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tampo.tools.bench.grading.peers", name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        # Popen's types do not say that a pipe asked for is there.
        assert self.process.stdin is not None and self.process.stdout is not None
        self._requests, self._replies = self.process.stdin, self.process.stdout

    def say(self, request: dict) -> None:
        self._requests.write(json.dumps(request) + "\n")
        self._requests.flush()

    def hear(self, seconds: float) -> dict:
        if not select.select([self._replies], [], [], seconds)[0]:
            return {"error": f"no verdict within {seconds:g} s"}
        line = self._replies.readline()
        return json.loads(line) if line else {"error": "its process ended"}

    def kill(self) -> None:
        """End the process and what it started."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        for pipe in (self._requests, self._replies):
            with suppress(BrokenPipeError):
                # What it did not read any more stays in the pipe.
                pipe.close()
