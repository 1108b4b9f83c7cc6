"""TAMPO's meta-policy against a reference in exact arithmetic, our choices, state and diagnostics."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.reference_meta_policy import ReferenceMetaPolicy

from tampo.temperature import simplex
from tampo.temperature.contract import CONTEXT
from tampo.temperature.meta_policy import (
    Learned,
    MetaPolicySettings,
    TemperatureMetaPolicy,
    draw_candidate,
    learn,
    meta_policy,
    trajectory_log_likelihoods,
)
from tampo.temperature.permutation_null import range_null, shuffle_within_groups
from tampo.temperature.protocol import TemperaturePolicy
from tampo.temperature.registry import build_policy

TEN = (0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.4, 1.5)
repeatable = settings(max_examples=60, derandomize=True, deadline=None, database=None)
seeds = st.integers(0, 2**32 - 1)


@dataclass(frozen=True)
class Groups:
    """The part of a rollout's feedback that the meta-policy reads."""

    groups: np.ndarray


def temperatures(count: int) -> tuple[float, ...]:
    return tuple(0.5 + 0.1 * k for k in range(count))


def batch(rng: np.random.Generator, size: int, count: int, spread: float = 1.0):
    """Group-normalised advantages and likelihoods that fall off on both sides of a peak."""
    likelihoods = -1 - spread * (rng.normal(size=(size, 1)) - np.linspace(-1, 1, count)) ** 2
    advantages = rng.normal(size=size)
    return likelihoods, advantages - advantages.mean()


def learned(policy: TemperatureMetaPolicy, averages: list[float]) -> None:
    """Give the policy these averages Ā."""
    policy.load_state_dict({**policy.state_dict(), "ema_advantages": averages})


def test_agrees_with_exact_arithmetic_over_thousands_of_batches():
    rng = np.random.default_rng(20260211)
    batches = 0
    for _ in range(500):
        count, size = int(rng.integers(1, 11)), int(rng.integers(1, 7))
        alpha, top_p = rng.choice([0.01, 0.05, 0.1, 1.0]), rng.choice([0.0, 0.5, 0.7, 0.9, 1.0])
        spread = 10.0 ** rng.uniform(-3, 1.5)
        policy = TemperatureMetaPolicy(temperatures(count), alpha, top_p)
        reference = ReferenceMetaPolicy(count, alpha, top_p)
        for _ in range(4):
            likelihoods, advantages = batch(rng, size, count, spread)
            likelihoods = np.maximum(likelihoods, -50.0)
            if size == 1:
                advantages = rng.normal(size=1)
            policy.observe(likelihoods, advantages)
            reference.observe(likelihoods.tolist(), advantages.tolist())
            batches += 1
            ema = [float(a) for a in reference.ema]
            np.testing.assert_allclose(policy.ema_advantages, ema, rtol=0, atol=1e-10)
            exact = np.array([float(p) for p in reference.probabilities()])
            np.testing.assert_allclose(policy.probabilities, exact, rtol=0, atol=1e-10)
            drawn_from = simplex.nucleus(policy.probabilities, top_p)
            expected = [float(p) for p in reference.nucleus()]
            np.testing.assert_allclose(drawn_from, expected, rtol=0, atol=1e-10)
    assert batches == 2000


def test_one_batch_by_hand():
    # sparsemax: (1, 0) for the first trajectory, (1/2, 1/2) for the second, (0, 1) for the third.
    policy = TemperatureMetaPolicy((0.7, 1.3), alpha=0.5)
    policy.observe([[-1.0, -3.0], [-2.0, -2.0], [-5.0, -1.0]], [1.0, 4.0, -2.0])
    assert policy.diagnostics()["signal"] == [1.0, 0.0]
    assert policy.ema_advantages.tolist() == [0.5, 0.0]
    assert policy.probabilities.tolist() == [1.0, 0.0]
    policy.observe([[-3.0, -1.0]], [4.0])
    assert policy.ema_advantages.tolist() == [0.25, 2.0]
    assert policy.probabilities.tolist() == [0.0, 1.0]
    assert policy.draw(0) == 1.3


