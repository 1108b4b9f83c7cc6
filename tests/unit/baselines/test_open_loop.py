"""Baselines whose temperature depends on the step alone: three steps by hand, edges and errors."""

from __future__ import annotations

import hashlib
import itertools

import numpy as np
import pytest
from pydantic import ValidationError
from scipy.stats import chisquare

from tampo.temperature.protocol import PolicyContext
from tampo.temperature.registry import build_policy

TEN = (0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.4, 1.5)


def context(steps: int = 5, **changes) -> PolicyContext:
    values = {
        "steps": steps,
        "warmup_steps": 0,
        "candidates": TEN,
        "seed": 3,
        "group_size": 5,
        "vocabulary": 16,
        "completion_tokens": 8,
    }
    return PolicyContext(**(values | changes))


def drawn(name: str, settings: dict, steps: int, run: PolicyContext | None = None) -> list[float]:
    policy = build_policy(name, settings, run or context(steps))
    return [policy.draw(step) for step in range(steps)]


UP = {"start": 0.9, "end": 1.5}
DOWN = {"start": 1.5, "end": 0.9}
FAST = {"decay": 0.25}

# Five steps: p = 0, 1/4, 1/2, 3/4, 1.
# linear:      0.9 + 0.6 p = 0.9, 1.05, 1.2
# cosine:      f = (1 - cos 45 deg) / 2 = (1 - 0.70710678) / 2 = 0.14644661 and f = 1/2;
#              0.9 + 0.6 * 0.14644661 = 0.98786797, 1.5 - 0.08786797 = 1.41213203
# exponential: p / decay = 0, 1, 2; 0.6 / e = 0.6 * 0.36787944 = 0.22072766,
#              0.6 / e^2 = 0.6 * 0.13533528 = 0.08120117
BY_HAND = {
    "linear up": ("linear", UP, [0.9, 1.05, 1.2]),
    "linear down": ("linear", DOWN, [1.5, 1.35, 1.2]),
    "cosine up": ("cosine", UP, [0.9, 0.98786797, 1.2]),
    "cosine down": ("cosine", DOWN, [1.5, 1.41213203, 1.2]),
    "exponential up": ("exponential", UP | FAST, [0.9, 1.27927234, 1.41879883]),
    "exponential down": ("exponential", DOWN | FAST, [1.5, 1.12072766, 0.98120117]),
}


@pytest.mark.parametrize(("name", "settings", "expected"), BY_HAND.values(), ids=BY_HAND)
def test_first_steps_of_a_ramp(name, settings, expected):
    assert drawn(name, settings, 5)[:3] == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize("name", ["linear", "cosine", "exponential"])
def test_a_ramp_defaults_to_the_papers_ends_and_stays_between_them(name):
    temperatures = drawn(name, {}, 200)
    assert temperatures[0] == 0.9
    # The exponential leaves exp(-1 / 0.2) = 0.0067 of the distance 0.6.
    left = 0.6 * 0.006737947 if name == "exponential" else 0.0
    assert temperatures[-1] == pytest.approx(1.5 - left, abs=1e-8)
    assert all(a < b for a, b in itertools.pairwise(temperatures))


@pytest.mark.parametrize("name", ["linear", "cosine", "exponential"])
def test_a_ramp_of_one_step_stays_at_its_start_and_a_late_step_at_its_end(name):
    assert drawn(name, UP, 1) == [0.9]
    policy = build_policy(name, UP, context(steps=5))
    assert policy.draw(99) == policy.draw(4)


@pytest.mark.parametrize(
    ("name", "settings", "key"),
    [
        ("cosine", {"start": 0.0}, "start"),
        ("cosine", {"stop": 1.0}, "stop"),
        ("exponential", {"decay": 0.0}, "decay"),
        ("linear", {"end": float("inf")}, "end"),
    ],
)
def test_a_ramps_settings_are_checked(name, settings, key):
    with pytest.raises(ValidationError, match=key):
        build_policy(name, settings, context())


def test_staged_defaults_to_three_equal_stages():
    assert drawn("staged", {}, 6) == [1.4, 1.4, 1.45, 1.45, 1.5, 1.5]
    assert drawn("staged", {}, 3) == [1.4, 1.45, 1.5]
    assert drawn("staged", {}, 1) == [1.4]


def test_staged_changes_at_the_given_fractions():
    # 0.3 * 10 = step 3 and 0.9 * 10 = step 9.
    settings = {"stages": [0.7, 1.0, 1.1], "boundaries": [0.3, 0.9]}
    assert drawn("staged", settings, 10) == [0.7] * 3 + [1.0] * 6 + [1.1]


