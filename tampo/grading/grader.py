r"""The one grader of training and evaluation: a response, a problem, an outcome.

The answer is the content of the response's last complete `\boxed{...}`. A record with
`answer_type: "exact"` wants it letter for letter; any other is graded as mathematics, first by
notation (`tampo.grading.comparison`, in this process), then, where notation does not tell, by
math-verify in a worker process that is killed at a hard limit (`tampo.grading.pool`).
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from tampo.grading.boxed import last_boxed
from tampo.grading.comparison import Rule, Undecided, answers_agree, undecided
from tampo.grading.pool import WorkerLost, WorkerPool, available_workers

OUTCOMES = ("correct", "wrong", "unparseable", "timeout", "error", "truncated")
"""Every outcome a graded response can have. "truncated" is set by evaluation alone, for a response
that hit the length limit without a box."""

UNDECIDED = ("timeout", "error")
"""The outcomes that say nothing about the answer: another machine might get further."""

TIMEOUT_SECONDS = 1.9
"""Processor time for the mathematics of one answer: below two seconds with the start of its worker."""

WALL_TO_PROCESSOR = 3
"""Wall time allowed, as a multiple of processor time: a machine that is busy with other work must not
change outcomes, and a process that neither works nor answers must not be waited for."""

LONGEST_ANSWER = 2000
"""Characters; the longest gold of the five benchmarks has fewer than 300."""

DEEPEST_NESTING = 40
"""Brackets open at once; the deepest gold of the five benchmarks opens fewer than 10."""


@dataclass(frozen=True)
class Grade:
    """What became of one response.

    outcome: one of OUTCOMES; `grade` gives "correct", "wrong", "unparseable" (nothing boxed,
        or a box that is empty, oversized or not readable as mathematics), "timeout" (the
        comparison overran its limit of time) or "error" (it raised an exception, or its process
        died or took too much memory). The last two are neither right nor wrong.
    extracted: the boxed answer as written, None if the response boxes nothing.
    """

    outcome: str
    extracted: str | None


def grade(response: str, record: dict, *, timeout_seconds: float = TIMEOUT_SECONDS) -> Grade:
    """Grade one response against a canonical problem record. Safe to call from any thread.

    Args:
        response: what the model wrote.
        record: canonical record; `answer` (list of accepted golds) is required, `answer_type`,
            `multiple`, `unit` and `tolerance` are honoured.
        timeout_seconds: processor time for the mathematics. Wall time is bounded as well, at a
            multiple of it, so that a busy machine does not change outcomes.

    Raises:
        ValueError: the record or the limit is malformed; the message names record, key and value.
        WorkerStartError: the worker process cannot start (math-verify missing, for instance).
    """
    return _grade(response, record, timeout_seconds, _shared_pool)


def grade_many(
    pairs: Iterable[tuple[str, dict]],
    *,
    workers: int | None = None,
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> list[Grade]:
    """Grade (response, record) pairs, in order, with up to `workers` worker processes.

    They are those that `grade` uses and stay for later calls; None means as many as
    `available_workers` gives. Raises what `grade` raises.
    """
    workers = available_workers() if workers is None else workers
    if workers < 1:
        raise ValueError(f"workers is {workers}, allowed: 1 or more")
    _shared_pool.allow(workers)
    # Notation first, and in this thread: only what waits for another process gains from threads.
    read = [_read(*pair, timeout_seconds) for pair in pairs]
    open_questions = [question for question in read if not isinstance(question, Grade)]
    if workers == 1 or len(open_questions) < 2:
        answered = iter([_ask(*question, _shared_pool) for question in open_questions])
    else:
        with ThreadPoolExecutor(min(workers, len(open_questions))) as threads:
            answered = threads.map(lambda question: _ask(*question, _shared_pool), open_questions)
    return [known if isinstance(known, Grade) else next(answered) for known in read]


def _grade(response: str, record: dict, timeout_seconds: float, pool: WorkerPool) -> Grade:
    known = _read(response, record, timeout_seconds)
    return known if isinstance(known, Grade) else _ask(*known, pool)


def _read(response: str, record: dict, timeout_seconds: float) -> Grade | tuple[str, dict]:
    """Return the grade if notation tells, else the extracted answer and the worker's request."""
    if not timeout_seconds > 0:
        raise ValueError(f"timeout_seconds is {timeout_seconds}, allowed: above 0")
    golds = _golds(record)
    extracted = last_boxed(response)
    if not extracted:
        return Grade("unparseable", extracted)
    if any(gold.strip() == extracted for gold in golds):
        return Grade("correct", extracted)
    if record.get("answer_type") == "exact":
        return Grade("wrong", extracted)
    rule = Rule.of(record)
    if len(extracted) > LONGEST_ANSWER or _nesting(extracted) > DEEPEST_NESTING:
        return Grade("unparseable", extracted)
    try:
        outcome = _by_notation(extracted, golds, rule)
    except Exception:
        outcome = "error"
    if outcome is not None:
        return Grade(outcome, extracted)
    request = {
        "answer": extracted,
        "golds": golds,
        "multiple": rule.multiple,
        "unit": rule.unit,
        "tolerance": None if rule.tolerance is None else str(rule.tolerance),
        "cpu_seconds": timeout_seconds,
    }
    return extracted, request


def _ask(extracted: str, request: dict, pool: WorkerPool) -> Grade:
    try:
        reply = pool.ask(request, wall_seconds=WALL_TO_PROCESSOR * request["cpu_seconds"])
    except WorkerLost as lost:
        return Grade(lost.outcome, extracted)
    return Grade(reply["outcome"], extracted)


def _golds(record: dict) -> list[str]:
    golds = record.get("answer")
    if not isinstance(golds, list) or not golds or not all(isinstance(g, str) for g in golds):
        raise ValueError(
            f"record {record.get('id')!r}: answer is {golds!r}, allowed: a list of strings, not empty"
        )
    return golds


def _by_notation(answer: str, golds: list[str], rule: Rule) -> str | None:
    """Return "correct" or "wrong" where notation alone tells, else None."""
    open_question = False
    for gold in golds:
        try:
            if answers_agree(gold, answer, rule, undecided):
                return "correct"
        except Undecided:
            open_question = True
    return None if open_question else "wrong"


def _nesting(text: str) -> int:
    depth = deepest = 0
    for character in text:
        if character in "([{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in ")]}":
            depth -= 1
    return deepest


_shared_pool = WorkerPool()  # starts no process before the first request


def _after_fork() -> None:
    # The socket belongs to the parent: two processes on one worker would read each other's replies.
    global _shared_pool
    _shared_pool = WorkerPool()


@atexit.register
def _end_workers() -> None:
    _shared_pool.close()


os.register_at_fork(after_in_child=_after_fork)
