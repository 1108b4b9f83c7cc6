"""A training run that is stopped and goes on, against one that is left alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch
import yaml
from safetensors.torch import load_file

from tampo import layout
from tampo.files import read_jsonl
from tampo.tools.acceptance.check import Outcome, Progress, judged
from tampo.training.stop_signals import EXIT_CODE

STOP_AFTER = 3
"""Steps in the log when the signal is sent."""
STEPS = 16
DRIFT = 0.1
"""Accepted difference of the weights, relative to what training changed, where kernels are not
deterministic."""
WAIT = 300.0
"""Seconds after which a run that shows no step is given up."""

STUDY: dict[str, Any] = {
    "name": "acceptance-resume",
    "description": "A small run that is stopped and resumed.",
    "model": {"source": "pretrain", "settings": {"steps": 40, "batch_size": 24}},
    "training": {
        "problems": "arithmetic-train",
        "steps": STEPS,
        "prompts_per_step": 8,
        "group_size": 4,
        "micro_batch": 16,
        "max_prompt_tokens": 32,
        "max_completion_tokens": 28,
        "learning_rate": 3e-4,
        "kl_coefficient": 0.04,
        "loss": "bnpo",
        "precision": "fp32",
        "checkpoint_every": 5,
    },
    "methods": [{"name": "tampo", "policy": "tampo"}],
    "seeds": [1],
    "benchmarks": [{"name": "sums", "samples": 8, "limit": 2}],
    "evaluation": {"max_tokens": 28, "precision": "fp32"},
    "tables": [{"name": "table1", "title": "Resume", "methods": ["tampo"]}],
}


def on_this_device() -> dict[str, dict[str, int]]:
    """Return resources of a study that runs on the GPU if there is one."""
    gpus = int(torch.cuda.is_available())
    return {stage: {"gpus": gpus} for stage in ("model", "train", "evaluate")}


def tampo(folder: Path, *words: str | Path) -> list[str]:
    """Return the command of a stage of the study in `folder`."""
    study = ["--study", str(folder / layout.STUDY_COPY)]
    return [sys.executable, "-m", "tampo", str(words[0]), *study, *map(str, words[1:])]


def finish(command: list[str], log: Path) -> None:
    """Run a stage to its end, its output into `log`.

    Raises:
        RuntimeError: it failed; has the last line of its output.
    """
    with log.open("a") as output:
        code = subprocess.run(command, stdout=output, stderr=subprocess.STDOUT).returncode
    if code:
        last = ["", *log.read_text().strip().splitlines()][-1]
        raise RuntimeError(f"`tampo {command[3]}` ended with code {code}: {last}")


def resume_is_exact(folder: Path, progress: Progress) -> Outcome:
    """Stop a run by SIGTERM, go on, and compare it with an undisturbed run of the same settings."""
    folder.mkdir(parents=True)
    (folder / layout.STUDY_COPY).write_text(
        yaml.safe_dump(STUDY | {"resources": on_this_device()}, sort_keys=False)
    )
    model, log = folder / "model", folder / "log.txt"
    finish(tampo(folder, "model", "--out", model), log)
    progress("resume: base model made")
    train = ["train", "--method", "tampo", "--seed", "1", "--model", str(model), "--out"]
    finish(tampo(folder, *train, folder / "whole"), log)
    progress("resume: undisturbed run done")
    stopped = _stop(tampo(folder, *train, folder / "stopped"), folder / "stopped", log)
    progress(f"resume: stopped with exit code {stopped}")
    finish(tampo(folder, *train, folder / "stopped"), log)
    return _compared(folder, model, stopped)


def _stop(command: list[str], out: Path, log: Path) -> int:
    """Start a run, send SIGTERM after a few steps, and return its exit code."""
    steps = out / layout.RESUME / "log" / layout.STEPS_LOG
    with log.open("a") as output:
        run = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        limit = time.monotonic() + WAIT
        while run.poll() is None and time.monotonic() < limit:
            if steps.is_file() and len(steps.read_text().splitlines()) >= STOP_AFTER:
                os.kill(run.pid, signal.SIGTERM)
                break
            time.sleep(0.02)
        try:
            return run.wait(WAIT)
        except subprocess.TimeoutExpired:
            run.kill()
            return run.wait()


def _compared(folder: Path, model: Path, stopped: int) -> Outcome:
    runs = [folder / name for name in ("whole", "stopped")]
    logs = [read_jsonl(run / layout.STEPS_LOG) for run in runs]
    drawn = [[row[layout.TEMPERATURE] for row in rows] for rows in logs]
    rewards = [[row[layout.REWARD] for row in rows] for rows in logs]
    weights = [load_file(run / layout.CHECKPOINT / "model.safetensors") for run in runs]
    base = load_file(model / "model.safetensors")
    moved = _distance(weights[0], base)
    drift = _distance(*weights) / moved
    equal = all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    on_gpu = torch.cuda.is_available()
    figures = {
        "exit code of the stopped run": stopped,
        "steps": len(logs[1]),
        "same temperatures": drawn[0] == drawn[1],
        "steps with the same reward": sum(a == b for a, b in zip(*rewards, strict=False)),
        "weights equal byte for byte": equal,
        "difference of weights / change by training": drift,
    }
    same = drift <= DRIFT if on_gpu else equal
    rule = (
        f"a stopped run ends with code {EXIT_CODE}, and resumed with the same temperatures and "
        + (f"weights within {DRIFT:.0%} of the change by training" if on_gpu else "the same bytes")
    )
    return judged(stopped == EXIT_CODE and drawn[0] == drawn[1] and same, rule, {"tampo": figures})


def _distance(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> float:
    squares = sum(float((one[n].double() - other[n].double()).square().sum()) for n in one)
    return squares**0.5
