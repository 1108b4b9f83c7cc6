"""Controllers of the answers' variety, and bang-bang on entropy: first steps by hand."""

import math

import numpy as np
import pytest

from tampo.temperature.protocol import PolicyContext, RolloutFeedback
from tampo.temperature.registry import build_policy

CONTEXT = PolicyContext(
    steps=10,
    warmup_steps=0,
    candidates=(0.6, 1.0, 1.5),
    seed=0,
    group_size=4,
    vocabulary=16,
    completion_tokens=8,
)


def shown(policy, step, *, answers=(0,) * 8, rewards=(0.0,) * 8, entropy=0.5):
    """Show one batch of two groups of four, and return the temperature that follows."""
    feedback = RolloutFeedback(
        step=step,
        temperatures=np.full(8, policy.draw(step)),
        groups=np.repeat([0, 1], 4),
        rewards=np.array(rewards, dtype=float),
        lengths=np.full(8, 7),
        truncated=np.zeros(8, dtype=bool),
        entropy=entropy,
        entropy_at_one=entropy,
        answers=None if answers is None else np.array(answers),
    )
    policy.observe(np.zeros((8, 0)), np.zeros(8), feedback)
    return policy.draw(step + 1)


def test_diversity_by_hand():
    policy = build_policy("diversity", {"lowest": 0.3}, CONTEXT)
    assert policy.draw(0) == 0.6
    # One answer each: D = 1, e = 1, exp(0.25) = 1.28 is cut to 1.1: T = 0.66.
    assert shown(policy, 0, answers=[0, 0, 0, 0, 0, 0, 0, 0]) == pytest.approx(0.66)
    # Three and four, no answer counting as one: D = 3.5, smoothed 0.6 + 1.4 = 2.0: within the dead band.
    assert shown(policy, 1, answers=[0, 1, -1, -1, 0, 1, 2, 3]) == pytest.approx(0.66)
    # Again: smoothed 1.2 + 1.4 = 2.6, e = -0.6, exp(-0.15) = 0.860708 is cut to 0.9: T = 0.594.
    assert shown(policy, 2, answers=[0, 1, -1, -1, 0, 1, 2, 3]) == pytest.approx(0.594)
    # Two each: D = 2, smoothed 1.56 + 0.8 = 2.36, e = -0.36: exp(-0.09) = 0.913931.
    expected = 0.594 * math.exp(-0.09)
    assert shown(policy, 3, answers=[0, 0, 1, 1, 0, 1, 1, 1]) == pytest.approx(expected)


def test_agpo_by_hand():
    # Both groups: rewards half and half, std 0.5; votes 2 and 2, H = ln 2: u = 1.193147 = v.
    even = {"answers": [0, 0, 1, 1] * 2, "rewards": [1, 1, 0, 0] * 2}
    policy = build_policy("agpo", {}, CONTEXT)
    assert shown(policy, 0, **even) == 1.0
    # All the same: u = 0, c = -1: T = 1 - 0.15; v = 0.9 * 1.193147 = 1.073832.
    assert shown(policy, 1) == pytest.approx(0.85)
    # Half and half again: c = (1.193147 - 1.073832) / 1.073832 = 1/9: T = 1 + 0.15 / 9.
    assert shown(policy, 2, **even) == pytest.approx(1 + 0.15 / 9)


def test_agpo_holds_where_no_reward_is_known():
    policy = build_policy("agpo", {}, CONTEXT)
    assert shown(policy, 0, rewards=[math.nan] * 8) == 1.0
    assert policy.diagnostics()["held"] == 1


def test_bang_bang_by_hand():
    policy = build_policy("bang-bang", {}, CONTEXT)
    drawn = [policy.draw(0)] + [shown(policy, s, entropy=h) for s, h in enumerate([0.9, 0.75, 0.7])]
    assert drawn == [1.0, 0.8, 1.2, 1.2]


@pytest.mark.parametrize("name", ["diversity", "agpo"])
def test_answers_that_nobody_read_are_said(name):
    policy = build_policy(name, {}, CONTEXT)
    assert policy.reads_answers
    with pytest.raises(ValueError, match=r"needs feedback\.answers, got None"):
        shown(policy, 0, answers=None)
