r"""Grading of responses: `grade`, `grade_many`, and what they return.

Light to import: mpmath, sympy and pint are imported by the worker processes only.

    boxed.py               the final \boxed{...}, or several side by side
    presentation.py        what does not change an answer's meaning, taken away
    tokens.py              numbers, letters, words, commands
    cursor.py, expressions.py, factors.py, written_numbers.py, atoms.py, commands.py,
    environments.py, structures.py   the reader, each adding to the one before: all of an answer
                           is understood, or none of it
    tree.py                what the reader returns
    words.py, units.py, unit_names.py, wording.py, choices.py, literal.py   the meaning of words
    numerals.py, exact.py, values.py   numbers and rational values, without a library
    readings.py            the ways to read a gold, and an answer beside it
    comparison.py, parts.py, list_comparison.py, relation_comparison.py, forms.py, named.py,
    named_values.py        gold and answer, part by part
    equivalence.py, numeric.py, realsets.py, symbolic.py   what takes a library (worker only)
    worker.py, fork_server.py, pool.py   the worker processes and their limits
    grader.py              the order in which all this is asked
    explain.py             a grade with its reasons

The conventions are stated in docs/grading.md.
"""

from tampo.grading.boxed import last_boxed
from tampo.grading.fork_server import WorkerStartError
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
