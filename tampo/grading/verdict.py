"""What is asked of a comparison and what comes back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple

from tampo.grading.notation.tree import Node


class Undecided(Exception):
    """Notation and exact arithmetic alone do not tell whether the answer is the gold."""


class Verdict(NamedTuple):
    """Whether two answers are equal, and the rule that decided."""

    equal: bool
    rule: str


@dataclass(frozen=True)
class Rule:
    """What a problem says about its gold besides the gold itself.

    multiple: the gold lists several values, all required, so a comma never marks thousands.
    unit: the unit the problem asks for.
    tolerance: absolute tolerance of a number, in the unit of the gold; None leaves the tolerance
        to `tampo.grading.notation.numerals`.
    nouns: words that may stand behind a number because the problem asks for them.
    """

    multiple: bool = False
    unit: str | None = None
    tolerance: Fraction | None = None
    nouns: frozenset[str] = field(default_factory=frozenset)

    @classmethod
    def of(cls, fields: Mapping) -> Rule:
        """Return the rule of a worker's request, which `as_request` wrote."""
        tolerance = fields["tolerance"]
        return cls(
            fields["multiple"],
            fields["unit"],
            None if tolerance is None else Fraction(tolerance),
            frozenset(fields["nouns"]),
        )

    def as_request(self) -> dict:
        """Return the fields in types of JSON."""
        return {
            "multiple": self.multiple,
            "unit": self.unit,
            "tolerance": None if self.tolerance is None else str(self.tolerance),
            "nouns": sorted(self.nouns),
        }


Judge = Callable[[str, Node, Node, Rule], bool]
"""(question, gold, answer, rule) -> answer to it; the questions are "value", "relation", "set" and
"unit"."""


def undecided(question: str, gold: Node, answer: Node, rule: Rule) -> bool:
    """The judge of a process without libraries."""
    raise Undecided
