"""The trainer: one temperature for sampler, loss and reference; likelihoods from the loss's own pass."""

import json
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from datasets import Dataset
from support.training_run import length_reward
from transformers import AutoModelForCausalLM, AutoTokenizer

import tampo.training.trainer
from tampo.files import read_jsonl
from tampo.problems.arithmetic import generate
from tampo.study.settings import AdaptiveEntropy, Lora, Training
from tampo.temperature.contract import CONTEXT
from tampo.temperature.protocol import OpenLoopPolicy
from tampo.temperature.registry import build_policy
from tampo.training.grpo_settings import (
    GROUP_TOKEN_MEAN,
    advantage_weights,
    grpo_config,
    lora_config,
)
from tampo.training.rollout_batch import TrainInferenceMismatch
from tampo.training.run_log import RunLog
from tampo.training.study_trainer import StudyTrainer

CANDIDATES = (0.6, 0.9, 1.2, 1.5)
STEPS = 3


def settings(**changes) -> Training:
    return Training(
        **{
            "problems": "arithmetic-train",
            "steps": STEPS,
            "prompts_per_step": 4,
            "group_size": 4,
            "micro_batch": 16,
            "max_completion_tokens": 12,
            "candidate_temperatures": list(CANDIDATES),
            "learning_rate": 1e-3,
            "lr_schedule": "constant_with_warmup",
            "warmup_ratio": 0.0,
            "kl_coefficient": 0.0,
            "loss": "grpo",
            "precision": "fp32",
            "checkpoint_every": 100,
            **changes,
        }
    )


class Sequence(OpenLoopPolicy):
    """Temperatures from a list; wants the likelihoods and keeps what it was shown."""

    candidates = CANDIDATES

    def __init__(self, *temperatures):
        self.temperatures, self.seen = temperatures, []

    def draw(self, step):
        return self.temperatures[step % len(self.temperatures)]

    def observe(self, log_likelihoods, advantages, feedback=None):
        self.seen.append((log_likelihoods, advantages, feedback))


def make(model, folder, policy, **changes):
    torch.set_num_threads(1)
    training = settings(**changes)
    problems = generate("sums", STEPS * training.prompts_per_step, 0)
    dataset = Dataset.from_dict(
        {
            "prompt": [[{"role": "user", "content": p["problem"]}] for p in problems],
            "problem_id": [p["id"] for p in problems],
        }
    )
    return StudyTrainer(
        temperature=policy,
        candidates=CANDIDATES,
        base_seed=1,
        run_log=RunLog(folder / "log"),
        logprob_temperature=training.logprob_temperature,
        group_token_mean=training.loss == GROUP_TOKEN_MEAN,
        weights=advantage_weights(training),
        model=AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32),
        reward_funcs=[length_reward],
        args=grpo_config(training, folder / "checkpoints", 1),
        train_dataset=dataset,
        processing_class=AutoTokenizer.from_pretrained(model, padding_side="left"),
        peft_config=lora_config(training),
    )


def lines(folder, name):
    return [json.loads(line) for line in (folder / "log" / name).read_text().splitlines()]


def test_the_drawn_temperature_is_the_samplers_and_the_losss(model, tmp_path):
    policy = Sequence(0.7, 1.5, 1.0)
    make(model, tmp_path, policy).train()
    steps = lines(tmp_path, "steps.jsonl")
    assert [s["temperature"] for s in steps] == [0.7, 1.5, 1.0]
    assert all(s["sampler_gap_max"] < 1e-4 for s in steps)
    assert steps[2]["entropy"] == pytest.approx(steps[2]["entropy_at_one"], abs=1e-9)
    assert steps[1]["entropy"] > steps[1]["entropy_at_one"]
    assert steps[0]["entropy"] < steps[0]["entropy_at_one"]


