"""Why TAMPO scores as it does, by what its runs logged: claims X4 and X5, and a table of four questions.

Steps are those after policy warm-up, in their first and last quarter; intervals are Student's over seeds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from tampo import layout
from tampo.claims.claim_inputs import ClaimInputs, NotTested
from tampo.claims.comparisons import mean_scores
from tampo.claims.roles import roles
from tampo.claims.training import after_warmup
from tampo.claims.verdicts import Finding, Level, RunMean, all_positive, claim, run_mean
from tampo.layout import (
    CANDIDATE,
    CREDIT,
    CREDIT_P,
    METHOD,
    POLICY,
    PROBABILITY,
    SEED,
    SLOPE,
    STEP,
    STEPS,
    TEMPERATURE,
    VALUE,
)
from tampo.study.study import Study
from tampo.temperature.registry import policy_settings

CHANCE = 0.05
"""Fraction of steps whose credit exceeds 95 % of its shuffles if advantages mean nothing."""
NEGLIGIBLE = 0.1
"""Fewer steps than this with a credit beyond its null are too few to learn from [R]."""


@claim("X4", "TAMPO's temperature credit beats its permutation null", "fraction of steps")
def credit_beats_null(study: Study, inputs: ClaimInputs, level: Level) -> Finding:
    """Fraction of TAMPO's steps after warm-up whose credit spans a larger range than it does in 95 % of
    shuffles of the advantages within groups: supported if over seeds it lies above 0.05 with adjusted
    p <= 1 - confidence (Student's t), contradicted if its interval lies below 0.1."""
    (tampo,) = roles(study).required("tampo")
    credit = inputs.of_training(CREDIT, [STEP, CREDIT_P], [tampo])
    own = credit[credit[STEP] >= after_warmup(study, tampo).warmup]
    confidence = study.statistics.confidence
    fractions = (own[CREDIT_P] <= CHANCE).groupby(own[SEED]).mean()
    found = run_mean(list(fractions), confidence)
    above = run_mean(list(fractions - CHANCE), confidence)
    verdict, adjusted = all_positive([above.mean], [above.p_value], level)
    if verdict != "supported" and found.high < NEGLIGIBLE:
        verdict = "contradicted"
    detail = f"p = {above.p_value:.3g}, adjusted {adjusted[0]:.3g}, {len(fractions)} runs"
    table = inputs.of_training(CREDIT, [STEP, CREDIT_P])
    other = table[table[METHOD] == roles(study).shuffled]
    if len(other):
        detail += f"; with shuffled advantages {(other[CREDIT_P] <= CHANCE).mean():.3f}"
    return Finding(verdict, found.mean, max(0.0, found.low), min(1.0, found.high), detail)


@claim("X5", "TAMPO's preferred temperature moves toward the best fixed one", "temperature")
def moves_toward_best(study: Study, inputs: ClaimInputs, level: Level) -> Finding:
    """Distance of the likeliest candidate from the fixed temperature that scored best here, in the first
    less in the last quarter of TAMPO's steps after warm-up: supported if over seeds it is positive,
    contradicted if negative, each with adjusted p <= 1 - confidence (Student's t)."""
    tampo, *_ = roles(study).required("tampo", "fixed")
    best, temperature = best_fixed(study, inputs)
    quarters = after_warmup(study, tampo)
    preferred = preferences(inputs.of_training(POLICY, [STEP, CANDIDATE, PROBABILITY], [tampo]))
    first, last = (
        (part[TEMPERATURE] - temperature).abs().groupby(part[SEED]).mean()
        for part in quarters.of(preferred)
    )
    found = run_mean(list(first - last), study.statistics.confidence)
    verdict, adjusted = all_positive([found.mean], [found.p_value], level)
    detail = (
        f"distance from T = {temperature:g} of {best}: {first.mean():.2f} in steps {quarters.warmup} to "
        f"{quarters.warmup + quarters.window - 1}, {last.mean():.2f} in the last {quarters.window}; "
        f"p = {found.p_value:.3g}, adjusted {adjusted[0]:.3g}"
    )
    return Finding(verdict, found.mean, found.low, found.high, detail, best)


def preferences(policy: pd.DataFrame) -> pd.DataFrame:
    """Return seed, step and temperature of the likeliest candidate after each step."""
    likeliest = policy.groupby([SEED, STEP])[PROBABILITY].idxmax()
    chosen = policy.loc[likeliest, [SEED, STEP, CANDIDATE]]
    return chosen.rename(columns={CANDIDATE: TEMPERATURE}).reset_index(drop=True)


def fixed_scores(study: Study, inputs: ClaimInputs) -> pd.DataFrame:
    """Return method, temperature and mean Pass@1 of every fixed temperature, by rising temperature.

    Raises:
        NotTested: none has a score.
    """
    means = mean_scores(inputs.problem_scores, roles(study).fixed, layout.pass_at(1))
    rows = [
        {METHOD: name, TEMPERATURE: _temperature(study, name), VALUE: mean}
        for name, mean in means.items()
    ]
    if not rows:
        raise NotTested("no fixed temperature has a score")
    return pd.DataFrame(rows).sort_values(TEMPERATURE, ignore_index=True)


def best_fixed(study: Study, inputs: ClaimInputs) -> tuple[str, float]:
    """Return the fixed temperature that scored best: method and temperature."""
    scores = fixed_scores(study, inputs)
    row = max(scores.to_dict("records"), key=lambda row: row[VALUE])
    return row[METHOD], row[TEMPERATURE]


def _temperature(study: Study, name: str) -> float:
    method = study.method(name)
    return float(policy_settings(method.policy, method.settings).model_dump()[TEMPERATURE])


Place = Literal["above", "below", "not significantly different from"]
NEITHER: Place = "not significantly different from"


@dataclass(frozen=True)
class Question:
    """One row of the table: what was asked, and the mean over seeds in both quarters."""

    asked: str
    first: RunMean
    last: RunMean
    against: float
    """What the numbers are to be held against."""
    what: str
    """What that is."""

    def place(self, found: RunMean) -> Place:
        """Return on which side of `against` an interval lies."""
        if found.low > self.against:
            return "above"
        return "below" if found.high < self.against else NEITHER


def questions(study: Study, inputs: ClaimInputs) -> list[Question]:
    """Return what TAMPO's logs say about its credit, its distribution and its direction.

    Raises:
        NotTested: the study lacks TAMPO, fixed temperatures, logs or a second seed.
    """
    tampo, *_ = roles(study).required("tampo", "fixed")
    quarters = after_warmup(study, tampo)
    confidence = study.statistics.confidence
    policy = inputs.of_training(POLICY, [STEP, CANDIDATE, PROBABILITY], [tampo])
    credit = inputs.of_training(CREDIT, [STEP, CREDIT_P, SLOPE], [tampo])
    _, temperature = best_fixed(study, inputs)

    def row(asked: str, table: pd.DataFrame, column: str, against: float, what: str) -> Question:
        first, last = (
            run_mean(list(part.groupby(SEED)[column].mean()), confidence)
            for part in quarters.of(table)
        )
        return Question(asked, first, last, against, what)

    beyond = credit.assign(beyond=(credit[CREDIT_P] <= CHANCE).astype(float))
    rows = [
        row("Steps whose credit exceeds 95 % of its shuffles", beyond, "beyond", CHANCE, "chance"),
        row(
            "Entropy of the distribution, relative to a uniform one",
            _relative_entropy(policy),
            "entropy",
            1.0,
            "uniform draws",
        ),
        row(
            "Likeliest candidate",
            preferences(policy),
            TEMPERATURE,
            temperature,
            "the best fixed temperature",
        ),
    ]
    agreement = _agreement(study, inputs, credit, tampo)
    if agreement is not None:
        asked = "Steps whose credit slopes as the scores of the fixed temperatures around it do"
        rows.append(row(asked, agreement, "agrees", 0.5, "a coin"))
    return rows


def _relative_entropy(policy: pd.DataFrame) -> pd.DataFrame:
    def entropy(probabilities: pd.Series) -> float:
        p = probabilities[probabilities > 0].to_numpy()
        return float(-(p * np.log(p)).sum() / np.log(len(probabilities)))

    return policy.groupby([SEED, STEP])[PROBABILITY].agg(entropy).rename("entropy").reset_index()


def _agreement(
    study: Study, inputs: ClaimInputs, credit: pd.DataFrame, tampo: str
) -> pd.DataFrame | None:
    """Return seed, step and whether the credit's slope has the sign of the scores' around its T.

    The scores' slope at T is that between the two fixed temperatures around it, or nearest to it. None
    where the study has fewer than two.
    """
    scores = fixed_scores(study, inputs)
    if len(scores) < 2:
        return None
    slopes = np.sign(np.diff(scores[VALUE]))
    steps = inputs.of_training(STEPS, [STEP, TEMPERATURE], [tampo])
    merged = credit.merge(steps[[SEED, STEP, TEMPERATURE]], on=[SEED, STEP])
    place = np.searchsorted(scores[TEMPERATURE].to_numpy(), merged[TEMPERATURE], side="right") - 1
    wanted = slopes[np.clip(place, 0, len(slopes) - 1)]
    return merged.assign(agrees=(np.sign(merged[SLOPE]) == wanted).astype(float))
