"""A run.json of each stage, as small as the type allows."""

from pathlib import Path
from typing import Any

from tampo.records.run_json import EvaluateRun, ModelRun, TrainRun

COMMON: dict[str, Any] = {
    "command": ["python"],
    "arguments": {},
    "started": "2026-01-02T03:04:05+00:00",
    "seconds": {"wall": 36.0, "cpu": 18.0},
    "peak_memory_mib": 100,
    "tampo": "0.1.0",
    "source": {"commit": "c" * 40, "dirty": False},
    "python": "3.12.0",
    "packages": {"torch": "2.0", "pandas": "3.0"},
    "hardware": {"processor": "CPU", "cores": 2, "memory_mib": 2048, "gpus": []},
}
OWN: dict[str, tuple[type, dict[str, Any]]] = {
    "model": (ModelRun, {"parameters": 12345, "files": {}}),
    "train": (
        TrainRun,
        {
            "processes": 1,
            "resumed_from": None,
            "problems_left_out": {"reason": "prompt too long", "ids": []},
            "files": {},
        },
    ),
    "evaluate": (
        EvaluateRun,
        {
            "checkpoint": {"sha256": "0" * 64, "run_json_sha256": "0" * 64, "stage": "train"},
            "benchmarks": {},
            "lm_eval": {},
        },
    ),
}


def run_json(stage: str, **changes: Any) -> ModelRun | TrainRun | EvaluateRun:
    """Return the run.json of a stage, changed in some of its keys."""
    kind, own = OWN[stage]
    return kind(**{"stage": stage, **COMMON, **own, **changes})


def write_run_json(folder: Path, stage: str, **changes: Any) -> None:
    """Write the run.json of a stage below `folder`."""
    run_json(stage, **changes).write(folder)
