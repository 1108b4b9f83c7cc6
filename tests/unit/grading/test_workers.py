"""Grading from any thread, against any input, with workers that die, hang and end with us."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tampo.grading import grade, grade_many
from tampo.grading.pool import Worker, WorkerLost, WorkerPool, WorkerStartError

SYMBOLIC = {"id": "s", "answer": [r"\sqrt{51}+x"]}
NUMERIC = {"id": "n", "answer": ["7"]}
REQUEST = {"golds": ["x^2"], "multiple": False, "unit": None, "tolerance": None, "cpu_seconds": 5}


def boxed(answer: str) -> str:
    return f"\\boxed{{{answer}}}"


@pytest.mark.parametrize(
    "answer",
    ["9^{9^{9^9}}", "(a+b+c+d)^{3000}", r"\prod_{k=1}^{10^{8}} (x+k)"],
    ids=["tower", "expansion", "product"],
)
def test_endless_mathematics_is_a_timeout_and_the_next_answer_is_graded(answer: str) -> None:
    started = time.monotonic()
    assert grade(boxed(answer), SYMBOLIC, timeout_seconds=0.5).outcome == "timeout"
    assert time.monotonic() - started < 30
    assert grade(boxed(r"x+\sqrt{3}\sqrt{17}"), SYMBOLIC).outcome == "correct"


@pytest.mark.parametrize("answer", ["10000000!", "9^{9^9}", r"\binom{10^{9}}{10^{8}}"])
def test_huge_numbers_are_told_apart_without_writing_them_out(answer: str) -> None:
    assert grade(boxed(answer), NUMERIC).outcome == "wrong"


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
        assert grade(boxed(answer), record).outcome == "unparseable"
    assert time.monotonic() - started < 2


@pytest.mark.parametrize(
    "response",
    ["\\boxed{" * 100_000, "{" * 500_000, "\\" * 500_000, "\\boxed" + " " * 100_000, "}" * 500_000],
    ids=["boxes", "open", "backslashes", "spaces", "closed"],
)
def test_hostile_responses_are_read_in_linear_time(response: str) -> None:
    started = time.monotonic()
    assert grade(response, NUMERIC).outcome == "unparseable"
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("answer", ["\ud800 x", "\x00", "\u0661", "x\ny", "%", "\\"])
def test_odd_characters_do_no_harm(answer: str) -> None:
    assert grade(boxed(answer), SYMBOLIC).outcome in ("wrong", "unparseable")


def test_grading_from_other_threads() -> None:
    outcomes: list[str] = []

    def work() -> None:
        outcomes.append(grade(boxed(r"x+\sqrt{51}"), SYMBOLIC).outcome)
        outcomes.append(grade(boxed("9^{9^{9^9}}"), SYMBOLIC, timeout_seconds=0.3).outcome)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["correct"] * 3 + ["timeout"] * 3


def test_one_hostile_answer_leaves_the_rest_of_a_batch_alone() -> None:
    answers = [r"\sqrt{51}+x", "(a+b+c+d)^{3000}", r"x+\sqrt{51}", "x"]
    pairs = [(boxed(answer), SYMBOLIC) for answer in answers]
    outcomes = [g.outcome for g in grade_many(pairs, workers=2, timeout_seconds=1)]
    assert outcomes == ["correct", "timeout", "correct", "wrong"]


def test_a_worker_that_dies_is_replaced() -> None:
    with WorkerPool() as pool:
        assert pool.ask({"answer": "x*x", **REQUEST}, 60) == {"outcome": "correct"}
        (worker,) = pool._live
        worker.process.kill()
        worker.process.wait()
        assert pool.ask({"answer": "2x", **REQUEST}, 60) == {"outcome": "wrong"}
        assert len(pool._live) == 1 and worker not in pool._live


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1])
def test_what_stops_a_job_does_not_cost_an_answer_its_grade(number: int, monkeypatch) -> None:
    """Snakemake and clusters signal all processes of a job, one that still starts included."""
    started = []

    def and_signal(worker: Worker, wall_seconds: float) -> dict:
        if worker not in started:
            started.append(worker)
            time.sleep(0.2)
            os.kill(worker.process.pid, number)
        return receive(worker, wall_seconds)

    receive = Worker._receive
    monkeypatch.setattr(Worker, "_receive", and_signal)
    with WorkerPool() as pool:
        assert pool.ask({"answer": "x*x", **REQUEST}, 60) == {"outcome": "correct"}
        os.kill(started[0].process.pid, number)
        assert pool.ask({"answer": "2x", **REQUEST}, 60) == {"outcome": "wrong"}
        assert pool._live == set(started)


def test_a_worker_that_hangs_without_working_meets_the_wall_limit() -> None:
    worker = Worker()
    os.kill(worker.process.pid, signal.SIGSTOP)
    with pytest.raises(WorkerLost, match="no reply within"):
        worker.ask({"answer": "x*x", **REQUEST}, wall_seconds=0.2)
    assert worker.process.poll() is not None


def test_a_closed_pool_leaves_no_process_and_can_start_again() -> None:
    pool = WorkerPool()
    pool.ask({"answer": "x*x", **REQUEST}, 60)
    (worker,) = pool._live
    pool.close()
    assert worker.process.poll() is not None and not pool._live
    assert pool.ask({"answer": "x*x", **REQUEST}, 60) == {"outcome": "correct"}
    pool.close()


@pytest.mark.parametrize("ending", ["pass", "import os; os.kill(os.getpid(), 9)"])
def test_workers_end_with_the_process_that_started_them(ending: str) -> None:
    script = (
        "from tampo.grading import grade, grader\n"
        "record = {'id': 't', 'answer': ['x^2']}\n"
        "assert grade('\\\\boxed{x*x}', record).outcome == 'correct'\n"
        "print([w.process.pid for w in grader._shared_pool._live][0], flush=True)\n" + ending
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=120)
    worker = int(done.stdout)
    deadline = time.monotonic() + 20
    while _runs(worker) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _runs(worker)


def test_a_forked_child_starts_its_own_worker() -> None:
    script = (
        "import os, sys\n"
        "from tampo.grading import grade\n"
        "record = {'id': 't', 'answer': ['x^2']}\n"
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
    (tmp_path / "math_verify.py").write_text("raise ImportError('no math-verify here')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(WorkerStartError, match="no math-verify here"):
        WorkerPool().ask({"answer": "x*x", **REQUEST}, 60)


@pytest.mark.parametrize("seconds", [0, -1, float("nan")])
def test_a_limit_must_be_positive(seconds: float) -> None:
    with pytest.raises(ValueError, match="timeout_seconds"):
        grade(boxed("7"), NUMERIC, timeout_seconds=seconds)
    with pytest.raises(ValueError, match="workers is 0"):
        grade_many([], workers=0)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # An orphan that ended stays visible where nothing reaps it.
    stat = Path(f"/proc/{pid}/stat")
    return not (stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z")
