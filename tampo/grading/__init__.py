r"""Grading of responses: `grade`, `grade_many`, and what they return.

Light to import: mpmath, sympy and pint are imported by the worker processes only.

    grader.py      the order in which everything is asked
    boxed.py       the final \boxed{...}, or several side by side
    rewards.py     grades as rewards of training
    explain.py     a grade with its reasons
    verdict.py     what is asked of a comparison and what comes back

    workers/       worker processes and their limits
    mathematics/   values, sets of reals, units: what takes a library (worker only)
    comparing/     gold and answer, part by part, by exact arithmetic alone
    reading/       from tokens to a tree: all of an answer is understood, or none of it
    vocabulary/    the meaning of words: numbers, functions, units, choices
    notation/      presentation taken away, numerals, tokens, the tree

The conventions are stated in docs/grading.md.
"""

from tampo.grading.boxed import last_boxed
from tampo.grading.grader import (
    GRADER_VERSION,
    OUTCOMES,
    TIMEOUT_SECONDS,
    UNDECIDED,
    Grade,
    grade,
    grade_many,
    grade_record,
)
from tampo.grading.workers.fork_server import WorkerStartError

__all__ = [
    "GRADER_VERSION",
    "OUTCOMES",
    "TIMEOUT_SECONDS",
    "UNDECIDED",
    "Grade",
    "WorkerStartError",
    "grade",
    "grade_many",
    "grade_record",
    "last_boxed",
]
