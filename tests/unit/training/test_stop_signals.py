"""A stop signal ends training after the step in progress; the next attempt ends with the same files."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from support.paths import ROOT
from support.studies import micro_study
from support.training_run import evidence

from tampo.files import read_jsonl
from tampo.stages.train import train
from tampo.training.run_log import RunLog
from tampo.training.stop_signals import EXIT_CODE, Stopped, stop_request


@pytest.fixture
def stop_signal_in_step(monkeypatch):
    """Send this process a stop signal when the line of a step is written, so before the step ends."""

    def arm(number, step):
        original = RunLog.policy

        def policy(self, record):
            original(self, record)
            if record["step"] == step:
                signal.raise_signal(number)

        monkeypatch.setattr(RunLog, "policy", policy)

    yield arm


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_a_stop_signal_saves_the_step_it_came_in(
    model, trained, tmp_path, stop_signal_in_step, monkeypatch, number
):
    """Checkpoints come after steps 2 and 4; the stop signal comes in the third step."""
    before = signal.getsignal(number)
    stop_signal_in_step(number, 2)
    with pytest.raises(
        Stopped, match=rf"^stopped by {number.name} after step 3 of 6; .* continues"
    ):
        train(micro_study(), "tampo", 1, model, tmp_path)
    assert signal.getsignal(number) == before
    assert (tmp_path / "resume" / "checkpoints" / "checkpoint-3" / "complete.json").is_file()
    assert {path.name for path in tmp_path.iterdir()} == {"resume"}
    monkeypatch.undo()
    train(micro_study(), "tampo", 1, model, tmp_path)
    assert json.loads((tmp_path / "run.json").read_text())["resumed_from"] == "checkpoint-3"
    assert evidence(tmp_path) == evidence(trained)


def test_a_stop_signal_in_the_last_step_lets_the_run_end(
    model, trained, tmp_path, stop_signal_in_step
):
    stop_signal_in_step(signal.SIGTERM, 5)
    train(micro_study(), "tampo", 1, model, tmp_path)
    assert evidence(tmp_path) == evidence(trained)


def test_the_first_of_several_stop_signals_is_remembered():
    with stop_request() as request:
        assert request.signal is None
        signal.raise_signal(signal.SIGUSR1)
        signal.raise_signal(signal.SIGTERM)
        assert request.reason == "SIGUSR1"


@pytest.mark.slow
def test_two_processes_stop_after_the_same_step_though_one_was_asked(model, tmp_path):
    """The stop signal goes to one of the two workers; the launcher ignores it as the workflow's does."""
    study = micro_study(training={"steps": 40, "checkpoint_every": 40})
    file = tmp_path / "study.yaml"
    file.write_text(yaml.safe_dump(study.model_dump(mode="json", exclude_unset=True)))
    out = tmp_path / "out"
    launch = "trap '' USR1; exec accelerate launch --multi_gpu --num_processes 2 --num_machines 1"
    stage = f"-m tampo train --study {file} --method tampo --seed 1 --model {model} --out {out}"
    process = subprocess.Popen(
        ["bash", "-c", f"{launch} --main_process_port 0 {stage}"],
        cwd=ROOT,
        env={
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "OMP_NUM_THREADS": "1",
            "ACCELERATE_USE_CPU": "true",
        },
        stderr=subprocess.PIPE,
        text=True,
    )
    lines, worker = [], None
    for line in process.stderr:
        lines.append(line)
        if line.startswith("step ") and worker is None:
            worker = worker_of(process.pid)
            os.kill(worker, signal.SIGUSR1)
    assert process.wait(timeout=300) != 0
    stopped = [line for line in lines if line.startswith("error: stopped by ")]
    assert len(stopped) == 2, "".join(lines)
    assert len({line.partition(" after ")[2] for line in stopped}) == 1
    log = read_jsonl(out / "resume" / "log" / "steps.jsonl")
    (checkpoint,) = (out / "resume" / "checkpoints").glob("checkpoint-*")
    assert checkpoint.name == f"checkpoint-{len(log)}" and (checkpoint / "complete.json").is_file()
    assert 0 < len(log) < 40


def worker_of(launcher):
    """Return the process of rank 1 below a launcher."""
    for path in Path("/proc").glob("[0-9]*"):
        try:
            parent = int(path.joinpath("stat").read_text().rpartition(")")[2].split()[1])
            variables = path.joinpath("environ").read_bytes().split(b"\0")
        except (OSError, ValueError):
            continue
        if parent == launcher and b"RANK=1" in variables:
            return int(path.name)
    raise AssertionError(f"no worker of rank 1 below {launcher}")


def test_the_exit_code_says_that_the_same_command_continues(
    model, tmp_path, stop_signal_in_step, capsys
):
    from tampo.cli import main

    file = tmp_path / "study.yaml"
    file.write_text(yaml.safe_dump(micro_study().model_dump(mode="json", exclude_unset=True)))
    command = ["train", "--study", str(file), "--method", "cold", "--seed", "1"]
    stop_signal_in_step(signal.SIGTERM, 0)
    code = main([*command, "--model", str(model), "--out", str(tmp_path / "out")])
    assert code == EXIT_CODE == 75
    assert capsys.readouterr().err.splitlines()[-1].startswith("error: stopped by SIGTERM after")
