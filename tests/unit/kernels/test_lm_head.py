"""The tempered LM head against TRL's own fused head and against plain log-softmaxes."""

from __future__ import annotations

import copy
import os

import peft
import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    CohereConfig,
    Gemma2Config,
    GraniteConfig,
    LlamaConfig,
    MixtralConfig,
    PreTrainedModel,
    Qwen2Config,
)
from trl.trainer.utils import add_fused_lm_head

from tampo.kernels.lm_head import add_tempered_lm_head, logit_transform

BATCH, LENGTH, VOCABULARY = 4, 9, 37
CANDIDATES = torch.tensor([0.6, 0.9, 1.0, 1.5])
SIZES = {
    "vocab_size": VOCABULARY,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "max_position_embeddings": 32,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}


def model_of(config_class=Qwen2Config, seed: int = 0, **settings) -> PreTrainedModel:
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config(config_class(**SIZES, **settings))
    # The default initialisation gives logits near zero, at which all temperatures look alike.
    with torch.no_grad():
        model.get_output_embeddings().weight.mul_(20)
    return model.eval()


def batch_of(seed: int = 0) -> dict[str, torch.Tensor]:
    """Left-padded prompts, right-padded completions, as GRPO builds them."""
    rng = torch.Generator().manual_seed(seed)
    ids = torch.randint(3, VOCABULARY, (BATCH, LENGTH), generator=rng)
    attention = torch.ones_like(ids)
    attention[0, :2] = 0
    attention[1, 7:] = 0
    labels = ids.masked_fill(attention == 0, -100)
    labels[:, :4] = -100
    return {"input_ids": ids, "attention_mask": attention, "labels": labels}


def plain_log_probs(model: PreTrainedModel, batch: dict, temperature: float) -> torch.Tensor:
    logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
    log_probs = torch.log_softmax(logits[:, :-1].double() / temperature, dim=-1)
    labels = batch["labels"][:, 1:]
    picked = log_probs.gather(-1, labels.clamp(min=0).unsqueeze(-1)).squeeze(-1)
    return picked.masked_fill(labels == -100, 0)


def both_heads(model: PreTrainedModel, temperature: float, **settings):
    ours, theirs = copy.deepcopy(model), copy.deepcopy(model)
    outputs = ("log_probs", "entropy")
    add_tempered_lm_head(ours, temperature, outputs=outputs, **settings)
    add_fused_lm_head(theirs, temperature, outputs=outputs, **settings)
    return ours, theirs


@pytest.mark.parametrize("temperature", [0.6, 1.0, 1.3])
def test_forward_and_backward_equal_trls_head(temperature):
    ours, theirs = both_heads(model_of(), temperature)
    batch = batch_of()
    results = []
    for model in (ours, theirs):
        out = model(**batch, fused_lm_head=True)
        loss = (
            out.log_probs * torch.linspace(-1, 1, out.log_probs.numel()).view_as(out.log_probs)
        ).sum()
        (loss + 0.1 * out.entropy.sum()).backward()
        results.append((out, {n: p.grad for n, p in model.named_parameters()}))
    (mine, my_grads), (trls, their_grads) = results
    torch.testing.assert_close(mine.log_probs, trls.log_probs)
    torch.testing.assert_close(mine.entropy, trls.entropy)
    assert my_grads.keys() == their_grads.keys()
    for name, grad in my_grads.items():
        torch.testing.assert_close(grad, their_grads[name], rtol=1e-4, atol=1e-5, msg=name)


def test_every_candidate_equals_its_own_log_softmax():
    model = model_of()
    batch = batch_of()
    expected = torch.stack([plain_log_probs(model, batch, t) for t in CANDIDATES.tolist()], dim=-1)
    add_tempered_lm_head(model)
    out = model(**batch, fused_lm_head=True, candidates=CANDIDATES)
    torch.testing.assert_close(out.candidate_log_probs.double(), expected, rtol=1e-5, atol=1e-5)
    assert not out.candidate_log_probs.requires_grad
    assert out.entropy is None


