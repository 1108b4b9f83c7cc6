"""Baselines that follow entropy or reward: three steps by hand, degenerate feedback, convergence."""

from __future__ import annotations

import math

import numpy as np
import pytest
from pydantic import ValidationError

from tampo.temperature.protocol import PolicyContext, RolloutFeedback
from tampo.temperature.registry import build_policy

ENTROPY = ["e3", "log-temperature", "pi-controller"]
CLOSED_LOOP = [*ENTROPY, "plateau"]
NOTHING = np.zeros((4, 0))


def context(**changes) -> PolicyContext:
    values = {
        "steps": 10,
        "warmup_steps": 0,
        "candidates": (0.6, 1.0, 1.5),
        "seed": 0,
        "group_size": 2,
        "vocabulary": 16,
        "completion_tokens": 8,
    }
    return PolicyContext(**(values | changes))


def batch(step: int, entropy: float = 0.5, rewards=(1.0, 0.0, 1.0, 1.0)) -> RolloutFeedback:
    return RolloutFeedback(
        step=step,
        temperatures=np.ones(4),
        groups=np.array([0, 0, 1, 1]),
        rewards=np.array(rewards, dtype=float),
        lengths=np.full(4, 7),
        truncated=np.zeros(4, dtype=bool),
        entropy=entropy,
        # Not what the controllers read: a test that passes on it would show the mistake.
        entropy_at_one=100.0,
    )


def run(policy, *, entropies=None, rewards=None) -> list[float]:
    """Return the temperature after each batch; a reward is that of all four trajectories."""
    after = []
    for step in range(len(entropies or rewards)):
        shown = {"entropy": entropies[step]} if entropies else {"rewards": [rewards[step]] * 4}
        policy.observe(NOTHING, np.zeros(4), batch(step, **shown))
        after.append(policy.draw(step + 1))
    return after


def test_e3_by_hand():
    # V = 16: ln V = 2.77258872, ln ln V = 1.01978144, sum 3.79237016; ln 2 / sum = 0.18277414.
    # H 0.8: the target, T stays 1. H 0.4: T = 1 + 0.18277414 = 1.18277414. H 0.8: no error.
    # H 1.6: T = 1.18277414 * (1 - 1.18277414 * 0.18277414) = 1.18277414 * 0.78381947 = 0.92708140.
    policy = build_policy("e3", {}, context())
    assert policy.draw(0) == 1.0
    expected = [1.0, 1.18277414, 1.18277414, 0.92708140]
    assert run(policy, entropies=[0.8, 0.4, 0.8, 1.6]) == pytest.approx(expected, abs=1e-7)


def test_e3_with_the_vocabulary_of_qwen2():
    # ln 151936 = 11.93121, ln of it 2.47916: halving H raises T by 0.693147 / 14.41037 = 4.8 %.
    policy = build_policy("e3", {"target_entropy": 0.4}, context(vocabulary=151936))
    assert run(policy, entropies=[0.2]) == pytest.approx([1.0481], abs=1e-4)


def test_e3_anneals_its_target_over_the_last_steps():
    # Ten steps, the last four annealed: p = 0, 1/4, 1/2 at steps 6, 7, 8, and at step 8 the factor is
    # 0.1 * (1 + cos 90 deg) / 2 + 0.9 = 0.95. Entropy on the target leaves T alone, above it lowers T.
    settings = {"target_entropy": 0.4, "anneal": True}
    for step, target in [(0, 0.4), (5, 0.4), (6, 0.4), (8, 0.38), (10, 0.36), (99, 0.36)]:
        policy = build_policy("e3", settings, context())
        policy.observe(NOTHING, np.zeros(4), batch(step, entropy=target))
        assert policy.draw(step + 1) == pytest.approx(1.0, abs=1e-12)
        policy.observe(NOTHING, np.zeros(4), batch(step, entropy=target * 1.01))
        assert policy.draw(step + 1) < 0.999


def test_e3_needs_a_vocabulary_of_two():
    with pytest.raises(ValueError, match=r"vocabulary must be at least 2 .* got 1"):
        build_policy("e3", {}, context(vocabulary=1))


