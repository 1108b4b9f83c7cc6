"""The Triton kernels run on CPU tensors by Triton's interpreter and compared with the torch kernels.

Run by tests/unit/kernels/test_triton.py in a process of its own with TRITON_INTERPRET=1, which Triton
reads once, when the kernels are defined; pytest does not collect this file by itself.
"""

from __future__ import annotations

import itertools

import pytest
import torch

from tampo.kernels import multi_temperature, multi_temperature_log_prob, torch_tiles, triton_tiles

CANDIDATES = torch.tensor([0.6, 0.9, 1.0, 1.5])
TOKENS, VOCABULARY, WIDTH = 5, 83, 6


def run(kernels, monkeypatch, temperature, candidates, dtype, gradients, **settings):
    """Return the outputs and gradients of one pass over ragged tiles with the given kernels."""
    monkeypatch.setattr(multi_temperature, "kernels_for", lambda device, dtype: kernels)
    monkeypatch.setattr(multi_temperature, "CPU_TILE", (3, 50))
    monkeypatch.setattr(triton_tiles, "BLOCK", 32)
    rng = torch.Generator().manual_seed(0)
    hidden = torch.randn((TOKENS, WIDTH), generator=rng).to(dtype).requires_grad_()
    weight = (2 * torch.randn((VOCABULARY, WIDTH), generator=rng)).to(dtype).requires_grad_()
    bias = torch.randn((VOCABULARY,), generator=rng).to(dtype).requires_grad_()
    targets = torch.tensor([0, 31, 49, 50, 82])
    out = multi_temperature_log_prob(
        hidden, weight, bias, targets, temperature, candidates, **settings
    )
    upstream = torch.randn((2, TOKENS), generator=rng)
    loss = torch.zeros(())
    if "log_probs" in gradients:
        loss = loss + (out.log_probs * upstream[0]).sum()
    if "entropy" in gradients:
        loss = loss + (out.entropy * upstream[1]).sum()
    loss.backward()
    return [
        out.log_probs,
        out.entropy,
        out.candidate_log_probs,
        out.entropy_at_one,
        hidden.grad,
        weight.grad,
        bias.grad,
    ]


def compare(monkeypatch, *arguments, tolerance, **settings):
    mine, torchs = (
        run(kernels, monkeypatch, *arguments, **settings) for kernels in (triton_tiles, torch_tiles)
    )
    for got, expected in zip(mine, torchs, strict=True):
        if expected is None:
            assert got is None
        else:
            torch.testing.assert_close(got, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(
    ("softcap", "scale", "per_row"), list(itertools.product([None, 3.0], [1.0, 0.4], [False, True]))
)
def test_equal_to_torch(monkeypatch, softcap, scale, per_row):
    temperature = torch.linspace(0.6, 1.5, TOKENS) if per_row else 0.9
    both = ("log_probs", "entropy")
    compare(
        monkeypatch,
        temperature,
        CANDIDATES,
        torch.float32,
        both,
        tolerance=2e-5,
        softcap=softcap,
        logit_scale=scale,
        entropy_at_one=True,
    )


@pytest.mark.parametrize("gradients", [("log_probs",), ("entropy",)])
def test_each_gradient_alone(monkeypatch, gradients):
    compare(monkeypatch, 0.8, None, torch.float32, gradients, tolerance=2e-5)


def test_more_temperatures_than_one_launch_takes(monkeypatch):
    monkeypatch.setattr(triton_tiles, "GROUP", 3)
    candidates = torch.linspace(0.3, 2.0, 7)
    both = ("log_probs", "entropy")
    for temperature in (0.9, torch.linspace(0.6, 1.5, TOKENS)):
        compare(
            monkeypatch,
            temperature,
            candidates,
            torch.float32,
            both,
            tolerance=2e-5,
            entropy_at_one=True,
        )


def test_without_any_entropy(monkeypatch):
    compare(
        monkeypatch, 1.2, CANDIDATES, torch.float32, ("log_probs",), tolerance=2e-5, entropy=False
    )


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_low_precision_tiles(monkeypatch, dtype):
    # The two paths may round a gradient to neighbouring numbers of the tile's dtype.
    compare(monkeypatch, 1.2, CANDIDATES, dtype, ("log_probs", "entropy"), tolerance=0.02)
