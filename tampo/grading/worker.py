"""The process that does the mathematics of grading: `python -m tampo.grading.worker DESCRIPTOR`.

DESCRIPTOR is an inherited socket. The worker says `{"ready": true}` once its imports are done, then
answers one JSON request after another and ends when the socket closes, hence with its parent.
"""

from __future__ import annotations

import json
import signal
import sys
import traceback
from functools import lru_cache
from multiprocessing.connection import Connection


def serve(connection: Connection) -> None:
    """Answer requests until the other side closes.

    A request is `{"answer", "golds", "multiple", "unit", "tolerance", "cpu_seconds"}`, a reply
    `{"outcome"}`. The kernel ends the process when a request has used its processor time, which
    works inside native loops too and does not depend on how busy the machine is.
    """
    try:
        from tampo.grading.comparison import Rule
        from tampo.grading.equivalence import judge
    except Exception:
        _send(connection, {"error": traceback.format_exc()})
        return
    cached_judge = lru_cache(maxsize=4096)(judge)
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    _send(connection, {"ready": True})
    while True:
        try:
            request = json.loads(connection.recv_bytes())
        except EOFError:
            return
        rule = Rule.of(request)
        signal.setitimer(signal.ITIMER_PROF, request["cpu_seconds"])
        try:
            outcome = cached_judge(request["answer"], tuple(request["golds"]), rule)
        except RecursionError:
            outcome = "unparseable"
        except MemoryError:
            outcome = "timeout"
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
        _send(connection, {"outcome": outcome})


def _send(connection: Connection, message: dict) -> None:
    connection.send_bytes(json.dumps(message).encode())


if __name__ == "__main__":
    with Connection(int(sys.argv[1])) as parent:
        serve(parent)
