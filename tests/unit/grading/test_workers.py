"""Grading from any thread, against any input, with workers that die, hang and end with us."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tampo.grading import grade_many, grade_record
from tampo.grading.workers.fork_server import ForkServer, WorkerStartError
from tampo.grading.workers.pool import (
    TimeLimit,
    Worker,
    WorkerLost,
    WorkerPool,
    available_workers,
)

SYMBOLIC = {"id": "s", "answer": [r"\sqrt{51}+x", "(0,1)"]}
ENDLESS = r"\sqrt{x+\sqrt{x+\sqrt{x+\sqrt{x+1}}}} < x^{5}-3"
"""sympy solves conditions of every size, and finds no end of this one."""
NUMERIC = {"id": "n", "answer": ["7"]}


def request(answer: str) -> dict:
    rule = {"multiple": False, "unit": None, "tolerance": None, "nouns": []}
    return {"answer": answer, "golds": ["x^2", "(0,1)"], "cpu_seconds": 5, **rule}


def boxed(answer: str) -> str:
    return f"\\boxed{{{answer}}}"


@pytest.mark.parametrize(
    "answer",
    [ENDLESS, r"\{x : x^{11}-x^4+\sqrt{x+\sqrt{x+\sqrt{x}}}>3\}"],
    ids=["condition", "builder"],
)
def test_endless_mathematics_is_a_timeout_and_the_next_answer_is_graded(answer: str) -> None:
    started = time.monotonic()
    assert grade_record(boxed(answer), SYMBOLIC, timeout_seconds=0.5).outcome == "timeout"
    assert time.monotonic() - started < 30
    assert grade_record(boxed(r"x+\sqrt{3}\sqrt{17}"), SYMBOLIC).outcome == "correct"


@pytest.mark.parametrize("answer", ["10000000!", "9^{9^9}", r"\binom{10^{9}}{10^{8}}"])
def test_huge_numbers_are_told_apart_without_writing_them_out(answer: str) -> None:
    assert grade_record(boxed(answer), NUMERIC).outcome == "wrong"


@pytest.mark.parametrize(
    "answer",
    [
        "{" * 5000 + "}" * 5000,
        "(" * 900 + "1" + ")" * 900,
        "x" * 100_000,
        "9" * 100_000,
        r"\frac{1}{" * 60 + "2" + "}" * 60,
    ],
    ids=["braces", "parentheses", "letters", "digits", "fractions"],
)
def test_oversized_boxes_are_unparseable_at_once(answer: str) -> None:
    started = time.monotonic()
    for record in (SYMBOLIC, NUMERIC):
        assert grade_record(boxed(answer), record).outcome == "unparseable"
    assert time.monotonic() - started < 2


@pytest.mark.parametrize(
    "response",
    ["\\boxed{" * 100_000, "{" * 500_000, "\\" * 500_000, "\\boxed" + " " * 100_000, "}" * 500_000],
    ids=["boxes", "open", "backslashes", "spaces", "closed"],
)
def test_hostile_responses_are_read_in_linear_time(response: str) -> None:
    started = time.monotonic()
    assert grade_record(response, NUMERIC).outcome == "unparseable"
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("answer", ["\ud800 x", "\x00", "\u0661", "x\ny", "%", "\\"])
def test_odd_characters_do_no_harm(answer: str) -> None:
    assert grade_record(boxed(answer), SYMBOLIC).outcome in ("wrong", "unparseable")


def test_grading_from_other_threads() -> None:
    outcomes: list[str] = []

    def work() -> None:
        outcomes.append(grade_record(boxed(r"x+\sqrt{51}"), SYMBOLIC).outcome)
        outcomes.append(grade_record(boxed(ENDLESS), SYMBOLIC, timeout_seconds=0.3).outcome)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["correct"] * 3 + ["timeout"] * 3


def test_one_hostile_answer_leaves_the_rest_of_a_batch_alone() -> None:
    answers = [r"\sqrt{51}+x", ENDLESS, r"x+\sqrt{51}", "x"]
    pairs = [(boxed(answer), SYMBOLIC) for answer in answers]
    outcomes = [g.outcome for g in grade_many(pairs, workers=2, timeout_seconds=1)]
    assert outcomes == ["correct", "timeout", "correct", "wrong"]


def test_a_worker_that_dies_is_replaced() -> None:
    with WorkerPool() as pool:
        assert pool.ask(request("x*x"), 60) == {"outcome": "correct", "rule": "symbolic"}
        (worker,) = pool._live
        os.kill(worker.pid, signal.SIGKILL)
        wait_until(worker.ends)
        assert pool.ask(request("2x"), 60) == {"outcome": "wrong", "rule": "symbolic"}
        assert len(pool._live) == 1 and worker not in pool._live


def test_a_fork_server_that_dies_is_replaced() -> None:
    with WorkerPool() as pool:
        assert pool.ask(request("x*x"), 60) == {"outcome": "correct", "rule": "symbolic"}
        (worker,) = pool._live
        pool._server.process.kill()
        wait_until(worker.ends)  # a worker does not outlive its server
        assert pool.ask(request("2x"), 60) == {"outcome": "wrong", "rule": "symbolic"}


def test_a_killed_worker_is_replaced_within_milliseconds() -> None:
    with WorkerPool() as pool:
        pool.ask(request("x*x"), 60)
        seconds = []
        for count in range(5):
            (worker,) = pool._live
            worker.kill()
            started = time.monotonic()
            pool.ask(request(f"{count}x"), 60)
            seconds.append(time.monotonic() - started)
    assert min(seconds) < 0.25, seconds  # a fresh interpreter with sympy takes longer


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1])
def test_what_stops_a_job_does_not_cost_an_answer_its_grade(number: int, monkeypatch) -> None:
    """Snakemake and clusters signal all processes of a job, one that still starts included."""
    signalled = []

    def and_signal(server: ForkServer, seconds: float) -> dict:
        if not signalled:
            signalled.append(server)
            time.sleep(0.2)
            os.kill(server.process.pid, number)
        return hear(server, seconds)

    hear = ForkServer._hear
    monkeypatch.setattr(ForkServer, "_hear", and_signal)
    with WorkerPool() as pool:
        assert pool.ask(request("x*x"), 60) == {"outcome": "correct", "rule": "symbolic"}
        (worker,) = pool._live
        for process in (pool._server.process.pid, worker.pid):
            os.kill(process, number)
        assert pool.ask(request("2x"), 60) == {"outcome": "wrong", "rule": "symbolic"}
        assert pool._live == {worker} and signalled == [pool._server]


def test_a_worker_that_hangs_without_working_meets_the_wall_limit() -> None:
    with WorkerPool() as pool:
        pool.ask(request("x*x"), 60)
        (worker,) = pool._live
        os.kill(worker.pid, signal.SIGSTOP)
        with pytest.raises(TimeLimit, match="no reply within"):
            pool.ask(request("2x"), wall_seconds=0.2)
        assert worker.kill() == -signal.SIGKILL and not pool._live


def test_used_up_processor_time_is_told_from_a_death() -> None:
    with WorkerPool() as pool:
        with pytest.raises(TimeLimit, match="processor time"):
            pool.ask(request(ENDLESS) | {"cpu_seconds": 0.2}, 60)
        slayer = threading.Timer(1.0, lambda: [os.kill(w.pid, signal.SIGKILL) for w in pool._live])
        slayer.start()
        with pytest.raises(WorkerLost, match="status -9") as caught:
            pool.ask(request(ENDLESS) | {"cpu_seconds": 50}, 60)
        assert caught.value.outcome == "error"


def test_too_much_memory_is_an_error_of_its_own(monkeypatch) -> None:
    monkeypatch.setattr("tampo.grading.workers.pool.MEMORY_BYTES", 2**20)
    with WorkerPool() as pool, pytest.raises(WorkerLost, match="bytes of memory") as caught:
        pool.ask(request(ENDLESS) | {"cpu_seconds": 50}, 60)
    assert caught.value.outcome == "error"


def test_a_request_is_answered_once_also_when_it_took_too_long() -> None:
    with WorkerPool() as pool:
        for _ in range(2):
            with pytest.raises(TimeLimit):
                pool.ask(request(ENDLESS) | {"cpu_seconds": 0.2}, 60)
            pool.ask(request("x*x"), 60)
        assert len(pool._replies) == 2
        pool.close()
        assert pool.ask(request("x*x"), 60) == {"outcome": "correct", "rule": "symbolic"}
        assert not pool._live


def test_a_closed_pool_leaves_no_process_and_can_start_again() -> None:
    pool = WorkerPool()
    pool.ask(request("x*x"), 60)
    (worker,), server = pool._live, pool._server
    pool.close()
    assert server.process.poll() is not None and not pool._live
    wait_until(lambda: not _runs(worker.pid))
    assert pool.ask(request("2x"), 60) == {"outcome": "wrong", "rule": "symbolic"}
    pool.close()


def test_as_many_workers_as_requests_at_once_and_no_more() -> None:
    with WorkerPool(2) as pool, ThreadPoolExecutor(6) as threads:
        replies = threads.map(lambda n: pool.ask(request(f"{n}x"), 60), range(12))
        assert [reply["outcome"] for reply in replies] == ["wrong"] * 12
        assert len(pool._live) == 2


def test_two_workers_work_at_the_same_time(monkeypatch) -> None:
    """What keeps both busy; how much faster that is depends on what else the machine does."""
    spent = []

    def timed(worker: Worker, *arguments) -> dict:
        started = time.perf_counter()
        try:
            return ask(worker, *arguments)
        finally:
            spent.append(time.perf_counter() - started)

    ask = Worker.ask
    monkeypatch.setattr(Worker, "ask", timed)
    pairs = [(boxed(f"{ENDLESS}+{n}"), SYMBOLIC) for n in range(6)]
    grade_many(pairs[:2], workers=2, timeout_seconds=0.3)
    spent.clear()
    started = time.perf_counter()
    grade_many(pairs[2:], workers=2, timeout_seconds=0.3)
    assert sum(spent) > 1.5 * (time.perf_counter() - started)


def test_cores_are_shared_among_the_processes_of_a_run(monkeypatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(6)), raising=False)
    found = []
    for ranks in ("", "2", "4", "16"):
        monkeypatch.setenv("LOCAL_WORLD_SIZE", ranks)
        found.append(available_workers())
    assert found == [6, 3, 1, 1]


@pytest.mark.parametrize("ending", ["pass", "import os; os.kill(os.getpid(), 9)"])
@pytest.mark.parametrize("state", ["idle", "busy", "busy and forked"])
def test_workers_end_with_the_process_that_started_them(state: str, ending: str) -> None:
    """Busy: in a native loop, which lets no Python of the worker run. Forked: a child of the parent
    lives on and holds the parent's sockets open."""
    script = (
        "import os, threading, time\n"
        "from tampo.grading import grade_record as grade, grader\n"
        "record = {'id': 't', 'answer': ['x^2', '(0,1)']}\n"
        "assert grade('\\\\boxed{x*x}', record).outcome == 'correct'\n"
        "pool = grader._shared_pool\n"
        "print([w.pid for w in pool._live][0], pool._server.process.pid, flush=True)\n"
    )
    if state != "idle":
        script += (
            f"ask = lambda: grade('\\\\boxed{{{ENDLESS}}}', record, timeout_seconds=100)\n"
            "threading.Thread(target=ask, daemon=True).start()\n"
            "time.sleep(1)\n"
        )
    if state == "busy and forked":
        script += (
            "os.register_at_fork(after_in_child=lambda: None)\n"
            "if os.fork() == 0:\n"
            "    [os.close(fd) for fd in (1, 2)]\n"
            "    time.sleep(30)\n"
            "    os._exit(0)\n"
        )
    done = subprocess.run([sys.executable, "-c", script + ending], capture_output=True, timeout=120)
    processes = [int(pid) for pid in done.stdout.split()]
    assert len(processes) == 2, done.stderr
    wait_until(lambda: not any(map(_runs, processes)))


