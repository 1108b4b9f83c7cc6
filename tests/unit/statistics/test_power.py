"""Smallest detectable differences against theory and simulation; Jeffreys' intervals."""

import numpy as np
import pytest
from scipy.stats import beta, t

from tampo.seeds import generator
from tampo.statistics.paired import PairedDifference
from tampo.statistics.power import detectable_difference, study_detectable
from tampo.statistics.proportions import jeffreys_interval


def test_many_degrees_of_freedom_give_the_textbook_number():
    # z(0.975) + z(0.8) = 1.96 + 0.84.
    assert detectable_difference(0.5, 1e6, 0.95) == pytest.approx(0.5 * 2.8016, abs=1e-3)


def test_few_runs_need_larger_differences():
    found = [detectable_difference(1.0, freedom, 0.95) for freedom in (1, 2, 4, 100)]
    assert sorted(found, reverse=True) == found
    assert found[1] > 5


@pytest.mark.parametrize("freedom", [2, 4, 9])
def test_the_difference_is_found_as_often_as_promised(freedom):
    rng, runs = generator(1, "power"), freedom + 1
    effect = detectable_difference(1 / np.sqrt(runs), freedom, 0.95)
    draws = rng.normal(effect, size=(20_000, runs))
    statistic = draws.mean(axis=1) / (draws.std(axis=1, ddof=1) / np.sqrt(runs))
    assert (statistic > t.isf(0.025, freedom)).mean() == pytest.approx(0.8, abs=0.01)


def test_a_study_averages_variances():
    pairs = [PairedDifference(0.1, 0.0, 0.2, 0.1, error, 4.0, 3) for error in (0.3, 0.4)]
    pooled = np.sqrt((0.09 + 0.16) / 2)
    assert study_detectable(pairs, 0.95) == pytest.approx(detectable_difference(pooled, 4.0, 0.95))


@pytest.mark.parametrize(("hits", "units"), [(1, 3), (20, 40), (2.5, 5)])
def test_jeffreys_interval_is_a_beta_interval(hits, units):
    exact = beta.ppf([0.025, 0.975], hits + 0.5, units - hits + 0.5)
    assert jeffreys_interval(hits / units, units, 0.95) == pytest.approx(tuple(exact))


def test_jeffreys_interval_holds_its_ends():
    assert jeffreys_interval(0.0, 3, 0.95) == (0.0, pytest.approx(beta.ppf(0.975, 0.5, 3.5)))
    assert jeffreys_interval(1.0, 3, 0.95) == (pytest.approx(beta.ppf(0.025, 3.5, 0.5)), 1.0)
    with pytest.raises(ValueError, match=r"proportion 1.2 of 3 units"):
        jeffreys_interval(1.2, 3, 0.95)


def test_jeffreys_interval_covers_on_average():
    rng = generator(2, "jeffreys")
    truth = rng.random(4000)
    seen = rng.binomial(10, truth) / 10
    ends = [jeffreys_interval(proportion, 10, 0.95) for proportion in seen]
    covered = [low <= p <= high for (low, high), p in zip(ends, truth, strict=True)]
    assert np.mean(covered) == pytest.approx(0.95, abs=0.015)
