"""IQM, probability of improvement and profiles, by hand and by simulation."""

import numpy as np
import pytest
from support.studies import problem_score_frame

from tampo.seeds import generator
from tampo.statistics.proportions import jeffreys_interval
from tampo.statistics.robust_scores import (
    gain,
    gains,
    interquartile_mean,
    performance_profile,
    performance_profiles,
    probability_of_improvement,
    robust_table,
)
from tampo.study.settings import Statistics

SETTINGS = Statistics(resamples=500)


def test_gain_is_the_fraction_of_the_unsolved_that_was_solved():
    found = gain(np.array([0.2, 0.6, 1.0, 0.1]), np.array(0.2))
    assert found == pytest.approx([0, 0.5, 1, -0.125])


def test_interquartile_mean_drops_a_quarter_at_each_end():
    assert interquartile_mean(np.array([100.0, 1, 2, 3, 4, -50, 5, 6])) == pytest.approx(3.5)
    # Five cells: a quarter is one and a bit, one is dropped at each end.
    assert interquartile_mean(np.array([9.0, 1, 2, 3, -9])) == pytest.approx(2)


def test_probability_of_improvement_by_hand():
    first, second = np.array([[0.5, 0.1], [0.7, 0.1]]), np.array([[0.6, 0.1], [0.4, 0.0]])
    # First benchmark: 3 of 4 pairs won. Second: 2 wins, 2 ties of 4.
    assert probability_of_improvement(first, second) == pytest.approx((0.75 + 0.75) / 2)
    assert probability_of_improvement(second, first) == pytest.approx(0.25)
    assert probability_of_improvement(first, first) == pytest.approx(0.5)


def test_performance_profile_by_hand():
    cells = np.array([[0.0, 0.5], [0.25, 1.0]])
    found = performance_profile(cells, np.array([-0.1, 0.0, 0.4, 1.0]))
    assert found == pytest.approx([1, 0.75, 0.5, 0])


SCORES = {
    ("base", "easy"): [[0.5, 0.5], [0.5, 0.5]],
    ("base", "hard"): [[0.0, 0.0], [0.0, 0.0]],
    ("base", "done"): [[1.0, 1.0], [1.0, 1.0]],
    ("x", "easy"): [[1.0, 0.5], [1.0, 1.0]],
    ("x", "hard"): [[0.5, 0.0], [0.5, 0.5]],
    ("x", "done"): [[1.0, 1.0], [1.0, 1.0]],
}


def test_gains_leave_out_what_the_base_model_solves():
    found, kept, left_out = gains(problem_score_frame(SCORES), ["x"], "base", "pass@1")
    assert (kept, left_out) == (["easy", "hard"], ["done"])
    # easy: (0.75 - 0.5) / 0.5 and (1 - 0.5) / 0.5; hard: 0.25 and 0.5.
    assert found["x"] == pytest.approx(np.array([[0.5, 0.25], [1.0, 0.5]]))


def test_a_study_without_anything_to_gain_is_refused():
    done = {key: value for key, value in SCORES.items() if key[1] == "done"}
    with pytest.raises(ValueError, match="base solves every benchmark"):
        gains(problem_score_frame(done), ["x"], "base", "pass@1")


def test_table_says_what_was_left_out_and_holds_its_estimates():
    table = robust_table(
        problem_score_frame(SCORES), ["base", "x"], "base", "x", "pass@1", SETTINGS
    )
    base, x = table.to_dict("records")
    # Cells of x: 0.25, 0.5, 0.5, 1; the middle half is 0.5 and 0.5.
    assert (base["iqm"], x["iqm"]) == (pytest.approx(0), pytest.approx(0.5))
    assert x["iqm_low"] < 0.5 < x["iqm_high"]
    assert (x["improvement"], x["left_out"], x["num_seeds"]) == (0.5, "done", 2)
    assert base["improvement"] == 0
    assert base["improvement_high"] > 0.5


def test_profiles_fall_and_lie_inside_their_interval():
    profiles = performance_profiles(problem_score_frame(SCORES), ["x"], "base", "pass@1", SETTINGS)
    assert np.all(np.diff(profiles["fraction"]) <= 0)
    assert np.all(profiles["low"] <= profiles["fraction"])
    assert np.all(profiles["fraction"] <= profiles["high"])
    at = profiles.set_index("threshold")["fraction"]
    assert (at[0.0], at[0.5], at[1.0]) == (1, 0.25, 0)


def test_iqm_intervals_cover_at_least_as_often_as_promised():
    rng, trials, covered = generator(1, "iqm"), 150, 0
    settings = Statistics(resamples=200)
    for _ in range(trials):
        luck = 0.3 * rng.normal(size=(3, 1))
        values = {}
        for name in ("a", "b", "c", "d"):
            logits = rng.normal(size=(1, 60)) + luck
            values["x", name] = rng.binomial(8, 1 / (1 + np.exp(-logits))) / 8
            # A base model that solves nothing makes gain and score the same.
            values["base", name] = np.zeros((3, 60))
        row = robust_table(
            problem_score_frame(values), ["x"], "base", "x", "pass@1", settings
        ).iloc[0]
        covered += row["iqm_low"] <= 0.5 <= row["iqm_high"]
    assert covered / trials >= 0.91


def test_probability_of_improvement_covers_at_least_as_often_as_promised():
    rng, trials, covered = generator(2, "improvement"), 500, 0
    for _ in range(trials):
        # Equal methods whose runs have one luck for all benchmarks: the truth is one half.
        first, second = (rng.normal(size=(3, 1)) + 0.3 * rng.normal(size=(3, 5)) for _ in range(2))
        low, high = jeffreys_interval(probability_of_improvement(first, second), 3, 0.95)
        covered += low <= 0.5 <= high
    assert covered / trials >= 0.93