def test_log_temperature_by_hand():
    # H 0.5 is the target. H 0.3: ln T = 0.1 * 0.2 = 0.02. H 0.6: ln T = 0.02 - 0.1 * 0.1 = 0.01.
    policy = build_policy("log-temperature", {}, context())
    expected = [1.0, 1.02020134, 1.01005017]
    assert run(policy, entropies=[0.5, 0.3, 0.6]) == pytest.approx(expected, abs=1e-8)


def test_pi_by_hand():
    # Errors 0.2, 0.1, -0.3; sums 0.2, 0.3, 0:
    # 1 + 0.2 * 0.2 + 0.1 * 0.2 = 1.06; 1 + 0.02 + 0.03 = 1.05; 1 - 0.06 + 0 = 0.94.
    policy = build_policy("pi-controller", {"target_entropy": 0.5}, context())
    expected = [1.06, 1.05, 0.94]
    assert run(policy, entropies=[0.3, 0.4, 0.8]) == pytest.approx(expected, abs=1e-12)


def test_pi_does_not_wind_up_at_the_end_of_its_range():
    # Error 0.5 asks for 1 + 0.1 + 0.05 = 1.15 > 1.1 and is never summed, so the first error of -0.1
    # gives 1 - 0.02 - 0.01 = 0.97 at once. With a sum of 50 * 0.5 = 25 it would have stayed at 1.1.
    settings = {"target_entropy": 0.7, "lowest": 0.9, "highest": 1.1}
    policy = build_policy("pi-controller", settings, context())
    assert run(policy, entropies=[0.2] * 50) == [1.1] * 50
    assert policy.diagnostics()["error_sum"] == 0.0
    assert run(policy, entropies=[0.8]) == pytest.approx([0.97], abs=1e-12)
    # The same from below: error -0.6 asks for 1 - 0.12 - 0.01 - 0.06 = 0.81 < 0.9; the sum stays at
    # -0.1, and an error of 0.1 makes it 0: 1 + 0.02 + 0 = 1.02.
    assert run(policy, entropies=[1.3] * 50) == [0.9] * 50
    assert run(policy, entropies=[0.6]) == pytest.approx([1.02], abs=1e-12)


def test_plateau_by_hand():
    # Window 1, tolerance 0.05: 0.2 -> 0.5 moves; 0.52 is a plateau, T = 1.1 and the count starts again;
    # 0.9 is the first reward since; 0.7 falls, which is no plateau; 0.72 is one, T = 1.2.
    settings = {"window": 1, "tolerance": 0.05}
    policy = build_policy("plateau", settings, context())
    assert policy.draw(0) == 1.0
    after = run(policy, rewards=[0.2, 0.5, 0.52, 0.9, 0.7, 0.72])
    assert after == pytest.approx([1.0, 1.0, 1.1, 1.1, 1.1, 1.2])
    assert policy.diagnostics()["raises"] == 2


def test_plateau_compares_means_of_windows():
    # (0.1 + 0.3) / 2 = (0.3 + 0.1) / 2: a plateau at the fourth reward and not before.
    policy = build_policy("plateau", {"window": 2, "tolerance": 1e-9}, context())
    assert run(policy, rewards=[0.1, 0.3, 0.3, 0.1]) == pytest.approx([1.0, 1.0, 1.0, 1.1])


def test_plateau_stops_at_the_end_of_its_range():
    policy = build_policy("plateau", {"window": 1, "raise_by": 0.4}, context())
    after = run(policy, rewards=[0.5] * 9)
    assert after[:4] == pytest.approx([1.0, 1.4, 1.4, 1.5])
    assert after[4:] == [1.5] * 5
    assert policy.diagnostics()["raises"] == 2


@pytest.mark.parametrize("name", ENTROPY)
@pytest.mark.parametrize("entropy", [0.0, -1e-9, float("nan"), float("inf")])
def test_a_batch_without_entropy_holds_everything_and_is_counted(name, entropy):
    policy = build_policy(name, {}, context())
    run(policy, entropies=[0.5, 0.4])
    before = policy.state_dict()
    policy.observe(NOTHING, np.zeros(4), batch(2, entropy=entropy))
    assert policy.state_dict() == before | {"held": 1}
    assert policy.diagnostics()["held"] == 1


