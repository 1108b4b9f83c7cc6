"""The bandits over the candidates: first steps by hand, their two rewards, and that they learn."""

import math

import numpy as np
import pytest
from pydantic import ValidationError

from baselines.bandit import Bandit
from tampo.seeds import generator
from tampo.temperature.protocol import PolicyContext, RolloutFeedback
from tampo.temperature.registry import build_policy

NAMES = ("exp3", "thompson", "ucb")
TWO = (0.8, 1.2)


def context(candidates=TWO, seed=2):
    return PolicyContext(
        steps=200,
        warmup_steps=0,
        candidates=candidates,
        seed=seed,
        group_size=2,
        vocabulary=16,
        completion_tokens=8,
    )


def feedback(step, mixed, groups=2, rewards=None):
    """Pairs of which `mixed` have rewards 1 and 0 and the others 1 and 1."""
    if rewards is None:
        rewards = [[1.0, 0.0]] * mixed + [[1.0, 1.0]] * (groups - mixed)
    size = 2 * len(rewards)
    return RolloutFeedback(
        step=step,
        temperatures=np.ones(size),
        groups=np.repeat(np.arange(len(rewards)), 2),
        rewards=np.ravel(rewards),
        lengths=np.full(size, 5),
        truncated=np.zeros(size, dtype=bool),
        entropy=0.5,
        entropy_at_one=0.5,
    )


def observe(policy, step, mixed):
    policy.observe(np.zeros((4, 0)), np.zeros(4), feedback(step, mixed))


def test_exp3_by_hand():
    # Uniform numbers of seed 2 at steps 0, 1, 2; the first candidate is drawn below its probability.
    numbers = [generator(2, "temperature", step).random() for step in range(3)]
    assert np.round(numbers, 4).tolist() == [0.1974, 0.9227, 0.3916]
    policy = build_policy("exp3", {"exploration": 0.5, "discount": 0.5, "rate": 1.0}, context())
    # Step 0: p = (1/2, 1/2), the first. One group of two is mixed: G = (0.5 / 0.5, 0) = (1, 0);
    # p_0 = 0.5 e / (e + 1) + 0.25 = 0.5 * 0.731059 + 0.25 = 0.615529.
    assert policy.draw(0) == 0.8
    observe(policy, 0, mixed=1)
    assert policy.gains == [1.0, 0.0]
    assert policy.probabilities == pytest.approx([0.615529, 0.384471], abs=1e-6)
    # Step 1: the second. Both are mixed: G = (1 / 2, 0 + 1 / 0.384471) = (0.5, 2.600978);
    # p_0 = 0.5 / (1 + e^2.100978) + 0.25 = 0.5 * 0.109002 + 0.25 = 0.304501.
    assert policy.draw(1) == 1.2
    observe(policy, 1, mixed=2)
    assert policy.gains == pytest.approx([0.5, 2.600978], abs=1e-6)
    assert policy.probabilities == pytest.approx([0.304501, 0.695499], abs=1e-6)
    # Step 2: the second. None is mixed, so both only fade: G = (0.25, 1.300489);
    # p_0 = 0.5 / (1 + e^1.050489) + 0.25 = 0.5 * 0.259131 + 0.25 = 0.379566.
    assert policy.draw(2) == 1.2
    observe(policy, 2, mixed=0)
    assert policy.gains == pytest.approx([0.25, 1.300489], abs=1e-6)
    assert policy.diagnostics() == {
        "candidates": [0.8, 1.2],
        "probabilities": pytest.approx([0.379566, 0.620434], abs=1e-6),
    }


def test_ucb_by_hand():
    policy = build_policy("ucb", {"window": 3, "exploration": 1.0}, context())
    # Step 0: neither was tried; 0.1974 (see EXP3) is below 1/2, the first. r = 1/2.
    assert policy.draw(0) == 0.8
    assert policy.diagnostics()["bounds"] == [None, None]
    observe(policy, 0, mixed=1)
    # Step 1: the second was not tried. r = 1.
    assert policy.draw(1) == 1.2
    observe(policy, 1, mixed=2)
    # Step 2: sqrt(ln 2 / 1) = 0.832555: 0.5 + 0.832555 against 1 + 0.832555, the second. r = 0.
    assert policy.bounds == pytest.approx([1.332555, 1.832555], abs=1e-6)
    assert policy.draw(2) == 1.2
    observe(policy, 2, mixed=0)
    # Step 3: sqrt(ln 3 / 1) = 1.048147 and sqrt(ln 3 / 2) = 0.741152; means 1/2 and (1 + 0) / 2.
    assert policy.bounds == pytest.approx([1.548147, 1.241152], abs=1e-6)
    assert policy.draw(3) == 0.8
    observe(policy, 3, mixed=0)
    # Step 4: the window of 3 has lost step 0: means 0 and 1/2 with the same widths.
    assert policy.bounds == pytest.approx([1.048147, 1.241152], abs=1e-6)
    assert policy.draw(4) == 1.2


