"""A grader in a process of its own: asked, timed, and killed when it takes too long."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from dataclasses import dataclass

from tampo.tools.bench.grading.cases import Case

LIMIT_SECONDS = 15.0
"""For one case; math-verify's and Minerva's own limits are 5 s a step."""

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
        self._process: subprocess.Popen | None = None

    def ask(self, case: Case) -> Verdict:
        """Return what the grader says of a case; a hang and a death are errors."""
        process = self._started()
        request = {
            "golds": case.gold.split(" | "),
            "response": case.response,
            "record": case.record,
        }
        started = time.monotonic()
        process.stdin.write(json.dumps(request) + "\n")
        process.stdin.flush()
        reply = self._hear(LIMIT_SECONDS)
        if "seconds" not in reply:
            self.close()
            return Verdict(None, time.monotonic() - started, reply["error"])
        return Verdict(reply.get("accepted"), reply["seconds"], reply.get("error"))

    def close(self) -> None:
        """End the process and what it started."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                pipe.close()
            self._process = None

    def _started(self) -> subprocess.Popen:
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tampo.tools.bench.grading.peers", self.name],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                start_new_session=True,
            )
            if "ready" not in (greeting := self._hear(START_SECONDS)):
                self.close()
                raise RuntimeError(f"{self.name} did not start: {greeting}")
        return self._process

    def _hear(self, seconds: float) -> dict:
        if not select.select([self._process.stdout], [], [], seconds)[0]:
            return {"error": f"no verdict within {seconds:g} s"}
        line = self._process.stdout.readline()
        return json.loads(line) if line else {"error": "its process ended"}
