"""Maps onto the simplex: against solvers that share no code with them, and every tie and 0/0."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq, minimize

from tampo.temperature.simplex import (
    draw,
    min_max,
    nucleus,
    softmax,
    sparsemax,
    support_size,
    uniform,
)

repeatable = settings(max_examples=200, derandomize=True, deadline=None, database=None)
scores = st.lists(st.floats(-50, 50), min_size=1, max_size=12).map(np.array)
near_ties = st.lists(st.floats(-0.2, 0.2), min_size=1, max_size=12).map(np.array)
distributions = (
    st.lists(st.floats(0, 1), min_size=1, max_size=12)
    .map(np.array)
    .filter(lambda w: w.sum() > 1e-6)
    .map(lambda w: w / w.sum())
)


def projection_by_root_finding(z: np.ndarray) -> np.ndarray:
    """The Euclidean projection is max(z − τ, 0) for the τ at which it sums to 1 (KKT)."""
    excess = lambda tau: np.maximum(z - tau, 0).sum() - 1  # noqa: E731
    return np.maximum(z - brentq(excess, z.max() - 1 - 1e-9, z.max(), xtol=1e-15, rtol=1e-15), 0)


@repeatable
@given(scores | near_ties)
def test_sparsemax_is_the_projection_found_by_root_finding(z):
    np.testing.assert_allclose(sparsemax(z), projection_by_root_finding(z), atol=1e-12)


@settings(repeatable, max_examples=40)
@given(st.lists(st.floats(-2, 2), min_size=2, max_size=6).map(np.array))
def test_sparsemax_is_the_minimiser_found_by_a_quadratic_programme(z):
    found = minimize(
        lambda p: ((p - z) ** 2).sum(),
        uniform(z.size),
        jac=lambda p: 2 * (p - z),
        bounds=[(0, 1)] * z.size,
        constraints={"type": "eq", "fun": lambda p: p.sum() - 1, "jac": np.ones_like},
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 500},
    )
    assert found.success
    np.testing.assert_allclose(sparsemax(z), found.x, atol=1e-5)
    assert ((sparsemax(z) - z) ** 2).sum() <= found.fun + 1e-9


@repeatable
@given(scores | near_ties, st.floats(-1e6, 1e6))
def test_sparsemax_is_a_distribution_that_ignores_a_common_constant(z, constant):
    p = sparsemax(z)
    assert (p >= 0).all()
    assert p.sum() == pytest.approx(1, abs=1e-12)
    np.testing.assert_allclose(sparsemax(z + constant), p, atol=1e-8)


@repeatable
@given(near_ties, st.integers(0, 2**32 - 1))
def test_sparsemax_follows_a_permutation_exactly(z, seed):
    order = np.random.default_rng(seed).permutation(z.size)
    np.testing.assert_array_equal(sparsemax(z[order]), sparsemax(z)[order])


def test_sparsemax_by_hand():
    np.testing.assert_array_equal(sparsemax([0.0, 0.0, 0.0, 0.0]), [0.25] * 4)
    np.testing.assert_array_equal(sparsemax([3.0, 1.0, 0.0]), [1, 0, 0])
    # Two in the support: τ = (0.5 + 0.25 − 1)/2 = −0.125.
    np.testing.assert_array_equal(sparsemax([0.5, 0.25, -0.25]), [0.625, 0.375, 0])
    # A score exactly at the threshold is out of the support: τ = (1 + 0 − 1)/1 = 0.
    np.testing.assert_array_equal(sparsemax([1.0, 0.0]), [1, 0])
    np.testing.assert_array_equal(sparsemax([7.0]), [1])


def test_sparsemax_works_along_the_last_axis():
    z = np.random.default_rng(0).normal(size=(3, 4, 5))
    whole = sparsemax(z)
    assert whole.shape == z.shape
    for i in range(3):
        for j in range(4):
            np.testing.assert_array_equal(whole[i, j], sparsemax(z[i, j]))
    assert sparsemax(np.zeros((0, 5))).shape == (0, 5)


def test_extreme_scores_neither_overflow_nor_lose_mass():
    np.testing.assert_array_equal(sparsemax([1.7e308, -1.7e308]), [1, 0])
    np.testing.assert_array_equal(softmax([1.7e308, -1.7e308]), [1, 0])
    np.testing.assert_array_equal(min_max([1.7e308, -1.7e308, 0]), [2 / 3, 0, 1 / 3])
    np.testing.assert_array_equal(sparsemax([1e300, 1e300]), [0.5, 0.5])
    np.testing.assert_array_equal(min_max([0, 5e-324]), [0, 1])


@repeatable
@given(scores)
def test_softmax_is_the_exponential_family(z):
    weights = [math.exp(x - z.max()) for x in z]
    np.testing.assert_allclose(softmax(z), np.array(weights) / math.fsum(weights), atol=1e-15)


def test_support_size_counts_positive_entries_only():
    assert support_size([0.5, 0.0, 0.5]) == 2
    np.testing.assert_array_equal(support_size([[1, 0], [0.5, 0.5]]), [1, 2])


def test_nucleus_by_hand():
    p = [0.1, 0.4, 0.3, 0.2]
    np.testing.assert_allclose(nucleus(p, 0.5), [0, 4 / 7, 3 / 7, 0])
    np.testing.assert_allclose(nucleus(p, 0.71), [0, 4 / 9, 3 / 9, 2 / 9])
    np.testing.assert_array_equal(nucleus(p, 0.0), [0, 1, 0, 0])
    np.testing.assert_array_equal(nucleus(p, 1.0), p)


@pytest.mark.parametrize("size", range(1, 31))
def test_a_boundary_that_is_reached_on_paper_is_reached_in_floating_point(size):
    kept = [support_size(nucleus(uniform(size), n / size)) for n in range(size + 1)]
    assert kept == [1, *range(1, size + 1)]


@pytest.mark.parametrize("p", [0.0, 0.3, 0.7, 1.0])
def test_ties_go_to_the_lowest_index(p):
    result = nucleus(uniform(10), p)
    kept = max(1, round(10 * p))
    np.testing.assert_array_equal(np.flatnonzero(result), np.arange(kept))
    np.testing.assert_allclose(result[:kept], 1 / kept)
    if p == 0:
        np.testing.assert_array_equal(nucleus([0.2, 0.4, 0.4], p), [0, 1, 0])


@repeatable
@given(distributions, st.floats(0, 1))
def test_nucleus_is_the_smallest_prefix_with_the_mass(weights, p):
    result = nucleus(weights, p)
    kept = result > 0
    assert result.sum() == pytest.approx(1, abs=1e-12)
    assert weights[kept].sum() >= p - 1e-9
    if kept.sum() > 1 and p < 1:
        assert weights[kept].sum() - weights[kept].min() < p
    if (~kept).any():
        assert weights[kept].min() >= weights[~kept].max()
    np.testing.assert_allclose(result[kept] * weights[kept].sum(), weights[kept], atol=1e-12)


class OneNumber(np.random.Generator):
    """A generator that returns one chosen uniform number."""

    def __init__(self, value: float) -> None:
        super().__init__(np.random.PCG64(0))
        self.value = value

    def random(self) -> float:
        return self.value


@pytest.mark.parametrize(
    ("value", "index"), [(0.0, 1), (0.249, 1), (0.25, 3), (0.749, 3), (0.75, 4), (1 - 2**-53, 4)]
)
def test_draw_inverts_the_distribution_function(value, index):
    assert draw([0, 0.25, 0, 0.5, 0.25, 0], OneNumber(value)) == index


def test_draw_never_returns_a_candidate_of_probability_zero():
    # The sum of the first two rounds to less than 1, so a number close to 1 falls behind both.
    weights = np.array([1 - 1e-10, 0.5e-10, 0.0])
    assert draw(weights, OneNumber(1 - 2**-53)) == 1


def test_draw_has_the_right_frequencies_and_is_a_function_of_its_generator():
    p = np.array([0.1, 0.0, 0.6, 0.3])
    rng = np.random.default_rng(0)
    counts = np.bincount([draw(p, rng) for _ in range(20_000)], minlength=4)
    assert counts[1] == 0
    np.testing.assert_allclose(counts / 20_000, p, atol=0.012)
    assert draw(p, np.random.default_rng(5)) == draw(p, np.random.default_rng(5))
    rng = np.random.default_rng(5)
    draw(p, rng)
    draw(np.array([1.0]), rng)
    # One number each, whatever the distribution.
    expected = np.random.default_rng(5).random(3)[2]
    assert rng.random() == expected


@repeatable
@given(scores)
def test_min_max_is_affine_in_the_scores(z):
    p = min_max(z)
    assert p.sum() == pytest.approx(1, abs=1e-12)
    if z.min() == z.max():
        np.testing.assert_array_equal(p, uniform(z.size))
        return
    assume(z.max() - z.min() > 1e-6)
    assert p[z.argmin()] == 0
    np.testing.assert_allclose(min_max(0.125 * z), p, atol=1e-15)
    np.testing.assert_allclose(min_max(z + 3.0), p, atol=1e-8)


def test_min_max_by_hand():
    np.testing.assert_allclose(min_max([1, 3, 2]), [0, 2 / 3, 1 / 3])
    np.testing.assert_array_equal(min_max([4.0]), [1])
    np.testing.assert_array_equal(min_max([-2.0, -2.0]), [0.5, 0.5])


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_not_finite_are_refused_by_name_and_index(value):
    for function in (sparsemax, softmax):
        with pytest.raises(ValueError, match=rf"scores\[1, 2\] is {value}"):
            function([[0.0, 1.0, 2.0], [0.0, 1.0, value]])
    with pytest.raises(ValueError, match=rf"scores\[1\] is {value}"):
        min_max([0.0, value])
    for function in (
        support_size,
        lambda p: nucleus(p, 0.5),
        lambda p: draw(p, np.random.default_rng(0)),
    ):
        with pytest.raises(ValueError, match=rf"probabilities\[0\] is {value}"):
            function([value, 0.5])


def test_what_is_no_distribution_is_refused():
    rng = np.random.default_rng(0)
    for function in (lambda p: nucleus(p, 0.5), lambda p: draw(p, rng)):
        with pytest.raises(ValueError, match=r"probabilities\[1\] is -0.5"):
            function([1.5, -0.5])
        with pytest.raises(ValueError, match=r"sum to 0\.9"):
            function([0.5, 0.4])
        with pytest.raises(ValueError, match="at least one candidate"):
            function([])
        with pytest.raises(ValueError, match=r"1 dimension\(s\), got shape \(1, 2\)"):
            function([[0.5, 0.5]])
    for p in (-0.1, 1.1, math.nan):
        with pytest.raises(ValueError, match="allowed is 0 <= p <= 1"):
            nucleus([0.5, 0.5], p)
    for function in (sparsemax, softmax, min_max):
        with pytest.raises(ValueError, match="at least one candidate"):
            function([])


def test_torch_tensors_of_any_float_type_are_read():
    for dtype in (torch.float64, torch.float32, torch.bfloat16):
        z = torch.tensor([0.5, 0.25, -0.25], dtype=dtype, requires_grad=True)
        np.testing.assert_array_equal(sparsemax(z), [0.625, 0.375, 0])


def test_inputs_are_left_alone():
    p = np.array([0.5, 0.3, 0.2])
    nucleus(p, 1.0)[0] = 9
    nucleus(p, 0.5)
    sparsemax(p)
    min_max(p)
    np.testing.assert_array_equal(p, [0.5, 0.3, 0.2])
