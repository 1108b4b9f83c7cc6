"""A disagreement of sampler and loss is explained by its cause, one planted at a time."""

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel, Qwen2Config, Qwen2ForCausalLM

from tampo.kernels.lm_head import add_tempered_lm_head
from tampo.training import mismatch_cause as module
from tampo.training.mismatch_cause import mismatch_cause, score

ROWS, PROMPT, LENGTH, WORDS = 6, 7, 9, 40


def autocast():
    return torch.autocast("cpu", enabled=False)


def qwen(seed=0):
    torch.manual_seed(seed)
    config = Qwen2Config(
        vocab_size=WORDS, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=2, num_key_value_heads=2, initializer_range=0.4,
    )  # fmt: skip
    return headed(Qwen2ForCausalLM(config))


def gpt2(dropout):
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=WORDS, n_positions=64, n_embd=32, n_layer=2, n_head=2, initializer_range=0.4,
        resid_pdrop=dropout, embd_pdrop=dropout, attn_pdrop=dropout,
    )  # fmt: skip
    return headed(GPT2LMHeadModel(config))


def headed(model):
    add_tempered_lm_head(model, outputs=("log_probs", "entropy"))
    return model


def batch(temperature=0.9):
    rng = torch.Generator().manual_seed(3)
    mask = torch.ones(ROWS, PROMPT, dtype=torch.long)
    mask[::2, :4] = 0
    return {
        "prompt_ids": torch.randint(1, WORDS, (ROWS, PROMPT), generator=rng) * mask,
        "prompt_mask": mask,
        "completion_ids": torch.randint(1, WORDS, (ROWS, LENGTH), generator=rng),
        "token_mask": torch.ones(ROWS, LENGTH, dtype=torch.long),
        "sampling_temperature": torch.full((ROWS,), temperature),
    }


def explained(model, inputs, sampled):
    inputs["sampling_per_token_logps"] = sampled.detach()
    return mismatch_cause(model, inputs, autocast)


def test_another_temperature():
    model, inputs = qwen().eval(), batch()
    sampled = score(model, inputs, torch.full((ROWS,), 1.3))
    assert explained(model, inputs, sampled).endswith("those of temperature 1.3")


def test_dropout():
    model, inputs = gpt2(0.2), batch()
    sampled = score(model.eval(), inputs, inputs["sampling_temperature"])
    assert explained(model.train(), inputs, sampled).startswith("dropout")
    assert model.training


def test_positions(monkeypatch):
    model, inputs = gpt2(0.0).eval(), batch()
    sampled = score(model, inputs, inputs["sampling_temperature"], positions=True)
    monkeypatch.setattr("tampo.training.scoring.needs_positions", lambda model: False)
    monkeypatch.setattr(module, "needs_positions", lambda model: False)
    assert explained(model, inputs, sampled).startswith("positions")


def test_precision():
    model, inputs = qwen().eval(), batch()
    sampled = score(model, inputs, inputs["sampling_temperature"])
    inputs["sampling_per_token_logps"] = sampled.detach()
    coarse = mismatch_cause(model, inputs, lambda: torch.autocast("cpu", dtype=torch.bfloat16))
    assert coarse.startswith("precision")


def test_a_filter_on_tokens():
    model, inputs = qwen().eval(), batch()
    sampled = score(model, inputs, inputs["sampling_temperature"])
    kept = torch.rand(sampled.shape, generator=torch.Generator().manual_seed(0)) * 0.3
    assert explained(model, inputs, sampled + kept).startswith("a sampling filter")


def test_weights_of_another_step():
    model, inputs = qwen().eval(), batch()
    sampled = score(qwen(seed=1).eval(), inputs, inputs["sampling_temperature"])
    found = explained(model, inputs, sampled)
    assert "weights are others than the loss's" in found


@pytest.mark.parametrize("missing", [0, 1])
def test_tokens_that_the_sampler_did_not_score_are_left_out(missing):
    model, inputs = qwen().eval(), batch()
    sampled = score(model, inputs, torch.full((ROWS,), 1.3)).detach()
    sampled[:, :missing] = torch.nan
    assert explained(model, inputs, sampled).endswith("temperature 1.3")