def test_temperatures_mixed_within_a_group_reach_sampler_loss_and_entropy(model, tmp_path):
    """One temperature per rollout: each row is scored at the one it was sampled at."""
    mixed = np.array([0.6, 0.9, 1.2, 1.5])
    policy = Sequence(mixed, mixed[::-1].copy())
    trainer = make(model, tmp_path, policy, steps=2, micro_batch=8)
    trainer.train()
    steps = lines(tmp_path, "steps.jsonl")
    assert [s["temperature"] for s in steps] == pytest.approx([1.05, 1.05])
    assert all(s["sampler_gap_max"] < 1e-4 for s in steps)
    for (likelihoods, _, feedback), drawn in zip(policy.seen, (mixed, mixed[::-1]), strict=True):
        np.testing.assert_array_equal(feedback.temperatures, np.tile(drawn, 4))
        assert feedback.temperature == pytest.approx(1.05)
        assert likelihoods.shape == (16, 4)
    trainer.run_log.publish(tmp_path / "out")
    table = pq.read_table(tmp_path / "out" / "trajectories.parquet").to_pandas()
    np.testing.assert_array_equal(
        table.temperature, np.concatenate([np.tile(mixed, 4), np.tile(mixed[::-1], 4)])
    )
    # A hot rollout is longer or less likely than a cold one at the same place of another batch, never
    # the same: the temperatures were not all set to their mean.
    same = make(model, tmp_path / "same", Sequence(1.05), steps=1, micro_batch=8)
    same.train()
    assert not np.allclose(same.policy.seen[0][0], policy.seen[0][0])


def test_a_temperature_per_token_position_reaches_sampler_loss_and_entropy(model, tmp_path):
    """Each token is scored at the temperature that it was sampled at; the last one serves later tokens."""
    falling = np.array([[2.0, 1.5, 1.0, 0.5]])
    policy = Sequence(falling)
    trainer = make(
        model, tmp_path, policy, steps=2, micro_batch=8, kl_coefficient=0.1, iterations=2
    )
    trainer.train()
    steps = lines(tmp_path, "steps.jsonl")
    assert all(s["sampler_gap_max"] < 1e-4 for s in steps)
    likelihoods, _, feedback = policy.seen[0]
    by_token = np.concatenate([falling[0], np.full(8, 0.5)])
    expected = [by_token[:length].mean() for length in feedback.lengths]
    assert feedback.temperatures == pytest.approx(expected)
    assert len(set(feedback.lengths)) > 1 and likelihoods.shape == (16, 4)
    # The same numbers at every position are the same run as one number.
    one, many = Sequence(0.9), Sequence(np.full((1, 3), 0.9))
    for name, same in (("one", one), ("many", many)):
        make(model, tmp_path / name, same, steps=1, micro_batch=8).train()
    np.testing.assert_allclose(many.seen[0][0], one.seen[0][0], atol=1e-6)


def test_one_temperature_for_all_positions_goes_with_untempered_log_probabilities(model, tmp_path):
    one, many = Sequence(0.9), Sequence(np.full((1, 3), 0.9))
    for name, policy in (("one", one), ("many", many)):
        trainer = make(model, tmp_path / name, policy, steps=1, logprob_temperature="one")
        trainer.train()
    assert lines(tmp_path / "many", "steps.jsonl")[0]["sampler_gap_max"] < 1e-4
    np.testing.assert_allclose(many.seen[0][0], one.seen[0][0], atol=1e-6)


def test_rollouts_that_are_masked_leave_the_loss_and_nothing_else(model, tmp_path):
    plain, masked = Sequence(1.0), Sequence(1.0)
    make(model, tmp_path / "plain", plain, steps=2).train()
    # Far below the target, so from the second step on only A <= 0 stays.
    mask = {"start": 100.0, "end": 100.0, "band": 0.0}
    make(model, tmp_path / "masked", masked, steps=2, mask_by_entropy=mask).train()
    rows = read_jsonl(tmp_path / "masked" / "log" / "steps.jsonl")
    other = read_jsonl(tmp_path / "plain" / "log" / "steps.jsonl")
    assert rows[0]["masked"] == 0 and rows[0]["loss"] == other[0]["loss"]
    positive = float((masked.seen[1][1] > 0).mean())
    assert rows[1]["masked"] == pytest.approx(positive) and positive > 0
    assert rows[1]["grad_norm"] != other[1]["grad_norm"]
    # The policy is shown every advantage.
    np.testing.assert_array_equal(masked.seen[1][1], plain.seen[1][1])
    assert "masked" not in other[0]