@pytest.mark.parametrize("name", ENTROPY)
def test_the_target_is_the_mean_of_the_first_usable_batches(name):
    policy = build_policy(name, {"target_steps": 2, "start": 1.2}, context())
    assert run(policy, entropies=[0.0, 0.4, float("nan"), 0.6]) == [1.2] * 4
    assert policy.diagnostics()["target_entropy"] == pytest.approx(0.5)


def test_a_batch_without_a_score_holds_everything_and_is_counted():
    policy = build_policy("plateau", {"window": 1}, context())
    run(policy, rewards=[0.5])
    before = policy.state_dict()
    policy.observe(NOTHING, np.zeros(4), batch(1, rewards=[np.nan] * 4))
    assert policy.state_dict() == before | {"held": 1}
    # One trajectory of four scored is a reward: it continues the plateau at 0.5.
    policy.observe(NOTHING, np.zeros(4), batch(2, rewards=[np.nan, 0.5, np.nan, np.nan]))
    assert policy.draw(3) == pytest.approx(1.1)


@pytest.mark.parametrize("name", ENTROPY)
def test_extreme_entropies_lead_to_an_end_of_the_range(name):
    settings = {"target_entropy": 0.5, "lowest": 0.7, "highest": 1.3}
    policy = build_policy(name, settings | _strong(name), context())
    assert run(policy, entropies=[1e300]) == [0.7]
    policy = build_policy(name, settings | _strong(name), context())
    assert run(policy, entropies=[5e-324] * 3)[-1] == 1.3


def _strong(name: str) -> dict:
    return {"log-temperature": {"rate": 1e6}, "pi-controller": {"kp": 1e6}}.get(name, {})


@pytest.mark.parametrize("name", ENTROPY)
@pytest.mark.parametrize("level", [0.2, 0.7, 2.0])
@pytest.mark.parametrize("power", [0.7, 1.0, 2.0])
def test_entropy_returns_to_its_target_after_the_model_has_sharpened(name, level, power):
    # A model whose entropy is level * T^power, until training multiplies it by 0.75 at step 1.
    settings = {"lowest": 0.1, "highest": 5.0}
    policy = build_policy(name, settings, context(vocabulary=1000))
    errors = []
    for step in range(200):
        entropy = (1.0 if step == 0 else 0.75) * level * policy.draw(step) ** power
        errors.append(abs(entropy / level - 1))
        policy.observe(NOTHING, np.zeros(4), batch(step, entropy=entropy))
    assert errors[1] == pytest.approx(0.25)
    assert max(errors) < 0.3
    assert errors[-1] < 0.1


@pytest.mark.parametrize("name", CLOSED_LOOP)
def test_the_range_is_that_of_the_candidates_and_the_start_its_nearest_to_one(name):
    for candidates, start in [((0.6, 1.5), 1.0), ((1.2, 1.5), 1.2), ((0.5, 0.8), 0.8)]:
        policy = build_policy(name, {}, context(candidates=candidates))
        assert (policy.draw(0), policy.lowest, policy.highest) == (start, *candidates)


@pytest.mark.parametrize("name", CLOSED_LOOP)
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"start": 2.0}, r"start 2 must lie in the range from lowest 0\.6 to highest 1\.5"),
        ({"lowest": 1.7}, r"lowest 1\.7 must not exceed highest 1\.5"),
        ({"highest": math.inf}, "highest"),
        ({"gain": 1.0}, "gain"),
    ],
)
def test_settings_are_checked(name, settings, message):
    with pytest.raises((ValueError, ValidationError), match=message):
        build_policy(name, settings, context())


@pytest.mark.parametrize("name", CLOSED_LOOP)
def test_an_observation_without_feedback_is_an_error(name):
    policy = build_policy(name, {}, context())
    with pytest.raises(ValueError, match="learns from feedback, got None"):
        policy.observe(NOTHING, np.zeros(4))
