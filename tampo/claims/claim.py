"""What a claim of the paper is here: a statement, what was measured, and a verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["supported", "contradicted", "undecided", "not tested here"]
VERDICTS: tuple[Verdict, ...] = ("supported", "contradicted", "undecided", "not tested here")


@dataclass(frozen=True)
class Claim:
    """A row of `claims.csv`."""

    id: str
    """C1 to C9 as the paper's claims are numbered; X1 to X3 are controls that it did not run."""
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
    published: float | None = None
    """What the paper reports for the estimate, in its unit; None where it gives no number."""

    def __post_init__(self) -> None:
        if self.verdict not in VERDICTS:
            raise ValueError(
                f"claim {self.id}: verdict {self.verdict!r}; allowed: {', '.join(VERDICTS)}"
            )
        if self.verdict != "not tested here" and None in (self.estimate, self.low, self.high):
            raise ValueError(
                f"claim {self.id}: {self.verdict} without an estimate and its interval"
            )