def test_the_mathematics_of_one_step_by_hand():
    # Two trajectories of three and one tokens, under two candidates.
    log_probs = np.array(
        [[[-3.0, -1.0], [-3.0, -2.0], [0.0, 0.0]], [[-1.0, -3.0], [9.0, 9.0], [9.0, 9.0]]]
    )
    mask = np.array([[1.0, 1.0, 1.0], [1.0, 0.0, 0.0]])
    likelihoods = trajectory_log_likelihoods(log_probs, mask)
    assert likelihoods.tolist() == [[-2.0, -1.0], [-1.0, -3.0]]
    torch_likelihoods = trajectory_log_likelihoods(
        torch.from_numpy(log_probs), torch.from_numpy(mask)
    )
    np.testing.assert_array_equal(torch_likelihoods.numpy(), likelihoods)
    before = Learned(average=np.array([2.0, 0.0]), logits=np.zeros(2))
    chosen = MetaPolicySettings(alpha=0.25)
    weights, credit, after = learn(before, likelihoods, np.array([3.0, 1.0]), chosen)
    # sparsemax(-2, -1) = (0, 1), sparsemax(-1, -3) = (1, 0); 𝒜_B = (1, 3) / 2.
    assert weights.tolist() == [[0.0, 1.0], [1.0, 0.0]]
    assert credit.tolist() == [0.5, 1.5]
    assert after.average.tolist() == [0.75 * 2 + 0.25 * 0.5, 0.25 * 1.5]
    assert meta_policy(after, chosen).tolist() == [1.0, 0.0]
    assert draw_candidate(meta_policy(after), 0.7, np.random.default_rng(0)) == 0
    # Nothing is changed in place, so the same call gives the same answer.
    assert before.average.tolist() == [2.0, 0.0]
    again = learn(before, likelihoods, np.array([3.0, 1.0]), chosen)
    np.testing.assert_array_equal(again.learned.average, after.average)


def test_it_is_a_temperature_policy_that_a_study_can_name():
    context = replace(CONTEXT, steps=200, warmup_steps=20, candidates=TEN, seed=3)
    policy = build_policy("tampo", {}, context)
    assert isinstance(policy, TemperaturePolicy)
    assert policy.candidates == TEN
    assert (policy.settings.alpha, policy.settings.top_p) == (0.05, 0.7)
    assert (policy.warmup_steps, policy.seed) == (20, 3)
    own = build_policy("tampo", {"candidates": [0.9, 1.2], "warmup_steps": 0}, context)
    assert own.candidates == (0.9, 1.2)
    assert own.warmup_steps == 0


def test_constructor_and_settings_have_the_same_defaults():
    context = replace(CONTEXT, steps=1, warmup_steps=0, candidates=TEN)
    built = TemperatureMetaPolicy.from_settings(MetaPolicySettings(), context)
    plain = TemperatureMetaPolicy(TEN)
    assert built.settings == plain.settings
    for name in ("candidates", "warmup_steps", "seed"):
        assert getattr(built, name) == getattr(plain, name), name


