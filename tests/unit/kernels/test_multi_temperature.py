"""The fused multi-temperature head: against float64 log-softmaxes, TRL's head and gradcheck."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from trl.kernels import ChunkedLogProbFunction

from tampo.kernels import multi_temperature, multi_temperature_log_prob, torch_tiles

CANDIDATES = torch.tensor([0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.4, 1.5])
repeatable = settings(max_examples=40, derandomize=True, deadline=None, database=None)
seeds = st.integers(0, 2**32 - 1)


def problem(seed: int = 0, n: int = 11, vocabulary: int = 29, width: int = 6, dtype=torch.float64):
    """Random hidden states [N, H], weight [V, H], bias [V] and targets [N]; logits of scale ~5."""
    rng = torch.Generator().manual_seed(seed)
    hidden = torch.randn((n, width), generator=rng, dtype=torch.float64)
    weight = 2 * torch.randn((vocabulary, width), generator=rng, dtype=torch.float64)
    bias = torch.randn((vocabulary,), generator=rng, dtype=torch.float64)
    targets = torch.randint(0, vocabulary, (n,), generator=rng)
    return hidden.to(dtype), weight.to(dtype), bias.to(dtype), targets


def definition(hidden, weight, bias, targets, temperature, softcap=None, scale=1.0):
    """Log-probabilities [N] and entropies [N] of a full log-softmax in float64."""
    logits = hidden.double() @ weight.double().T + (0 if bias is None else bias.double())
    logits = logits * scale
    if softcap is not None:
        logits = softcap * torch.tanh(logits / softcap)
    if isinstance(temperature, torch.Tensor):
        temperature = temperature.double().unsqueeze(-1)
    log_p = torch.log_softmax(logits / temperature, dim=-1)
    chosen = log_p.gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    return chosen, -(log_p.exp() * log_p).sum(-1)


@pytest.fixture(params=[(2048, 2048), (4, 7)], ids=["one tile", "many tiles"])
def tiles(request, monkeypatch):
    """The same problem in one tile and in ragged tiles and blocks."""
    monkeypatch.setattr(multi_temperature, "CPU_TILE", request.param)
    if request.param != (2048, 2048):
        monkeypatch.setattr(torch_tiles, "BLOCK_ELEMENTS", 21)


@pytest.mark.usefixtures("tiles")
@pytest.mark.parametrize("scale", [1.0, 0.4])
@pytest.mark.parametrize("softcap", [None, 3.0])
@pytest.mark.parametrize("temperature", [0.6, 1.0, 0.85])
def test_every_output_equals_its_definition(temperature, softcap, scale):
    inputs = problem()
    out = multi_temperature_log_prob(
        *inputs, temperature, CANDIDATES, softcap=softcap, logit_scale=scale, entropy_at_one=True
    )
    log_probs, entropy = definition(*inputs, temperature, softcap, scale)
    torch.testing.assert_close(out.log_probs, log_probs, rtol=0, atol=1e-12)
    torch.testing.assert_close(out.entropy, entropy, rtol=0, atol=1e-12)
    for k, candidate in enumerate(CANDIDATES.tolist()):
        expected, _ = definition(*inputs, candidate, softcap, scale)
        torch.testing.assert_close(out.candidate_log_probs[:, k], expected, rtol=0, atol=1e-12)
    _, at_one = definition(*inputs, 1.0, softcap, scale)
    torch.testing.assert_close(out.entropy_at_one, at_one, rtol=0, atol=1e-12)


@pytest.mark.usefixtures("tiles")
@pytest.mark.parametrize("softcap", [None, 3.0])
@pytest.mark.parametrize("per_row", [False, True])
def test_gradients_of_log_probs_and_entropy_pass_gradcheck(per_row, softcap):
    hidden, weight, bias, targets = problem(n=5, vocabulary=9, width=3)
    temperature = torch.linspace(0.6, 1.5, 5, dtype=torch.float64) if per_row else 0.8
    inputs = [x.requires_grad_() for x in (hidden, weight, bias)]

    def scores(*parameters):
        out = multi_temperature_log_prob(
            *parameters, targets, temperature, CANDIDATES, softcap=softcap, logit_scale=0.7
        )
        return out.log_probs, out.entropy

    assert torch.autograd.gradcheck(scores, inputs)


@pytest.mark.usefixtures("tiles")
def test_each_row_may_have_its_own_temperature():
    inputs = problem()
    rows = torch.linspace(0.5, 2.0, 11, dtype=torch.float64)
    out = multi_temperature_log_prob(*inputs, rows, CANDIDATES, entropy_at_one=True)
    log_probs, entropy = definition(*inputs, rows)
    torch.testing.assert_close(out.log_probs, log_probs, rtol=0, atol=1e-12)
    torch.testing.assert_close(out.entropy, entropy, rtol=0, atol=1e-12)
    shared = multi_temperature_log_prob(*inputs, 1.0, CANDIDATES, entropy_at_one=True)
    torch.testing.assert_close(
        out.candidate_log_probs, shared.candidate_log_probs, rtol=0, atol=1e-12
    )
    torch.testing.assert_close(out.entropy_at_one, shared.entropy, rtol=0, atol=1e-12)
    equal = multi_temperature_log_prob(*inputs, torch.full((11,), 0.9), None)
    number = multi_temperature_log_prob(*inputs, torch.tensor(0.9), None)
    assert torch.equal(equal.log_probs, number.log_probs)


@repeatable
@given(seeds, st.floats(-200, 200), st.floats(0.05, 20))
def test_a_constant_added_to_the_logits_changes_nothing(seed, constant, temperature):
    hidden, weight, bias, targets = problem(seed)
    plain = multi_temperature_log_prob(hidden, weight, bias, targets, temperature, CANDIDATES)
    shifted = multi_temperature_log_prob(
        hidden, weight, bias + constant, targets, temperature, CANDIDATES
    )
    for name in ("log_probs", "entropy", "candidate_log_probs"):
        torch.testing.assert_close(
            getattr(shifted, name), getattr(plain, name), rtol=1e-10, atol=1e-10
        )


@settings(repeatable, max_examples=20)
@given(seeds, st.integers(1, 10), st.integers(1, 12), st.integers(1, 60))
def test_tile_and_block_sizes_change_nothing(seed, tokens, entries, block):
    inputs = problem(seed)
    whole = multi_temperature_log_prob(*inputs, 0.8, CANDIDATES, entropy_at_one=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(multi_temperature, "CPU_TILE", (tokens, entries))
        patch.setattr(torch_tiles, "BLOCK_ELEMENTS", block)
        tiled = multi_temperature_log_prob(*inputs, 0.8, CANDIDATES, entropy_at_one=True)
    for name in ("log_probs", "entropy", "candidate_log_probs", "entropy_at_one"):
        torch.testing.assert_close(getattr(tiled, name), getattr(whole, name), rtol=0, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_sums_of_low_precision_inputs_are_float32(dtype):
    hidden, weight, bias, targets = problem(n=40, vocabulary=2000, width=16, dtype=dtype)
    out = multi_temperature_log_prob(hidden, weight, bias, targets, 0.9, CANDIDATES)
    assert out.log_probs.dtype == out.candidate_log_probs.dtype == torch.float32
    # Projections keep the dtype of the inputs, as the model's own head does; nothing else may round.
    logits = torch.mm(hidden, weight.T).add_(bias).double()
    log_p = torch.log_softmax(logits / 0.9, dim=-1)
    expected = log_p.gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    torch.testing.assert_close(out.log_probs.double(), expected, rtol=0, atol=2e-5)
    torch.testing.assert_close(
        out.entropy.double(), -(log_p.exp() * log_p).sum(-1), rtol=0, atol=2e-5
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("softcap", [None, 4.0])
def test_forward_and_backward_equal_trls_head_at_one_temperature(dtype, softcap):
    inputs = problem(n=50, vocabulary=400, width=16, dtype=dtype)
    upstream = torch.randn((2, 50), generator=torch.Generator().manual_seed(3))
    results = []
    for ours in (True, False):
        hidden, weight, bias = (x.clone().requires_grad_() for x in inputs[:3])
        if ours:
            out = multi_temperature_log_prob(
                hidden, weight, bias, inputs[3], 0.9, CANDIDATES, softcap=softcap, logit_scale=0.8
            )
            pair = out.log_probs, out.entropy
        else:
            outputs = ("log_probs", "entropy")
            pair = ChunkedLogProbFunction.apply(
                hidden, weight, bias, inputs[3], 0.9, 32768, softcap, 0.8, outputs
            )[:2]
        ((pair[0] * upstream[0]).sum() + (pair[1] * upstream[1]).sum()).backward()
        results.append((*pair, hidden.grad, weight.grad, bias.grad))
    # Gradients leave in the inputs' dtype, so bf16 may differ in its last bit.
    close = {"rtol": 1e-4, "atol": 1e-4} if dtype == torch.float32 else {"rtol": 0.02, "atol": 0.02}
    for mine, trls in zip(*results, strict=True):
        torch.testing.assert_close(mine, trls, **close)


def test_candidates_and_the_entropy_at_one_carry_no_gradient():
    hidden, weight, bias, targets = problem()
    hidden.requires_grad_()
    out = multi_temperature_log_prob(
        hidden, weight, bias, targets, 0.9, CANDIDATES, entropy_at_one=True
    )
    assert out.log_probs.requires_grad
    assert out.entropy.requires_grad
    assert not out.candidate_log_probs.requires_grad
    assert not out.entropy_at_one.requires_grad


def test_candidates_change_neither_outputs_nor_gradients():
    results = []
    for candidates in (None, CANDIDATES):
        hidden, weight, bias, targets = problem(n=64, vocabulary=500, dtype=torch.float32)
        hidden.requires_grad_()
        out = multi_temperature_log_prob(
            hidden, weight, bias, targets, 0.9, candidates, entropy_at_one=candidates is not None
        )
        out.log_probs.sum().backward()
        results.append((out.log_probs, out.entropy, hidden.grad))
    for without, having in zip(*results, strict=True):
        assert torch.equal(without, having)


def test_what_is_not_asked_for_is_none():
    out = multi_temperature_log_prob(*problem(), 1.0, None, entropy=False)
    assert out.entropy is out.candidate_log_probs is out.entropy_at_one is None
    none = multi_temperature_log_prob(*problem(), 1.0, torch.empty(0))
    assert none.candidate_log_probs.shape == (11, 0)


def test_frozen_inputs_get_no_gradient_and_a_graph_may_be_used_twice():
    hidden, weight, bias, targets = problem()
    hidden.requires_grad_()
    loss = multi_temperature_log_prob(hidden, weight, bias, targets, 0.9, None).log_probs.sum()
    first = torch.autograd.grad(loss, hidden, retain_graph=True)[0]
    second = torch.autograd.grad(loss, hidden)[0]
    assert torch.equal(first, second)
    assert weight.grad is None


def test_no_token_gives_a_differentiable_zero():
    hidden, weight, bias, targets = problem(n=0)
    inputs = [x.requires_grad_() for x in (hidden, weight, bias)]
    out = multi_temperature_log_prob(*inputs, targets, 0.9, CANDIDATES, entropy_at_one=True)
    assert out.log_probs.shape == out.entropy.shape == out.entropy_at_one.shape == (0,)
    assert out.candidate_log_probs.shape == (0, 10)
    (out.log_probs.sum() + out.entropy.sum()).backward()
    for x in inputs:
        assert x.grad.shape == x.shape
        assert (x.grad == 0).all()


def test_autocast_computes_as_the_models_own_head_would():
    hidden, weight, bias, targets = problem(n=20, vocabulary=300, dtype=torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = multi_temperature_log_prob(hidden, weight, bias, targets, 0.9, None)
    low = [x.bfloat16() for x in (hidden, weight, bias)]
    same = multi_temperature_log_prob(*low, targets, 0.9, None)
    assert torch.equal(out.log_probs, same.log_probs)
    hidden.requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = multi_temperature_log_prob(hidden, weight, bias, targets, 0.9, None).log_probs.sum()
    loss.backward()
    assert hidden.grad.dtype == torch.float32


def test_the_likely_target_keeps_its_gradient_in_bf16():
    """1 − p is taken before rounding: p = 0.999 rounds to 1 in bf16, and the gradient must not."""
    logits = torch.tensor([[math.log(999.0), 0.0]], dtype=torch.bfloat16)
    hidden = torch.ones((1, 1), dtype=torch.bfloat16, requires_grad=True)
    weight = logits.T.contiguous().requires_grad_()
    multi_temperature_log_prob(
        hidden, weight, None, torch.tensor([0]), 1.0, None
    ).log_probs.sum().backward()
    p = torch.softmax(logits.double(), dim=-1)[0, 0].item()
    assert weight.grad[0, 0].item() == pytest.approx(1 - p, rel=0.01)


def test_extreme_logits_stay_finite():
    weight = torch.tensor([[1e4], [-1e4], [0.0]])
    hidden = torch.tensor([[1.0], [-1.0]])
    targets = torch.tensor([0, 0])
    out = multi_temperature_log_prob(hidden, weight, None, targets, 0.6, CANDIDATES)
    assert out.log_probs.tolist() == pytest.approx([0, -2e4 / 0.6])
    assert out.entropy.tolist() == pytest.approx([0, 0], abs=1e-6)
    assert out.candidate_log_probs[1].tolist() == pytest.approx(
        [-2e4 / t for t in CANDIDATES.tolist()]
    )


@pytest.mark.parametrize("bad", [0.0, -0.5, math.nan, math.inf])
def test_temperatures_must_be_finite_and_positive(bad):
    inputs = problem()
    with pytest.raises(ValueError, match=rf"temperature\[0\] is {bad}"):
        multi_temperature_log_prob(*inputs, bad, None)
    with pytest.raises(ValueError, match=rf"candidates\[1\] is {bad}"):
        multi_temperature_log_prob(*inputs, 1.0, torch.tensor([1.0, bad]))
    rows = torch.ones(11)
    rows[7] = bad
    with pytest.raises(ValueError, match=rf"temperature\[7\] is {bad}"):
        multi_temperature_log_prob(*inputs, rows, None)


def test_shapes_that_do_not_fit_are_refused():
    hidden, weight, bias, targets = problem()
    with pytest.raises(ValueError, match=r"must be \[N, H\] and \[V, H\]"):
        multi_temperature_log_prob(hidden[:, :3], weight, bias, targets, 1.0, None)
    with pytest.raises(ValueError, match=r"targets has shape \(3,\), expected \(11,\)"):
        multi_temperature_log_prob(hidden, weight, bias, targets[:3], 1.0, None)
    with pytest.raises(ValueError, match=r"bias has shape"):
        multi_temperature_log_prob(hidden, weight, bias[:3], targets, 1.0, None)
    with pytest.raises(ValueError, match=r"temperature has shape \(3,\), expected \(11,\)"):
        multi_temperature_log_prob(hidden, weight, bias, targets, torch.ones(3), None)
    with pytest.raises(ValueError, match="candidates must be one-dimensional"):
        multi_temperature_log_prob(hidden, weight, bias, targets, 1.0, torch.ones((1, 2)))
