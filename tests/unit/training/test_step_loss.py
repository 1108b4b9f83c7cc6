"""The loss of a step is the same however its rollouts are split, for every loss that is offered."""

import subprocess
import sys
from typing import get_args

import pytest
import torch
import yaml
from safetensors.torch import load_file
from support.paths import ROOT
from support.studies import micro_study

from tampo.layout import CHECKPOINT
from tampo.stages.train import train
from tampo.study.settings import Training
from tampo.training.grpo_settings import grpo_config
from tampo.training.step_loss import entropy_mean_correction, group_weights

LOSSES = get_args(Training.model_fields["loss"].annotation)
BONUS = {"adaptive_entropy": {"target": 100.0, "delta": 0.05, "maximum": 0.1}}
METHODS = [{"name": "tampo", "policy": "tampo", "settings": {"warmup_steps": 1}}]
TABLES = [{"name": "table1", "title": "All", "methods": ["tampo"]}]
MIXED = [{"name": "tampo", "policy": "mixed", "settings": {"centre": 1.0, "spread": 0.3}}]
ROUNDING = 2e-6
"""Weights move by about 1e-3 a step; sums in another order move the last bits of float32."""


def test_group_weights_by_hand():
    """Groups of 2 and 6 tokens: (8 / 2) / 2 = 2 and (8 / 2) / 6 = 2/3."""
    weights = group_weights(torch.tensor([1, 1, 4, 2]), 2)
    assert weights.tolist() == pytest.approx([2, 2, 2 / 3, 2 / 3])
    # All weighted tokens together are as many as before.
    assert float((weights * torch.tensor([1, 1, 4, 2])).sum()) == pytest.approx(8)


def test_a_group_without_tokens_counts_as_a_group_of_loss_zero():
    assert group_weights(torch.tensor([0, 0, 3, 1]), 2).tolist() == pytest.approx([0, 0, 0.5, 0.5])
    assert group_weights(torch.tensor([0, 0]), 2).tolist() == [0, 0]


def test_the_correction_of_the_entropy_bonus_by_hand():
    """Entropies 1, 3 of a micro-batch of 2 in a step of 8 tokens: 4/2/2 accumulated, 4/8 wanted."""
    entropies, mask = torch.tensor([[1.0, 3.0, 9.0]]), torch.tensor([[1, 1, 0]])
    correction = entropy_mean_correction(entropies, mask, torch.tensor(8.0), 2)
    assert correction.item() == pytest.approx(4 / 2 / 2 - 4 / 8)


def trained(model, out, methods=METHODS, **training):
    study = micro_study(training={"steps": 3, **training}, methods=methods, tables=TABLES)
    train(study, "tampo", 1, model, out)
    return load_file(out / CHECKPOINT / "model.safetensors")


def largest_difference(a, b):
    return max((a[name] - b[name]).abs().max().item() for name in a)


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [
        {},
        BONUS,
        {"kl_coefficient": 0.1, "iterations": 2, "steps": 4},
        {"lora": {"rank": 2, "alpha": 4}},
        {"scale_rewards": "batch"},
        {"methods": MIXED},
    ],
    ids=["plain", "entropy bonus", "KL and two iterations", "LoRA", "batch scale", "mixed"],
)
@pytest.mark.parametrize("loss", LOSSES)
def test_micro_batches_do_not_change_the_weights(model, tmp_path, loss, changes):
    runs = [
        trained(model, tmp_path / str(size), loss=loss, micro_batch=size, **changes)
        for size in (16, 8, 4)
    ]
    found = [largest_difference(runs[0], other) for other in runs[1:]]
    print(f"{loss}: {max(found):.1e}")
    assert max(found) < ROUNDING
    start = load_file(model / "model.safetensors")
    assert largest_difference(runs[0], start) > 100 * ROUNDING


@pytest.mark.slow
@pytest.mark.parametrize("loss", LOSSES)
def test_processes_do_not_change_the_weights(model, tmp_path, loss):
    content = micro_study(training={"steps": 3, "loss": loss, **BONUS})
    file = tmp_path / "study.yaml"
    file.write_text(yaml.safe_dump(content.model_dump(mode="json", exclude_unset=True)))
    stage = ["-m", "tampo", "train", "--study", str(file), "--method", "tampo", "--seed", "1"]
    launch = ["-m", "torch.distributed.run", "--nproc_per_node", "2"]
    command = [sys.executable, *launch, *stage, "--model", str(model), "--out", str(tmp_path / "2")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    one = trained(model, tmp_path / "1", loss=loss, **BONUS)
    two = load_file(tmp_path / "2" / CHECKPOINT / "model.safetensors")
    print(f"{loss}: {largest_difference(one, two):.1e}")
    assert largest_difference(one, two) < ROUNDING


def test_bnpo_is_trls_where_a_micro_batch_is_a_group(model, tmp_path, monkeypatch):
    """TRL's own loss over micro-batches of one group, in the order of the groups."""
    import trl.trainer.grpo_trainer as theirs

    import tampo.training.grpo_settings as ours

    training = {"loss": "bnpo", "micro_batch": 4, "steps": 2}
    weighted = trained(model, tmp_path / "weighted", **training)
    monkeypatch.setattr(theirs, "shuffle_sequence_dict", lambda batch: batch)
    monkeypatch.setattr(ours, "GROUP_TOKEN_MEAN", "none")
    monkeypatch.setattr("tampo.stages.train.GROUP_TOKEN_MEAN", "none")
    plain = trained(model, tmp_path / "plain", **training)
    assert largest_difference(weighted, plain) < ROUNDING
    monkeypatch.undo()
    shuffled = trained(model, tmp_path / "large", **(training | {"micro_batch": 16}))
    assert largest_difference(weighted, shuffled) < ROUNDING


def test_the_offered_losses_are_trls_and_bnpo_its_token_mean(tmp_path):
    settings = {"problems": "arithmetic-train", "precision": "fp32", "warmup_ratio": 0.0}
    names = [grpo_config(Training(**settings, loss=loss), tmp_path, 1).loss_type for loss in LOSSES]
    assert names == ["grpo", "dapo", "dr_grpo", "dapo"]
