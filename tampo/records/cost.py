"""What a run cost, for scores.csv: rollout tokens, length-limited rollouts and seconds.

The rows have the benchmark names `training` and `evaluation`, which no benchmark uses:

    training    rollout_tokens      tokens of all rollouts of the run, over n optimiser steps
                rollout_truncated   fraction of the n rollouts that are length-limited
    both        seconds             wall clock; of training, its steps alone, interruptions not counted
                cpu_seconds         processor time of the main process
                gpu_seconds         wall clock times the GPUs that the run held; 0 without any
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tampo import layout
from tampo.files import read_jsonl
from tampo.layout import (
    BENCHMARK,
    CPU_SECONDS,
    EVALUATION,
    GPU_SECONDS,
    METRIC,
    ROLLOUT_TOKENS,
    ROLLOUT_TRUNCATED,
    SECONDS,
    TOKENS,
    TRAINING,
    TRUNCATED,
    VALUE,
    N,
)
from tampo.records.run_json import EvaluateRun, TrainRun, read_run


def training_cost(folder: Path) -> list[dict[str, Any]]:
    """Return the rows of one training run, from its steps.jsonl and run.json.

    Raises:
        FileNotFoundError: one of the files is missing.
    """
    steps = read_jsonl(folder / layout.STEPS_LOG)
    record = read_run(folder / layout.RUN_JSON, TrainRun)
    rollouts = sum(step["completions"] for step in steps)
    truncated = sum(step[TRUNCATED] * step["completions"] for step in steps)
    wall, cpu = (sum(step[SECONDS][clock] for step in steps) for clock in ("total", "cpu"))
    gpus = record.processes if record.hardware.gpus else 0
    values = [
        (ROLLOUT_TOKENS, sum(step[TOKENS] for step in steps), len(steps)),
        # A run that diverged in its first step has no rollouts to speak of.
        (ROLLOUT_TRUNCATED, truncated / rollouts if rollouts else float("nan"), rollouts),
        *_seconds(wall, cpu, gpus),
    ]
    return _rows(TRAINING, values)


def evaluation_cost(folder: Path) -> list[dict[str, Any]]:
    """Return the rows of one evaluation, from its run.json.

    Raises:
        FileNotFoundError: it is missing.
    """
    record = read_run(folder / layout.RUN_JSON, EvaluateRun)
    spent = record.seconds
    return _rows(EVALUATION, _seconds(spent.wall, spent.cpu, len(record.hardware.gpus)))


def _seconds(wall: float, cpu: float, gpus: int) -> list[tuple[str, float, int]]:
    return [
        (SECONDS, wall, 1),
        (CPU_SECONDS, cpu, 1),
        (GPU_SECONDS, wall * gpus, 1),
    ]


def _rows(name: str, values: list[tuple[str, float, int]]) -> list[dict[str, Any]]:
    return [{BENCHMARK: name, METRIC: metric, VALUE: value, N: n} for metric, value, n in values]