def test_vllm_cannot_mix_temperatures_within_a_group(model, tmp_path):
    trainer = make(model, tmp_path, Sequence(1.0))
    trainer.use_vllm = True
    with pytest.raises(TypeError, match=r"vllm.* samples a whole batch at one temperature"):
        trainer._temperatures_of([0, 1, 2, 3], np.array([0.6, 0.9, 1.2, 1.5]))


def test_the_entropy_coefficient_rises_below_the_target_and_falls_above_it(model, tmp_path):
    """Skywork-OR1's rule by hand: 0, then + delta a step while H <= target, capped; or never up."""
    below = AdaptiveEntropy(target=100.0, delta=0.01, maximum=0.02)
    make(model, tmp_path / "a", Sequence(1.0), adaptive_entropy=below).train()
    steps = lines(tmp_path / "a", "steps.jsonl")
    assert [s["entropy_coef"] for s in steps] == pytest.approx([0.01, 0.02, 0.02])
    above = AdaptiveEntropy(target=1e-9, delta=0.01, maximum=0.02)
    make(model, tmp_path / "b", Sequence(1.0), adaptive_entropy=above).train()
    steps_above = lines(tmp_path / "b", "steps.jsonl")
    assert [s["entropy_coef"] for s in steps_above] == [0.0, 0.0, 0.0]
    # The bonus has a gradient: after the steps it acted in, the two runs are no longer the same.
    assert steps[0]["entropy"] == steps_above[0]["entropy"]
    assert steps[2]["entropy"] != steps_above[2]["entropy"]


def test_likelihoods_are_those_of_the_weights_that_made_the_rollouts(model, tmp_path):
    """Recomputed from the base model's plain logits for the first batch, completion by completion."""
    policy = Sequence(1.2)
    trainer = make(model, tmp_path, policy)
    batches = []
    inner = trainer._prepare_inputs

    def spy(batch):
        batches.append(inner(batch))
        return batches[-1]

    trainer._prepare_inputs = spy
    trainer.train()
    reference = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
    first = batches[0]
    for index, row in enumerate(first["row"].tolist()):
        prompt = first["prompt_ids"][index][first["prompt_mask"][index].bool()]
        tokens = first["completion_ids"][index][first["completion_mask"][index].bool()]
        logits = (
            reference(torch.cat([prompt, tokens])[None]).logits[0, len(prompt) - 1 : -1].double()
        )
        for k, temperature in enumerate(CANDIDATES):
            log_probs = torch.log_softmax(logits / temperature, -1)
            expected = log_probs.gather(-1, tokens[:, None]).mean().item()
            assert policy.seen[0][0][row, k] == pytest.approx(expected, abs=1e-5)


def test_no_forward_pass_is_added(model, tmp_path):
    counts = {}
    for name, probe in (("with", CANDIDATES), ("without", ())):
        policy = Sequence(1.0)
        policy.candidates = probe
        trainer = make(model, tmp_path / name, policy)
        trainer.candidates = probe
        calls = []
        trainer.model.model.register_forward_hook(
            lambda _m, _i, out, calls=calls: calls.append(out.last_hidden_state.shape[1])
        )
        trainer.train()
        # Passes over whole completions; generation feeds one token at a time after the prompt.
        counts[name] = len(calls)
    assert counts["with"] == counts["without"]


@pytest.mark.parametrize(
    "changes",
    [
        {"micro_batch": 4},
        {"micro_batch": 8, "kl_coefficient": 0.1},
        {"gradient_checkpointing": True},
        {"kl_coefficient": 0.1},
    ],
    ids=str,
)
def test_the_policy_is_shown_the_same_whatever_the_split(model, tmp_path, changes):
    one, other = Sequence(1.2), Sequence(1.2)
    make(model, tmp_path / "one", one, steps=1).train()
    make(model, tmp_path / "other", other, steps=1, **changes).train()
    np.testing.assert_allclose(one.seen[0][0], other.seen[0][0], atol=1e-6)
    np.testing.assert_array_equal(one.seen[0][1], other.seen[0][1])
    np.testing.assert_array_equal(one.seen[0][2].groups, other.seen[0][2].groups)