def test_temperature_of_the_call_wins_over_the_one_at_construction():
    model = model_of()
    batch = batch_of()
    rows = torch.tensor([0.6, 1.0, 1.2, 1.5])
    expected = torch.stack(
        [plain_log_probs(model, batch, t)[i] for i, t in enumerate(rows.tolist())]
    )
    shared = plain_log_probs(model, batch, 0.8)
    add_tempered_lm_head(model, temperature=0.8)
    by_row = model(**batch, fused_lm_head=True, temperatures=rows).log_probs
    torch.testing.assert_close(by_row.double(), expected, rtol=1e-5, atol=1e-5)
    default = model(**batch, fused_lm_head=True).log_probs
    torch.testing.assert_close(default.double(), shared, rtol=1e-5, atol=1e-5)
    with pytest.raises(ValueError, match=r"temperatures has shape \(3,\), expected \(4,\)"):
        model(**batch, fused_lm_head=True, temperatures=rows[:3])


def test_entropy_at_one_does_not_depend_on_the_training_temperature():
    model = model_of()
    batch = batch_of()
    add_tempered_lm_head(model, outputs=("log_probs", "entropy"))
    at_one = model(**batch, fused_lm_head=True, temperatures=1.0).entropy
    for temperature in (0.6, 1.0, 1.5):
        out = model(**batch, fused_lm_head=True, temperatures=temperature, entropy_at_one=True)
        torch.testing.assert_close(out.entropy_at_one, at_one)
        assert not out.entropy_at_one.requires_grad


def test_unscored_positions_are_zero_and_scored_ones_are_not():
    model = model_of()
    batch = batch_of()
    add_tempered_lm_head(model, outputs=("log_probs", "entropy"))
    out = model(**batch, fused_lm_head=True, candidates=CANDIDATES, entropy_at_one=True)
    scored = batch["labels"][:, 1:] != -100
    for field in (out.log_probs, out.entropy, out.entropy_at_one, out.candidate_log_probs):
        assert field.shape[:2] == (BATCH, LENGTH - 1)
        assert (field[~scored] == 0).all()
        assert (field[scored] != 0).all()


def test_without_the_flag_the_forward_is_the_models_own():
    model = model_of()
    batch = batch_of()
    before = model(**batch)
    add_tempered_lm_head(model)
    after = model(**batch)
    assert torch.equal(before.logits, after.logits)
    assert torch.equal(before.loss, after.loss)
    generated = model.generate(
        batch["input_ids"],
        attention_mask=batch["attention_mask"],
        max_new_tokens=3,
        do_sample=False,
    )
    assert generated.shape == (BATCH, LENGTH + 3)


def test_a_micro_batch_without_scored_tokens_gives_zero_gradients():
    model = model_of()
    batch = batch_of()
    batch["labels"].fill_(-100)
    add_tempered_lm_head(model, outputs=("log_probs", "entropy"))
    out = model(**batch, fused_lm_head=True, candidates=CANDIDATES, entropy_at_one=True)
    (out.log_probs.sum() + out.entropy.sum()).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert (parameter.grad == 0).all(), name


def test_padding_changes_nothing():
    """More padding on either side moves results to other columns and leaves their values."""
    model = model_of()
    add_tempered_lm_head(model)
    batch = batch_of()
    pad = torch.zeros((BATCH, 3), dtype=torch.long)
    wide = {
        "input_ids": torch.cat([pad, batch["input_ids"], pad], dim=1),
        "attention_mask": torch.cat([pad, batch["attention_mask"], pad], dim=1),
        "labels": torch.cat([pad - 100, batch["labels"], pad - 100], dim=1),
    }
    # Positions count from the first real token in both.
    for b in (batch, wide):
        b["position_ids"] = (b["attention_mask"].cumsum(1) - 1).clamp(min=0)
    narrow_out = model(**batch, fused_lm_head=True, candidates=CANDIDATES).candidate_log_probs
    wide_out = model(**wide, fused_lm_head=True, candidates=CANDIDATES).candidate_log_probs
    torch.testing.assert_close(wide_out[:, 3 : 3 + LENGTH - 1], narrow_out, rtol=1e-5, atol=1e-5)


