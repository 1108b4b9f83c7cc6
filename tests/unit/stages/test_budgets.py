"""Shorter evaluation budgets: scored from the responses that a longer one sampled."""

import json

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from support.run_json import write_run_json
from support.studies import micro_study, write_training_run

from tampo import layout
from tampo.report.tables import score_table
from tampo.stages.aggregate import ProblemSamples, aggregate, score_rows
from tampo.study.settings import Evaluation, Statistics
from tampo.study.slices import slice_of

METHODS = ("base", "cold", "tampo")
TOKENS_AND_OUTCOMES = [(4, "correct"), (8, "correct"), (9, "wrong"), (12, "truncated")]


def study(budgets):
    return micro_study(
        benchmarks=[{"name": "sums", "samples": 4, "limit": 1}],
        evaluation={"max_tokens": 12, "pass_k": [1, 2], "budgets": budgets},
    )


@pytest.fixture
def results(tmp_path):
    responses = [
        {"outcome": outcome, "tokens": tokens, "finish": "length" if tokens == 12 else "stop"}
        for tokens, outcome in TOKENS_AND_OUTCOMES
    ]
    for method in METHODS:
        for seed in (1, 2):
            folder = layout.evaluate_folder(tmp_path / "results", method, seed)
            folder.mkdir(parents=True)
            write_run_json(folder, "evaluate")
            (folder / "sums.jsonl").write_text(json.dumps({"id": "a", "responses": responses}))
            if method != "base":
                write_training_run(tmp_path / "results", method, seed, 6)
    return tmp_path / "results"


def scores_at(results, out, budgets):
    aggregate(study(budgets), results, out)
    scores = pd.read_csv(out / "scores.csv")
    rows = scores[(scores["method"] == "tampo") & (scores["seed"] == 1)]
    return rows[rows["benchmark"] == "sums"].set_index("metric")["value"].to_dict()


def test_a_longer_response_is_truncated_at_the_budget_and_a_shorter_one_stays(results, tmp_path):
    """Of 4, 8, 9 and 12 tokens, 8 leaves the first two, both correct; 4 leaves the first."""
    scores = scores_at(results, tmp_path / "out", [4, 8])
    values = [scores[name] for name in ("pass@1", "pass@1@8", "pass@1@4")]
    assert values == pytest.approx([0.5, 0.5, 0.25])
    # One correct of four: a pair misses it in 3 of 6 draws.
    assert scores["pass@2@4"] == pytest.approx(0.5)
    assert (scores["truncated"], scores["truncated@8"], scores["truncated@4"]) == (0.25, 0.5, 0.75)
    assert (scores["length_limited@8"], scores["wrong@8"], scores["tokens@8"]) == (0.5, 0, 7.0)


def test_budgets_add_scores_and_change_none(results, tmp_path):
    without = scores_at(results, tmp_path / "without", [])
    with_them = scores_at(results, tmp_path / "with", [4, 8])
    assert without == {name: with_them[name] for name in without}
    assert not any("@4" in name for name in without)


def test_problem_scores_have_the_budgets_too(results, tmp_path):
    aggregate(study([8]), results, tmp_path / "out")
    problems = pd.read_csv(tmp_path / "out" / "problem_scores.csv")
    expected = ["pass@1", "pass@2", "pass@1@8", "pass@2@8"]
    assert study([8]).evaluation.pass_metrics == expected
    assert set(problems["metric"]) == set(expected)


@given(
    responses=st.lists(
        st.tuples(st.integers(1, 20), st.sampled_from(["correct", "wrong", "unparseable"])),
        min_size=1,
    ),
    budgets=st.tuples(st.integers(1, 20), st.integers(1, 20)),
)
def test_more_budget_never_lowers_a_score(responses, budgets):
    tokens, outcomes = zip(*responses, strict=True)
    problem = ProblemSamples("a", outcomes, tokens, 0)
    less, more = sorted(budgets)

    def scores(budget):
        return {r["metric"]: r["value"] for r in score_rows([problem.within(budget)], [1])}

    low, high = scores(less), scores(more)
    assert low["pass@1"] <= high["pass@1"]
    assert low["tokens"] <= high["tokens"]
    assert low["truncated"] >= high["truncated"]
    assert sum(low[name] for name in ("correct", "wrong", "unparseable", "truncated")) == (
        pytest.approx(1)
    )


def test_a_budget_within_the_first_is_the_same_as_the_second_alone():
    problem = ProblemSamples("a", ("correct", "wrong", "correct"), (3, 6, 9), 0)
    assert problem.within(7).within(5) == problem.within(5)


@pytest.mark.parametrize("budgets", [[12], [20], [8, 4], [4, 4]])
def test_budgets_that_are_no_ascending_shorter_limits_are_refused(budgets):
    with pytest.raises(ValidationError, match="must ascend without repeats and stay below"):
        Evaluation(max_tokens=12, budgets=budgets)


def test_budgets_run_nothing_again_but_aggregation():
    slices = ("model", "evaluate", "report", "aggregate")
    before, after = ({name: slice_of(study(b), name) for name in slices} for b in ([], [4]))
    assert {name for name in slices if before[name] != after[name]} == {"aggregate"}


def test_a_table_has_a_row_for_each_budget(results, tmp_path):
    aggregate(study([8]), results, tmp_path / "out")
    scores, problems = (
        pd.read_csv(tmp_path / "out" / f"{name}.csv") for name in ("scores", "problem_scores")
    )
    metrics = study([8]).evaluation.pass_metrics
    table = score_table(scores, problems, ["tampo"], metrics, Statistics(resamples=100))
    assert list(table["metric"]) == ["pass@1", "pass@2", "pass@1@8", "pass@2@8"]
    assert list(table["average"]) == pytest.approx([50, 100 * 5 / 6, 50, 100 * 5 / 6])
