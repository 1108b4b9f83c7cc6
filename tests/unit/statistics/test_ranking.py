"""Marks: best and second best only where every paired difference says so."""

import numpy as np
import pandas as pd
import pytest

from tampo.report.tables import score_table
from tampo.statistics.ranking import BEST, SECOND, marks
from tampo.study.settings import Statistics

SETTINGS = Statistics(resamples=400)


def tables(fractions, problems=40, seeds=(1, 2, 3)):
    """Score tables of one benchmark on which a method solves the first fraction of the problems."""
    scores, problem_scores = [], []
    for method, fraction in fractions.items():
        for seed in seeds:
            values = (np.arange(problems) < fraction * problems).astype(float)
            key = {"method": method, "seed": seed, "benchmark": "sums", "metric": "pass@1"}
            scores.append(key | {"value": values.mean(), "n": problems})
            problem_scores += [
                key | {"problem": f"p{i:02d}", "value": value, "n": 4}
                for i, value in enumerate(values)
            ]
    return pd.DataFrame(scores), pd.DataFrame(problem_scores)


def marked(fractions, **sizes):
    """Marks as {(method, column): mark}."""
    scores, problem_scores = tables(fractions, **sizes)
    table = score_table(scores, problem_scores, list(fractions), ["pass@1"], SETTINGS)
    found = marks(table, problem_scores, SETTINGS)
    return {(table["method"][row], column): mark for (row, column), mark in found.items()}


def test_clear_differences_are_marked_in_every_column():
    assert marked({"low": 0.1, "high": 0.9, "middle": 0.5}) == {
        ("high", "average"): BEST,
        ("high", "sums"): BEST,
        ("middle", "average"): SECOND,
        ("middle", "sums"): SECOND,
    }


def test_a_tie_for_the_first_place_marks_nobody():
    assert marked({"a": 0.9, "b": 0.9, "c": 0.1}) == {}


def test_a_tie_for_the_second_place_marks_the_best_alone():
    assert set(marked({"a": 0.9, "b": 0.2, "c": 0.2}).values()) == {BEST}


def test_one_problem_more_is_no_evidence():
    assert marked({"a": 0.525, "b": 0.5}) == {}


def test_the_last_of_two_is_not_second_best():
    assert set(marked({"a": 0.9, "b": 0.1}).values()) == {BEST}


@pytest.mark.parametrize("fractions", [{"alone": 0.5}])
def test_a_row_with_nothing_to_compare_is_not_best(fractions):
    assert marked(fractions) == {}


def test_metrics_are_ranked_separately():
    scores, problem_scores = tables({"a": 0.9, "b": 0.1})
    swapped = {"a": "b", "b": "a"}
    both = [
        pd.concat([t, t.assign(metric="pass@8", method=t["method"].map(swapped))])
        for t in (scores, problem_scores)
    ]
    table = score_table(*both, ["a", "b"], ["pass@1", "pass@8"], SETTINGS)
    found = marks(table, both[1], SETTINGS)
    best = {(table["method"][row], table["metric"][row]) for row, _ in found}
    assert best == {("a", "pass@1"), ("b", "pass@8")}


def test_a_row_is_marked_by_the_seeds_that_both_finished_and_one_without_runs_is_no_rival():
    scores, problem_scores = tables({"x": 1.0, "y": 0.0})
    gone = {("z", seed) for seed in (1, 2, 3)}
    nothing = {"method": "z", "metric": "pass@1", "average": float("nan"), "sums": float("nan")}
    shown = score_table(scores, problem_scores, ["x", "y"], ["pass@1"], SETTINGS)
    shown = pd.concat([shown, pd.DataFrame([nothing])], ignore_index=True)
    best = {(0, "average"): BEST, (0, "sums"): BEST}
    assert marks(shown, problem_scores, SETTINGS, gone) == best
    # With one seed in common nothing is known of how runs vary.
    left = problem_scores[~((problem_scores.method == "y") & (problem_scores.seed > 1))]
    assert marks(shown, left, SETTINGS, gone | {("y", 2), ("y", 3)}) == {}
