"""Permutation tests and Holm: by hand, and type-I error by simulation with lucky runs."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tampo.seeds import generator
from tampo.statistics.permutation_tests import holm, permutation_test


def test_two_against_two_runs_by_hand():
    # Six ways to choose two of four runs; only the one made and its mirror differ by as much.
    first, second = {"a": np.array([[1.0, 0.9], [0.8, 0.9]])}, {"a": np.array([[0.1, 0], [0.2, 0]])}
    found = permutation_test(first, second, 1000, generator(0, "test"))
    assert (found.p_value, found.unit, found.smallest) == (pytest.approx(2 / 6), "run", 2 / 6)


def test_one_run_each_swaps_problems():
    # Three problems that differ, one that does not: 2^3 swaps, two as extreme.
    first = {"a": np.array([[1.0, 1.0, 1.0, 0.5]])}
    second = {"a": np.array([[0.0, 0.0, 0.0, 0.5]])}
    found = permutation_test(first, second, 1000, generator(0, "test"))
    assert (found.p_value, found.unit, found.smallest) == (pytest.approx(2 / 8), "problem", 2 / 8)


def test_benchmarks_are_weighted_equally_whatever_their_size():
    # Two wins on two problems, three losses on ten: 1 - 0.3 = 0.7 before halving. Of 32 swaps of
    # +-0.5 +-0.5 +-0.1 +-0.1 +-0.1, the 16 whose first two agree reach 0.7 or more.
    first = {"small": np.ones((1, 2)), "large": np.array([[0.0] * 3 + [0.5] * 7])}
    second = {"small": np.zeros((1, 2)), "large": np.array([[1.0] * 3 + [0.5] * 7])}
    assert permutation_test(first, second, 99, generator(0, "test")).p_value == pytest.approx(0.5)


def test_methods_that_never_differ_have_p_value_one():
    same = {"a": np.full((1, 5), 0.5)}
    assert permutation_test(same, same, 99, generator(0, "test")).p_value == 1
    same = {"a": np.full((3, 5), 0.5)}
    assert permutation_test(same, same, 99, generator(0, "test")).p_value == 1


def null_p_values(runs, unit, run_sd, shared_sd, trials=300):
    rng = generator(3, "null", runs)
    values = []
    for _ in range(trials):
        shared = shared_sd * rng.normal(size=(runs, 1)) + rng.normal(size=(1, 40))
        methods = [
            {
                "a": rng.binomial(
                    8, 1 / (1 + np.exp(-shared - run_sd * rng.normal(size=(runs, 1))))
                )
                / 8
            }
            for _ in range(2)
        ]
        values.append(permutation_test(*methods, 200, rng, unit).p_value)
    return np.array(values)


@pytest.mark.parametrize(
    ("runs", "run_sd", "shared_sd"),
    [
        pytest.param(5, 0.3, 0.0, id="lucky-runs"),
        pytest.param(5, 0.1, 0.3, id="seeds-that-methods-share"),
        pytest.param(3, 0.3, 0.0, id="three-runs"),
        pytest.param(1, 0.0, 0.0, id="one-run"),
    ],
)
def test_true_nulls_are_rejected_no_more_often_than_promised(runs, run_sd, shared_sd):
    values = null_p_values(runs, None, run_sd, shared_sd)
    # Two standard errors over 300 trials: 2.5 points at 0.05, 3.5 at 0.1.
    assert (values <= 0.05).mean() <= 0.075
    assert (values <= 0.10).mean() <= 0.135


def test_swapping_problems_would_mistake_luck_for_merit():
    assert (null_p_values(5, "problem", 0.3, 0.0, trials=100) <= 0.05).mean() > 0.3


def test_a_real_difference_is_found():
    rng = generator(4, "test")
    first, second = ({"a": rng.random((5, 40)) * 0.2 + shift} for shift in (0.6, 0.4))
    assert permutation_test(first, second, 1000, rng).p_value == pytest.approx(2 / 252)


def test_holm_by_hand():
    # Sorted 0.01, 0.03, 0.04: times 3, 2, 1 is 0.03, 0.06, 0.04, and the last may not fall.
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([0.2]) == [0.2]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_lies_between_the_raw_and_the_bonferroni_value_and_keeps_the_order(values):
    adjusted = holm(values)
    for raw, new in zip(values, adjusted, strict=True):
        assert raw <= new <= min(1.0, len(values) * raw) + 1e-12
    order = np.argsort(values, kind="stable")
    assert np.all(np.diff(np.array(adjusted)[order]) >= 0)


def test_holm_keeps_the_family_error():
    values = generator(5, "test").random((4000, 5))
    rejected = [min(holm(row)) <= 0.05 for row in values]
    assert np.mean(rejected) == pytest.approx(0.05, abs=0.012)
