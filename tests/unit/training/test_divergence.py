"""A run that diverges ends at that step, keeps what it has, and leaves nothing that looks finished."""

import json
import re
from types import SimpleNamespace

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from support.studies import micro_study

from tampo.files import checksums, read_jsonl
from tampo.grading.rewards import REWARDS
from tampo.records.collapse import collapses
from tampo.records.run_json import Collapse, Divergence
from tampo.stages.train import train
from tampo.training.divergence import (
    GRADIENT_NORM,
    Diverged,
    require_finite,
    require_finite_arrays,
    require_finite_step,
)
from tampo.training.stop_at_step_end import StopAtStepEnd
from tampo.training.study_trainer import StudyTrainer

STEPS = 3


def study(**changes):
    return micro_study(training={"steps": STEPS, "checkpoint_every": 1, **changes})


def of_step(step, change):
    """Apply `change` to what a method of the trainer returns, in one step."""

    def wrapped(original):
        def method(self, *arguments, **keywords):
            result = original(self, *arguments, **keywords)
            return change(self, result) if self.state.global_step == step else result

        return method

    return wrapped


def bad_loss(value):
    def inject(monkeypatch, step):
        wrapped = of_step(step, lambda _, loss: loss * value)(StudyTrainer._compute_loss)
        monkeypatch.setattr(StudyTrainer, "_compute_loss", wrapped)

    return inject


def bad_gradient(monkeypatch, step):
    def spoil(trainer, loss):
        next(trainer.model.parameters()).grad.view(-1)[0] = torch.nan
        return loss

    wrapped = of_step(step, spoil)(StudyTrainer.training_step)
    monkeypatch.setattr(StudyTrainer, "training_step", wrapped)


def bad_weights(monkeypatch, step):
    original = StopAtStepEnd.on_step_end

    def on_step_end(self, args, state, control, **rest):
        if state.global_step == step + 1:
            with torch.no_grad():
                rest["model"].lm_head.weight[3, 1] = torch.inf
        return original(self, args, state, control, **rest)

    monkeypatch.setattr(StopAtStepEnd, "on_step_end", on_step_end)


def bad_reward(monkeypatch, step):
    calls = []

    def boxed_reward(completions, **_):
        calls.append(1)
        return [float("-inf") if len(calls) == step + 1 else 0.5 for _ in completions]

    monkeypatch.setitem(REWARDS, "boxed", boxed_reward)


def bad_likelihood(monkeypatch, step):
    original = StudyTrainer._get_per_token_logps_and_entropies

    def spoiled(self, model, *arguments, **keywords):
        weight = model.lm_head.weight
        kept = weight.detach().clone()
        if self.state.global_step == step:
            weight.data.fill_(torch.nan)
        result = original(self, model, *arguments, **keywords)
        weight.data.copy_(kept)
        return result

    monkeypatch.setattr(StudyTrainer, "_get_per_token_logps_and_entropies", spoiled)


FAULTS = {
    "loss nan": (bad_loss(torch.nan), r"loss is nan, gradient norm is nan"),
    "loss inf": (bad_loss(torch.inf), r"loss is -?(inf|nan)"),
    "gradient": (bad_gradient, r"^gradient norm is nan$"),
    "weights": (bad_weights, r"^weights not finite: (lm_head|model\.embed_tokens)\.weight$"),
    "reward": (bad_reward, r"^reward boxed_reward is infinite in 16 of 16 rollouts$"),
    "likelihood": (bad_likelihood, r"^log-probabilities not finite in 16 of 16 rollouts$"),
}