class TestOurChoices:
    def test_before_the_first_batch_the_policy_is_uniform(self):
        np.testing.assert_array_equal(TemperatureMetaPolicy(TEN).probabilities, [0.1] * 10)

    def test_equal_likelihoods_leave_it_uniform(self):
        policy = TemperatureMetaPolicy(TEN)
        policy.observe(np.full((3, 10), -1.7), [0.3, 1.1, -0.2])
        np.testing.assert_array_equal(policy.probabilities, [0.1] * 10)

    def test_groups_with_equal_rewards_contribute_zero(self):
        rng = np.random.default_rng(0)
        likelihoods, advantages = batch(rng, 4, 10)
        mixed, padded = TemperatureMetaPolicy(TEN), TemperatureMetaPolicy(TEN)
        mixed.observe(likelihoods, advantages)
        padded.observe(
            np.concatenate([likelihoods, batch(rng, 4, 10)[0]]), np.append(advantages, [0.0] * 4)
        )
        # They count in the mean's denominator: 𝒜_B is over all |B|·G trajectories.
        np.testing.assert_allclose(padded.ema_advantages, mixed.ema_advantages / 2, atol=1e-18)
        silent = TemperatureMetaPolicy(TEN)
        silent.observe(likelihoods, np.zeros(4))
        np.testing.assert_array_equal(silent.probabilities, [0.1] * 10)

    def test_one_candidate_is_always_drawn(self):
        policy = TemperatureMetaPolicy([1.1], warmup_steps=2)
        for step in range(5):
            assert policy.draw(step) == 1.1
            policy.observe([[-1.0], [-2.0]], [1.0, -1.0])
        assert policy.probabilities.tolist() == [1.0]

    def test_warm_up_draws_uniformly_from_all_candidates_while_the_average_moves(self):
        policy = TemperatureMetaPolicy(TEN, top_p=0.0, warmup_steps=2000)
        for step in range(3):
            policy.observe(*batch(np.random.default_rng(step), 8, 10))
        assert np.ptp(policy.ema_advantages) > 0
        drawn = [policy.draw(step) for step in range(2000)]
        counts = [drawn.count(t) for t in TEN]
        assert min(counts) > 150
        assert max(counts) < 250
        best = TEN[int(policy.probabilities.argmax())]
        assert policy.draw(1999) in TEN
        assert policy.diagnostics()["warmup"] is True
        assert {policy.draw(step) for step in range(2000, 2050)} == {best}
        assert policy.diagnostics()["warmup"] is False

    def test_greedy_takes_the_lowest_temperature_of_equal_ones(self):
        policy = TemperatureMetaPolicy(TEN, top_p=0.0)
        assert {policy.draw(step) for step in range(20)} == {0.6}

    def test_the_worst_candidate_is_never_drawn_and_frequencies_follow_the_nucleus(self):
        policy = TemperatureMetaPolicy((0.6, 0.9, 1.2, 1.5), top_p=0.7, seed=1)
        learned(policy, [0.0, 4.0, 1.0, 5.0])
        drawn = [policy.draw(step) for step in range(4000)]
        # π = (0, 0.4, 0.1, 0.5): the prefix of mass 0.7 is {1.5, 0.9}.
        assert set(drawn) == {0.9, 1.5}
        assert drawn.count(1.5) / 4000 == pytest.approx(5 / 9, abs=0.03)

    def test_p_of_one_draws_from_the_whole_distribution(self):
        policy = TemperatureMetaPolicy((0.6, 0.9, 1.2, 1.5), top_p=1.0)
        learned(policy, [0.0, 4.0, 1.0, 5.0])
        assert {policy.draw(step) for step in range(200)} == {0.9, 1.2, 1.5}


class TestDraws:
    def test_a_draw_is_a_function_of_seed_step_and_distribution(self):
        one, other = TemperatureMetaPolicy(TEN, seed=4), TemperatureMetaPolicy(TEN, seed=4)
        forward = [one.draw(step) for step in range(30)]
        backward = [other.draw(step) for step in reversed(range(30))]
        assert forward == backward[::-1]
        assert [one.draw(7), one.draw(7)] == [forward[7]] * 2
        assert [TemperatureMetaPolicy(TEN, seed=5).draw(s) for s in range(30)] != forward

    def test_a_negative_step_is_refused(self):
        with pytest.raises(ValueError, match="step is -1"):
            TemperatureMetaPolicy(TEN).draw(-1)


