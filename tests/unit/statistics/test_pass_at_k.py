"""pass@k against exhaustive counting, exact arithmetic and hand-computed values."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tampo.statistics.pass_at_k import pass_at_k


@pytest.mark.parametrize(
    ("n", "c", "k", "expected"),
    [
        (4, 1, 2, 1 / 2),  # 3 of 6 pairs hold the correct one
        (5, 2, 2, 7 / 10),  # 3 of 10 pairs miss both
        (8, 0, 8, 0.0),
        (8, 1, 8, 1.0),
        (3, 3, 1, 1.0),
        (32, 1, 8, 1 / 4),
        (1, 1, 1, 1.0),
    ],
)
def test_known_values(n: int, c: int, k: int, expected: float) -> None:
    assert pass_at_k(n, c, k) == pytest.approx(expected, rel=1e-14, abs=0)


def test_no_correct_response_gives_a_positive_zero() -> None:
    assert math.copysign(1, pass_at_k(8, 0, 4)) == 1


def test_is_the_fraction_of_subsets_with_a_correct_response() -> None:
    n, c, k = 7, 3, 3
    subsets = list(combinations(range(n), k))
    fraction = sum(any(i < c for i in subset) for subset in subsets) / len(subsets)
    assert pass_at_k(n, c, k) == pytest.approx(fraction, rel=1e-14)


@pytest.mark.parametrize(("rate", "n", "k"), [(0.1, 16, 8), (0.5, 8, 2), (0.02, 64, 8)])
def test_is_unbiased_for_problems_of_known_success_rate(rate: float, n: int, k: int) -> None:
    correct = np.random.default_rng(5).binomial(n, rate, size=20_000)
    estimates = [pass_at_k(n, int(c), k) for c in correct]
    error = np.std(estimates) / math.sqrt(len(estimates))
    truth = 1 - (1 - rate) ** k
    assert np.mean(estimates) == pytest.approx(truth, abs=3.5 * error)
    # What it replaces is biased by far more than the simulation's error.
    assert abs(np.mean(1 - (1 - correct / n) ** k) - truth) > 5 * error


@given(st.data())
def test_equals_exact_arithmetic(data: st.DataObject) -> None:
    n = data.draw(st.integers(1, 200))
    c = data.draw(st.integers(0, n))
    k = data.draw(st.integers(1, n))
    exact = 1 - Fraction(math.comb(n - c, k), math.comb(n, k))
    assert pass_at_k(n, c, k) == pytest.approx(float(exact), rel=1e-12, abs=0)


@given(st.data())
def test_grows_with_c_and_with_k_and_starts_at_avg(data: st.DataObject) -> None:
    n = data.draw(st.integers(2, 100))
    c = data.draw(st.integers(0, n - 1))
    k = data.draw(st.integers(1, n - 1))
    assert pass_at_k(n, c, 1) == pytest.approx(c / n, rel=1e-13)
    assert pass_at_k(n, c, k) <= pass_at_k(n, c + 1, k) + 1e-15
    assert pass_at_k(n, c, k) <= pass_at_k(n, c, k + 1) + 1e-15


def test_stays_exact_where_binomials_and_differences_would_not() -> None:
    assert pass_at_k(10**9, 1, 10) == pytest.approx(1e-8, rel=1e-12)
    assert pass_at_k(10**6, 5 * 10**5, 1) == pytest.approx(0.5, rel=1e-12)
    assert pass_at_k(10**5, 500, 500) == pytest.approx(
        float(1 - Fraction(math.comb(99_500, 500), math.comb(10**5, 500))), rel=1e-12
    )


@pytest.mark.parametrize(("n", "c", "k"), [(4, 2, 5), (4, 5, 2), (4, -1, 2), (4, 2, 0), (0, 0, 1)])
def test_impossible_counts_are_named(n: int, c: int, k: int) -> None:
    with pytest.raises(ValueError, match=rf"n={n}, c={c}"):
        pass_at_k(n, c, k)