def test_thompson_by_hand():
    settings = {"discount": 0.5, "noise": 0.1, "prior": 0.1}
    policy = build_policy("thompson", settings, context(seed=1))
    normals = [generator(1, "temperature", step).standard_normal(2) for step in range(3)]
    assert np.round(normals, 4).tolist() == [[-0.4259, -0.1606], [-0.2177, 0.6711], [1.531, 0.686]]
    # Step 0: 0.5 - 0.1 * 0.4259 = 0.457 against 0.5 - 0.1 * 0.1606 = 0.484, the second. r = 1:
    # n = (0, 1), S = (0, 1), m = 1; means (1 * 1 + 0) / (1 + 0) and (1 * 1 + 1) / (1 + 1),
    # deviations 0.1 and 0.1 / sqrt(2).
    assert policy.draw(0) == 1.2
    observe(policy, 0, mixed=2)
    assert policy.diagnostics() == {
        "candidates": [0.8, 1.2],
        "means": pytest.approx([1.0, 1.0]),
        "deviations": pytest.approx([0.1, 0.1 / math.sqrt(2)]),
    }
    # Step 1: 1 - 0.1 * 0.2177 = 0.978 against 1 + 0.0707 * 0.6711 = 1.047, the second. r = 0:
    # n = (0, 1.5), S = (0, 0.5), m = 1/3; means 1/3 and (1/3 + 0.5) / 2.5 = 1/3.
    assert policy.draw(1) == 1.2
    observe(policy, 1, mixed=0)
    assert (policy.counts, policy.sums) == ([0.0, 1.5], [0.0, 0.5])
    assert policy.posterior[0] == pytest.approx([1 / 3, 1 / 3])
    # Step 2: 1/3 + 0.1 * 1.531 = 0.486 against 1/3 + 0.1 / sqrt(2.5) * 0.686 = 0.377, the first.
    # r = 1/2: n = (1, 0.75), S = (0.5, 0.25), m = 0.75 / 1.75 = 3/7;
    # means (3/7 + 1/2) / 2 = 13/28 and (3/7 + 1/4) / 1.75 = 19/49.
    assert policy.draw(2) == 0.8
    observe(policy, 2, mixed=1)
    assert policy.posterior[0] == pytest.approx([13 / 28, 19 / 49])
    assert policy.posterior[1] == pytest.approx([0.1 / math.sqrt(2), 0.1 / math.sqrt(1.75)])


class Recorder(Bandit):
    """Takes turns and records what it was taught."""

    def __init__(self, reward):
        super().__init__([0.7, 1.3], reward, seed=0)
        self.taught = []

    def choose(self, step):
        return step % 2

    def learn(self, arm, reward):
        self.taught.append((arm, reward))