def test_autocast_bf16_equals_trls_head():
    ours, theirs = both_heads(model_of(), 0.9)
    batch = batch_of()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mine, trls = (m(**batch, fused_lm_head=True) for m in (ours, theirs))
    assert mine.log_probs.dtype == torch.float32
    # TRL projects every position and this head the scored ones only: bf16 matrix products of different
    # shapes round differently, by 2^-9 of logits of about 5.
    torch.testing.assert_close(mine.log_probs, trls.log_probs, rtol=0, atol=0.05)
    torch.testing.assert_close(mine.entropy, trls.entropy, rtol=0, atol=0.05)
    for model, out in ((ours, mine), (theirs, trls)):
        out.log_probs.sum().backward()
        assert model.get_output_embeddings().weight.grad.isfinite().all()
    torch.testing.assert_close(
        ours.get_output_embeddings().weight.grad,
        theirs.get_output_embeddings().weight.grad,
        rtol=2e-2,
        atol=2e-2,
    )


def test_fp32_head_on_a_bf16_model_equals_trls():
    ours, theirs = both_heads(model_of().to(torch.bfloat16), 0.9, cast_lm_head_to_fp32=True)
    batch = batch_of()
    mine, trls = (m(**batch, fused_lm_head=True) for m in (ours, theirs))
    torch.testing.assert_close(mine.log_probs, trls.log_probs)


@pytest.mark.parametrize(
    ("config_class", "settings", "expected"),
    [
        (Qwen2Config, {}, (1.0, None)),
        (Gemma2Config, {"head_dim": 8, "final_logit_softcapping": 3.0}, (1.0, 3.0)),
        (CohereConfig, {"logit_scale": 0.25}, (0.25, None)),
        (GraniteConfig, {"logits_scaling": 4.0}, (0.25, None)),
    ],
)
def test_scaled_and_softcapped_models_match_their_own_logits(config_class, settings, expected):
    model = model_of(config_class, **settings)
    assert logit_transform(model.config) == expected
    batch = batch_of()
    reference = plain_log_probs(model, batch, 0.7)
    ours, theirs = both_heads(model, 0.7)
    mine, trls = (m(**batch, fused_lm_head=True) for m in (ours, theirs))
    torch.testing.assert_close(mine.log_probs.double(), reference, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(mine.log_probs, trls.log_probs)
    (mine.log_probs.sum() + mine.entropy.sum()).backward()
    (trls.log_probs.sum() + trls.entropy.sum()).backward()
    for (name, p), q in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(p.grad, q.grad, rtol=1e-4, atol=1e-5, msg=name)


def test_under_peft_the_adapters_get_gradients():
    base = model_of()
    wrapped = peft.get_peft_model(
        base, peft.LoraConfig(r=2, target_modules=["q_proj", "v_proj"], init_lora_weights=False)
    )
    batch = batch_of()
    add_tempered_lm_head(wrapped.get_base_model(), outputs=("log_probs", "entropy"))
    expected = plain_log_probs(wrapped, batch, 1.2)
    out = wrapped(
        **batch, fused_lm_head=True, temperatures=torch.full((BATCH,), 1.2), candidates=CANDIDATES
    )
    torch.testing.assert_close(out.log_probs.double(), expected, rtol=1e-5, atol=1e-5)
    assert out.candidate_log_probs.shape == (BATCH, LENGTH - 1, len(CANDIDATES))
    out.log_probs.sum().backward()
    trained = [p for p in wrapped.parameters() if p.requires_grad]
    assert trained
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in trained)


def test_a_head_that_is_trained_whole_is_used_and_an_adapted_one_refused():
    batch = batch_of()
    whole = peft.get_peft_model(
        model_of(), peft.LoraConfig(r=2, target_modules=["q_proj"], modules_to_save=["lm_head"])
    )
    add_tempered_lm_head(whole.get_base_model())
    expected = plain_log_probs(whole, batch, 1.0)
    out = whole(**batch, fused_lm_head=True)
    torch.testing.assert_close(out.log_probs.double(), expected, rtol=1e-5, atol=1e-5)
    out.log_probs.sum().backward()
    trained = [p for n, p in whole.named_parameters() if "lm_head" in n and p.requires_grad]
    assert trained
    assert all(p.grad.abs().sum() > 0 for p in trained)
    adapted = peft.get_peft_model(model_of(), peft.LoraConfig(r=2, target_modules=["lm_head"]))
    add_tempered_lm_head(adapted.get_base_model())
    with pytest.raises(ValueError, match="adapters on the LM head are not supported"):
        adapted(**batch, fused_lm_head=True)