class TestInvariance:
    @repeatable
    @given(seeds)
    def test_order_of_trajectories_changes_no_bit(self, seed):
        rng = np.random.default_rng(seed)
        likelihoods, advantages = batch(rng, 24, 10, spread=0.1)
        order = rng.permutation(24)
        plain, permuted = TemperatureMetaPolicy(TEN), TemperatureMetaPolicy(TEN)
        plain.observe(likelihoods, advantages)
        permuted.observe(likelihoods[order], advantages[order])
        np.testing.assert_array_equal(plain.ema_advantages, permuted.ema_advantages)

    @repeatable
    @given(seeds, st.floats(-30, 0))
    def test_a_constant_per_trajectory_changes_nothing(self, seed, constant):
        rng = np.random.default_rng(seed)
        likelihoods, advantages = batch(rng, 12, 10)
        plain, shifted = TemperatureMetaPolicy(TEN), TemperatureMetaPolicy(TEN)
        plain.observe(likelihoods, advantages)
        shifted.observe(likelihoods + constant * rng.random((12, 1)), advantages)
        np.testing.assert_allclose(plain.ema_advantages, shifted.ema_advantages, atol=1e-12)

    @repeatable
    @given(seeds, st.floats(1e-3, 1e3))
    def test_the_policy_is_blind_to_the_scale_of_advantages(self, seed, scale):
        likelihoods, advantages = batch(np.random.default_rng(seed), 12, 10)
        plain, scaled = TemperatureMetaPolicy(TEN), TemperatureMetaPolicy(TEN)
        plain.observe(likelihoods, advantages)
        scaled.observe(likelihoods, scale * advantages)
        np.testing.assert_allclose(plain.probabilities, scaled.probabilities, atol=1e-10)

    def test_torch_and_numpy_inputs_are_the_same(self):
        likelihoods, advantages = batch(np.random.default_rng(0), 6, 10)
        likelihoods, advantages = likelihoods.astype(np.float32), advantages.astype(np.float32)
        one, other = TemperatureMetaPolicy(TEN), TemperatureMetaPolicy(TEN)
        one.observe(likelihoods, advantages)
        other.observe(torch.from_numpy(likelihoods).requires_grad_(), torch.from_numpy(advantages))
        np.testing.assert_array_equal(one.ema_advantages, other.ema_advantages)


class TestAblations:
    def test_softmax_replaces_sparsemax(self):
        likelihoods, advantages = batch(np.random.default_rng(0), 6, 10)
        policy = TemperatureMetaPolicy(TEN, alpha=1.0, normalisation="softmax")
        policy.observe(likelihoods, advantages)
        weights = np.exp(likelihoods) / np.exp(likelihoods).sum(axis=1, keepdims=True)
        expected = (weights * advantages[:, None]).mean(axis=0)
        np.testing.assert_allclose(policy.ema_advantages, expected, atol=1e-14)
        assert policy.diagnostics()["support_size_min"] == 10

    def test_the_policy_gradient_is_the_gradient_of_the_expected_credit(self):
        rng = np.random.default_rng(0)
        policy = TemperatureMetaPolicy(TEN, update="policy-gradient", learning_rate=3.0)
        np.testing.assert_allclose(policy.probabilities, 0.1, atol=1e-16)
        logits = torch.zeros(10, dtype=torch.float64)
        for _ in range(5):
            policy.observe(*batch(rng, 8, 10))
            credit = torch.tensor(policy.diagnostics()["signal"], dtype=torch.float64)
            logits.requires_grad_()
            gradient = torch.autograd.grad(torch.softmax(logits, 0) @ credit, logits)[0]
            logits = (logits + 3.0 * gradient).detach()
            expected = torch.softmax(logits, 0).numpy()
            np.testing.assert_allclose(policy.probabilities, expected, atol=1e-13)
        assert np.ptp(policy.probabilities) > 0.01

    def test_standardised_likelihoods_ignore_their_scale(self):
        likelihoods, advantages = batch(np.random.default_rng(0), 6, 10)
        one = TemperatureMetaPolicy(TEN, standardise=True)
        other = TemperatureMetaPolicy(TEN, standardise=True)
        one.observe(likelihoods, advantages)
        other.observe(1e-3 * likelihoods, advantages)
        np.testing.assert_allclose(one.ema_advantages, other.ema_advantages, atol=1e-12)
        centred = likelihoods - likelihoods.mean(axis=1, keepdims=True)
        expected = simplex.sparsemax(centred / likelihoods.std(axis=1, keepdims=True))
        expected = 0.05 * (expected * advantages[:, None]).mean(axis=0)
        np.testing.assert_allclose(one.ema_advantages, expected, atol=1e-14)

    def test_standardising_equal_likelihoods_gives_equal_weights(self):
        policy = TemperatureMetaPolicy(TEN, standardise=True)
        # Ten times -0.1 has a mean that is not -0.1 in floating point.
        policy.observe(np.full((2, 10), -0.1), [1.0, 2.0])
        np.testing.assert_array_equal(policy.probabilities, [0.1] * 10)

    def test_shuffled_advantages_stay_in_their_group_and_repeat(self):
        likelihoods, advantages = batch(np.random.default_rng(0), 12, 10)
        feedback = Groups(np.array([5, 2, 5, 2, 5, 2, 5, 2, 9, 9, 9, 9]))
        policies = [TemperatureMetaPolicy(TEN, shuffle_advantages=True) for _ in range(2)]
        for policy in policies:
            policy.observe(likelihoods, advantages, feedback)
        np.testing.assert_array_equal(*(p.ema_advantages for p in policies))
        plain = TemperatureMetaPolicy(TEN)
        plain.observe(likelihoods, advantages, feedback)
        assert np.abs(plain.ema_advantages - policies[0].ema_advantages).max() > 1e-6
        # Groups of one cannot be shuffled: the control then equals the method.
        alone = TemperatureMetaPolicy(TEN, shuffle_advantages=True)
        alone.observe(likelihoods, advantages, Groups(np.arange(12)))
        np.testing.assert_array_equal(alone.ema_advantages, plain.ema_advantages)


