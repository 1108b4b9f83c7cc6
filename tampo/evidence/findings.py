"""What verification found, and how a stored file is compared with the recomputed one."""

from __future__ import annotations

import csv
import math
import re
from collections import Counter
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path

MOST_LINES = 20
"""Differing lines of one file that are named one by one; the rest are counted."""
IMAGES = re.compile(r"data:image/svg\+xml;base64,[A-Za-z0-9+/=]*")
RELATIVE, ABSOLUTE = 1e-9, 1e-12
"""How far numbers of full precision may differ between processors."""


@dataclass(frozen=True)
class Mismatch:
    """Something on disk that does not follow from its sources."""

    path: Path
    line: int | None
    """From 1; None where the whole file is meant."""
    what: str

    def __str__(self) -> str:
        place = str(self.path) if self.line is None else f"{self.path}:{self.line}"
        return f"{place}: {self.what}"


@dataclass
class Verification:
    """What was checked and what failed."""

    checked: Counter[str] = field(default_factory=Counter)
    """How many of each kind of thing were compared."""
    mismatches: list[Mismatch] = field(default_factory=list)
    undecided: list[Mismatch] = field(default_factory=list)
    """Responses whose grading timed out, then or now: they decide nothing."""
    without_weights: int = 0
    """Models of runs whose weights were not passed on."""

    def fail(self, path: Path, line: int | None, what: str) -> None:
        """Note a mismatch."""
        self.mismatches.append(Mismatch(path, line, what))

    def text(self) -> str:
        """Return the summary: every mismatch, every undecided response, the counts, a verdict."""
        lines = [str(mismatch) for mismatch in self.mismatches]
        lines += [f"undecided: {mismatch}" for mismatch in self.undecided]
        lines.append("checked: " + ", ".join(f"{n:,} {what}" for what, n in self.checked.items()))
        if self.without_weights:
            lines.append(
                f"not checked: the weights of {self.without_weights} models, which are not here"
            )
        count = len(self.mismatches)
        lines.append(f"{count} mismatches" if count else "everything follows from what is stored")
        return "\n".join(lines)


def compare(stored: Path, again: Path, found: Verification) -> None:
    """Note every line of a stored text file that differs from the recomputed one.

    Numbers of CSV files may differ in their last bits; images inside a page are left out.
    """
    if not stored.is_file():
        found.fail(stored, None, "missing, although it follows from the runs")
        return
    # Not `splitlines`: a response on the page may hold characters that it would split at.
    pairs = zip_longest(_text(stored).split("\n"), _text(again).split("\n"), fillvalue="no line")
    numbers = stored.suffix == ".csv"
    differing = [
        (number, before, now)
        for number, (before, now) in enumerate(pairs, start=1)
        if before != now and not (numbers and _same_numbers(before, now))
    ]
    for number, before, now in differing[:MOST_LINES]:
        found.fail(stored, number, f"{_excerpt(before, now)}, follows {_excerpt(now, before)}")
    if len(differing) > MOST_LINES:
        found.fail(stored, None, f"{len(differing) - MOST_LINES} more lines differ")


def _text(path: Path) -> str:
    return IMAGES.sub("", path.read_text(encoding="utf-8"))


def _excerpt(line: str, other: str, width: int = 60) -> str:
    """Return the part of a line around the first character that differs from the other line."""
    same = next((i for i, (a, b) in enumerate(zip(line, other, strict=False)) if a != b), 0)
    start = max(0, same - width // 2)
    return repr(line if len(line) <= 2 * width else f"…{line[start : start + width]}…")


def _same_numbers(before: str, now: str) -> bool:
    """Return whether two lines of CSV differ in the last bits of numbers only."""
    cells = [next(csv.reader([line]), []) for line in (before, now)]
    if len(cells[0]) != len(cells[1]):
        return False
    for left, right in zip(*cells, strict=True):
        if left == right:
            continue
        try:
            same = math.isclose(float(left), float(right), rel_tol=RELATIVE, abs_tol=ABSOLUTE)
        except ValueError:
            return False
        if not same:
            return False
    return True