class TestReward:
    def test_mixed_groups_is_their_fraction(self):
        policy = Recorder("mixed_groups")
        assert policy.candidates == ()
        for step, mixed in enumerate((0, 1, 2, 4)):
            size = (8, 0)
            policy.observe(np.zeros(size), np.zeros(8), feedback(step, mixed, groups=4))
        assert policy.taught == [(0, 0.0), (1, 0.25), (0, 0.5), (1, 1.0)]

    def test_credit_is_scaled_by_the_largest_so_far(self):
        policy = Recorder("credit")
        assert policy.candidates == (0.7, 1.3)
        # sparsemax (1, 0), (1/2, 1/2), (0, 1): credit ((1 + 2) / 3, (2 - 2) / 3) = (1, 0), m = 1:
        # the first candidate has (1 + 1) / 2.
        likelihoods = [[-1.0, -3.0], [-2.0, -2.0], [-5.0, -1.0], [-1.0, -1.0]]
        policy.observe(likelihoods[:3], [1.0, 4.0, -2.0], feedback(0, 1))
        # sparsemax (0, 1): credit (0, 4), m = 4; the second has (1 + 4/4) / 2.
        policy.observe([[-3.0, -1.0]], [4.0], feedback(1, 1))
        # Credit (0, 4) again, the first has (1 + 0/4) / 2.
        policy.observe([[-3.0, -1.0]], [4.0], feedback(2, 1))
        # Credit (0, -1), m stays 4; the second has (1 - 1/4) / 2.
        policy.observe([[-3.0, -1.0]], [-1.0], feedback(3, 1))
        assert policy.taught == [(0, 1.0), (1, 1.0), (0, 0.5), (1, 0.375)]
        assert policy.state_dict() == {"arms": [0.7, 1.3], "largest_credit": 4.0}

    def test_no_credit_yet_is_worth_a_half(self):
        policy = Recorder("credit")
        policy.observe(np.full((4, 2), -1.0), np.zeros(4), feedback(0, 0))
        assert policy.taught == [(0, 0.5)]

    @pytest.mark.parametrize("reward", ["mixed_groups", "credit"])
    def test_is_the_same_for_a_batch_all_solved_and_all_failed(self, reward):
        policy = Recorder(reward)
        likelihoods = np.array([[-1.0, -3.0], [-2.0, -1.0], [-1.0, -1.5], [-4.0, -1.0]])
        likelihoods = likelihoods[:, : len(policy.candidates)]
        for step, value in ((0, 0.0), (2, 1.0)):
            rewards = np.full((2, 2), value)
            advantages = np.ravel(rewards - rewards.mean(axis=1, keepdims=True))
            policy.observe(likelihoods, advantages, feedback(step, 0, rewards=rewards))
        assert policy.taught[0] == policy.taught[1]

    def test_a_batch_that_could_not_be_scored_is_skipped(self):
        policy = Recorder("mixed_groups")
        policy.observe(np.zeros((4, 0)), np.zeros(4), feedback(0, 0, rewards=[[np.nan] * 2] * 2))
        assert policy.taught == []

    def test_needs_feedback(self):
        with pytest.raises(ValueError, match="Recorder learns from feedback, got None"):
            Recorder("mixed_groups").observe(np.zeros((4, 0)), np.zeros(4))

    def test_the_likelihoods_must_fit_the_candidates(self):
        with pytest.raises(ValueError, match="0 columns for 2 candidates"):
            Recorder("credit").observe(np.zeros((4, 0)), np.zeros(4), feedback(0, 1))


@pytest.mark.parametrize("name", NAMES)
class TestEvery:
    def test_draws_a_better_candidate_more_often_and_follows_when_it_moves(self, name):
        arms = (0.6, 0.9, 1.2, 1.5)
        policy = build_policy(name, {}, context(arms, seed=0))
        drawn = []
        for step in range(400):
            best = arms[1] if step < 200 else arms[2]
            drawn.append(policy.draw(step))
            mixed = 8 if drawn[-1] == best else 2
            policy.observe(np.zeros((20, 0)), np.zeros(20), feedback(step, mixed, groups=10))
        assert drawn[100:200].count(arms[1]) > 45
        assert drawn[300:].count(arms[2]) > 45
        assert set(drawn[300:]) == set(arms)

    def test_own_candidates_replace_the_study_s(self, name):
        settings = {"candidates": [0.5, 2.0], "reward": "credit"}
        policy = build_policy(name, settings, context())
        assert policy.candidates == (0.5, 2.0)
        assert {policy.draw(step) for step in range(20)} <= {0.5, 2.0}

    def test_asks_for_likelihoods_only_where_it_uses_them(self, name):
        assert build_policy(name, {}, context()).candidates == ()
        assert build_policy(name, {"reward": "credit"}, context()).candidates == TWO

    def test_refuses_the_state_of_other_candidates(self, name):
        state = build_policy(name, {}, context((0.5, 2.0))).state_dict()
        with pytest.raises(ValueError, match=r"arms \[0.5, 2.0\], this run has \[0.8, 1.2\]"):
            build_policy(name, {}, context()).load_state_dict(state)

    def test_first_step_is_uniform_over_seeds(self, name):
        arms = (0.6, 0.9, 1.2, 1.5)
        draws = [build_policy(name, {}, context(arms, seed)).draw(0) for seed in range(400)]
        # Binomial(400, 1/4) has standard deviation 8.7.
        assert all(65 < draws.count(arm) < 135 for arm in arms)


@pytest.mark.parametrize(
    ("name", "setting"),
    [
        ("exp3", {"exploration": 0.0}),
        ("exp3", {"discount": 1.1}),
        ("exp3", {"rate": 0.0}),
        ("ucb", {"window": 0}),
        ("ucb", {"exploration": -0.1}),
        ("thompson", {"discount": 0.0}),
        ("thompson", {"noise": 0.0}),
        ("thompson", {"prior": math.inf}),
        ("ucb", {"reward": "accuracy"}),
        ("exp3", {"candidates": []}),
        ("exp3", {"candidates": [0.0]}),
    ],
)
def test_settings_outside_their_range_are_refused(name, setting):
    with pytest.raises(ValidationError, match=next(iter(setting))):
        build_policy(name, setting, context())
