"""What a claim of the paper is here: a statement, what was measured, and a verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["supported", "contradicted", "undecided", "theorem", "not tested here"]
VERDICTS: tuple[Verdict, ...] = (
    *("supported", "contradicted", "undecided"),
    *("theorem", "not tested here"),
)
"""A theorem needs no evidence; what was measured checks the code."""
DECIDED: tuple[Verdict, ...] = ("supported", "contradicted")


@dataclass(frozen=True)
class Claim:
    """A row of `claims.csv`."""

    id: str
    """C1 to C9 as the paper's claims are numbered; those with X it did not make."""
    claim: str
    """The statement that is judged."""
    verdict: Verdict
    test: str
    """One sentence: the rule that led to the verdict."""
    detail: str
    """What the rule found: every comparison with its numbers, or why nothing was tested."""
    unit: str
    """Unit of estimate, interval and published value."""
    estimate: float | None = None
    low: float | None = None
    """Lower end of the estimate's interval."""
    high: float | None = None
    """Upper end of the estimate's interval."""
    against: str | None = None
    """The method that the estimate is a difference to; None where it is none."""
    published: str | None = None
    """What the paper reports for the estimate, in its unit; None where it gives no number."""
    looks: str | None = None
    """Which looks were taken of those declared, and at which the verdict fell."""
    looks_low: float | None = None
    """Lower end of the interval at the last look, which allows for all looks."""
    looks_high: float | None = None
    """Its upper end."""

    def __post_init__(self) -> None:
        if self.verdict not in VERDICTS:
            raise ValueError(
                f"claim {self.id}: verdict {self.verdict!r}; allowed: {', '.join(VERDICTS)}"
            )
        if self.verdict != "not tested here" and None in (self.estimate, self.low, self.high):
            raise ValueError(
                f"claim {self.id}: {self.verdict} without an estimate and its interval"
            )