class TestRefusals:
    @pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
    def test_numbers_that_are_not_finite_are_named_and_nothing_is_learned(self, value):
        policy = TemperatureMetaPolicy((0.6, 1.2))
        with pytest.raises(ValueError, match=rf"log_likelihoods\[1, 0\] is {value}"):
            policy.observe([[-1.0, -2.0], [value, -1.0]], [1.0, -1.0])
        with pytest.raises(ValueError, match=rf"advantages\[1\] is {value}"):
            policy.observe([[-1.0, -2.0], [-2.0, -1.0]], [1.0, value])
        assert policy.state_dict() == TemperatureMetaPolicy((0.6, 1.2)).state_dict()

    @pytest.mark.parametrize(
        ("value", "guess"),
        [(0.3, "probabilities"), (2.5, "negative log-likelihoods"), (-180.0, "sums over tokens")],
    )
    def test_what_is_no_mean_of_log_probabilities_is_refused(self, value, guess):
        policy = TemperatureMetaPolicy((0.6, 1.2))
        with pytest.raises(ValueError, match=rf"log_likelihoods holds {value:g};.*{guess}"):
            policy.observe([[-1.0, -2.0], [value, -1.0]], [1.0, -1.0])
        assert policy.state_dict() == TemperatureMetaPolicy((0.6, 1.2)).state_dict()

    def test_batches_that_do_not_fit(self):
        policy = TemperatureMetaPolicy((0.6, 1.2))
        with pytest.raises(ValueError, match="empty: a batch without trajectories"):
            policy.observe(np.zeros((0, 2)), [])
        with pytest.raises(ValueError, match="3 columns for 2 candidates"):
            policy.observe(np.zeros((1, 3)), [1.0])
        with pytest.raises(ValueError, match="2 rows but advantages has 1"):
            policy.observe(np.zeros((2, 2)), [1.0])
        with pytest.raises(ValueError, match=r"log_likelihoods must have 2 dimension\(s\)"):
            policy.observe(np.zeros(2), [1.0])
        with pytest.raises(ValueError, match=r"feedback.groups has shape \(3,\)"):
            policy.observe(np.zeros((2, 2)), [1.0, -1.0], Groups(np.zeros(3)))

    @pytest.mark.parametrize(
        ("candidates", "message"),
        [
            ([], "candidates is empty"),
            ([0.6, 0.0], r"candidates\[1\] is 0.0"),
            ([-0.5], r"candidates\[0\] is -0.5"),
            ([0.6, math.nan], r"candidates\[1\] is nan"),
            ([0.6, math.inf], r"candidates\[1\] is inf"),
            ([0.9, 0.6], r"candidates is \[0.9, 0.[69]\]; must be ascending without repeats"),
            ([0.9, 0.9], r"candidates is \[0.9, 0.[69]\]; must be ascending without repeats"),
        ],
    )
    def test_candidates(self, candidates, message):
        with pytest.raises(ValueError, match=message):
            TemperatureMetaPolicy(candidates)

    @pytest.mark.parametrize(
        ("setting", "value"),
        [
            ("alpha", 0.0),
            ("alpha", 1.01),
            ("alpha", math.nan),
            ("top_p", -0.1),
            ("top_p", 1.1),
            ("warmup_steps", -1),
            ("normalisation", "argmax"),
            ("update", "sgd"),
            ("learning_rate", 0.0),
            ("learning_rate", math.inf),
        ],
    )
    def test_settings(self, setting, value):
        with pytest.raises(ValueError, match=f"^{setting} is {value!r}; allowed is "):
            TemperatureMetaPolicy(TEN, **{setting: value})


