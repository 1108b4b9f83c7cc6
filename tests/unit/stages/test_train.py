"""Stage `train`: the same bytes for the same seed, also across kills; shared problem order."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml
from support.paths import ROOT
from support.studies import micro_study
from support.training_run import evidence

from tampo.files import FolderInUse, read_jsonl, sha256_of, sole_writer
from tampo.records.cost import training_cost
from tampo.stages import train as train_stage
from tampo.stages.train import train
from tampo.study.study import StudyError
from tampo.temperature.guarded_policy import PolicyFault
from tampo.training.run_log import RunLog
from tampo.training.stop_signals import Stopped


def test_a_run_leaves_the_files_of_the_contract(trained):
    names = {p.name for p in trained.iterdir()}
    assert names == {
        "checkpoint",
        "steps.jsonl",
        "policy.jsonl",
        "trajectories.parquet",
        "run.json",
    }
    record = json.loads((trained / "run.json").read_text())
    assert record["arguments"]["method"]["name"] == "tampo"
    assert record["files"]["steps.jsonl"] == sha256_of(trained / "steps.jsonl")
    assert [s["step"] for s in read_jsonl(trained / "steps.jsonl")] == list(range(6))
    assert record["problems_left_out"]["ids"] == []
    assert record["problems"] == {"generated": "arithmetic-train", "seed": 0}
    # Without a group with non-zero reward variance nothing would be learned, and equal bytes would prove
    # little.
    assert any(s["mixed_groups"] > 0 for s in read_jsonl(trained / "steps.jsonl"))


def test_a_replay_follows_the_recorded_run_on_problems_of_its_own(model, trained, tmp_path):
    study = micro_study(
        methods=[
            {"name": "tampo", "policy": "tampo", "settings": {"warmup_steps": 1}},
            {"name": "yoked", "policy": "replay", "settings": {"method": "tampo"}},
        ],
        tables=[{"name": "table1", "title": "All", "methods": ["tampo", "yoked"]}],
    )
    recorded = trained / "steps.jsonl"
    train(study, "yoked", 2, model, tmp_path / "yoked", recorded)
    theirs, ours = read_jsonl(recorded), read_jsonl(tmp_path / "yoked" / "steps.jsonl")
    assert [s["temperature"] for s in ours] == [s["temperature"] for s in theirs]
    assert len({s["temperature"] for s in ours}) > 1
    assert [s["entropy"] for s in ours] != [s["entropy"] for s in theirs]
    with pytest.raises(
        StudyError, match=r"--recorded is None; needed: steps\.jsonl of tampo, seed 1"
    ):
        train(study, "yoked", 2, model, tmp_path / "none")
    with pytest.raises(StudyError, match=r"--recorded is .*steps\.jsonl; needed: none"):
        train(study, "tampo", 2, model, tmp_path / "none", recorded)


def test_same_seed_same_bytes_other_seed_other_bytes(model, trained, tmp_path):
    train(micro_study(), "tampo", 1, model, tmp_path / "again")
    train(micro_study(), "tampo", 2, model, tmp_path / "other")
    assert evidence(tmp_path / "again") == evidence(trained)
    for name, value in evidence(tmp_path / "other").items():
        assert value != evidence(trained)[name]


def test_methods_with_one_seed_see_the_same_problems(model, trained, tmp_path):
    train(micro_study(), "cold", 1, model, tmp_path)
    order = [
        pq.read_table(folder / "trajectories.parquet", columns=["step", "problem_id"])
        for folder in (trained, tmp_path)
    ]
    assert order[0].equals(order[1])


@pytest.mark.parametrize("iterations", [1, 2])
def test_trajectories_of_every_nth_rollout_are_kept_and_nothing_else_changes(
    model, trained, tmp_path, iterations
):
    every = {"iterations": iterations}
    if iterations > 1:
        train(micro_study(training=every), "tampo", 1, model, tmp_path / "all")
        trained = tmp_path / "all"
    some = micro_study(training=every | {"trajectories_every": 2})
    train(some, "tampo", 1, model, tmp_path / "some")
    whole, kept = (
        pq.read_table(folder / "trajectories.parquet").to_pandas()
        for folder in (trained, tmp_path / "some")
    )
    steps = [0, 2, 4] if iterations == 1 else [0, 4]
    assert sorted(kept["step"].unique()) == steps
    assert kept.equals(whole[whole["step"].isin(steps)].reset_index(drop=True))
    for name in ("checkpoint/model.safetensors", "policy.jsonl"):
        assert sha256_of(tmp_path / "some" / name) == sha256_of(trained / name)


def test_an_interrupted_run_ends_as_if_it_had_not_been(model, trained, tmp_path, monkeypatch):
    """Stopped inside step 4, after the checkpoint of step 4 and lines beyond it."""

    class Interrupted(Exception):
        pass

    original = RunLog.step

    def stop_at_step_four(self, record):
        original(self, record)
        if record["step"] == 4:
            raise Interrupted

    monkeypatch.setattr(RunLog, "step", stop_at_step_four)
    with pytest.raises(Interrupted):
        train(micro_study(), "tampo", 1, model, tmp_path)
    monkeypatch.undo()
    assert (tmp_path / "resume").is_dir() and not (tmp_path / "checkpoint").exists()
    # How often it is saved is no part of what a run is.
    train(micro_study(training={"checkpoint_every": 5}), "tampo", 1, model, tmp_path)
    assert json.loads((tmp_path / "run.json").read_text())["resumed_from"] == "checkpoint-4"
    assert evidence(tmp_path) == evidence(trained)


@pytest.mark.parametrize("step", [3, *(pytest.param(n, marks=pytest.mark.slow) for n in (2, 5))])
def test_a_stop_between_two_steps_on_the_same_rollouts_changes_nothing(
    model, tmp_path, monkeypatch, step
):
    """Six steps, two for each rollout batch: three batches of 16, also where the stop parts a pair."""
    study = micro_study(training={"iterations": 2, "micro_batch": 4, "kl_coefficient": 0.1})
    train(study, "tampo", 1, model, tmp_path / "whole")
    original = RunLog.step

    def stop(self, record):
        original(self, record)
        # The line is written when the step is over: the signal falls into the next one.
        if record["step"] == step - 2:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(RunLog, "step", stop)
    with pytest.raises(Stopped, match=f"after step {step} of 6"):
        train(study, "tampo", 1, model, tmp_path / "stopped")
    monkeypatch.undo()
    train(study, "tampo", 1, model, tmp_path / "stopped")
    assert evidence(tmp_path / "stopped") == evidence(tmp_path / "whole")
    # Rollouts that serve two steps cost once.
    (tokens,) = [r for r in training_cost(tmp_path / "stopped") if r["metric"] == "rollout_tokens"]
    (truncated,) = [
        r for r in training_cost(tmp_path / "stopped") if r["metric"] == "rollout_truncated"
    ]
    assert truncated["n"] == 3 * 16
    lengths = pq.read_table(tmp_path / "stopped" / "trajectories.parquet", columns=["length"])
    assert tokens["value"] == sum(lengths["length"].to_pylist())


@pytest.mark.parametrize(
    ("written", "now", "named"),
    [
        (
            '"processes": 1',
            '"processes": 2',
            "written by 2 processes with ddp and cannot be resumed by 1",
        ),
        (
            '"engine": "ddp"',
            '"engine": "zero2"',
            "by 1 processes with zero2 .* resumed by 1 with ddp",
        ),
    ],
)
def test_other_processes_or_another_engine_cannot_resume(
    model, tmp_path, monkeypatch, written, now, named
):
    monkeypatch.setattr(RunLog, "step", _stop_at_step_four)
    with pytest.raises(KeyboardInterrupt):
        train(micro_study(), "tampo", 1, model, tmp_path)
    monkeypatch.undo()
    complete = tmp_path / "resume" / "checkpoints" / "checkpoint-4" / "complete.json"
    assert written in complete.read_text()
    complete.write_text(complete.read_text().replace(written, now))
    with pytest.raises(StudyError, match=named):
        train(micro_study(), "tampo", 1, model, tmp_path)


def _stop_at_step_four(self, record):
    if record["step"] == 4:
        raise KeyboardInterrupt


def test_an_interrupted_run_of_other_settings_starts_over(model, trained, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "tampo.stages.train._publish", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt)
    )
    changed = micro_study(training={"learning_rate": 2e-3})
    with pytest.raises(KeyboardInterrupt):
        train(changed, "tampo", 1, model, tmp_path)
    monkeypatch.undo()
    train(micro_study(), "tampo", 1, model, tmp_path)
    assert json.loads((tmp_path / "run.json").read_text())["resumed_from"] is None
    assert evidence(tmp_path) == evidence(trained)


NUMPY_POLICY = """
import numpy as np
from tampo import ClosedLoopPolicy


