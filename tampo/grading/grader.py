r"""The one grader of training and evaluation: a response, a problem, an outcome.

The answer is what the response's last complete `\boxed{...}` holds (`tampo.grading.boxed`).
`answer_type="exact"` wants it letter for letter; any other is read and compared as mathematics
(`tampo.grading.comparing.comparison`), in this process where exact arithmetic tells, else in a
worker process that is killed at a hard limit (`tampo.grading.workers.pool`).
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from tampo.grading.boxed import final_answer
from tampo.grading.comparing.comparison import answers_agree
from tampo.grading.comparing.literal import is_exact
from tampo.grading.notation.tree import NotUnderstood
from tampo.grading.own_grader import GRADER, graded_by
from tampo.grading.verdict import Rule, Undecided, undecided
from tampo.grading.vocabulary.units import asked_nouns
from tampo.grading.workers.pool import WorkerLost, WorkerPool, available_workers

GRADER_VERSION = 2
"""Raised whenever a change may change an outcome; docs/grading.md says what each version changed."""

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
        or a box that is empty, oversized or not understood as a whole), "timeout" (the
        comparison overran its limit of time) or "error" (it raised an exception, or its process
        died or took too much memory). The last two are neither right nor wrong.
    extracted: the boxed answer as written, None if the response boxes nothing.
    rule: what decided, such as "number", "symbolic" or "number, unit stripped: cm".
    """

    outcome: str
    extracted: str | None
    rule: str = ""