@pytest.mark.parametrize("step", [0, 1, STEPS - 1], ids=["first", "middle", "last"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_number_that_is_not_finite_ends_the_run_at_its_step(
    model, tmp_path, monkeypatch, fault, step
):
    inject, what = FAULTS[fault]
    inject(monkeypatch, step)
    train(study(), "tampo", 1, model, tmp_path)
    record = json.loads((tmp_path / "run.json").read_text())
    assert record["version"] == 4
    assert record["diverged"]["step"] == step
    assert re.search(what, record["diverged"]["what"])
    assert {path.name for path in tmp_path.iterdir()} == {
        *("checkpoint", "steps.jsonl", "policy.jsonl", "trajectories.parquet", "run.json")
    }
    marker = tmp_path / "checkpoint" / "diverged.json"
    assert list((tmp_path / "checkpoint").iterdir()) == [marker]
    assert json.loads(marker.read_text()) == record["diverged"]
    assert [row["step"] for row in read_jsonl(tmp_path / "steps.jsonl")] == list(range(step))
    assert [row["step"] for row in read_jsonl(tmp_path / "policy.jsonl")] == list(range(step))
    rollouts = pq.read_table(tmp_path / "trajectories.parquet").to_pandas()
    assert sorted(set(rollouts["step"])) == list(range(step))
    assert np.isfinite(rollouts.filter(like="log_likelihood_").to_numpy()).all()
    assert record["files"] == {k: v for k, v in checksums(tmp_path).items() if k != "run.json"}


def test_weights_between_checkpoints_are_found_by_the_next_step(model, tmp_path, monkeypatch):
    bad_weights(monkeypatch, 0)
    train(study(checkpoint_every=100), "tampo", 1, model, tmp_path)
    found = json.loads((tmp_path / "run.json").read_text())["diverged"]
    assert found == {"step": 1, "what": "log-probabilities not finite in 16 of 16 rollouts"}


def test_finite_weights_that_overflow_are_found_after_the_last_step(model, tmp_path, monkeypatch):
    original = StopAtStepEnd.on_step_end

    def enlarge(self, args, state, control, **rest):
        if state.global_step == STEPS:
            with torch.no_grad():
                for weight in rest["model"].parameters():
                    weight.mul_(1e25)
                assert all(weight.isfinite().all() for weight in rest["model"].parameters())
        return original(self, args, state, control, **rest)

    monkeypatch.setattr(StopAtStepEnd, "on_step_end", enlarge)
    train(study(), "tampo", 1, model, tmp_path)
    found = json.loads((tmp_path / "run.json").read_text())["diverged"]
    assert found["step"] == STEPS - 1
    assert "after the last update" in found["what"]


def test_an_interrupted_run_diverges_where_it_would_have(model, tmp_path, monkeypatch):
    """Stopped before the step, and again while it was published: the same files."""
    bad_gradient(monkeypatch, 2)
    train(study(), "tampo", 1, model, tmp_path / "whole")
    original = StopAtStepEnd.on_step_end

    def stop(self, args, state, control, **rest):
        if state.global_step == 2:
            raise KeyboardInterrupt
        return original(self, args, state, control, **rest)

    with monkeypatch.context() as once:
        once.setattr(StopAtStepEnd, "on_step_end", stop)
        with pytest.raises(KeyboardInterrupt):
            train(study(), "tampo", 1, model, tmp_path / "resumed")
    train(study(), "tampo", 1, model, tmp_path / "resumed")
    records = [json.loads((tmp_path / n / "run.json").read_text()) for n in ("whole", "resumed")]
    assert records[1]["resumed_from"] == "checkpoint-1"
    assert records[0]["diverged"] == records[1]["diverged"]
    same = ("policy.jsonl", "trajectories.parquet", "checkpoint/diverged.json")
    assert all(records[0]["files"][name] == records[1]["files"][name] for name in same)


def test_a_replay_of_a_run_that_diverged_says_so(model, tmp_path, monkeypatch):
    methods = [
        {"name": "tampo", "policy": "tampo", "settings": {"warmup_steps": 1}},
        {"name": "yoked", "policy": "replay", "settings": {"method": "tampo"}},
    ]
    tables = [{"name": "table1", "title": "All", "methods": ["tampo", "yoked"]}]
    own = micro_study(methods=methods, tables=tables, training={"steps": STEPS})
    with monkeypatch.context() as once:
        bad_gradient(once, 1)
        train(own, "tampo", 1, model, tmp_path / "tampo")
    train(own, "yoked", 2, model, tmp_path / "yoked", tmp_path / "tampo" / "steps.jsonl")
    assert json.loads((tmp_path / "yoked" / "run.json").read_text())["diverged"] == {
        "step": 0,
        "what": "it replays the temperatures of tampo, seed 1, which diverged at step 1: "
        "gradient norm is nan",
    }


def test_rewards_that_are_missing_are_no_divergence_and_counted(model, tmp_path, monkeypatch):
    """None is "not scored"; a batch without any reward teaches nothing, and is said."""
    calls = []

    def accuracy_reward(completions, **_):
        calls.append(1)
        return [
            None if len(calls) == 2 or i % 4 == 0 else float(i) for i in range(len(completions))
        ]

    monkeypatch.setitem(REWARDS, "accuracy", accuracy_reward)
    train(study(rewards=[{"name": "accuracy"}]), "tampo", 1, model, tmp_path)
    record = json.loads((tmp_path / "run.json").read_text())
    assert "diverged" not in record
    assert [row["unscored"] for row in read_jsonl(tmp_path / "steps.jsonl")] == [4, 16, 4]
    assert record["collapse"] == [
        {"what": "no rollout of a batch scored", "first_step": 1, "steps": 1}
    ]


def test_a_run_without_trouble_says_nothing_of_it(trained):
    record = json.loads((trained / "run.json").read_text())
    assert not {"diverged", "collapse"} & set(record)


@pytest.mark.parametrize(
    ("skipped", "scale", "ends"), [(True, 1024.0, False), (True, 0.5, True), (False, 1024.0, True)]
)
def test_a_step_that_fp16_drops_is_its_search_for_a_scale_until_that_is_below_one(
    skipped, scale, ends
):
    scaler = SimpleNamespace(get_scale=lambda: scale)
    accelerator = SimpleNamespace(scaler=scaler, optimizer_step_was_skipped=skipped)

    def check():
        require_finite_step(4, {"loss": 0.1, GRADIENT_NORM: np.inf}, accelerator)

    if ends:
        with pytest.raises(Diverged, match="diverged at step 4: gradient norm is inf"):
            check()
    else:
        check()


def test_reasons_name_the_number():
    with pytest.raises(Diverged, match="at step 3: loss is inf, gradient norm is nan"):
        require_finite(3, {"loss": np.inf, "gradient norm": np.nan, "other": 0.0})
    arrays = {"entropy": np.array([1.0, np.nan]), "advantages": np.array([np.inf, 0.0])}
    with pytest.raises(Diverged, match=r"entropy not finite in 1 of 2 rollouts$"):
        require_finite_arrays(0, arrays)
    assert str(Divergence(step=2, what="loss is nan")) == "diverged at step 2: loss is nan"


def steps(count, **columns):
    usual = {"reward": 0.5, "reward_std": 0.1, "entropy_at_one": 1.0}
    return [
        {"step": step} | usual | {name: values[step] for name, values in columns.items()}
        for step in range(count)
    ]


def test_collapse_is_a_long_stretch_of_equal_rewards_or_of_no_entropy():
    """The window is a tenth of the run and ten steps at least: 40 steps have 10, 200 have 20."""
    flat = [0.0] * 10 + [0.1] + [0.0] * 9 + [0.1] * 20
    zero = [1.0] * 28 + [0.005] * 12
    found = collapses(steps(40, reward_std=flat, entropy_at_one=zero), 40)
    assert found == [
        Collapse(what="all rewards of a batch equal (0.5)", first_step=0, steps=10),
        Collapse(
            what="entropy at temperature 1 below 0.01 nats per token", first_step=28, steps=12
        ),
    ]
    assert collapses(steps(40, reward_std=flat), 200) == []
    assert collapses(steps(40), 40) == []
