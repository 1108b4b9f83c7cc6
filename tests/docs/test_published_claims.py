"""The published table, taken as one sample per problem and one run per method: what can it show?

Every published score is a whole number of right answers, so the numbers of right and wrong answers are
known, but not which problems they belong to. They are dealt out at random, with a stated likeness of
the methods: at 0 each method solves problems of its own, near 1 all solve the same easy ones.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.paths import ROOT

from tampo.claims import ClaimInputs
from tampo.claims.scores import (
    beats_grpo_on_ecqa,
    beats_schedules_at_eight,
    beats_schedules_at_one,
    best_alpha,
    best_top_p,
)
from tampo.layout import AVERAGE
from tampo.problems.catalogue import CATALOGUE
from tampo.seeds import generator
from tampo.statistics.paired import pair_generator, paired_differences
from tampo.statistics.permutation_tests import permutation_test
from tampo.statistics.score_arrays import score_arrays
from tampo.study.study import load_study

PAPER = ROOT / "workflow" / "published" / "paper"
BENCHMARKS = ["aime24", "math500", "amc23", "minerva", "olympiadbench"]
HALF_ALIKE = 0.5**0.5
"""Likeness at which right answers to problems of even odds correlate by one half."""


def number_of(claim):
    """The published value; of two, the one whose sources agree."""
    return float(claim.published.split(" or ")[0])


def published(table: str, folder: Path = PAPER) -> pd.DataFrame:
    return pd.read_csv(folder / f"{table}.csv").set_index(["method", "metric"])


def rows_with_benchmarks() -> pd.DataFrame:
    """Return the Pass@1 rows of Tables 1 and 2 that give every benchmark."""
    table = pd.concat([published("table1"), published("table2")]).xs("pass@1", level="metric")
    table = table[~table.index.duplicated()]
    return table[BENCHMARKS].dropna()


def right_answers(percent: float, benchmark: str) -> int:
    size = CATALOGUE[benchmark].count
    right = round(percent * size / 100)
    assert 100 * right / size == pytest.approx(percent, abs=0.051), (benchmark, percent)
    return right


def dealt(likeness: float, stream: int = 0) -> ClaimInputs:
    """Deal the published numbers of right answers out to problems."""
    rng, rows = generator(stream, "published"), []
    table = rows_with_benchmarks()
    for benchmark in BENCHMARKS:
        size = CATALOGUE[benchmark].count
        ease = rng.normal(size=size)
        for method, percent in table[benchmark].items():
            own = np.sqrt(likeness) * ease + np.sqrt(1 - likeness) * rng.normal(size=size)
            values = np.zeros(size)
            values[np.argsort(-own)[: right_answers(percent, benchmark)]] = 1
            key = {"method": method, "seed": 1, "benchmark": benchmark, "metric": "pass@1"}
            rows += [key | {"problem": str(i), "value": v, "n": 1} for i, v in enumerate(values)]
    problems = pd.DataFrame(rows)
    keys = ["method", "seed", "benchmark", "metric"]
    return ClaimInputs(problems.groupby(keys, as_index=False)["value"].mean(), problems)


def study():
    """Return the paper's study with the methods whose scores are known and one run of each."""
    full = load_study(ROOT / "workflow" / "studies" / "paper.yaml")
    known = rows_with_benchmarks().index
    methods = [method for method in full.methods if method.name in known]
    return full.model_copy(update={"methods": methods, "seeds": [1]})


def differences(inputs: ClaimInputs, baseline: str):
    rows = [("tampo", "pass@1"), (baseline, "pass@1")]
    arrays = score_arrays(inputs.problem_scores, rows, BENCHMARKS)
    return [arrays[row] for row in rows]


def test_published_scores_are_whole_numbers_of_right_answers():
    table = rows_with_benchmarks()
    assert len(table) == 7
    for benchmark in BENCHMARKS:
        for percent in table[benchmark]:
            right_answers(percent, benchmark)