def test_only_the_first_pass_over_a_rollout_feeds_the_policy(model, tmp_path):
    policy = Sequence(0.9)
    make(model, tmp_path, policy, steps=4, iterations=2, micro_batch=8).train()
    assert len(policy.seen) == 2
    assert [s["temperature"] for s in lines(tmp_path, "steps.jsonl")] == [0.9] * 4
    assert len(lines(tmp_path, "policy.jsonl")) == 2


@pytest.mark.parametrize("changes", [{"precision": "bf16"}, {"lora": Lora(rank=2, alpha=4)}])
def test_other_precisions_and_adapters_train(model, tmp_path, changes):
    policy = Sequence(1.3)
    make(model, tmp_path, policy, kl_coefficient=0.04, **changes).train()
    assert len(policy.seen) == STEPS
    assert all(np.isfinite(ll).all() for ll, _, _ in policy.seen)


def test_a_train_inference_mismatch_stops_the_run(model, tmp_path, monkeypatch):
    original = tampo.training.trainer.sampler.generate

    def elsewhere(*args, temperatures, **kwargs):
        return original(*args, temperatures=temperatures + 0.1, **kwargs)

    monkeypatch.setattr(tampo.training.trainer.sampler, "generate", elsewhere)
    with pytest.raises(
        TrainInferenceMismatch, match=r"step 0: .*temperature 0.9 differ .*those of temperature 1$"
    ):
        make(model, tmp_path, Sequence(0.9)).train()


def test_untempered_log_probs_are_an_ablation(model, tmp_path):
    """Rollouts at T, loss at 1: the sampler still agrees with the model at T."""
    policy = Sequence(1.5)
    make(model, tmp_path, policy, steps=1, logprob_temperature="one").train()
    step = lines(tmp_path, "steps.jsonl")[0]
    assert step["sampler_gap_max"] < 1e-4
    assert step["entropy"] == pytest.approx(step["entropy_at_one"], abs=1e-9)
    assert policy.seen[0][0].shape[1] == len(CANDIDATES)


def test_the_reference_model_is_scored_at_the_rollouts_temperature(model, tmp_path):
    """Before the first update model and reference model are equal, so their KL is zero at any T."""
    make(model, tmp_path, Sequence(0.6), steps=1, kl_coefficient=0.5).train()
    assert lines(tmp_path, "steps.jsonl")[0]["kl"] == pytest.approx(0.0, abs=1e-6)


def test_trajectories_hold_one_row_each_with_every_candidate(model, tmp_path):
    policy = Sequence(0.9)
    trainer = make(model, tmp_path, policy)
    trainer.train()
    trainer.run_log.publish(tmp_path / "out")
    table = pq.read_table(tmp_path / "out" / "trajectories.parquet").to_pandas()
    assert len(table) == STEPS * 16
    columns = [f"log_likelihood_{t:g}" for t in CANDIDATES]
    first = table[table.step == 0]
    np.testing.assert_array_equal(first[columns].to_numpy(), policy.seen[0][0])
    np.testing.assert_array_equal(first.advantage.to_numpy(), policy.seen[0][1])
    assert first.groupby("group").problem_id.nunique().eq(1).all()


def test_tampo_learns_from_what_it_is_shown(model, tmp_path):
    context = replace(CONTEXT, steps=STEPS, warmup_steps=0, candidates=CANDIDATES, seed=1)
    policy = build_policy("tampo", {}, context)
    make(model, tmp_path, policy).train()
    records = lines(tmp_path, "policy.jsonl")
    assert [r["step"] for r in records] == list(range(STEPS))
    np.testing.assert_allclose(records[-1]["probabilities"], policy.probabilities)
    assert np.ptp(policy.ema_advantages) > 0


def test_the_mean_advantage_of_every_group_is_zero(model, tmp_path):
    policy = Sequence(1.0)
    make(model, tmp_path, policy, steps=1).train()
    _, advantages, feedback = policy.seen[0]
    for group in np.unique(feedback.groups):
        assert advantages[feedback.groups == group].mean() == pytest.approx(0, abs=1e-6)
