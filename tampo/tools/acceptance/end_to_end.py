"""Two methods on a small pretrained language model, from its files to graded responses."""

from __future__ import annotations

import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml

from tampo import layout
from tampo.files import read_jsonl
from tampo.study.references import STUDIES
from tampo.tools.acceptance.check import Outcome, Progress, judged, skipped
from tampo.tools.acceptance.resume import finish, on_this_device, tampo

STEPS = 4


def study_on(model: dict[str, Any], precision: str) -> dict[str, Any]:
    """Return the study of two methods on `model`, its problems generated."""
    return {
        "name": "acceptance",
        "description": "Two methods on a small language model.",
        "model": model,
        "training": {
            "problems": "arithmetic-train",
            "steps": STEPS,
            "prompts_per_step": 4,
            "group_size": 4,
            "micro_batch": 16,
            "max_prompt_tokens": 128,
            "max_completion_tokens": 64,
            "learning_rate": 1e-5,
            "kl_coefficient": 0.0,
            "precision": precision,
        },
        "methods": [
            {"name": "grpo-t0.9", "policy": "fixed", "settings": {"temperature": 0.9}},
            {"name": "tampo", "policy": "tampo"},
        ],
        "seeds": [1],
        "benchmarks": [{"name": "sums", "samples": 8, "limit": 4}],
        "resources": on_this_device(),
        "evaluation": {"max_tokens": 64, "precision": precision, "problems_per_batch": 4},
        "tables": [{"name": "table1", "title": "Both", "methods": ["grpo-t0.9", "tampo"]}],
    }


def smol_model() -> dict[str, Any]:
    """Return the base model of the study `smol`."""
    return yaml.safe_load((STUDIES / "smol.yaml").read_text())["model"]


def methods_run(folder: Path, model: dict[str, Any], precision: str, progress: Progress) -> Outcome:
    """Make the base model, train both methods and evaluate them; every step must sample and score."""
    folder.mkdir(parents=True)
    study = study_on(model, precision)
    (folder / layout.STUDY_COPY).write_text(yaml.safe_dump(study, sort_keys=False))
    log, base = folder / "log.txt", folder / "model"
    try:
        finish(tampo(folder, "model", "--out", base), log)
    except RuntimeError as error:
        return skipped(f"no base model: {error}")
    figures, held = {}, True
    for method in ("grpo-t0.9", "tampo"):
        started = time.monotonic()
        run = folder / method
        words = ["--method", method, "--seed", "1"]
        finish(tampo(folder, "train", *words, "--model", base, "--out", run), log)
        steps = read_jsonl(run / layout.STEPS_LOG)
        found: dict[str, Any] = {
            "steps": len(steps),
            "temperatures": ", ".join(f"{row[layout.TEMPERATURE]:g}" for row in steps),
            "largest train–inference mismatch, nats": max(row["sampler_gap"] for row in steps),
            "last entropy, nats": steps[-1][layout.ENTROPY],
            "s a step": sum(row[layout.SECONDS]["total"] for row in steps[1:]) / len(steps[1:]),
        }
        held = held and len(steps) == STEPS
        if find_spec("lm_eval") is None:
            found["graded"] = "not evaluated: lm-eval is not installed"
        else:
            checkpoint, out = run / layout.CHECKPOINT, folder / f"{method}-evaluated"
            finish(tampo(folder, "evaluate", *words, "--checkpoint", checkpoint, "--out", out), log)
            responses = read_jsonl(out / layout.samples_file("sums"))
            found["graded"] = f"{sum(len(row['responses']) for row in responses)} responses"
        figures[method] = found | {"s with start-up": time.monotonic() - started}
        progress(f"end to end: {method} done")
    return judged(held, "both methods train to their last step and are graded", figures)
