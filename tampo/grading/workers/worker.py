"""The processes that do the mathematics of grading: `python -m tampo.grading.workers.worker DESCRIPTOR`.

DESCRIPTOR is an inherited socket. The process on it is a fork server: it imports computer algebra
once, says `{"ready": true}`, and from then on forks a worker or ends one whenever it is told to. It
never does mathematics itself, so it always listens, and a worker that had to be killed is replaced
within milliseconds. When its parent is gone, however that came about, it kills its workers and ends.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import os
import select
import signal
import socket
import sys
import traceback
from multiprocessing.connection import Connection

from tampo.grading.workers.fork_server import FORK, MOST_BYTES

_ORPHAN_SECONDS = 0.5
"""How often a fork server looks whether its parent still lives. The closed socket tells it at once,
unless a forked child of the parent holds that socket open."""
_PR_SET_PDEATHSIG = 1
_WARM_UP = [
    (r"\frac{x}{2}+\sqrt{3}", r"\sqrt{3}+0.5x"),
    (r"\sin(x)+e^{-2t}", r"\frac{1}{e^{2t}}+\sin x"),
    (r"x^2+2x=5", r"2x+x^2-5=0"),
    (r"[1,\infty)\cup\{0\}", r"x\ge 1"),
    (r"x^2>4", r"x<-2 \text{ or } x>2"),
    (r"1\text{ km}", r"1000\text{ m}"),
]
"""(answer, gold) pairs judged before the first fork: parsers and solvers load and build tables when
they are first used, and a worker that inherits them is fast from its first answer."""


def serve_forks(control: socket.socket) -> None:
    """Fork and end workers until the other side closes.

    A request `["fork"]` comes with a socket for the new worker and is answered with its process id;
    `["end", pid]` is answered with the worker's exit status as `os.waitstatus_to_exitcode` gives
    it. A worker stays unreaped until then, so its process id is its own for as long as it is in use.
    """
    parent = os.getppid()
    try:
        _warm_up()
    except Exception:
        _say(control, {"error": traceback.format_exc()[-3000:]})
        return
    gc.collect()
    gc.freeze()  # a collection in a worker would copy the pages it shares with its siblings
    workers: set[int] = set()
    try:
        _say(control, {"ready": True})
        while os.getppid() == parent:
            if not select.select([control], [], [], _ORPHAN_SECONDS)[0]:
                continue
            line, descriptors, _, _ = socket.recv_fds(control, MOST_BYTES, 1)
            if not line:
                break
            order, *arguments = json.loads(line)
            if order == FORK:
                child = _fork(control, *descriptors)
                workers.add(child)
                _say(control, {"pid": child})
            else:
                (child,) = arguments
                workers.discard(child)
                _say(control, {"status": _end(child)})
    except OSError:
        pass  # the other side is gone
    finally:
        for child in workers:
            _end(child)


def _warm_up() -> None:
    from tampo.grading.mathematics.equivalence import judge
    from tampo.grading.verdict import Rule

    for answer, gold in _WARM_UP:
        judge(answer, (gold,), Rule())


def _fork(control: socket.socket, descriptor: int) -> int:
    """Return the process id of a new worker; in the worker, never return."""
    server = os.getpid()
    child = os.fork()
    if child:
        os.close(descriptor)
        return child
    status = 1
    try:
        _die_with(server)
        control.close()
        with Connection(descriptor) as parent:
            answer_requests(parent)
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def _die_with(server: int) -> None:
    """Have the kernel kill this process when the fork server is killed (Linux)."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != server:
        os._exit(1)


def _end(child: int) -> int:
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def answer_requests(connection: Connection) -> None:
    """Answer requests until the other side closes.

    A request is `answer`, `golds`, `cpu_seconds` and the fields of a rule, a reply `outcome` and the
    `rule` that decided, with a `reason` when the outcome is "error". The kernel ends the process
    when a request has used its processor time, which works inside native loops too and does not
    depend on how busy the machine is.
    """
    from tampo.grading.mathematics.equivalence import judge
    from tampo.grading.verdict import Rule

    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    while True:
        try:
            request = json.loads(connection.recv_bytes())
        except EOFError:
            return
        signal.setitimer(signal.ITIMER_PROF, request["cpu_seconds"])
        try:
            rule = Rule.of(request)
            outcome, decided_by = judge(request["answer"], tuple(request["golds"]), rule)
            reply = {"outcome": outcome, "rule": decided_by}
        except Exception as error:
            reply = {"outcome": "error", "reason": f"{type(error).__name__}: {error}"[:500]}
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
        connection.send_bytes(json.dumps(reply).encode())


def _say(control: socket.socket, message: dict) -> None:
    control.sendall(json.dumps(message).encode())


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as parent:
        serve_forks(parent)
