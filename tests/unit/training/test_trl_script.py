"""A user's TRL script with the class changed: what the user asked TRL for still happens."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from support.byte_model import write_byte_model
from support.paths import ROOT

from tampo.temperature.guarded_policy import GuardedPolicy

SCRIPT = (ROOT / "examples" / "trl_script.py").read_text()
STEPS = 3
POLICY = 'temperature="tampo",'
REWARD = "[float(str(true) in text.split()) for text, true in zip(texts, answer, strict=True)]"
"""What a random model never earns; here instead something that differs within groups."""
ONE_LINE = "logging_steps=1,"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_byte_model(tmp_path_factory.mktemp("model"))


class Script:
    """The example as it stands, small, with options added to its `GRPOConfig` or its trainer."""

    def __init__(self, model: Path, out: Path, monkeypatch):
        self.model, self.out, self._patch = model, out, monkeypatch

    def __call__(self, config="", trainer="", before="", **changes):
        text = SCRIPT.replace("max_steps=20", f"max_steps={STEPS}")
        text = text.replace("per_device_train_batch_size=16", "per_device_train_batch_size=8")
        text = text.replace("num_generations=8", "num_generations=4")
        text = text.replace("max_completion_length=32", "max_completion_length=6")
        text = text.replace(POLICY, f"{POLICY} {trainer}")
        text = text.replace(REWARD, "[float(len(text) % 3) for text in texts]")
        text = text.replace(ONE_LINE, f"{ONE_LINE} bf16=False, {config}")
        for old, new in changes.items():
            assert old in text, old
            text = text.replace(old, new)
        self._patch.setattr(sys, "argv", ["trl_script.py", str(self.model), str(self.out)])
        found: dict = {}
        exec(compile(f"{before}\n{text}", "trl_script.py", "exec"), found)
        return found["trainer"]

    def policy_log(self):
        return [json.loads(line) for line in (self.out / "policy.jsonl").open()]


@pytest.fixture
def script(model, tmp_path, monkeypatch):
    return Script(model, tmp_path / "out", monkeypatch)


def steps_of(trainer):
    return [entry for entry in trainer.state.log_history if "temperature/sampled" in entry]


def test_the_script_is_short_and_differs_from_trls_own_in_two_lines():
    lines = SCRIPT.splitlines()
    assert len(lines) <= 40
    plain = SCRIPT.replace("tampo import TemperatureGRPOTrainer", "trl import GRPOTrainer")
    plain = plain.replace("TemperatureGRPOTrainer", "GRPOTrainer")
    # The import, the class by its name, and the temperature, which has a default.
    changed = [line for line in lines if line not in plain.splitlines() or POLICY in line]
    assert len(changed) == 3


def test_as_it_stands(script):
    trainer = script()
    assert trainer.state.global_step == STEPS
    assert isinstance(trainer.policy, GuardedPolicy)
    assert trainer.candidates == (0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.4, 1.5)
    assert trainer.policy.seed == trainer.args.seed == 42
    log = script.policy_log()
    assert [row["step"] for row in log] == [0, 1, 2]
    assert [row["temperature"] for row in log] == [
        e["temperature/sampled"] for e in steps_of(trainer)
    ]
    last = steps_of(trainer)[-1]
    assert last["temperature/preferred"] in trainer.candidates
    assert last["temperature/entropy_at_one"] == pytest.approx(log[-1]["entropy_at_one"])
    assert last["temperature/entropy"] == pytest.approx(log[-1]["entropy"])
    assert 0 < last["temperature/credit_p_value"] <= 1
    # A policy of its own learned from every batch.
    assert trainer.policy.state_dict()["observations"] == STEPS


@pytest.mark.parametrize(
    "choice",
    ['"uniform"', '("linear", {"start": 0.9, "end": 1.5})', '("fixed", {"temperature": 0.7})'],
)
def test_a_policy_by_its_name(script, choice):
    trainer = script(**{POLICY: f"temperature={choice},"})
    assert len(script.policy_log()) == STEPS
    assert "temperature/preferred" not in steps_of(trainer)[0]


def test_an_own_policy_from_a_file_and_as_an_object(script, tmp_path):
    body = (
        "from tampo import OpenLoopPolicy\n"
        "class Mine(OpenLoopPolicy):\n"
        "    def draw(self, step): return 0.5 + step / 10\n"
    )
    (tmp_path / "mine.py").write_text(body)
    script(**{POLICY: f'temperature="{tmp_path}/mine.py:Mine",'})
    drawn = [row["temperature"] for row in script.policy_log()]
    assert drawn == pytest.approx([0.5, 0.6, 0.7])
    script(before=body, **{POLICY: "temperature=Mine(),"})
    assert [row["temperature"] for row in script.policy_log()] == drawn


def test_a_policy_that_asks_for_answers_is_shown_which_are_the_same(script):
    boxed = "tokenizer = trainer.processing_class\n"
    boxed += "decode = tokenizer.batch_decode\n"
    # Whatever was sampled, half of a group answers one half in two ways and half answers three.
    boxed += (
        "texts = [r'\\boxed{1/2}', r'\\boxed{0.5}', r'\\boxed{3}', r'\\boxed{3.0}']\n"
        "tokenizer.batch_decode = lambda ids, **k: [texts[i % 4] for i in range(len(ids))]\n"
    )
    script(
        **{
            POLICY: 'temperature="diversity",',
            "trainer.train()": boxed + "trainer.train()",
        }
    )
    assert [row["distinct_answers"] for row in script.policy_log()] == [2, 2, 2]


def test_evaluation_is_trls_own_and_no_policy_hears_of_it(script):
    without = script()
    before = (script.out / "policy.jsonl").read_bytes()
    state = without.policy.state_dict()
    evaluated = script(
        config='eval_strategy="steps", eval_steps=1, eval_on_start=True, '
        "per_device_eval_batch_size=4, num_generations_eval=2,",
        trainer="eval_dataset=Dataset.from_list("
        '[{"prompt": [{"role": "user", "content": "1+1"}], "answer": 2}] * 4),',
    )
    rewards = [e["eval_reward"] for e in evaluated.state.log_history if "eval_reward" in e]
    assert len(rewards) == STEPS + 1
    assert (script.out / "policy.jsonl").read_bytes() == before
    assert json.dumps(evaluated.policy.state_dict()) == json.dumps(state)
    for name, parameter in without.model.named_parameters():
        assert torch.equal(parameter, evaluated.model.get_parameter(name)), name
    sampled = evaluated.generation_config
    assert (sampled.temperature, sampled.top_p, sampled.do_sample) == (1.0, 1.0, True)


def test_truncated_completions_out_of_the_loss_keep_length_likelihood_and_entropy(script):
    whole = script()
    seen = script.policy_log()[0]
    masked = script(config="mask_truncated_completions=True,")
    # The first rollouts are the same; hardly any completion of six bytes ends.
    first = script.policy_log()[0]
    assert first["truncated"] == seen["truncated"] > 0.5
    assert first["entropy"] == pytest.approx(seen["entropy"])
    assert first["signal"] == pytest.approx(seen["signal"])
    assert (
        steps_of(masked)[0]["completions/mean_length"]
        == steps_of(whole)[0]["completions/mean_length"]
    )
    assert steps_of(masked)[0]["grad_norm"] < steps_of(whole)[0]["grad_norm"]


@pytest.mark.parametrize("form", ["within a step", "over steps"])
def test_rollout_batches_that_are_no_whole_step(script, form):
    if form == "within a step":
        config, batches = "gradient_accumulation_steps=2, steps_per_generation=1,", 2 * STEPS
    else:
        config, batches = "gradient_accumulation_steps=1, steps_per_generation=2,", 2
    trainer = script(config=config)
    log = script.policy_log()
    assert len(log) == trainer.policy.state_dict()["observations"] == batches
    assert trainer.state.global_step == STEPS


def test_several_iterations_over_the_same_rollouts(script):
    trainer = script(config="num_iterations=2,")
    assert [row["step"] for row in script.policy_log()] == [0, 2]
    assert trainer.policy.state_dict()["observations"] == 2


def test_a_reference_model(script):
    trainer = script(config="beta=0.04,")
    assert steps_of(trainer)[0]["kl"] == pytest.approx(0, abs=1e-6)
    assert steps_of(trainer)[-1]["kl"] >= 0


def test_gradient_accumulation(script):
    trainer = script(config="gradient_accumulation_steps=2,")
    assert trainer.policy.state_dict()["observations"] == STEPS


def test_adapters(script):
    trainer = script(
        before="from peft import LoraConfig",
        trainer='peft_config=LoraConfig(r=2, target_modules=["q_proj"], task_type="CAUSAL_LM"),',
    )
    changed = [p for n, p in trainer.model.named_parameters() if "lora_B" in n]
    assert changed and all(p.abs().sum() > 0 for p in changed)


def test_nothing_is_lost_without_checkpoints(script):
    trainer = script(config='save_strategy="no",')
    assert not list(script.out.glob("checkpoint-*"))
    assert len(script.policy_log()) == STEPS
    state = json.loads((script.out / "temperature_policy.json").read_text())
    assert state == trainer.policy.state_dict()
    trainer.save_model(str(script.out / "model"))
    assert json.loads((script.out / "model" / "temperature_policy.json").read_text()) == state


def test_a_stopped_run_goes_on_where_it_was(script):
    straight = script(config="save_steps=1,")
    log, weights = script.policy_log(), load_file(script.out / "checkpoint-3" / "model.safetensors")
    last = script.out / "checkpoint-3"
    (last / "model.safetensors").unlink()
    resumed = script(
        config="save_steps=1,",
        **{"trainer.train()": f"trainer.train(resume_from_checkpoint='{script.out}/checkpoint-1')"},
    )
    assert script.policy_log() == log
    assert resumed.policy.state_dict() == straight.policy.state_dict()
    for name, tensor in load_file(last / "model.safetensors").items():
        assert torch.equal(tensor, weights[name]), name


def test_a_checkpoint_without_a_policy_is_not_resumed(script):
    script(config="save_steps=1,")
    (script.out / "checkpoint-1" / "temperature_policy.json").unlink()
    with pytest.raises(FileNotFoundError, match="was not written with a temperature policy"):
        script(
            **{
                "trainer.train()": f"trainer.train(resume_from_checkpoint='{script.out}/checkpoint-1')"
            }
        )


def test_the_users_callbacks_and_progress_bar_stay(script):
    trainer = script(
        before="from transformers import TrainerCallback\n"
        "class Count(TrainerCallback):\n"
        "    steps = 0\n"
        "    def on_step_end(self, *args, **kwargs): self.steps += 1",
        trainer="callbacks=[Count()],",
    )
    callbacks = {
        type(callback).__name__: callback for callback in trainer.callback_handler.callbacks
    }
    assert callbacks["Count"].steps == STEPS
    assert "ProgressCallback" in callbacks


def test_a_schedule_samples_with_the_users_filters(script):
    schedule = {POLICY: 'temperature=("linear", {"start": 0.5, "end": 1.5}),'}
    greedy = script(config="top_k=1,", **schedule)
    assert [row["temperature"] for row in script.policy_log()] == [0.5, 1.0, 1.5]
    # Of one word at each place a group is one text, so no reward differs within it.
    assert all(
        entry["reward_std"] == 0 or entry["frac_reward_zero_std"] == 1 for entry in steps_of(greedy)
    )
    assert [row["mixed_groups"] for row in script.policy_log()] == [0, 0, 0]


def test_epochs_are_counted_as_trl_counts_them(script):
    trainer = script(
        config="num_train_epochs=1.5, num_iterations=2, gradient_accumulation_steps=3,",
        **{
            f"max_steps={STEPS},": "",
            POLICY: 'temperature=("linear", {"start": 0.9, "end": 1.5}),',
        },
    )
    last = script.policy_log()[-1]
    assert last["step"] < trainer.state.max_steps
    steps = trainer.state.max_steps
    expected = 0.9 + 0.6 * last["step"] / (steps - 1)
    assert last["temperature"] == pytest.approx(expected)


REFUSED = {
    "temperature=0.7,": "temperature is 0.7.*the policy draws the temperature.*legal: 1.0",
    "top_p=0.9,": "top_p is 0.9.*another distribution",
    "top_k=10,": "top_k is 10",
    "min_p=0.1,": "min_p is 0.1",
    "repetition_penalty=1.1,": "repetition_penalty is 1.1",
    'generation_kwargs={"num_beams": 2},': "generation_kwargs is {'num_beams': 2}",
    "use_transformers_continuous_batching=True,": "use_transformers_continuous_batching is True",
    'cache_implementation="static",': "cache_implementation is 'static'",
}


@pytest.mark.parametrize("option", REFUSED)
def test_what_a_policy_cannot_honour_is_refused_in_one_sentence(script, option):
    with pytest.raises(ValueError, match=REFUSED[option]) as refused:
        script(config=option)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("argument", ["tools=[print],", "rollout_func=print,"])
def test_rollouts_that_are_not_sampled_here_are_refused(script, argument):
    with pytest.raises(ValueError, match=f"{argument.partition('=')[0]} cannot be used"):
        script(trainer=argument)


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ('"tmpo"', "unknown policy 'tmpo'; did you mean 'tampo'"),
        ('("tampo", {"alfa": 1})', "alfa"),
        ("0.9", "temperature is 0.9; legal: a policy's name"),
    ],
)
def test_a_wrong_policy_is_refused_before_a_model_is_loaded(script, tmp_path, choice, message):
    script.model = tmp_path / "no such model"
    with pytest.raises(ValueError, match=message):
        script(**{POLICY: f"temperature={choice},"})


def test_numbers_follow_the_seed_of_the_configuration(script):
    first = [row["temperature"] for row in (script(config="seed=7,"), script.policy_log())[1]]
    again = [row["temperature"] for row in (script(config="seed=7,"), script.policy_log())[1]]
    other = script(config="seed=8,")
    assert first == again
    assert other.policy.seed == 8
    assert np.isfinite(steps_of(other)[-1]["loss"])