def test_a_boundary_on_a_step_is_not_moved_by_rounding():
    # 0.1 * 30 is 3.0000000000000004 in floating point; the second stage begins at step 3 all the same.
    assert drawn("staged", {"stages": [1.0, 2.0], "boundaries": [0.1]}, 30)[2:4] == [1.0, 2.0]


@pytest.mark.parametrize(
    "boundaries", [[], [0.5], [0.5, 0.5], [0.6, 0.4], [0.0, 0.5], [0.5, 1.0], [float("nan"), 0.5]]
)
def test_boundaries_must_be_rising_fractions_one_per_later_stage(boundaries):
    with pytest.raises(ValidationError, match="must be 2 rising fractions"):
        build_policy("staged", {"boundaries": boundaries}, context())


def test_uniform_inverts_one_uniform_number_of_the_stream_of_the_step():
    # The stream (3, "temperature", s): the first eight bytes of a SHA-256, without the sign bit. Over
    # ten candidates u in [0, 1) picks number floor(10 u): 0.82, 0.89, 0.59 pick numbers 8, 8, 5.
    expected = []
    for step in range(3):
        digest = hashlib.sha256(f'[3, "temperature", {step}]'.encode()).digest()
        u = np.random.default_rng(int.from_bytes(digest[:8], "big") % 2**63).random()
        expected.append(TEN[int(10 * u)])
    assert drawn("uniform", {}, 3) == expected == [1.4, 1.4, 1.1]


def test_uniform_draws_every_candidate_equally_often():
    settings = {"candidates": [0.5, 1.0, 2.0]}
    temperatures = drawn("uniform", settings, 3000)
    counts = [temperatures.count(t) for t in settings["candidates"]]
    assert sum(counts) == 3000
    assert chisquare(counts).pvalue > 0.01


def test_uniform_agrees_with_the_meta_policys_warm_up():
    run = context(steps=50, warmup_steps=50)
    assert drawn("uniform", {}, 50, run) == drawn("tampo", {}, 50, run)


def test_replay_repeats_the_recording():
    run = context(steps=3, recorded=(1.2, 0.7, 1.5))
    assert drawn("replay", {"method": "tampo"}, 3, run) == [1.2, 0.7, 1.5]


def test_replay_names_the_method_it_depends_on():
    from baselines.replay import ReplaySettings

    assert ReplaySettings(method="tampo").replayed_method == "tampo"
    with pytest.raises(ValidationError, match="method"):
        build_policy("replay", {}, context())


def test_a_recording_shorter_than_the_run_is_an_error():
    run = context(steps=4, recorded=(1.2, 0.7, 1.5))
    with pytest.raises(ValueError, match=r"method 'tampo': 3 temperatures .* has 4 steps"):
        build_policy("replay", {"method": "tampo"}, run)


@pytest.mark.parametrize(
    ("group_size", "expected"),
    [
        # 1 + 0.2 * (2 i / (G - 1) - 1)
        (5, [0.8, 0.9, 1.0, 1.1, 1.2]),
        (2, [0.8, 1.2]),
        (1, [1.0]),
    ],
)
def test_mixed_spreads_a_group_around_the_centre_at_every_step(group_size, expected):
    policy = build_policy("mixed", {}, context(group_size=group_size))
    for step in range(3):
        assert policy.draw(step) == pytest.approx(expected, abs=1e-12)


def test_changing_what_mixed_returned_changes_nothing():
    policy = build_policy("mixed", {}, context())
    policy.draw(0)[:] = 9.0
    assert policy.draw(0).max() == pytest.approx(1.2)


def test_ead_falls_with_the_token_and_more_slowly_with_the_step():
    settings = {"decay": 2, "cutoff": 2, "tau_min": 0.3}
    policy = build_policy("ead", settings, context(completion_tokens=5))
    # 1 until the cutoff, then 2.2 - exp(t / d) with d = 2, 7 and 12; never below 0.3.
    by_hand = {
        0: [1, 1, 0.3, 0.3, 0.3],
        1: [1, 1, 0.8692870, 0.6649366, 0.4292047],
        2: [1, 1, 1.0186396, 0.9159746, 0.8043876],
    }
    for step, expected in by_hand.items():
        assert policy.draw(step).shape == (1, 5)
        assert policy.draw(step)[0] == pytest.approx(expected, abs=1e-6)
    # d stays at 40000 tokens from step 8000 on.
    assert policy.draw(8000)[0] == pytest.approx(policy.draw(9000)[0], abs=0)


def test_mixed_temperatures_must_stay_positive():
    with pytest.raises(ValidationError, match=r"highest temperature of a group; legal: .*\(0, 5\]"):
        build_policy("mixed", {"centre": 4.9, "spread": 0.2}, context())
    with pytest.raises(ValidationError, match=r"spread 0\.7 must be below centre 0\.7"):
        build_policy("mixed", {"centre": 0.7, "spread": 0.7}, context())
