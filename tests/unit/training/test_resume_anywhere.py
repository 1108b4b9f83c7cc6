"""A run stopped anywhere, under any settings, ends with the bytes of a run that was left alone.

Settings and stops are drawn from named streams: 40 settings with 5 stops each, and two of two processes.
"""

import os
import shutil
import signal
import subprocess
import sys

import pytest
import yaml
from support.paths import ROOT
from support.studies import micro_study
from support.training_run import evidence

import tampo.training.study_trainer
import tampo.training.trainer
from tampo.seeds import generator
from tampo.stages.train import train
from tampo.training.run_log import RunLog
from tampo.training.stop_signals import Stopped

pytestmark = pytest.mark.slow

SETTINGS, STOPS, STEPS = 40, 5, 5
CHOICES = {
    "loss": ["grpo", "bnpo", "dr_grpo", "dapo"],
    "iterations": [1, 1, 2, 3],
    "micro_batch": [2, 4, 8],
    "kl_coefficient": [0.0, 0.1],
    "lora": [None, None, {"rank": 2, "alpha": 4}],
    "mask_by_entropy": [None, None, {"start": 3.0, "end": 1.0, "band": 0.0}],
    "adaptive_entropy": [None, None, {"target": 3.0, "delta": 0.01, "maximum": 0.05}],
    "scale_rewards": ["group", "batch", "none"],
    "lr_schedule": ["constant_with_warmup", "linear", "cosine", "cosine_with_min_lr"],
    "checkpoint_every": [1, 2, 3, 100],
    "trajectories_every": [1, 2],
    "precision": ["fp32", "fp32", "bf16"],
    "gradient_checkpointing": [False, False, True],
}
POLICIES = [
    {"policy": "tampo", "settings": {"warmup_steps": 1}},
    {"policy": "tampo", "settings": {"shuffle_advantages": True}},
    {"policy": "mixed", "settings": {"centre": 1.0, "spread": 0.4}},
    {"policy": "uniform"},
    {"policy": "linear", "settings": {"start": 0.9, "end": 1.5}},
    {"policy": "thompson", "settings": {"reward": "credit"}},
    {"policy": "exp3", "settings": {"reward": "mixed_groups"}},
    {"policy": "ucb", "settings": {"reward": "mixed_groups"}},
    {"policy": "pi-controller"},
    {"policy": "e3"},
    {"policy": "plateau"},
    {"policy": "ead", "settings": {"cutoff": 2, "decay": 4}},
]
MOMENTS = ("signal", "sampling", "scoring", "policy line", "step line", "saving")
"""Where a run is stopped: by SIGTERM, which ends with the step, or in the middle of something."""


class Killed(Exception):
    """Stands for the end of the process."""


def drawn(case):
    """Return the study of a case."""
    rng = generator(case, "resume-settings")
    training = {key: values[rng.integers(len(values))] for key, values in CHOICES.items()}
    if training["mask_by_entropy"] is None and case % 3 == 0:
        training["balance_by_entropy"] = {"target": 2.0, "proportional": 0.5, "integral": 0.1}
    method = {"name": "tried", **POLICIES[case % len(POLICIES)]}
    return micro_study(
        training={"steps": STEPS, "prompts_per_step": 2, "max_completion_tokens": 8, **training},
        methods=[method],
        tables=[{"name": "table1", "title": "One", "methods": ["tried"]}],
    )


def stop_at(monkeypatch, moment, count):
    """Stop the run when something happens for the `count`-th time."""
    seen = [0]

    def counted(original, act):
        def call(*args, **kwargs):
            seen[0] += 1
            if seen[0] == count:
                act()
            return original(*args, **kwargs)

        return call

    def kill():
        raise Killed

    places = {
        "signal": (RunLog, "step"),
        "sampling": (tampo.training.trainer.sampler, "generate"),
        "scoring": (tampo.training.trainer, "score_completions"),
        "policy line": (RunLog, "policy"),
        "step line": (RunLog, "step"),
        "saving": (tampo.training.study_trainer, "write_json"),
    }
    where, name = places[moment]
    act = (lambda: os.kill(os.getpid(), signal.SIGTERM)) if moment == "signal" else kill
    monkeypatch.setattr(where, name, counted(getattr(where, name), act))


@pytest.mark.parametrize("case", range(SETTINGS))
def test_a_run_stopped_anywhere_ends_the_same(model, tmp_path, monkeypatch, case):
    study = drawn(case)
    train(study, "tried", 1, model, tmp_path / "whole")
    whole = evidence(tmp_path / "whole")
    rng = generator(case, "resume-stops")
    stopped = 0
    for number in range(STOPS):
        moment = MOMENTS[rng.integers(len(MOMENTS))]
        count = int(rng.integers(1, STEPS + 1))
        out = tmp_path / str(number)
        stop_at(monkeypatch, moment, count)
        try:
            train(study, "tried", 1, model, out)
        except (Killed, Stopped):
            stopped += 1
        monkeypatch.undo()
        if not (out / "run.json").is_file():
            train(study, "tried", 1, model, out)
        assert evidence(out) == whole, f"{moment} {count}: {study.training}"
        shutil.rmtree(out)
    assert stopped


TWO_PROCESSES = """
import os, signal, sys
from tampo.training.run_log import RunLog

original = RunLog.step

def step(self, record):
    original(self, record)
    if record["step"] == 1 and os.environ.get("STOP"):
        os.kill(os.getpid(), signal.SIGTERM)

RunLog.step = step
from tampo.cli.main import main

sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize("changes", [{}, {"iterations": 2, "kl_coefficient": 0.1, "loss": "bnpo"}])
def test_two_processes_stopped_end_the_same(model, tmp_path, changes):
    study = micro_study(training={"steps": 5, "micro_batch": 4, "checkpoint_every": 100, **changes})
    file, script = tmp_path / "study.yaml", tmp_path / "stopping.py"
    file.write_text(yaml.safe_dump(study.model_dump(mode="json", exclude_unset=True)))
    script.write_text(TWO_PROCESSES)
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2", str(script)]
    stage = ["train", "--study", str(file), "--method", "tampo", "--seed", "1"]

    def run(name, **variables):
        words = ["--model", str(model), "--out", str(tmp_path / name)]
        settings = {"OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true", "PYTHONPATH": str(ROOT)}
        return subprocess.run(
            [*launch, *stage, *words],
            cwd=ROOT,
            env={**os.environ, **settings, **variables},
            capture_output=True,
            text=True,
        )

    assert run("whole").returncode == 0
    stopped = run("stopped", STOP="yes")
    assert stopped.returncode != 0
    assert "stopped by SIGTERM after step" in stopped.stderr, stopped.stderr[-3000:]
    assert not (tmp_path / "stopped" / "run.json").exists()
    again = run("stopped")
    assert again.returncode == 0, again.stderr[-3000:]
    assert evidence(tmp_path / "stopped") == evidence(tmp_path / "whole")
