"""One process or several: the command that starts them, and two of them through the workflow."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from support.paths import ROOT
from support.studies import micro_study
from support.training_run import evidence

from tampo.files import read_jsonl
from tampo.study.resources import TrainResources
from tampo.study.settings import Training
from tampo.training.launch import launch, launch_command, launch_environment

CONFIG_FILE = Path("own.json")
PAPER = Training(
    problems="open-s1", prompts_per_step=12, group_size=6, micro_batch=6, cpu_threads=8
)


def flags(command):
    """Return the launcher's options as a dict; an option without a value is true."""
    words = iter(command[5 : command.index("--module")])
    found = {}
    name = None
    for word in words:
        if word.startswith("--"):
            name, found[word] = word, True
        else:
            found[name] = word
    return found


def test_gpus_get_one_process_each():
    command = launch_command(TrainResources(gpus=4), PAPER, ["train", "--seed", "1"], CONFIG_FILE)
    launcher = [sys.executable, "-m", "accelerate.commands.launch"]
    assert command[:5] == [*launcher, "--config_file", "own.json"]
    assert command[command.index("--module") :] == ["--module", "tampo", "train", "--seed", "1"]
    assert flags(command) == {
        "--multi_gpu": True,
        "--num_processes": "4",
        "--num_machines": "1",
        "--num_cpu_threads_per_process": "8",
        "--mixed_precision": "bf16",
        "--dynamo_backend": "no",
        "--main_process_port": "0",
    }
    assert "ACCELERATE_USE_CPU" not in launch_environment(TrainResources(gpus=4))


@pytest.mark.parametrize(("engine", "stage"), [("zero1", "1"), ("zero2", "2")])
def test_deepspeed_gets_its_stage_and_the_accumulation(engine, stage):
    """72 completions in micro-batches of 6 on 4 GPUs: 3 rounds."""
    found = flags(
        launch_command(TrainResources(gpus=4, engine=engine), PAPER, ["train"], CONFIG_FILE)
    )
    assert found["--use_deepspeed"] is True and "--multi_gpu" not in found
    assert found["--zero_stage"] == stage
    assert found["--gradient_accumulation_steps"] == "3"


def test_the_launcher_knows_every_option():
    from accelerate.commands.launch import launch_command_parser

    for engine in ("ddp", "zero2"):
        command = launch_command(
            TrainResources(gpus=4, engine=engine), PAPER, ["train"], CONFIG_FILE
        )
        args = launch_command_parser().parse_args(command[3:])
        assert (args.num_processes, args.module, args.training_script) == (4, True, "tampo")
        assert args.use_deepspeed == (engine == "zero2")


@pytest.mark.parametrize(
    ("resources", "environment"),
    [
        (TrainResources(), {}),
        (TrainResources(gpus=1), {}),
        (TrainResources(processes=2), {"LOCAL_RANK": "1"}),
    ],
    ids=["one process", "one GPU", "launched"],
)
def test_nothing_is_launched_where_nothing_has_to_be(monkeypatch, resources, environment):
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("launched"))
    assert launch(resources, PAPER, ["train"], environment) is None


def test_a_batch_that_does_not_divide_is_not_launched(monkeypatch):
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("launched"))
    with pytest.raises(ValueError, match="72 completions do not divide over 8 processes"):
        launch(TrainResources(gpus=8), PAPER, ["train"], {})


HOSTILE = """compute_environment: LOCAL_MACHINE
distributed_type: FSDP
fsdp_config: {fsdp_sharding_strategy: FULL_SHARD}
mixed_precision: fp16
num_processes: 7
machine_rank: 3
num_machines: 4
"""
"""What a user may have told accelerate for something else."""


def start(folder, model, out, study):
    """Start `tampo train` with two processes, as the workflow does."""
    file = folder / "study.yaml"
    file.write_text(yaml.safe_dump(study.model_dump(mode="json", exclude_unset=True)))
    home = folder / "home"
    (home / "accelerate").mkdir(parents=True, exist_ok=True)
    (home / "accelerate" / "default_config.yaml").write_text(HOSTILE)
    stage = ["train", "--study", str(file), "--method", "tampo", "--seed", "1"]
    return subprocess.Popen(
        [sys.executable, "-m", "tampo", *stage, "--model", str(model), "--out", str(out)],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", "HF_HOME": str(home)},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "to"), [(signal.SIGTERM, "launcher"), (signal.SIGUSR1, "group")]
)
def test_two_processes_are_stopped_and_go_on(model, tmp_path, number, to):
    """A signal to the process that was started, or to all of them as some clusters send it."""
    resources = {"train": {"processes": 2}}
    study = micro_study(training={"steps": 12, "micro_batch": 4}, resources=resources)
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    first = start(tmp_path, model, whole, study)
    assert first.wait() == 0, first.stderr.read()[-3000:]
    assert json.loads((whole / "run.json").read_text())["processes"] == 2
    second = start(tmp_path, model, stopped, study)
    log = stopped / "resume" / "log" / "steps.jsonl"
    while second.poll() is None and not (log.is_file() and read_jsonl(log)):
        time.sleep(0.05)
    os.kill(second.pid, number) if to == "launcher" else os.killpg(second.pid, number)
    assert second.wait() == 75
    said = second.stderr.read()
    assert f"stopped by {number.name}" in said or "stopped by a stop signal to another" in said
    assert not (stopped / "run.json").exists()
    third = start(tmp_path, model, stopped, study)
    assert third.wait() == 0, third.stderr.read()[-3000:]
    assert json.loads((stopped / "run.json").read_text())["resumed_from"] is not None
    assert evidence(stopped) == evidence(whole)


@pytest.mark.slow
def test_a_failure_of_one_process_is_no_stop(model, tmp_path):
    study = micro_study(resources={"train": {"processes": 2}})
    failing = start(tmp_path, tmp_path / "nothing", tmp_path / "run", study)
    assert failing.wait() not in (0, 75)
    assert "is no finished base model" in failing.stderr.read()
