"""Verdicts of a study that is looked at as seeds are added: first decision stands, errors stay declared."""

import dataclasses
import math

import pandas as pd
import pytest
from pydantic import ValidationError
from support.claim_inputs import ALL, claims_study, scored

from tampo.claims.claim_inputs import ClaimInputs
from tampo.claims.scores import beats_schedules_at_one, beats_uniform
from tampo.claims.training import likelihood_is_unimodal, temperature_falls
from tampo.claims.verdicts import Level
from tampo.statistics.sequential import look_levels

EQUAL = dict.fromkeys(ALL, 0.0)
LOOKS = [4, 8, 12]


def study_of(seeds, looks=LOOKS, **statistics):
    return claims_study(
        seeds=list(range(1, seeds + 1)),
        statistics={"resamples": 4000, "looks": looks} | statistics,
    )


def test_a_verdict_waits_for_the_first_look():
    judged = beats_uniform(study_of(3), scored(EQUAL | {"five": 0.3}, seeds=3))
    assert judged.verdict == "undecided"
    assert judged.looks == "none yet: 3 seeds, looks at 4, 8, 12"
    assert judged.low > 0 and judged.looks_low is None


def test_a_large_difference_is_decided_at_a_look_and_says_at_which():
    inputs = scored(EQUAL | {"five": 0.3}, seeds=8, luck=0.02)
    judged = beats_uniform(study_of(8), inputs)
    assert judged.verdict == "supported"
    assert judged.looks == "2 of 3, at 4, 8 of 4, 8, 12 seeds; decided at 8 seeds"
    # The interval that allows for looks is the wider one, around the same estimate.
    assert judged.looks_low < judged.low < judged.estimate < judged.high < judged.looks_high


def test_seeds_between_looks_move_the_estimate_and_not_the_verdict():
    inputs = scored(EQUAL | {"five": 0.3}, seeds=11, luck=0.02)
    before, now = (beats_uniform(study_of(n), inputs.of_seeds(range(1, n + 1))) for n in (8, 11))
    assert (before.verdict, before.looks) == (now.verdict, now.looks)
    assert (before.looks_low, before.looks_high) == (now.looks_low, now.looks_high)
    assert before.estimate != now.estimate


def test_what_was_decided_stays_decided():
    ahead, behind = (scored(EQUAL | {"five": d}, seeds=12, luck=0.01) for d in (0.3, -0.5))
    late = behind.problem_scores[behind.problem_scores["seed"] > 8]
    early = ahead.problem_scores[ahead.problem_scores["seed"] <= 8]
    mixed = dataclasses.replace(ahead, problem_scores=pd.concat([early, late], ignore_index=True))
    judged = beats_uniform(study_of(12), mixed)
    assert judged.verdict == "supported"
    assert judged.looks.endswith("decided at 8 seeds")


def test_an_early_look_needs_more_than_a_late_one():
    """Falls of 0.02 and 0.18 in turn: p is 0.12 after 4 seeds, 0.013 after 8 and 0.0016 after 12."""
    levels = look_levels(0.05, tuple(LOOKS))
    assert levels[0] == pytest.approx(0.0002, rel=0.05) and levels[2] == pytest.approx(
        0.0463, abs=1e-3
    )
    steps = pd.DataFrame(
        {"method": "five", "seed": seed, "step": step}
        | {"temperature": 1.3 if step < 22 else 1.3 - (0.02 if seed % 2 else 0.18)}
        for seed in range(1, 13)
        for step in range(40)
    )
    empty = pd.DataFrame({"seed": []})
    inputs = ClaimInputs(empty, empty, steps=steps)
    assert temperature_falls(study_of(12, looks=None), inputs).verdict == "supported"
    found = temperature_falls(study_of(12), inputs)
    assert found.looks.startswith("3 of 3") and found.looks.endswith("decided at 12 seeds")


def test_the_interval_of_a_look_too_early_for_the_resamples_is_not_given():
    judged = beats_uniform(study_of(4), scored(EQUAL | {"five": 0.3}, seeds=4))
    assert judged.verdict == "undecided" and judged.looks_low is None and judged.low > 0


def test_a_family_is_adjusted_for_looks_and_then_for_its_size():
    levels = look_levels(0.0125, (8, 16, 24))
    level = Level(0.05, (8, 16, 24), look=1)
    # The smallest of four p-values has to be below the look's level of a test at 0.05 / 4.
    for factor, rejected in ((0.99, True), (1.01, False)):
        adjusted = level.adjusted([levels[1] * factor, 0.5, 0.6, 0.7])
        assert (adjusted[0] <= 0.05) is rejected
    assert Level(0.05).adjusted([0.01, 0.04]) == [0.02, 0.04] and Level(0.05).here == 0.05


def test_a_study_without_looks_says_nothing_of_them():
    judged = beats_uniform(study_of(8, looks=None), scored(EQUAL | {"five": 0.3}, seeds=8))
    assert (judged.verdict, judged.looks, judged.looks_low) == ("supported", None, None)


def test_a_theorem_needs_no_looks():
    rows = [{"method": "five", "seed": s, "trajectories": 9, "unimodal": 9} for s in range(1, 9)]
    empty = pd.DataFrame({"seed": []})
    judged = likelihood_is_unimodal(
        study_of(8), ClaimInputs(empty, empty, unimodality=pd.DataFrame(rows))
    )
    assert (judged.verdict, judged.looks) == ("theorem", None)


def test_the_estimate_names_the_method_that_it_is_a_difference_to():
    judged = beats_schedules_at_one(study_of(8), scored({**EQUAL, "five": 0.3}, seeds=8, luck=0.02))
    assert judged.against in {"two", "three", "four"}
    assert not math.isnan(judged.looks_high)


@pytest.mark.parametrize("looks", [[8, 4], [4, 4], [1, 4], []])
def test_looks_rise_and_have_two_seeds_at_least(looks):
    with pytest.raises(ValidationError, match="looks"):
        study_of(4, looks=looks)
