r"""Grading of responses: `grade`, `grade_many`, and what they return.

Light to import: mpmath, sympy and pint are imported by the worker processes only.

    boxed.py          the final \boxed{...}, or several side by side
    presentation.py   what does not change an answer's meaning, taken away
    tokens.py         numbers, letters, words, commands
    expressions.py, atoms.py, structures.py   the reader: all of an answer, or none of it
    tree.py           what the reader returns
    words.py, units.py, choices.py, named.py, literal.py   words, units, options, names, strings
    numerals.py       numbers, read exactly; tolerance, percent and base
    exact.py, values.py   rational values without a library
    comparison.py     gold and answer, part by part
    equivalence.py, numeric.py, realsets.py, symbolic.py   what takes a library (worker only)
    worker.py, pool.py   the worker processes and their limits
    grader.py         the order in which all this is asked

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
from tampo.grading.pool import WorkerStartError

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
