"""Claims about training: C6 its time, C7 and C8 its trajectories, C9 its temperatures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from tampo.claims.claim import Verdict
from tampo.claims.claim_inputs import ClaimInputs, NotTested
from tampo.claims.roles import roles
from tampo.claims.verdicts import Finding, Level, all_positive, claim, run_mean
from tampo.layout import (
    COUNT,
    METHOD,
    NEGATIVE,
    OPTIMAL_TEMPERATURES,
    POSITIVE,
    SECONDS,
    SEED,
    SIGN,
    STEP,
    STEPS,
    TEMPERATURE,
    TOKENS,
    TRAJECTORY_COUNT,
    UNIMODAL,
    UNIMODALITY,
)
from tampo.statistics.proportions import jeffreys_interval
from tampo.study.study import Study
from tampo.temperature.meta_policy import MetaPolicySettings

TIME_MARGIN = 0.05
"""Training that takes at most this much longer counts as no longer [R]."""
SEPARATION_MARGIN = 0.05
"""A probability of good above bad closer to one half than this is too small to claim a separation [R]."""
WINDOW = 0.25
"""Fraction of the steps after warm-up that counts as "after warm-up", and as "later" [R]."""


@claim("C6", "Training takes no longer than with a fixed temperature", "ratio", published="1")
def takes_no_longer(study: Study, inputs: ClaimInputs, level: Level) -> Finding:
    """Ratio of TAMPO's training seconds to the geometric mean of the fixed temperatures' with the
    same seed, Student's interval over seeds on its logarithm: supported if the interval ends at or
    below 1.05, contradicted if it begins above 1.05."""
    tampo, *fixed = roles(study).required("tampo", "fixed")
    steps = inputs.of_training(STEPS, [SECONDS, TOKENS], [tampo, *fixed])
    totals = steps.groupby([SEED, METHOD])[[SECONDS, TOKENS]].sum()
    seconds = totals[SECONDS].unstack()
    if inputs.outcomes.diverged:
        # On the seeds that every one of these methods finished.
        seconds = seconds.dropna()
        totals = totals[totals.index.get_level_values(SEED).isin(seconds.index)]
    if seconds.isna().any(axis=None):
        raise NotTested("steps.csv lacks seeds of some methods")
    logs = np.log(seconds)
    note = _without(inputs, [tampo, *fixed])
    ratios = list(logs[tampo] - logs[fixed].mean(axis=1))
    found = run_mean(ratios, study.statistics.confidence, note)
    estimate, low, high = np.exp([found.mean, found.low, found.high])
    verdict: Verdict = "undecided"
    if high <= 1 + TIME_MARGIN:
        verdict = "supported"
    elif low > 1 + TIME_MARGIN:
        verdict = "contradicted"
    tokens = totals[TOKENS].unstack().mean()
    detail = "; ".join(
        f"{name}: {seconds[name].mean():.1f} s and {tokens[name]:.0f} tokens per run"
        for name in [tampo, *fixed]
    )
    detail += note
    return Finding(verdict, float(estimate), float(low), float(high), detail)


def _without(inputs: ClaimInputs, methods: Sequence[str]) -> str:
    """Return the end of a detail that names runs left out because they diverged; empty if none."""
    note = inputs.outcomes.note(methods)
    return f"; without runs that diverged ({note})" if note else ""


@claim("C7", "A trajectory's likelihood is unimodal in the temperature", "fraction", published="1")
def likelihood_is_unimodal(study: Study, inputs: ClaimInputs, level: Level) -> Finding:
    """A theorem: the log-likelihood is concave in 1/T, so it has one peak in T (docs/method.md). The fraction
    of recorded trajectories with one peak over the candidates, with Jeffreys' interval, checks the
    code: a single one with two peaks beyond rounding contradicts it."""
    table = inputs.of_training(UNIMODALITY, [TRAJECTORY_COUNT, UNIMODAL])
    seen, single = int(table[TRAJECTORY_COUNT].sum()), int(table[UNIMODAL].sum())
    if seen == 0:
        without = _without(inputs, study.trained_methods)
        raise NotTested(f"unimodality.csv has no trajectories{without}")
    fraction = single / seen
    low, high = jeffreys_interval(fraction, seen, study.statistics.confidence)
    verdict: Verdict = "contradicted" if single < seen else "theorem"
    detail = f"{single} of {seen} trajectories of {len(table)} runs have one peak"
    if single < seen:
        runs = table[table[UNIMODAL] < table[TRAJECTORY_COUNT]]
        names = [f"{m} seed {s}" for m, s in zip(runs[METHOD], runs[SEED], strict=True)]
        detail += f"; others in {', '.join(names)}"
    detail += _without(inputs, study.trained_methods)
    return Finding(verdict, fraction, low, high, detail)


def probability_of_higher(first: pd.DataFrame, second: pd.DataFrame) -> float:
    """Return the chance that a draw of `first` lies above one of `second`, ties counting half.

    Args:
        first, second: columns temperature and count.
    """
    above = first[TEMPERATURE].to_numpy()[:, None] - second[TEMPERATURE].to_numpy()[None]
    weights = np.outer(first[COUNT], second[COUNT])
    return float((weights * ((above > 0) + 0.5 * (above == 0))).sum() / weights.sum())


def separation(counts: pd.DataFrame) -> float:
    """Return the chance that a trajectory of positive advantage has the higher optimum of the two signs.

    Args:
        counts: sign, temperature, count.

    Returns:
        0.5 where the signs do not differ, NaN where one has no trajectory.
    """
    good, bad = (
        counts[(counts[SIGN] == sign) & (counts[COUNT] > 0)] for sign in (POSITIVE, NEGATIVE)
    )
    return probability_of_higher(good, bad) if len(good) and len(bad) else float("nan")


@claim(
    "C8",
    "Likelihood-optimal temperatures of good and bad trajectories differ",
    "probability of good above bad",
)
def optimal_temperatures_differ(study: Study, inputs: ClaimInputs, level: Level) -> Finding:
    """For each fixed temperature, the chance that the likelihood-optimal temperature of a trajectory
    of positive advantage (good) lies above that of one of negative advantage (bad; ties half), averaged
    over seeds with Student's interval: supported if all differ from 0.5 with adjusted p <= 1 -
    confidence, contradicted if an interval lies within 0.45 to 0.55; the estimate is the one nearest
    to 0.5."""
    fixed = roles(study).required("fixed")
    table = inputs.of_training(OPTIMAL_TEMPERATURES, [SIGN, TEMPERATURE, COUNT], fixed)
    confidence = study.statistics.confidence
    found, notes = {}, []
    for method in fixed:
        chances, means = _separations(table[table[METHOD] == method])
        if len(chances) < 2:
            raise NotTested(
                f"{method} has {len(chances)} runs with trajectories of both signs; two are needed"
                + _without(inputs, [method])
            )
        found[method] = run_mean([chance - 0.5 for chance in chances], confidence)
        notes.append(f"mean {means[0]:.2f} against {means[1]:.2f} over {len(chances)} runs")
    distances = [abs(mean.mean) for mean in found.values()]
    verdict, adjusted = all_positive(distances, [mean.p_value for mean in found.values()], level)
    if any(m.low > -SEPARATION_MARGIN and m.high < SEPARATION_MARGIN for m in found.values()):
        verdict = "contradicted"
    least = found[min(found, key=lambda name: abs(found[name].mean))]
    detail = "; ".join(
        f"{method}: {0.5 + mean.mean:.3f} [{0.5 + mean.low:.3f}, {0.5 + mean.high:.3f}], "
        f"Holm {p:.3g}, {note}"
        for (method, mean), p, note in zip(found.items(), adjusted, notes, strict=True)
    )
    detail += _without(inputs, fixed)
    low, high = np.clip([0.5 + least.low, 0.5 + least.high], 0.0, 1.0)
    return Finding(verdict, 0.5 + least.mean, float(low), float(high), detail)


def _separations(table: pd.DataFrame) -> tuple[list[float], tuple[float, float]]:
    """Return one separation per run that has both signs, and the mean temperature of each sign."""
    chances = []
    for _, run in table.groupby(SEED):
        if not np.isnan(chance := separation(run)):
            chances.append(chance)
    means = []
    for sign in (POSITIVE, NEGATIVE):
        rows = table[(table[SIGN] == sign) & (table[COUNT] > 0)]
        empty = rows.empty
        means.append(float("nan") if empty else np.average(rows[TEMPERATURE], weights=rows[COUNT]))
    return chances, (means[0], means[1])


@dataclass(frozen=True)
class Quarters:
    """The first and the last quarter of a run's steps after policy warm-up."""

    steps: int
    """Of the run."""
    warmup: int
    """Steps of warm-up."""
    window: int
    """Steps of a quarter."""

    def of(self, table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return the rows of a table by step that are in the first, and in the last quarter."""
        step = table[STEP]
        first = (step >= self.warmup) & (step < self.warmup + self.window)
        return table[first], table[step >= self.steps - self.window]


def after_warmup(study: Study, tampo: str) -> Quarters:
    """Return the quarters of TAMPO's steps after warm-up.

    Raises:
        NotTested: there are fewer than four such steps.
    """
    own = MetaPolicySettings(**study.method(tampo).settings)
    training = study.training_of(tampo)
    warmup = training.warmup_steps if own.warmup_steps is None else own.warmup_steps
    window = int(WINDOW * (training.steps - warmup))
    if window < 1:
        raise NotTested(f"{training.steps - warmup} steps after warm-up have no quarters")
    return Quarters(training.steps, warmup, window)


@claim(
    "C9",
    "The learned temperature is high (about 1.3) after warm-up and falls later",
    "temperature",
    published="1.3",
)
def temperature_falls(study: Study, inputs: ClaimInputs, level: Level) -> Finding:
    """Mean temperature of TAMPO's rollouts in the first and in the last quarter of the steps after
    warm-up: supported if over seeds the first lies above the candidates' mean, which uniform draws
    have, and above the last, contradicted if it lies below one of them, each with adjusted
    p <= 1 - confidence (Student's t); the estimate is the first."""
    (tampo,) = roles(study).required("tampo")
    quarters = after_warmup(study, tampo)
    warmup, window = quarters.warmup, quarters.window
    training = study.training_of(tampo)
    own = MetaPolicySettings(**study.method(tampo).settings)
    centre = float(np.mean(own.candidates or training.candidate_temperatures))
    steps = inputs.of_training(STEPS, [STEP, TEMPERATURE], [tampo])
    early, late = quarters.of(steps)
    first, last = (part.groupby(SEED)[TEMPERATURE].mean() for part in (early, late))
    if first.empty or list(first.index) != list(last.index):
        raise NotTested("steps.csv lacks steps of TAMPO after warm-up")
    confidence = study.statistics.confidence
    note = _without(inputs, [tampo])
    start = run_mean(list(first), confidence, note)
    above, fall = (run_mean(list(first - other), confidence) for other in (centre, last))
    verdict, adjusted = all_positive([above.mean, fall.mean], [above.p_value, fall.p_value], level)
    detail = (
        f"steps {warmup} to {warmup + window - 1}: {start.mean:.2f}, {above.mean:+.2f} from the "
        f"candidates' mean {centre:.2f} (Holm {adjusted[0]:.3g}); last {window} steps: "
        f"{last.mean():.2f}, a fall of {fall.mean:+.2f} [{fall.low:+.2f}, {fall.high:+.2f}] "
        f"(Holm {adjusted[1]:.3g})"
    )
    detail += note
    return Finding(verdict, start.mean, start.low, start.high, detail)
