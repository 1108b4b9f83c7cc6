"""Tables of gold and answer for the tests of grading."""

from __future__ import annotations

from tampo.grading import grade


def cases(table: str) -> list[tuple[str, str]]:
    """Return (gold, answer) pairs from lines of `gold | answer`."""
    lines = (line.split(" | ", 1) for line in table.strip("\n").split("\n"))
    return [(gold, answer) for gold, answer in lines]


def outcome(gold: str, answer: str, **settings) -> str:
    """Return the outcome of a boxed answer."""
    return grade(f"Hence \\boxed{{{answer}}}.", gold, **settings).outcome
