"""Intervals: by hand where a hand can, by simulation where coverage is promised."""

import numpy as np
import pytest
from scipy.stats import beta

from tampo.seeds import generator
from tampo.statistics.intervals import (
    AVERAGE,
    percentile_interval,
    reweighted_problem_means,
    run_deviations,
    score_intervals,
)
from tampo.study.settings import Statistics

SETTINGS = Statistics(resamples=2000)


def one_row(scores, settings=SETTINGS):
    return score_intervals({"row": {"set": scores}}, settings)["row"]["set"]


@pytest.mark.parametrize(("right", "problems"), [(0, 3), (1, 30), (20, 40), (30, 30)])
def test_right_and_wrong_answers_give_jeffreys_interval(right, problems):
    scores = np.zeros((1, problems))
    scores[0, :right] = 1
    draws = reweighted_problem_means(scores, 200_000, generator(0, "test"))[:, 0]
    ends = [0.025, 0.5, 0.975]
    exact = beta.ppf(ends, right + 0.5, problems - right + 0.5)
    assert np.quantile(draws, ends) == pytest.approx(exact, abs=0.003)


def test_draws_of_many_problems_have_the_spread_of_a_mean():
    scores = generator(3, "test").random((1, 400))
    draws = reweighted_problem_means(scores, 20_000, generator(0, "test"))[:, 0]
    assert draws.mean() == pytest.approx(scores.mean(), abs=0.002)
    assert draws.std() == pytest.approx(scores.std() / 20, rel=0.03)


def test_columns_share_the_weights():
    scores = np.array([[0.0, 1.0, 0.5], [0.0, 1.0, 0.5]])
    draws = reweighted_problem_means(scores, 50, generator(0, "test"))
    assert draws.shape == (50, 2)
    assert np.array_equal(draws[:, 0], draws[:, 1])


def test_all_wrong_is_not_certainly_zero():
    interval = one_row(np.zeros((1, 3)))
    assert (interval.mean, interval.low) == (0, 0)
    # Jeffreys' upper end for none of three.
    assert interval.high == pytest.approx(beta.ppf(0.975, 0.5, 3.5), abs=0.03)


def test_run_deviations_scale_with_the_standard_error():
    standard = np.array([-2.0, 0.0, 2.0])
    # Standard deviation 0.1, three runs.
    expected = standard * 0.1 / np.sqrt(3)
    assert run_deviations(np.array([0.4, 0.5, 0.6]), standard) == pytest.approx(expected)
    assert np.all(run_deviations(np.array([0.4]), standard) == 0)


def test_percentile_interval_by_hand():
    interval = percentile_interval(0.5, np.linspace(0, 1, 101), 0.9)
    assert (interval.mean, interval.low, interval.high) == pytest.approx((0.5, 0.05, 0.95))
    cut = percentile_interval(0.0, np.linspace(-1, 2, 101), 0.9)
    assert (cut.low, cut.high) == (0, 1)
    held = percentile_interval(0.0, np.linspace(0.1, 0.2, 101), 0.9)
    assert (held.low, held.high) == pytest.approx((0, 0.195))


def test_the_average_weighs_benchmarks_alike_whatever_their_size():
    row = {"small": np.full((2, 3), 0.2), "large": np.full((2, 3000), 0.6)}
    found = score_intervals({"row": row}, SETTINGS)["row"][AVERAGE]
    assert found.mean == pytest.approx(0.4)
    assert found.low < 0.4 < found.high


def test_same_seed_same_interval_other_seed_another():
    scores = generator(1, "test").random((3, 40))
    assert one_row(scores) == one_row(scores)
    assert one_row(scores) != one_row(scores, Statistics(resamples=2000, seed=1))


def test_the_global_generator_is_neither_used_nor_changed():
    scores = generator(1, "test").random((3, 40))
    first, before = one_row(scores), np.random.get_state()[1].copy()
    assert np.array_equal(before, np.random.get_state()[1])
    np.random.seed(3)
    assert one_row(scores) == first


def test_an_added_row_or_benchmark_moves_no_other_interval():
    rng = generator(2, "test")
    rows = {m: {"a": rng.random((3, 20)), "b": rng.random((3, 30))} for m in ("x", "y")}
    both = score_intervals(rows, SETTINGS)
    alone = score_intervals({"x": {"a": rows["x"]["a"]}}, SETTINGS)
    assert alone["x"]["a"] == both["x"]["a"]


def test_rows_with_different_benchmarks_are_refused():
    rows = {"x": {"a": np.ones((1, 2))}, "y": {"b": np.ones((1, 2))}}
    with pytest.raises(ValueError, match="row y: benchmarks"):
        score_intervals(rows, SETTINGS)


def simulated(rng, runs, problems, run_sd, problem_sd, samples):
    """Scores [runs, problems]: success rates from a run and a problem effect, then samples."""
    logits = run_sd * rng.normal(size=(runs, 1)) + problem_sd * rng.normal(size=(1, problems))
    return rng.binomial(samples, 1 / (1 + np.exp(-logits))) / samples


@pytest.mark.parametrize(
    ("runs", "problems", "run_sd", "problem_sd", "samples"),
    [
        pytest.param(3, 100, 0.3, 1.0, 16, id="three-runs"),
        pytest.param(3, 100, 0.6, 1.0, 8, id="runs-dominate"),
        pytest.param(3, 30, 0.1, 2.0, 8, id="problems-dominate"),
        pytest.param(5, 100, 0.3, 1.0, 16, id="five-runs"),
        pytest.param(1, 100, 0.0, 1.0, 16, id="one-run"),
        pytest.param(1, 30, 0.0, 1.0, 1, id="one-sample"),
    ],
)
def test_intervals_cover_the_truth_as_often_as_promised(
    runs, problems, run_sd, problem_sd, samples
):
    rng, trials = generator(7, "coverage", runs, problems), 1000
    settings = Statistics(resamples=400)
    covered = 0
    for _ in range(trials):
        interval = one_row(simulated(rng, runs, problems, run_sd, problem_sd, samples), settings)
        # Logits are symmetric about 0, so the expected score is one half.
        covered += interval.low <= 0.5 <= interval.high
    # 95 % nominal; the standard error over 1000 trials is 0.7 points.
    assert 0.93 <= covered / trials <= 0.985


def test_resampling_three_runs_would_not_cover():
    rng, trials, covered = generator(7, "coverage", "naive"), 300, 0
    for _ in range(trials):
        run_means = simulated(rng, 3, 100, 0.6, 1.0, 8).mean(axis=1)
        draws = run_means[rng.integers(3, size=(500, 3))].mean(axis=1)
        interval = percentile_interval(run_means.mean(), draws, 0.95)
        covered += interval.low <= 0.5 <= interval.high
    assert covered / trials < 0.85