def grade(
    response: str,
    gold: str | Sequence[str],
    *,
    tolerance: float | str | Fraction | None = None,
    unit: str | None = None,
    multiple: bool = False,
    answer_type: str | None = None,
    problem: str | None = None,
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> Grade:
    """Grade one response against the answer of a problem. Safe to call from any thread.

    Args:
        response: what the model wrote.
        gold: the reference answer, or all that are accepted.
        tolerance: absolute tolerance of a number, in the unit of the gold.
        unit: the unit that the problem asks for.
        multiple: the gold lists several values, all required, so a comma never marks thousands.
        answer_type: "exact" wants the string itself; anything else means mathematics.
        problem: its text; nouns that it asks for ("how many girls") may stand behind a number.
        timeout_seconds: processor time for the mathematics. Wall time is bounded as well, at a
            multiple of it, so that a busy machine does not change outcomes.

    Raises:
        ValueError: an argument is malformed; the message names it and its value.
        WorkerStartError: the worker process cannot start (sympy missing, for instance).
    """
    golds = (gold,) if isinstance(gold, str) else gold
    if not (isinstance(golds, list | tuple) and golds and all(isinstance(g, str) for g in golds)):
        raise ValueError(f"gold is {gold!r}, allowed: a string, or a list of them, not empty")
    question = _Question(
        tuple(golds),
        answer_type == "exact",
        rule_of(tolerance, unit, multiple, problem),
    )
    return _grade(response, question, timeout_seconds, _shared_pool)


def grade_record(response: str, record: dict, *, timeout_seconds: float = TIMEOUT_SECONDS) -> Grade:
    """Grade one response against a canonical problem record, as `grade` does.

    Of the record, `answer` (list of accepted golds) is required; `answer_type`, `multiple`, `unit`,
    `tolerance` and `problem` are honoured. A malformed one is named with the record's `id`.
    """
    known = _first_look(response, record, timeout_seconds)
    return known if isinstance(known, Grade) else _ask(*known, _shared_pool)


def grade_many(
    pairs: Iterable[tuple[str, dict]],
    *,
    workers: int | None = None,
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> list[Grade]:
    """Grade (response, record) pairs, in order, with up to `workers` worker
    processes.

    They are those that `grade` uses and stay for later calls; None means as many as
    `available_workers` gives. Raises what `grade` raises. A record that names a
    grader of its own (`tampo.grading.own_grader`) is graded by that, in this process.
    """
    workers = available_workers() if workers is None else workers
    if workers < 1:
        raise ValueError(f"workers is {workers}, allowed: 1 or more")
    _shared_pool.allow(workers)
    # Notation first, and in this thread: only what waits for another process gains from threads.
    read = [_first_look(response, record, timeout_seconds) for response, record in pairs]
    open_questions = [question for question in read if not isinstance(question, Grade)]

    def ask(question: tuple[str, dict]) -> Grade:
        return _ask(*question, _shared_pool)

    if workers == 1 or len(open_questions) < 2:
        answered = iter([ask(question) for question in open_questions])
    else:
        with ThreadPoolExecutor(min(workers, len(open_questions))) as threads:
            answered = threads.map(ask, open_questions)
    return [known if isinstance(known, Grade) else next(answered) for known in read]


def _first_look(response: str, record: dict, timeout_seconds: float) -> Grade | tuple[str, dict]:
    if GRADER in record:
        return Grade(*graded_by(record[GRADER], response, record))
    return _read(response, _question(record), timeout_seconds)


@dataclass(frozen=True)
class _Question:
    golds: tuple[str, ...]
    exact: bool
    rule: Rule


def _question(record: dict) -> _Question:
    """Map a canonical problem record onto the arguments of grading: the one place that does."""
    name = f"record {record.get('id')!r}: "
    golds = record.get("answer")
    if not isinstance(golds, list) or not golds or not all(isinstance(g, str) for g in golds):
        raise ValueError(f"{name}answer is {golds!r}, allowed: a list of strings, not empty")
    tolerance = record.get("tolerance")
    try:
        rule = rule_of(
            None if tolerance == "" else tolerance,
            record.get("unit"),
            bool(record.get("multiple")),
            record.get("problem"),
        )
    except ValueError as error:
        raise ValueError(f"{name}{error}") from None
    return _Question(tuple(golds), record.get("answer_type") == "exact", rule)


@lru_cache(maxsize=4096)
def rule_of(
    tolerance: float | str | Fraction | None, unit: str | None, multiple: bool, problem: str | None
) -> Rule:
    """Return what `grade` makes of these arguments; ValueError if the tolerance is no number."""
    try:
        allowed = None if tolerance is None else Fraction(str(tolerance))
    except ValueError:
        raise ValueError(f"tolerance is {tolerance!r}, allowed: a number or none") from None
    if allowed is not None and allowed < 0:
        raise ValueError(f"tolerance is {tolerance!r}, allowed: 0 or more")
    return Rule(multiple, unit or None, allowed, asked_nouns(problem))


def _grade(response: str, question: _Question, timeout_seconds: float, pool: WorkerPool) -> Grade:
    known = _read(response, question, timeout_seconds)
    return known if isinstance(known, Grade) else _ask(*known, pool)


def _read(response: str, question: _Question, timeout_seconds: float) -> Grade | tuple[str, dict]:
    """Return the grade if notation tells, else the extracted answer and the worker's request."""
    if not timeout_seconds > 0:
        raise ValueError(f"timeout_seconds is {timeout_seconds}, allowed: above 0")
    extracted = final_answer(response)
    if not extracted:
        return Grade("unparseable", extracted, "no box" if extracted is None else "an empty box")
    if any(gold.strip() == extracted for gold in question.golds):
        return Grade("correct", extracted, "exact text")
    if len(extracted) > LONGEST_ANSWER or _nesting(extracted) > DEEPEST_NESTING:
        return Grade("unparseable", extracted, "too long or nested too deeply")
    if question.exact:
        outcome = "correct" if is_exact(list(question.golds), extracted) else "wrong"
        return Grade(outcome, extracted, "exact text")
    try:
        decided = _by_notation(extracted, question.golds, question.rule)
    except RecursionError:
        return Grade("unparseable", extracted, "too long or nested too deeply")
    except Exception as error:
        return Grade("error", extracted, f"{type(error).__name__}: {error}"[:200])
    if decided is not None:
        return Grade(decided[0], extracted, decided[1])
    request = {
        "answer": extracted,
        "golds": question.golds,
        "cpu_seconds": timeout_seconds,
        **question.rule.as_request(),
    }
    return extracted, request


def _ask(extracted: str, request: dict, pool: WorkerPool) -> Grade:
    try:
        reply = pool.ask(request, wall_seconds=WALL_TO_PROCESSOR * request["cpu_seconds"])
    except WorkerLost as lost:
        return Grade(lost.outcome, extracted, str(lost))
    return Grade(reply["outcome"], extracted, reply.get("rule") or reply.get("reason", ""))


@lru_cache(maxsize=4096)
def _by_notation(answer: str, golds: tuple[str, ...], rule: Rule) -> tuple[str, str] | None:
    """Return outcome and rule where notation alone tells, else None."""
    open_question = False
    decided = ("", "")
    for gold in golds:
        try:
            verdict = answers_agree(gold, answer, rule, undecided)
            if verdict.equal:
                return "correct", verdict.rule
            if not decided[0]:
                decided = ("wrong", verdict.rule)
        except Undecided:
            open_question = True
        except NotUnderstood as reason:
            decided = ("unparseable", f"not understood: {reason}")
    return None if open_question else decided


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