def test_under_ddp_keyword_arguments_and_outputs_pass_through(tmp_path):
    model = model_of()
    batch = batch_of()
    expected = plain_log_probs(model, batch, 1.2)
    add_tempered_lm_head(model, outputs=("log_probs", "entropy"))
    store = torch.distributed.FileStore(os.fspath(tmp_path / "store"), 1)
    torch.distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    try:
        wrapped = torch.nn.parallel.DistributedDataParallel(model)
        out = wrapped(
            **batch,
            fused_lm_head=True,
            temperatures=torch.full((BATCH,), 1.2),
            candidates=CANDIDATES,
            entropy_at_one=True,
        )
        torch.testing.assert_close(out.log_probs.double(), expected, rtol=1e-5, atol=1e-5)
        out.log_probs.sum().backward()
        assert all(p.grad is not None for p in model.parameters())
    finally:
        torch.distributed.destroy_process_group()


def test_accelerates_conversion_of_outputs_keeps_every_field():
    from accelerate.utils.operations import convert_outputs_to_fp32

    model = model_of()
    batch = batch_of()
    add_tempered_lm_head(model, outputs=("log_probs", "entropy"))
    for arguments in ({}, {"candidates": CANDIDATES, "entropy_at_one": True}):
        plain = model(**batch, fused_lm_head=True, **arguments)
        converted = convert_outputs_to_fp32(model)(**batch, fused_lm_head=True, **arguments)
        assert type(converted) is type(plain)
        assert converted.keys() == plain.keys()
        for name, value in plain.items():
            assert torch.equal(converted[name], value), name


def test_gradient_checkpointing_gives_the_same_gradients():
    plain, checkpointed = model_of(), model_of()
    checkpointed.gradient_checkpointing_enable({"use_reentrant": False})
    batch = batch_of()
    for model in (plain, checkpointed):
        add_tempered_lm_head(model)
        model.train()
        model(**batch, fused_lm_head=True, candidates=CANDIDATES).log_probs.sum().backward()
    for p, q in zip(plain.parameters(), checkpointed.parameters(), strict=True):
        torch.testing.assert_close(p.grad, q.grad)


@pytest.mark.parametrize("asked", ["by the call", "by the configuration"])
def test_a_mixture_of_experts_balances_its_load_as_its_own_forward_does(asked):
    model = model_of(MixtralConfig, num_local_experts=4, num_experts_per_tok=2)
    batch = batch_of()
    plain = {name: batch[name] for name in ("input_ids", "attention_mask")}
    own = model(**plain, output_router_logits=True).aux_loss
    add_tempered_lm_head(model)
    assert model(**batch, fused_lm_head=True).aux_loss is None
    call = {"output_router_logits": True} if asked == "by the call" else {}
    model.config.output_router_logits = not call
    found = model(**batch, fused_lm_head=True, **call)
    torch.testing.assert_close(found.aux_loss, own)
    found.aux_loss.backward()
    assert model.model.layers[0].mlp.gate.weight.grad.abs().sum() > 0


def test_an_unknown_output_is_refused():
    with pytest.raises(ValueError, match=r"mean_logits.*allowed are \['log_probs', 'entropy'\]"):
        add_tempered_lm_head(model_of(), outputs=("log_probs", "mean_logits"))


def test_a_head_with_bias_is_used():
    model = model_of(LlamaConfig)
    head = model.get_output_embeddings()
    biased = torch.nn.Linear(head.in_features, head.out_features, bias=True)
    with torch.no_grad():
        biased.weight.copy_(head.weight)
        biased.bias.copy_(torch.linspace(-3, 3, head.out_features))
    model.set_output_embeddings(biased)
    expected = plain_log_probs(model, batch_of(), 0.8)
    add_tempered_lm_head(model, temperature=0.8)
    out = model(**batch_of(), fused_lm_head=True)
    torch.testing.assert_close(out.log_probs.double(), expected, rtol=1e-5, atol=1e-5)
    out.log_probs.sum().backward()
    assert biased.bias.grad.abs().sum() > 0
