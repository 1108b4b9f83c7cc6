"""Trajectory log-likelihoods: numbers by hand, concavity, and what they must not depend on."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.reference_likelihood import (
    likelihood_optimal_temperature,
    mean_over_tokens,
    trajectory_log_likelihoods,
    trajectory_log_likelihoods_from_hidden,
)

TEMPERATURES = torch.tensor([0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.4, 1.5])
repeatable = settings(max_examples=40, derandomize=True, deadline=None, database=None)
seeds = st.integers(0, 2**32 - 1)


def rollouts(seed: int, batch: int = 3, length: int = 6, vocabulary: int = 7, scale: float = 3.0):
    """Random float64 logits, tokens and masks with at least one token per row."""
    rng = torch.Generator().manual_seed(seed)
    logits = scale * torch.randn((batch, length, vocabulary), generator=rng, dtype=torch.float64)
    tokens = torch.randint(0, vocabulary, (batch, length), generator=rng)
    mask = torch.rand((batch, length), generator=rng) < 0.6
    mask[torch.arange(batch), torch.randint(0, length, (batch,), generator=rng)] = True
    return logits, tokens, mask


def test_two_tokens_by_hand():
    # At T = 1: p = (1/4, 3/4) and (1/2, 1/2). At T = 1/2 the odds are squared: (1/10, 9/10).
    logits = torch.tensor([[[0.0, math.log(3)], [5.0, 5.0], [9.0, -9.0]]], dtype=torch.float64)
    tokens = torch.tensor([[1, 0, 1]])
    mask = torch.tensor([[1, 1, 0]])
    result = trajectory_log_likelihoods(logits, tokens, mask, torch.tensor([0.5, 1.0]))
    expected = [(math.log(0.9) + math.log(0.5)) / 2, (math.log(0.75) + math.log(0.5)) / 2]
    assert result.dtype == torch.float64
    assert result.tolist() == [pytest.approx(expected, abs=1e-15)]


@repeatable
@given(seeds, st.floats(0.1, 30.0))
def test_likelihood_is_concave_in_inverse_temperature(seed, scale):
    logits, tokens, mask = rollouts(seed, scale=scale)
    inverse = torch.linspace(0.05, 10, 81, dtype=torch.float64)
    values = trajectory_log_likelihoods(logits, tokens, mask, 1 / inverse)
    middle = (values[:, :-2] + values[:, 2:]) / 2
    rounding = 1e-12 * values.abs().max()
    assert (values[:, 1:-1] >= middle - rounding).all()


@repeatable
@given(seeds, st.floats(0.1, 30.0))
def test_likelihood_has_a_single_peak_in_temperature(seed, scale):
    logits, tokens, mask = rollouts(seed, scale=scale)
    temperatures = torch.linspace(0.1, 5, 120, dtype=torch.float64)
    values = trajectory_log_likelihoods(logits, tokens, mask, temperatures)
    rounding = 1e-12 * values.abs().max()
    for row in values:
        peak = int(row.argmax())
        assert (row.diff()[:peak] >= -rounding).all()
        assert (row.diff()[peak:] <= rounding).all()


@repeatable
@given(seeds, st.floats(-1e3, 1e3))
def test_a_constant_added_to_the_logits_of_a_token_changes_nothing(seed, size):
    logits, tokens, mask = rollouts(seed)
    constant = size * torch.linspace(-1, 1, logits[..., 0].numel()).view(*mask.shape, 1)
    before = trajectory_log_likelihoods(logits, tokens, mask, TEMPERATURES)
    after = trajectory_log_likelihoods(logits + constant, tokens, mask, TEMPERATURES)
    torch.testing.assert_close(after, before, rtol=0, atol=1e-11)


@repeatable
@given(seeds, st.integers(0, 3), st.integers(0, 3))
def test_padding_on_either_side_changes_nothing(seed, left, right):
    logits, tokens, mask = rollouts(seed)
    before = trajectory_log_likelihoods(logits, tokens, mask, TEMPERATURES)
    logits = torch.nn.functional.pad(logits, (0, 0, left, right), value=math.nan)
    tokens = torch.nn.functional.pad(tokens, (left, right), value=-100)
    mask = torch.nn.functional.pad(mask, (left, right))
    after = trajectory_log_likelihoods(logits, tokens, mask, TEMPERATURES)
    torch.testing.assert_close(after, before, rtol=0, atol=1e-14)


@repeatable
@given(seeds)
def test_masked_positions_count_nowhere(seed):
    logits, tokens, mask = rollouts(seed)
    before = trajectory_log_likelihoods(logits, tokens, mask, TEMPERATURES)
    logits[~mask] = math.inf
    tokens[~mask] = 10**6
    assert torch.equal(trajectory_log_likelihoods(logits, tokens, mask, TEMPERATURES), before)


@repeatable
@given(seeds)
def test_batch_order_and_micro_batches_change_nothing(seed):
    logits, tokens, mask = rollouts(seed, batch=6)
    whole = trajectory_log_likelihoods(logits, tokens, mask, TEMPERATURES)
    order = torch.randperm(6, generator=torch.Generator().manual_seed(seed))
    permuted = trajectory_log_likelihoods(logits[order], tokens[order], mask[order], TEMPERATURES)
    torch.testing.assert_close(permuted, whole[order], rtol=0, atol=1e-14)
    parts = [
        trajectory_log_likelihoods(
            logits[i : i + 2], tokens[i : i + 2], mask[i : i + 2], TEMPERATURES
        )
        for i in (0, 2, 4)
    ]
    torch.testing.assert_close(torch.cat(parts), whole, rtol=0, atol=1e-14)


@repeatable
@given(seeds, st.sampled_from([None, 4.0]), st.sampled_from([1.0, 0.5]), st.booleans())
def test_hidden_states_give_the_same_as_logits(seed, softcap, scale, with_bias):
    rng = torch.Generator().manual_seed(seed)
    _, tokens, mask = rollouts(seed)
    hidden = torch.randn((*tokens.shape, 5), generator=rng, dtype=torch.float64)
    weight = torch.randn((7, 5), generator=rng, dtype=torch.float64)
    bias = torch.randn((7,), generator=rng, dtype=torch.float64) if with_bias else None
    logits = (hidden @ weight.T + (0 if bias is None else bias)) * scale
    if softcap:
        logits = softcap * torch.tanh(logits / softcap)
    fused = trajectory_log_likelihoods_from_hidden(
        hidden, weight, tokens, mask, TEMPERATURES, bias, softcap=softcap, logit_scale=scale
    )
    plain = trajectory_log_likelihoods(logits, tokens, mask, TEMPERATURES)
    torch.testing.assert_close(fused, plain, rtol=0, atol=1e-12)


def test_hidden_states_over_several_tiles_in_float32(monkeypatch):
    from tampo.kernels import multi_temperature

    monkeypatch.setattr(multi_temperature, "CPU_TILE", (4, 3))
    _, tokens, mask = rollouts(1)
    hidden, weight = torch.randn((3, 6, 5)), torch.randn((7, 5))
    fused = trajectory_log_likelihoods_from_hidden(hidden, weight, tokens, mask, TEMPERATURES)
    plain = trajectory_log_likelihoods(hidden @ weight.T, tokens, mask, TEMPERATURES)
    torch.testing.assert_close(fused, plain, rtol=1e-5, atol=1e-5)


def test_a_trajectory_without_tokens_is_refused_by_row():
    logits, tokens, mask = rollouts(0)
    mask[1] = False
    for call in (
        lambda: trajectory_log_likelihoods(logits, tokens, mask, TEMPERATURES),
        lambda: trajectory_log_likelihoods_from_hidden(
            logits, torch.eye(7, dtype=torch.float64), tokens, mask, TEMPERATURES
        ),
        lambda: mean_over_tokens(logits, mask),
    ):
        with pytest.raises(ValueError, match="row 1 of mask holds no token"):
            call()


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_not_finite_are_refused_by_index(value):
    logits, tokens, mask = rollouts(0)
    mask[2, 3] = True
    logits[2, 3, 4] = value
    with pytest.raises(ValueError, match=rf"logits\[2, 3, 4\] is {value}"):
        trajectory_log_likelihoods(logits, tokens, mask, TEMPERATURES)
    with pytest.raises(ValueError, match=rf"hidden\[2, 3, 4\] is {value}"):
        trajectory_log_likelihoods_from_hidden(
            logits, torch.eye(7, dtype=torch.float64), tokens, mask, TEMPERATURES
        )


@pytest.mark.parametrize("bad", [0.0, -1.0, math.nan, math.inf])
def test_temperatures_must_be_finite_and_positive(bad):
    with pytest.raises(ValueError, match=rf"temperatures\[1\] is {bad}"):
        trajectory_log_likelihoods(*rollouts(0), torch.tensor([1.0, bad]))


def test_shapes_that_do_not_fit_are_refused():
    logits, tokens, mask = rollouts(0)
    with pytest.raises(ValueError, match="logits has shape"):
        trajectory_log_likelihoods(logits[:, 1:], tokens, mask, TEMPERATURES)
    with pytest.raises(ValueError, match="mask has shape"):
        trajectory_log_likelihoods(logits, tokens, mask[:, 1:], TEMPERATURES)


def test_optimal_temperature_takes_the_lowest_of_equal_ones():
    likelihoods = torch.tensor([[-3.0, -1.0, -2.0], [-1.0, -1.0, -1.0], [-5.0, -2.0, -2.0]])
    best = likelihood_optimal_temperature(likelihoods, torch.tensor([0.6, 1.0, 1.5]))
    assert best.tolist() == pytest.approx([1.0, 0.6, 1.0])
    with pytest.raises(ValueError, match=r"log_likelihoods\[0, 1\] is nan"):
        likelihood_optimal_temperature(torch.tensor([[0.0, math.nan]]), torch.tensor([0.6, 1.0]))


def test_optimal_temperature_recovers_the_temperature_of_the_rollout():
    rng = np.random.default_rng(0)
    logits = torch.from_numpy(3 * rng.standard_normal((1, 4000, 12)))
    for index in (0, 4, 9):
        p = torch.softmax(logits / TEMPERATURES[index].double(), dim=-1)[0]
        tokens = torch.multinomial(p, 1, generator=torch.Generator().manual_seed(1)).T
        values = trajectory_log_likelihoods(logits, tokens, torch.ones_like(tokens), TEMPERATURES)
        best = likelihood_optimal_temperature(values, TEMPERATURES)
        assert abs(best.item() - TEMPERATURES[index].item()) < 0.11
