"""Paired differences: by hand, and their coverage and type-I error by simulation."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import beta
from support.studies import problem_score_frame

from tampo.layout import AVERAGE
from tampo.seeds import generator
from tampo.statistics.paired import (
    difference_table,
    pair_generator,
    paired_differences,
    problem_deviations,
    problem_fraction,
)
from tampo.study.settings import Statistics

SETTINGS = Statistics(resamples=2000)


def compare(first, second, settings=SETTINGS):
    return paired_differences(first, second, settings, generator(0, "test"))


def test_differences_of_benchmarks_and_their_average_by_hand():
    first = {"a": np.array([[1.0, 0.5], [1.0, 0.0]]), "b": np.array([[0.25], [0.75]])}
    second = {"a": np.array([[0.0, 0.5], [0.5, 0.0]]), "b": np.array([[0.5], [0.5]])}
    found = compare(first, second)
    # a: cells 1, 0, 0.5, 0 -> 0.375; b: cells -0.25, 0.25 -> 0.
    assert found["a"].difference == pytest.approx(0.375)
    assert found["b"].difference == pytest.approx(0.0)
    assert found[AVERAGE].difference == pytest.approx(0.1875)
    assert found[AVERAGE].runs == 2


def test_standard_error_and_freedom_of_one_seed_are_those_of_a_paired_t_test():
    differences = np.array([[0.5, -0.5, 0.25, 0.75, 0.0]])
    found = compare({"a": differences}, {"a": np.zeros((1, 5))})["a"]
    assert found.standard_error == pytest.approx(differences.std(ddof=1) / np.sqrt(5))
    assert found.freedom == pytest.approx(4)


def test_problem_fraction_by_hand():
    # Rows differ by a constant: no residual, all variance between problems is their own.
    assert problem_fraction(np.array([[0.0, 0.5], [0.25, 0.75]])) == pytest.approx(1)
    # Problem means are 0.25 and 0.25: no variance to split.
    assert problem_fraction(np.array([[0.0, 0.5], [0.5, 0.0]])) == 1
    # Means 0.25 and 0.5, grand 0.375; MS_problem = 2 * 0.03125 = 0.0625. Run means 0.25, 0.5;
    # residuals are 0.125 in every cell but for sign: MS_residual = 4 * 0.015625 / 1 = 0.0625.
    assert problem_fraction(np.array([[0.0, 0.5], [0.5, 0.5]])) == pytest.approx(0)
    assert problem_fraction(np.array([[0.0, 0.5, 1.0]])) == 1


@pytest.mark.parametrize(("won", "lost"), [(1, 0), (3, 1), (6, 6)])
def test_wins_and_losses_of_single_samples_give_a_beta_posterior(won, lost):
    differences = np.array([[1.0] * won + [-1.0] * lost])
    draws = problem_deviations(differences, 100_000, generator(0, "test")) + differences.mean()
    exact = beta.ppf([0.025, 0.5, 0.975], won + 0.5, lost + 0.5)
    assert np.quantile(draws, [0.025, 0.5, 0.975]) == pytest.approx(2 * exact - 1, abs=0.01)


def test_one_problem_that_differs_proves_nothing():
    first = np.zeros((3, 30))
    first[:, 4] = 1.0
    found = compare({"a": first}, {"a": np.zeros((3, 30))})["a"]
    assert found.low < 0 < found.high
    assert found.p_value > 0.05


def test_methods_that_never_differ_are_not_certainly_equal():
    found = compare({"a": np.ones((1, 10))}, {"a": np.ones((1, 10))})["a"]
    assert found.difference == 0
    assert found.low < 0 < found.high
    assert found.p_value > 0.9


def test_swapped_methods_give_the_mirrored_interval_up_to_draws():
    rng = generator(4, "test")
    first, second = {"a": rng.random((3, 40))}, {"a": rng.random((3, 40))}
    settings = Statistics(resamples=50_000)
    ahead, behind = compare(first, second, settings), compare(second, first, settings)
    assert ahead["a"].difference == -behind["a"].difference
    assert ahead["a"].low == pytest.approx(-behind["a"].high, abs=0.02)


def test_pairing_removes_what_both_methods_share():
    rng = generator(5, "test")
    hard, luck = rng.random((1, 200)), 0.2 * rng.random((3, 1))
    noise = 0.01 * rng.normal(size=(2, 3, 200))
    base = 0.5 * hard + luck
    found = compare({"a": base + 0.02 + noise[0]}, {"a": base + noise[1]})["a"]
    assert 0.01 < found.low < 0.02 < found.high < 0.03


def test_equal_generators_share_their_draws_and_others_do_not():
    rng = generator(6, "test")
    first, second = {"a": rng.random((3, 20))}, {"a": rng.random((3, 20))}
    assert compare(first, second) == compare(first, second)
    other = paired_differences(first, second, SETTINGS, generator(1, "test"))
    assert other != compare(first, second)
    assert (
        pair_generator(SETTINGS, "pass@1").random() == pair_generator(SETTINGS, "pass@1").random()
    )


def test_what_cannot_be_paired_is_refused():
    with pytest.raises(ValueError, match=r"benchmarks \['a'\] and \['b'\]"):
        compare({"a": np.ones((1, 2))}, {"b": np.ones((1, 2))})
    with pytest.raises(ValueError, match=r"a: scores of shapes \(1, 2\) and \(2, 2\)"):
        compare({"a": np.ones((1, 2))}, {"a": np.ones((2, 2))})


def simulated(rng, runs, problems, run_sd, problem_sd, samples, benchmarks):
    """Two methods of equal expected score: problems suit one or the other, runs have their luck."""
    methods = [{}, {}]
    luck = run_sd * rng.normal(size=(2, runs, 1))
    for name in range(benchmarks):
        difficulty, taste = (
            rng.normal(size=(1, problems)),
            problem_sd * rng.normal(size=(1, problems)),
        )
        for method, sign in enumerate((0.5, -0.5)):
            logits = difficulty + sign * taste + luck[method]
            methods[method][str(name)] = rng.binomial(samples, 1 / (1 + np.exp(-logits))) / samples
    return methods


@pytest.mark.parametrize(
    ("runs", "problems", "run_sd", "problem_sd", "samples", "benchmarks"),
    [
        pytest.param(3, 48, 0.3, 0.5, 16, 5, id="three-runs-of-tiny"),
        pytest.param(3, 48, 0.0, 0.0, 16, 1, id="samples-alone"),
        pytest.param(3, 48, 0.0, 1.0, 16, 1, id="problems-alone"),
        pytest.param(5, 48, 0.3, 0.5, 16, 1, id="five-runs"),
        pytest.param(2, 48, 0.3, 0.5, 16, 1, id="two-runs"),
        pytest.param(1, 30, 0.0, 0.5, 1, 1, id="one-sample"),
        pytest.param(1, 30, 0.0, 0.0, 1, 5, id="published-table"),
    ],
)
def test_intervals_cover_and_errors_are_as_rare_as_promised(
    runs, problems, run_sd, problem_sd, samples, benchmarks
):
    rng, trials = generator(7, "paired", runs, samples), 600
    settings = Statistics(resamples=300)
    covered = rejected = 0
    for trial in range(trials):
        methods = simulated(rng, runs, problems, run_sd, problem_sd, samples, benchmarks)
        draws = generator(8, "paired", trial)
        found = paired_differences(*methods, settings, draws)[AVERAGE]
        covered += found.low <= 0 <= found.high
        rejected += found.p_value <= 0.05
    # 95 % nominal; the standard error over 600 trials is 0.9 points.
    assert 0.925 <= covered / trials <= 0.985
    assert rejected / trials <= 0.075


def test_counting_the_residual_twice_would_cover_too_much():
    rng, trials, covered = generator(9, "paired"), 300, 0
    for _ in range(trials):
        first, second = simulated(rng, 8, 48, 0.0, 0.0, 16, 1)
        differences = first["0"] - second["0"]
        problems = problem_deviations(differences.mean(axis=0, keepdims=True), 300, rng)
        error = differences.mean(axis=1).std(ddof=1) / np.sqrt(8)
        draws = differences.mean() + problems + error * rng.standard_t(7, size=300)
        low, high = np.quantile(draws, [0.025, 0.975])
        covered += low <= 0 <= high
    assert covered / trials > 0.985


def test_difference_table_has_one_row_per_pair_and_benchmark():
    scores = problem_score_frame(
        {
            ("x", "one"): [[1.0, 0.5], [1.0, 0.5]],
            ("x", "two"): [[0.5, 0.5], [0.5, 0.5]],
            ("y", "one"): [[0.5, 0.5], [0.5, 0.5]],
            ("y", "two"): [[0.0, 0.5], [0.0, 0.5]],
            ("z", "one"): [[0.0, 0.5], [0.0, 0.25]],
            ("z", "two"): [[0.0, 0.5], [1.0, 0.5]],
        }
    )
    table = difference_table(scores, [("x", "y")], ["pass@1"], SETTINGS)
    assert list(table["benchmark"]) == [AVERAGE, "one", "two"]
    assert list(table["difference"]) == pytest.approx([0.25, 0.25, 0.25])
    assert set(table["num_seeds"]) == {2}
    more = difference_table(scores, [("z", "y"), ("x", "y")], ["pass@1"], SETTINGS)
    kept = more[more["method"] == "x"].reset_index(drop=True)
    pd.testing.assert_frame_equal(kept, table)


def test_seeds_or_problems_that_differ_are_named():
    scores = problem_score_frame(
        {("x", "one"): [[1.0, 0.5]], ("y", "one"): [[1.0, 0.5], [1.0, 0.5]]}
    )
    with pytest.raises(ValueError, match=r"y, pass@1, one: other seeds or problems than x"):
        difference_table(scores, [("x", "y")], ["pass@1"], SETTINGS)
    with pytest.raises(ValueError, match=r"no problem scores of w, pass@1, one"):
        difference_table(scores, [("w", "x")], ["pass@1"], SETTINGS)
