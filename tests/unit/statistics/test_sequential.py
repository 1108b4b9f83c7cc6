"""Looks: levels beside published ones, their inverse, and how often a null study is decided at all."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tampo.statistics.sequential import LARGEST, look_adjusted, look_levels, spent

LOOKS = (3, 5, 8, 12, 20, 30)


@pytest.mark.parametrize(
    ("looks", "bounds"),
    [
        # Lan and DeMets' approximation of O'Brien and Fleming, α = 0.05 two-sided, as `ldbounds` and
        # SAS list it for equal increments.
        ((1, 2, 3), [3.7103, 2.5114, 1.9930]),
        ((1, 2, 3, 4, 5), [4.8769, 3.3569, 2.6803, 2.2898, 2.0310]),
    ],
)
def test_bounds_are_the_published_ones(looks, bounds):
    found = stats.norm.isf(np.array(look_levels(0.05, looks)) / 2)
    assert found == pytest.approx(bounds, abs=2e-4)


def test_one_look_is_a_single_test():
    assert look_levels(0.05, (24,)) == pytest.approx((0.05,))
    assert look_adjusted(0.031, 0, (24,)) == pytest.approx(0.031, rel=1e-3)


def test_all_of_the_level_is_spent_at_the_last_look():
    assert spent(0.05, 1.0) == pytest.approx(0.05)
    assert spent(0.05, 0.1) < 1e-9


@pytest.mark.parametrize("looks", [[30], [2, 60], [8, 16, 24], [2, 3, 4, 5], LOOKS], ids=str)
@pytest.mark.parametrize("level", [1e-6, 0.003, 0.0125, 0.05, LARGEST])
def test_the_adjusted_p_value_of_a_looks_level_is_the_level(looks, level):
    looks = tuple(looks)
    for number, here in enumerate(look_levels(level, looks)):
        assert here <= level * (1 + 1e-9)
        if here > 1e-12:
            assert look_adjusted(here, number, looks) == pytest.approx(level, rel=0.01)


@settings(deadline=None)
@given(st.floats(1e-9, 1.0), st.floats(1e-9, 1.0), st.integers(0, 5))
def test_a_smaller_p_value_is_adjusted_to_a_smaller_one_and_never_below_itself(p, q, look):
    low, high = sorted((p, q))
    assert look_adjusted(low, look, LOOKS) <= look_adjusted(high, look, LOOKS)
    assert look_adjusted(high, look, LOOKS) >= high * (1 - 1e-3)


def decided(differences, looks=LOOKS, level=0.05):
    """Fraction of studies [N, seeds] that are decided at a look, by Student's test."""
    found = np.zeros(len(differences), dtype=bool)
    for seeds, here in zip(looks, look_levels(level, looks), strict=True):
        found |= stats.ttest_1samp(differences[:, :seeds], 0.0, axis=1).pvalue <= here
    return found.mean()


@pytest.mark.parametrize("kind", ["normal", "uniform", "heavy tails", "of skewed"])
def test_null_studies_are_decided_as_seldom_as_declared(kind):
    """20,000 null studies: five in a hundred, and three of its standard errors."""
    rng, shape = np.random.default_rng(0), (20_000, LOOKS[-1])
    draws = {
        "normal": rng.standard_normal(shape),
        "uniform": rng.uniform(-1, 1, shape),
        "heavy tails": rng.standard_t(5, shape),
        "of skewed": rng.gamma(2.0, size=shape) - rng.gamma(2.0, size=shape),
    }[kind]
    assert decided(draws) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / shape[0])


def test_looking_costs_little_power_and_testing_at_every_look_is_no_test():
    rng, seeds = np.random.default_rng(1), LOOKS[-1]
    noise = rng.standard_normal((20_000, seeds))
    # The difference that a single test at 30 seeds finds with 80 % power.
    effect = 0.5288
    fixed = stats.ttest_1samp(noise + effect, 0.0, axis=1).pvalue <= 0.05
    assert fixed.mean() == pytest.approx(0.80, abs=0.01)
    assert decided(noise + effect) > 0.78
    careless = [stats.ttest_1samp(noise[:, :n], 0.0, axis=1).pvalue <= 0.05 for n in LOOKS]
    assert np.any(careless, axis=0).mean() > 0.12
