"""Which responses to one problem give the same answer, by the grader's own equivalence."""

from __future__ import annotations

from collections.abc import Sequence

from tampo.grading.grader import grade

NO_ANSWER = -1
"""Class of a response without a final answer."""


def answer_classes(answers: Sequence[str | None]) -> list[int]:
    """Return the class of each answer to one problem: the same number for the same answer.

    Args:
        answers: final answers as they stand in their boxes; None where a response has none.

    Returns:
        Numbers from 0 in the order of their first answer, and `NO_ANSWER`. An answer that the grader
        cannot read is the same as its own text alone.
    """
    first: list[str] = []
    of_text: dict[str, int] = {}
    for answer in answers:
        if answer is None or answer in of_text:
            continue
        known = next((i for i, other in enumerate(first) if _same(answer, other)), len(first))
        if known == len(first):
            first.append(answer)
        of_text[answer] = known
    return [NO_ANSWER if answer is None else of_text[answer] for answer in answers]


def _same(answer: str, other: str) -> bool:
    # A gold decides how it is read, so that either side may be it.
    return any(
        grade(f"\\boxed{{{one}}}", two).outcome == "correct"
        for one, two in ((answer, other), (other, answer))
    )
