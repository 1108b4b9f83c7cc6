"""One process or several: the command that starts them, and two of them through the workflow."""

import os
import sys

import pytest

from tampo.study.resources import TrainResources
from tampo.study.settings import Training
from tampo.training.launch import launch, launch_command, launch_environment

PAPER = Training(
    problems="open-s1", prompts_per_step=12, group_size=6, micro_batch=6, cpu_threads=8
)


def flags(command):
    """Return the launcher's options as a dict; an option without a value is true."""
    words = iter(command[3 : command.index("--module")])
    found = {}
    name = None
    for word in words:
        if word.startswith("--"):
            name, found[word] = word, True
        else:
            found[name] = word
    return found


def test_gpus_get_one_process_each():
    command = launch_command(TrainResources(gpus=4), PAPER, ["train", "--seed", "1"])
    assert command[:3] == [sys.executable, "-m", "accelerate.commands.launch"]
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
    found = flags(launch_command(TrainResources(gpus=4, engine=engine), PAPER, ["train"]))
    assert found["--use_deepspeed"] is True and "--multi_gpu" not in found
    assert found["--zero_stage"] == stage
    assert found["--gradient_accumulation_steps"] == "3"


def test_the_launcher_knows_every_option():
    from accelerate.commands.launch import launch_command_parser

    for engine in ("ddp", "zero2"):
        command = launch_command(TrainResources(gpus=4, engine=engine), PAPER, ["train"])
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
    monkeypatch.setattr(os, "execve", lambda *_: pytest.fail("launched"))
    launch(resources, PAPER, ["train"], environment)


def test_a_batch_that_does_not_divide_is_not_launched(monkeypatch):
    monkeypatch.setattr(os, "execve", lambda *_: pytest.fail("launched"))
    with pytest.raises(ValueError, match="72 completions do not divide over 8 processes"):
        launch(TrainResources(gpus=8), PAPER, ["train"], {})
