r"""Grading of responses: `grade`, `grade_many`, and what they return.

Light to import: math-verify and sympy are imported by the worker process only.

    boxed.py        the last complete \boxed{...}
    notation.py     how an answer is written: tidying, units, tokens, lists
    numerals.py     numbers, read exactly; tolerance, percent and base rulings
    comparison.py   lists, tuples, intervals, matrices, taken apart down to single expressions
    equivalence.py  single expressions, by math-verify (worker only)
    magnitude.py    the size of a value, bounded before it is computed (worker only)
    worker.py, pool.py   the worker processes and their limits
    grader.py       the order in which all this is asked
"""

from tampo.grading.boxed import last_boxed
from tampo.grading.grader import OUTCOMES, TIMEOUT_SECONDS, UNDECIDED, Grade, grade, grade_many
from tampo.grading.pool import WorkerStartError

__all__ = [
    "OUTCOMES",
    "TIMEOUT_SECONDS",
    "UNDECIDED",
    "Grade",
    "WorkerStartError",
    "grade",
    "grade_many",
    "last_boxed",
]
