"""From effects to a verdict: one rule for every claim that several effects are all positive."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from inspect import getdoc

import numpy as np
from scipy import stats

from tampo.claims.claim import Claim, Verdict
from tampo.claims.claim_inputs import ClaimInputs, NotTested
from tampo.statistics.permutation_tests import holm
from tampo.study.study import Study


@dataclass(frozen=True)
class Finding:
    """What a claim's rule found: all of a `Claim` that depends on the study."""

    verdict: Verdict
    estimate: float
    low: float
    high: float
    detail: str


@dataclass(frozen=True)
class RunMean:
    """A mean over runs with Student's interval, and the two-sided p-value of it being zero."""

    mean: float
    low: float
    high: float
    p_value: float


Judge = Callable[[Study, ClaimInputs], Claim]


def claim(
    identity: str, statement: str, unit: str, published: float | None = None
) -> Callable[[Callable[[Study, ClaimInputs], Finding]], Judge]:
    """Turn a function that judges a study into one that returns a `Claim`.

    Args:
        identity: id of the claim.
        statement: what is claimed.
        unit: of estimate, interval and published value.
        published: the paper's value of the estimate.

    The function's docstring is the rule and becomes the claim's `test`. Where it raises NotTested
    the verdict is *not tested here*, for the reason the exception gives.
    """

    def decorate(rule: Callable[[Study, ClaimInputs], Finding]) -> Judge:
        @wraps(rule)
        def judge(study: Study, inputs: ClaimInputs) -> Claim:
            test = " ".join((getdoc(rule) or "").split())
            try:
                found = rule(study, inputs)
            except NotTested as reason:
                nothing: Verdict = "not tested here"
                return Claim(
                    identity, statement, nothing, test, str(reason), unit, published=published
                )
            return Claim(
                identity,
                statement,
                found.verdict,
                test,
                found.detail,
                unit,
                found.estimate,
                found.low,
                found.high,
                published,
            )

        return judge

    return decorate


def all_positive(
    effects: Sequence[float], p_values: Sequence[float], confidence: float
) -> tuple[Verdict, list[float]]:
    """Return the verdict on "every effect is positive", and the adjusted p-values behind it.

    With Holm's adjustment over the effects: *supported* if each is positive with p <= 1 - confidence,
    *contradicted* if at least one is negative with p <= 1 - confidence, else *undecided*.

    Args:
        effects: estimates.
        p_values: two-sided, of each being zero.
        confidence: of the study's intervals.
    """
    adjusted = holm(p_values)
    significant = [p <= 1 - confidence for p in adjusted]
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
