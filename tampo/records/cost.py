"""What a run cost, beside what it scored: rollout tokens, truncation and seconds, for scores.csv.

The rows stand under the benchmark names `training` and `evaluation`, which no benchmark has:

    training    rollout_tokens      tokens of all rollouts of the run, over n optimiser steps
                rollout_truncated   share of the n rollouts that the length limit cut off
    both        seconds             wall clock; of training, of its steps alone, whatever the interruptions
                cpu_seconds         processor time of the main process
                gpu_seconds         wall clock times the GPUs that the run held; 0 without any
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tampo.files import read_jsonl

TRAINING, EVALUATION = "training", "evaluation"


def training_cost(folder: Path) -> list[dict[str, Any]]:
    """Return the rows of one training run, from its steps.jsonl and run.json.

    Raises:
        FileNotFoundError: one of the files is missing.
    """
    steps, record = read_jsonl(folder / "steps.jsonl"), _record(folder)
    rollouts = sum(step["completions"] for step in steps)
    truncated = sum(step["truncated"] * step["completions"] for step in steps)
    wall, cpu = (sum(step["seconds"][clock] for step in steps) for clock in ("total", "cpu"))
    gpus = record["processes"] if record["hardware"]["gpus"] else 0
    values = [
        ("rollout_tokens", sum(step["tokens"] for step in steps), len(steps)),
        ("rollout_truncated", truncated / rollouts, rollouts),
        *_seconds(wall, cpu, gpus),
    ]
    return _rows(TRAINING, values)


def evaluation_cost(folder: Path) -> list[dict[str, Any]]:
    """Return the rows of one evaluation, from its run.json.

    Raises:
        FileNotFoundError: it is missing.
    """
    record = _record(folder)
    spent = record["seconds"]
    return _rows(EVALUATION, _seconds(spent["wall"], spent["cpu"], len(record["hardware"]["gpus"])))


def _record(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "run.json").read_text(encoding="utf-8"))


def _seconds(wall: float, cpu: float, gpus: int) -> list[tuple[str, float, int]]:
    return [("seconds", wall, 1), ("cpu_seconds", cpu, 1), ("gpu_seconds", wall * gpus, 1)]


def _rows(name: str, values: list[tuple[str, float, int]]) -> list[dict[str, Any]]:
    return [
        {"benchmark": name, "metric": metric, "value": value, "n": n} for metric, value, n in values
    ]
