"""From effects to a verdict: one rule for every claim that several effects are all positive.

Where a study declares looks, a rule is asked at each of them, of the first so many seeds, and its first
decision stands (`tampo.statistics.sequential`). Estimate and interval are those of all seeds, as if
there had been one look; the interval of the last look is given as well.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from inspect import getdoc

import numpy as np
from scipy import stats

from tampo.claims.claim import DECIDED, Claim, Verdict
from tampo.claims.claim_inputs import ClaimInputs, NotTested
from tampo.statistics.permutation_tests import holm
from tampo.statistics.sequential import look_adjusted, look_levels
from tampo.study.study import Study

FEWEST_DRAWS = 10
"""Bootstrap draws beyond each end of an interval, below which the end is not given."""


@dataclass(frozen=True)
class Finding:
    """What a claim's rule found: all of a `Claim` that depends on the study."""

    verdict: Verdict
    estimate: float
    low: float
    high: float
    detail: str
    against: str | None = None
    """The method that the estimate is a difference to."""


@dataclass(frozen=True)
class Level:
    """How much error a verdict may have, and which of the declared looks this is."""

    total: float
    """Chance of a false decision in a family of hypotheses, all looks together."""
    looks: tuple[int, ...] = ()
    """Seeds at every declared look; empty for a study of one look."""
    look: int = 0
    """Number of this look, from 0."""

    @property
    def here(self) -> float:
        """The level of a single test at this look."""
        return look_levels(self.total, self.looks)[self.look] if self.looks else self.total

    def adjusted(self, p_values: Sequence[float]) -> list[float]:
        """Return p-values adjusted for the looks and then for their number (Holm)."""
        if self.looks:
            p_values = [look_adjusted(p, self.look, self.looks) for p in p_values]
        return holm(p_values)


@dataclass(frozen=True)
class RunMean:
    """A mean over runs with Student's interval, and the two-sided p-value of it being zero."""

    mean: float
    low: float
    high: float
    p_value: float


Rule = Callable[[Study, ClaimInputs, Level], Finding]
"""Judges a claim: a study whose confidence is that of this look, its tables, and the level."""
Judge = Callable[[Study, ClaimInputs], Claim]


def claim(
    identity: str, statement: str, unit: str, published: str | None = None
) -> Callable[[Rule], Judge]:
    """Turn a rule into a function that judges a study and returns a `Claim`.

    Args:
        identity: id of the claim.
        statement: what is claimed.
        unit: of estimate, interval and published value.
        published: the paper's value of the estimate.

    The rule's docstring becomes the claim's `test`. Where it raises NotTested the verdict is *not
    tested here*, for the reason the exception gives.
    """

    def decorate(rule: Rule) -> Judge:
        @wraps(rule)
        def judge(study: Study, inputs: ClaimInputs) -> Claim:
            about = Claim(
                identity,
                statement,
                "not tested here",
                " ".join((getdoc(rule) or "").split()),
                "",
                unit,
                published=published,
            )
            try:
                found = rule(study, inputs, Level(1 - study.statistics.confidence))
            except NotTested as reason:
                return dataclasses.replace(about, detail=str(reason))
            about = dataclasses.replace(about, **dataclasses.asdict(found))
            if study.statistics.looks is None or found.verdict == "theorem":
                return about
            return dataclasses.replace(about, **_over_looks(rule, study, inputs))

        return judge

    return decorate


def _over_looks(rule: Rule, study: Study, inputs: ClaimInputs) -> dict:
    """Return verdict, looks and their interval of a study that is looked at as seeds are added."""
    declared = tuple(study.statistics.looks or ())
    taken = [look for look in declared if look <= len(study.seeds)]
    total = 1 - study.statistics.confidence
    seeds = ", ".join(map(str, declared))
    if not taken:
        text = f"none yet: {len(study.seeds)} seeds, looks at {seeds}"
        return {"verdict": "undecided", "looks": text}
    verdict: Verdict = "undecided"
    ends: tuple[float, float] | None = None
    decided = ""
    for number, look in enumerate(taken):
        level = Level(total, declared, number)
        statistics = study.statistics.model_copy(update={"confidence": 1 - level.here})
        part = study.model_copy(update={"seeds": study.seeds[:look], "statistics": statistics})
        try:
            found = rule(part, inputs.of_seeds(part.seeds), level)
        except NotTested:
            # So few seeds, or all of them diverged.
            continue
        given = level.here * study.statistics.resamples >= 2 * FEWEST_DRAWS
        ends = (found.low, found.high) if given else None
        if found.verdict in DECIDED and not decided:
            verdict, decided = found.verdict, f"; decided at {look} seeds"
    text = f"{len(taken)} of {len(declared)}, at {', '.join(map(str, taken))} of {seeds} seeds{decided}"
    low, high = ends or (None, None)
    return {"verdict": verdict, "looks": text, "looks_low": low, "looks_high": high}


def all_positive(
    effects: Sequence[float], p_values: Sequence[float], level: Level
) -> tuple[Verdict, list[float]]:
    """Return the verdict on "every effect is positive", and the adjusted p-values behind it.

    With the level's adjustment over the effects: *supported* if each is positive with p at most the
    level, *contradicted* if at least one is negative with such a p, else *undecided*.

    Args:
        effects: estimates.
        p_values: two-sided, of each being zero.
        level: chance of a false decision, and the looks it is for.
    """
    adjusted = level.adjusted(p_values)
    significant = [p <= level.total for p in adjusted]
    pairs = list(zip(effects, significant, strict=True))
    if any(effect < 0 and found for effect, found in pairs):
        return "contradicted", adjusted
    if all(effect > 0 and found for effect, found in pairs):
        return "supported", adjusted
    return "undecided", adjusted


def run_mean(values: Sequence[float], confidence: float, note: str = "") -> RunMean:
    """Return the mean of one value per run, at least two, with its interval.

    Args:
        values: one for each run.
        confidence: of the interval.
        note: says which runs were left out, for the reason of the exception.

    Raises:
        NotTested: there are fewer than two runs, so nothing is known of how they vary.
    """
    if len(values) < 2:
        raise NotTested(f"one run per method: how runs vary is unknown{note}")
    mean = float(np.mean(values))
    # Runs that differ by rounding alone are equal: their standard error would be noise.
    if np.ptp(values) <= 1e-12 * np.max(np.abs(values)):
        return RunMean(mean, mean, mean, 1.0 if mean == 0 else 0.0)
    found = stats.ttest_1samp(values, 0.0)
    ends = found.confidence_interval(confidence)
    return RunMean(mean, float(ends.low), float(ends.high), float(found.pvalue))
