"""Every method of a study against every reference: paired differences, whoever wrote the method.

References are the methods that the study names (`references`), or else the best fixed temperature of these
results, uniform draws and TAMPO, as far as there are any. The p-values of all methods against one
reference in one metric are adjusted together (Holm).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from tampo import layout
from tampo.claims.roles import roles
from tampo.layout import AVERAGE, BENCHMARK, METHOD, METRIC, VALUE
from tampo.statistics.paired import difference_table
from tampo.statistics.permutation_tests import holm
from tampo.statistics.score_arrays import Runs
from tampo.study.study import Study

REFERENCE, ROLE, HOLM = "reference", "reference_is", "holm_p"
NAMED = "named by the study"
BEST_FIXED = "best fixed temperature here"
"""Chosen on the scores that it is compared by, so differences to it lean against the others."""
UNIFORM, TAMPO = "uniform draws", "TAMPO"


def references(study: Study, problem_scores: pd.DataFrame) -> dict[str, str]:
    """Return the methods that all others are compared with, and what each is."""
    if study.references is not None:
        return dict.fromkeys(study.references, NAMED)
    parts = roles(study)
    found = {_best(problem_scores, parts.fixed, study): BEST_FIXED}
    found |= {parts.uniform: UNIFORM, parts.tampo: TAMPO}
    return {name: role for name, role in found.items() if name is not None}


def _best(problem_scores: pd.DataFrame, methods: list[str], study: Study) -> str | None:
    """Return the method with the best first metric of the study, averaged over benchmarks."""
    means = mean_scores(problem_scores, methods, study.evaluation.pass_metrics[0])
    return max(means, key=lambda name: means[name]) if means else None


def mean_scores(
    problem_scores: pd.DataFrame, methods: Sequence[str], metric: str
) -> dict[str, float]:
    """Return the mean over benchmarks of each of these methods that has scores, in their order."""
    rows = problem_scores[(problem_scores[METRIC] == metric) & problem_scores[METHOD].isin(methods)]
    means = rows.groupby([METHOD, BENCHMARK])[VALUE].mean().groupby(METHOD).mean()
    return {name: float(means[name]) for name in methods if name in means.index}


def comparison_table(
    study: Study, problem_scores: pd.DataFrame, diverged: Runs = ()
) -> pd.DataFrame:
    """Return the difference of every method to every reference, on the average and each benchmark.

    Args:
        study: methods, references, metrics and how intervals are made.
        problem_scores: `problem_scores.csv`.
        diverged: runs without scores.

    Returns:
        method, reference, reference_is, metric, benchmark ("average" first), difference, low, high in
        percentage points, p_value, holm_p (of the averages alone), num_seeds.
    """
    against = references(study, problem_scores)
    names = [method.name for method in study.methods]
    pairs = [(name, other) for other in against for name in names if name != other]
    found = difference_table(
        problem_scores, pairs, study.evaluation.pass_metrics, study.statistics, diverged
    ).rename(columns={"baseline": REFERENCE})
    for column in ("difference", layout.LOW, layout.HIGH):
        found[column] = (100 * found[column]).round(4)
    found.insert(2, ROLE, found[REFERENCE].map(against))
    found[HOLM] = np.nan
    averages = found[(found[BENCHMARK] == AVERAGE) & found["p_value"].notna()]
    for _, family in averages.groupby([REFERENCE, METRIC], sort=False):
        found.loc[family.index, HOLM] = holm(family["p_value"].tolist())
    columns = [METHOD, REFERENCE, ROLE, METRIC, BENCHMARK, "difference", layout.LOW, layout.HIGH]
    return found[[*columns, "p_value", HOLM, layout.NUM_SEEDS]]