class Np(ClosedLoopPolicy):
    STATE = ("best", "temperature")

    def __init__(self):
        self.best, self.temperature = np.zeros(3), np.float32(1.0)

    def draw(self, step):
        return self.temperature

    def observe(self, log_likelihoods, advantages, feedback=None):
        self.best = np.array([*list(self.best)[1:], feedback.reward])
        self.temperature = np.float32(1.0 + 0.01 * len(self.best) + 0.1 * self.best.mean())

    def diagnostics(self):
        return {"best": self.best, "newest": self.best[-1]}
"""


def test_a_users_policy_with_values_of_numpy_resumes_exactly(model, tmp_path, monkeypatch):
    (tmp_path / "policy.py").write_text(NUMPY_POLICY)
    study = micro_study(
        methods=[{"name": "mine", "policy": f"{tmp_path}/policy.py:Np"}],
        tables=[{"name": "table1", "title": "T", "methods": ["mine"]}],
    )
    train(study, "mine", 1, model, tmp_path / "whole")

    def stop_after_step_four(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("tampo.stages.train._publish", stop_after_step_four)
    with pytest.raises(KeyboardInterrupt):
        train(study, "mine", 1, model, tmp_path / "stopped")
    monkeypatch.undo()
    shutil.rmtree(tmp_path / "stopped" / "resume" / "checkpoints" / "checkpoint-6")
    train(study, "mine", 1, model, tmp_path / "stopped")
    assert (
        json.loads((tmp_path / "stopped" / "run.json").read_text())["resumed_from"]
        == "checkpoint-4"
    )
    assert evidence(tmp_path / "stopped") == evidence(tmp_path / "whole")
    policy = read_jsonl(tmp_path / "whole" / "policy.jsonl")
    assert len({row["newest"] for row in policy}) > 1 and len(policy[0]["best"]) == 3


def test_a_users_policy_that_fails_in_training_is_named(model, tmp_path):
    (tmp_path / "policy.py").write_text(
        "from tampo import OpenLoopPolicy\nclass Mine(OpenLoopPolicy):\n"
        "    def draw(self, step): return 1.0 if step < 1 else -0.5\n"
    )
    study = micro_study(
        methods=[{"name": "mine", "policy": f"{tmp_path}/policy.py:Mine"}],
        tables=[{"name": "table1", "title": "T", "methods": ["mine"]}],
    )
    with pytest.raises(
        PolicyFault, match=r"policy\.py:3: Mine\.draw at step 1 returned -0\.5; legal: a"
    ):
        train(study, "mine", 1, model, tmp_path / "out")


@pytest.mark.slow
def test_a_run_killed_at_random_moments_ends_the_same(model, trained, tmp_path):
    """SIGKILL, by default three times; TAMPO_KILLS sets another number."""
    study = tmp_path / "study.yaml"
    study.write_text(yaml.safe_dump(micro_study().model_dump(mode="json", exclude_unset=True)))
    out, rng = tmp_path / "out", random.Random(0)
    command = [sys.executable, "-m", "tampo", "train", "--study", str(study), "--method", "tampo"]
    command += ["--seed", "1", "--model", str(model), "--out", str(out)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    wanted = int(os.environ.get("TAMPO_KILLS", "3"))
    kills = 0
    while kills < wanted or not (out / "run.json").exists():
        if (out / "run.json").exists():
            # It was over before it could be killed often enough: the same again from the start.
            assert evidence(out) == evidence(trained)
            shutil.rmtree(out)
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE)
        if kills < wanted:
            _wait_for_training(process, out)
            time.sleep(rng.uniform(0.0, 0.6))
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
                kills += 1
        _, errors = process.communicate()
        assert process.returncode in (0, -signal.SIGKILL), errors.decode()[-2000:]
    assert kills == wanted
    assert evidence(out) == evidence(trained)


def _wait_for_training(process: subprocess.Popen, out: Path) -> None:
    """Wait until this attempt has written its first line, or is over."""
    log = out / "resume" / "log" / "steps.jsonl"
    before = log.stat().st_mtime_ns if log.exists() else 0
    while process.poll() is None:
        if log.exists() and log.stat().st_mtime_ns != before:
            return
        time.sleep(0.01)


def test_what_cannot_be_trained_is_refused(model, tmp_path):
    with pytest.raises(StudyError, match="'base' is the base model itself"):
        train(micro_study(), "base", 1, model, tmp_path)
    with pytest.raises(StudyError, match="unknown 'hot'; allowed: base, cold, tampo"):
        train(micro_study(), "hot", 1, model, tmp_path)
    with pytest.raises(FileNotFoundError, match=r"no finished base model"):
        train(micro_study(), "tampo", 1, tmp_path, tmp_path)


def test_prompts_that_are_too_long_are_left_out_and_named(model, tmp_path):
    short = micro_study(training={"max_prompt_tokens": 8, "steps": 1})
    train(short, "cold", 1, model, tmp_path)
    left_out = json.loads((tmp_path / "run.json").read_text())["problems_left_out"]["ids"]
    assert left_out
    with pytest.raises(ValueError, match=r"max_prompt_tokens: 1200 of the 1200 .* longer than 2"):
        train(micro_study(training={"max_prompt_tokens": 2}), "cold", 1, model, tmp_path / "none")


def _stopped_run(model, study, out, monkeypatch):
    monkeypatch.setattr(RunLog, "step", _stop_at_step_four)
    with pytest.raises(KeyboardInterrupt):
        train(study, "tampo", 1, model, out)
    monkeypatch.undo()


@pytest.mark.parametrize(
    ("method", "seed"), [("cold", 1), ("tampo", 2)], ids=["another method", "another seed"]
)
def test_another_run_is_never_continued(model, tmp_path, monkeypatch, method, seed):
    _stopped_run(model, micro_study(), tmp_path, monkeypatch)
    with pytest.raises(StudyError, match=r"holds method 'tampo', seed 1 .* --out, or delete"):
        train(micro_study(), method, seed, model, tmp_path)
    with pytest.raises(StudyError, match=r"of study 'micro', not .* of study 'renamed'"):
        train(micro_study(name="renamed"), "tampo", 1, model, tmp_path)


def test_a_run_is_not_continued_on_other_weights(model, tmp_path, monkeypatch):
    _stopped_run(model, micro_study(), tmp_path / "run", monkeypatch)
    other = shutil.copytree(model, tmp_path / "model")
    record = json.loads((other / "run.json").read_text())
    record["files"]["model.safetensors"] = "0" * 64
    (other / "run.json").write_text(json.dumps(record))
    with pytest.raises(StudyError, match="base model's files have changed since"):
        train(micro_study(), "tampo", 1, other, tmp_path / "run")


def test_a_run_is_not_continued_on_edited_problems(model, tmp_path, monkeypatch, data_dir):
    copy = shutil.copytree(data_dir, tmp_path / "data")
    training = {"problems": "gsm8k-train-short", "max_prompt_tokens": 200}
    study = micro_study(training=training, data_dir=str(copy))
    _stopped_run(model, study, tmp_path / "run", monkeypatch)
    lines = (copy / "gsm8k_train.jsonl").read_text().splitlines(keepends=True)
    (copy / "gsm8k_train.jsonl").write_text("".join([*lines[1:], lines[0]]))
    with pytest.raises(StudyError, match=r"problems have changed .*\(gsm8k-train-short\)"):
        train(study, "tampo", 1, model, tmp_path / "run")


def test_two_processes_do_not_train_into_one_folder(model, tmp_path):
    with (
        sole_writer(tmp_path / "resume"),
        pytest.raises(FolderInUse, match="another process is writing it"),
    ):
        train(micro_study(), "tampo", 1, model, tmp_path)


def test_a_run_says_whose_it_is(model, trained):
    record = json.loads((trained / "run.json").read_text())
    assert record["study"] == "micro"
    assert record["base_model"]["model.safetensors"] == sha256_of(model / "model.safetensors")


def test_fp16_is_refused_where_nothing_computes_in_it(model, tmp_path):
    with pytest.raises(ValueError, match=r"training\.precision: fp16, .*legal here: fp32, bf16"):
        train(micro_study(training={"precision": "fp16"}), "tampo", 1, model, tmp_path)


def test_a_learning_rate_of_zero_is_said(model, tmp_path, caplog):
    train(micro_study(training={"steps": 1}), "tampo", 1, model, tmp_path)
    assert "the learning rate is 0 in every step" in caplog.text
    trained = tmp_path / "checkpoint" / "model.safetensors"
    assert sha256_of(trained) == sha256_of(model / "model.safetensors")


def test_processes_wait_for_each_other_as_long_as_the_study_says(model, tmp_path, monkeypatch):
    asked = {}
    original = train_stage.accelerate.PartialState

    def recorded(**options):
        asked.update(options)
        options.pop("timeout", None)
        return original(**options)

    monkeypatch.setattr(train_stage.accelerate, "PartialState", recorded)
    study = micro_study(training={"steps": 1}, resources={"train": {"collective_minutes": 90}})
    train(study, "tampo", 1, model, tmp_path)
    assert asked["timeout"].total_seconds() == 90 * 60