def test_a_forked_child_starts_its_own_worker() -> None:
    script = (
        "import os, sys\n"
        "from tampo.grading import grade_record as grade\n"
        "record = {'id': 't', 'answer': ['x^2', '(0,1)']}\n"
        "assert grade('\\\\boxed{x*x}', record).outcome == 'correct'\n"
        "child = os.fork()\n"
        "same = grade('\\\\boxed{x x}', record).outcome == 'correct'\n"
        "other = grade('\\\\boxed{2x}', record).outcome == 'wrong'\n"
        "if child == 0:\n"
        "    from tampo.grading import grader\n"
        "    grader._shared_pool.close()\n"
        "    os._exit(0 if same and other else 1)\n"
        "assert same and other\n"
        "assert os.waitpid(child, 0)[1] == 0\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=120)


def test_a_worker_that_cannot_start_says_why(monkeypatch, tmp_path) -> None:
    (tmp_path / "mpmath.py").write_text("raise ImportError('no mpmath here')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(WorkerStartError, match="no mpmath here"):
        WorkerPool().ask(request("x*x"), 60)


@pytest.mark.parametrize("seconds", [0, -1, float("nan")])
def test_a_limit_must_be_positive(seconds: float) -> None:
    with pytest.raises(ValueError, match="timeout_seconds"):
        grade_record(boxed("7"), NUMERIC, timeout_seconds=seconds)
    with pytest.raises(ValueError, match="workers is 0"):
        grade_many([], workers=0)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # An orphan that ended stays visible where nothing reaps it.
    stat = Path(f"/proc/{pid}/stat")
    return not (stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z")