@pytest.mark.parametrize("likeness", [0.0, HALF_ALIKE])
def test_the_published_table_leaves_the_first_claim_undecided(likeness):
    judged = beats_schedules_at_one(study(), dealt(likeness))
    assert judged.verdict == "undecided"
    assert judged.estimate == pytest.approx(number_of(judged), abs=0.06)
    assert judged.low < 0 < judged.high
    assert "tampo minus grpo-linear: +1.7" in judged.detail
    assert "one run per method" in judged.detail


@pytest.mark.parametrize(
    ("likeness", "baseline", "errors"),
    [
        (0.0, "grpo-linear", (0.45, 0.65)),
        (0.0, "grpo-t1.5", (0.5, 0.7)),
        (HALF_ALIKE, "grpo-linear", (0.65, 0.9)),
        (HALF_ALIKE, "grpo-t1.5", (0.7, 0.95)),
    ],
)
def test_the_published_lead_is_less_than_one_standard_error(likeness, baseline, errors):
    settings = study().statistics.model_copy(update={"resamples": 500})
    found, swapped = [], []
    for stream in range(12):
        tables = differences(dealt(likeness, stream), baseline)
        rng = pair_generator(settings, "pass@1")
        difference = paired_differences(*tables, settings, rng)[AVERAGE]
        assert difference.low < 0 < difference.high
        found.append(difference.difference / difference.standard_error)
        swapped.append(permutation_test(*tables, 500, rng).p_value)
    assert errors[0] < np.mean(found) < errors[1]
    assert min(swapped) > 0.1


def test_with_two_hundred_samples_per_problem_the_same_table_would_be_significant():
    """The verdict follows from the numbers, not from their being published."""
    inputs = dealt(HALF_ALIKE)
    problems = inputs.problem_scores
    rates = problems.groupby(["method", "benchmark"])["value"].transform("mean")
    rng = generator(0, "many samples")
    runs = [
        problems.assign(seed=seed, value=rng.binomial(200, rates) / 200) for seed in (1, 2, 3, 4, 5)
    ]
    many = ClaimInputs(inputs.scores, pd.concat(runs))
    judged = beats_schedules_at_one(study().model_copy(update={"seeds": [1, 2, 3, 4, 5]}), many)
    assert judged.verdict == "supported"


def test_the_ablation_of_alpha_is_undecided_too():
    judged = best_alpha(study(), dealt(HALF_ALIKE))
    assert judged.verdict == "undecided"
    assert judged.estimate == pytest.approx(number_of(judged), abs=0.06)
    assert judged.low < 0 < judged.high


def least_lead(table: pd.Series, method: str) -> float:
    return float(table[method] - table.drop(method).max())


def test_published_values_of_claims_are_those_of_the_transcribed_tables():
    nothing = ClaimInputs(pd.DataFrame(), pd.DataFrame(columns=["method", "metric", "benchmark"]))
    value = {
        judge: number_of(judge(study(), nothing))
        for judge in (
            beats_schedules_at_one,
            beats_schedules_at_eight,
            best_alpha,
            best_top_p,
            beats_grpo_on_ecqa,
        )
    }
    first, second, third = (published(f"table{i}")["average"] for i in (1, 2, 3))
    at_one, at_eight = (first.xs(f"pass@{k}", level="metric") for k in (1, 8))
    assert value[beats_schedules_at_one] == pytest.approx(least_lead(at_one, "tampo"))
    assert value[beats_schedules_at_eight] == pytest.approx(least_lead(at_eight, "tampo"))
    alphas, top_ps = second.droplevel("metric"), third.droplevel("metric")
    assert value[best_alpha] == pytest.approx(least_lead(alphas, "tampo"))
    greedy = top_ps["tampo-p0.0"]
    above_greedy = top_ps.drop(["tampo", "tampo-p0.0"]).min() - greedy
    least = min(least_lead(top_ps, "tampo"), above_greedy)
    assert value[best_top_p] == pytest.approx(least)
    fourth = published("table4", PAPER.parent / "ecqa")["ecqa"].xs("pass@1", level="metric")
    assert value[beats_grpo_on_ecqa] == pytest.approx(least_lead(fourth, "tampo"))
