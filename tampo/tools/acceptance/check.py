"""One check of a machine, and what came of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

Progress = Callable[[str], None]
Status = Literal["held", "failed", "measured", "skipped"]


@dataclass(frozen=True)
class Outcome:
    """What one check found."""

    status: Status
    """`measured` where there is no right value, only a figure; `skipped` with its reason in `rule`."""
    rule: str
    """What had to hold, or what was measured, in one line."""
    figures: dict[str, Any] = field(default_factory=dict)
    """The figures, by name; a dictionary of them is one row of a table."""


def judged(held: bool, rule: str, figures: dict[str, Any]) -> Outcome:
    """Return the outcome of a check that has a right value."""
    return Outcome("held" if held else "failed", rule, figures)


def skipped(reason: str) -> Outcome:
    """Return the outcome of a check that this machine cannot be asked."""
    return Outcome("skipped", reason)