class TestState:
    @pytest.mark.parametrize("update", ["min-max", "policy-gradient"])
    def test_a_round_trip_through_json_is_exact(self, update):
        rng = np.random.default_rng(0)
        original = TemperatureMetaPolicy(TEN, update=update, shuffle_advantages=True)
        for step in range(7):
            original.draw(step)
            original.observe(*batch(rng, 12, 10), Groups(np.arange(12) // 4))
        restored = TemperatureMetaPolicy(TEN, update=update, shuffle_advantages=True)
        restored.load_state_dict(json.loads(json.dumps(original.state_dict())))
        assert restored.state_dict() == original.state_dict()
        assert restored.diagnostics() == original.diagnostics()
        likelihoods, advantages = batch(rng, 12, 10)
        for policy in (original, restored):
            policy.draw(7)
            policy.observe(likelihoods, advantages, Groups(np.arange(12) // 4))
        assert json.dumps(restored.diagnostics()) == json.dumps(original.diagnostics())
        np.testing.assert_array_equal(restored.probabilities, original.probabilities)

    def test_a_restored_state_is_not_shared(self):
        original, restored = TemperatureMetaPolicy(TEN), TemperatureMetaPolicy(TEN)
        state = original.state_dict()
        restored.load_state_dict(state)
        restored.observe(*batch(np.random.default_rng(0), 4, 10))
        assert original.state_dict() == state == TemperatureMetaPolicy(TEN).state_dict()

    def test_a_state_of_other_candidates_is_refused_naming_both(self):
        state = TemperatureMetaPolicy((0.6, 1.2)).state_dict()
        message = r"candidates \(0.6, 1.2\), but this meta-policy has \(0.6, 1.3\)"
        with pytest.raises(ValueError, match=message):
            TemperatureMetaPolicy((0.6, 1.3)).load_state_dict(state)

    def test_a_state_of_another_alpha_is_refused_naming_both(self):
        state = TemperatureMetaPolicy((0.6, 1.2), alpha=0.1).state_dict()
        with pytest.raises(ValueError, match=r"alpha 0\.1, but this meta-policy has 0\.05"):
            TemperatureMetaPolicy((0.6, 1.2)).load_state_dict(state)

    def test_a_state_with_other_keys_or_bad_numbers_is_refused(self):
        policy = TemperatureMetaPolicy((0.6, 1.2))
        state = policy.state_dict()
        with pytest.raises(ValueError, match="expected"):
            policy.load_state_dict({k: v for k, v in state.items() if k != "logits"})
        with pytest.raises(ValueError, match=r"ema_advantages\[1\] is nan"):
            policy.load_state_dict({**state, "ema_advantages": [0.0, math.nan]})
        with pytest.raises(ValueError, match="logits has 1 entries, not 2"):
            policy.load_state_dict({**state, "logits": [0.0]})

    def test_arrays_handed_out_are_copies(self):
        policy = TemperatureMetaPolicy(TEN)
        policy.ema_advantages[:] = 7
        policy.probabilities[:] = 7
        np.testing.assert_array_equal(policy.ema_advantages, np.zeros(10))


class TestDiagnostics:
    def test_before_anything_happened(self):
        diagnostics = json.loads(json.dumps(TemperatureMetaPolicy(TEN).diagnostics()))
        assert diagnostics["step"] is diagnostics["temperature"] is diagnostics["signal"] is None
        assert diagnostics["probabilities"] == [0.1] * 10

    def test_every_field_of_a_small_batch(self):
        policy = TemperatureMetaPolicy((0.6, 0.9, 1.2), alpha=0.5, warmup_steps=1)
        temperature = policy.draw(0)
        likelihoods = [[-1.0, -9.0, -9.0], [-1.0, -1.0, -9.0], [-2.0, -2.0, -2.0]]
        policy.observe(likelihoods, [3.0, 6.0, -9.0])
        d = json.loads(json.dumps(policy.diagnostics()))
        assert (d["step"], d["temperature"], d["warmup"]) == (0, temperature, True)
        assert d["candidates"] == [0.6, 0.9, 1.2]
        # Rows of ℓ̂: (1, 0, 0), (1/2, 1/2, 0), (1/3, 1/3, 1/3).
        assert d["signal"] == pytest.approx([1, 0, -1])
        assert d["ema_advantages"] == pytest.approx([0.5, 0, -0.5])
        assert d["probabilities"] == pytest.approx([2 / 3, 1 / 3, 0])
        assert d["signal_range"] == pytest.approx(2)
        assert d["support_size_mean"] == 2
        assert d["support_size_min"] == 1
        assert d["trajectories"] == 3
        assert 0 < d["p_value"] <= 1
        assert 0 < d["null_range_mean"] <= d["null_range_q95"]

    def test_real_credit_exceeds_its_null_and_noise_does_not(self):
        rng = np.random.default_rng(0)
        groups = np.arange(120) // 6
        peak = rng.normal(size=(120, 1))
        likelihoods = -((peak - np.linspace(-1, 1, 10)) ** 2)
        values = []
        for advantages in (peak[:, 0], rng.normal(size=120)):
            policy = TemperatureMetaPolicy(TEN)
            policy.observe(likelihoods, advantages, Groups(groups))
            values.append(policy.diagnostics())
        real, noise = values
        assert real["p_value"] == pytest.approx(1 / 65)
        assert real["signal_range"] > real["null_range_q95"]
        assert noise["p_value"] > 0.05

    def test_p_values_are_uniform_under_the_null(self):
        rng = np.random.default_rng(1)
        groups = np.arange(24) // 6
        p = []
        for _ in range(300):
            normalised = simplex.sparsemax(batch(rng, 24, 10)[0])
            p.append(range_null(normalised, rng.normal(size=24), groups, 64, rng).p_value)
        assert np.mean(np.array(p) <= 0.1) == pytest.approx(0.1, abs=0.05)
        assert np.mean(p) == pytest.approx(0.5, abs=0.06)

    def test_no_advantage_at_all_has_p_value_one(self):
        policy = TemperatureMetaPolicy(TEN)
        policy.observe(batch(np.random.default_rng(0), 6, 10)[0], np.zeros(6))
        d = policy.diagnostics()
        assert (d["signal_range"], d["null_range_q95"], d["p_value"]) == (0, 0, 1)
        # Equal advantages: shuffling changes nothing, so every shuffle ties with what was observed.
        policy.observe(batch(np.random.default_rng(0), 6, 10)[0], np.full(6, 0.3))
        assert policy.diagnostics()["p_value"] == 1


@repeatable
@given(seeds)
def test_shuffles_are_permutations_within_groups(seed):
    rng = np.random.default_rng(seed)
    groups = rng.integers(-3, 4, size=20)
    values = rng.normal(size=20)
    shuffled = shuffle_within_groups(values, groups, 5, rng)
    for row in shuffled:
        for group in np.unique(groups):
            member = groups == group
            np.testing.assert_array_equal(np.sort(row[member]), np.sort(values[member]))


def test_shuffles_reach_every_order_equally_often():
    values = np.arange(3.0)
    rng = np.random.default_rng(0)
    shuffled = shuffle_within_groups(values, np.zeros(3, dtype=int), 6000, rng)
    _, counts = np.unique(shuffled, axis=0, return_counts=True)
    assert len(counts) == 6
    np.testing.assert_allclose(counts, 1000, atol=120)
