"""Small studies for tests: real parts, micro sizes."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from support.run_json import write_run_json

from tampo.study.study import Study

MICRO_MODEL = {
    "source": "pretrain",
    "settings": {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_layers": 2,
        "num_heads": 2,
        "steps": 30,
        "batch_size": 32,
        "cpu_threads": 1,
    },
}
WIDE_MODEL = {
    "source": "pretrain",
    "settings": {**MICRO_MODEL["settings"], "hidden_size": 64, "steps": 100},
}
"""Attention heads of 32 numbers, the smallest that vLLM supports without a GPU; it ends its answers."""


def micro_study(**changes: Any) -> Study:
    """Return a study that trains in seconds; `changes` replace or, for dicts, update its keys."""
    content: dict[str, Any] = {
        "name": "micro",
        "description": "A study for tests.",
        "model": MICRO_MODEL,
        "training": {
            "problems": "arithmetic-train",
            "steps": 6,
            "prompts_per_step": 4,
            "group_size": 4,
            "micro_batch": 8,
            "max_prompt_tokens": 32,
            "max_completion_tokens": 12,
            # Boxing anything is what a model of a few steps does now and then.
            "rewards": [{"name": "accuracy"}, {"name": "boxed"}],
            "learning_rate": 1e-3,
            "lr_schedule": "constant_with_warmup",
            "kl_coefficient": 0.0,
            "loss": "grpo",
            "precision": "fp32",
            "checkpoint_every": 2,
        },
        "methods": [
            {"name": "base", "policy": "untrained"},
            {"name": "cold", "policy": "fixed", "settings": {"temperature": 0.7}},
            {"name": "tampo", "policy": "tampo", "settings": {"warmup_steps": 1}},
        ],
        "seeds": [1, 2],
        "benchmarks": [{"name": "sums", "samples": 2, "limit": 4}],
        "evaluation": {
            "max_tokens": 12,
            "pass_k": [1, 2],
            "precision": "fp32",
            "problems_per_batch": 2,
        },
        "tables": [{"name": "table1", "title": "All", "methods": ["base", "cold", "tampo"]}],
    }
    for key, value in changes.items():
        both_dicts = isinstance(value, dict) and isinstance(content.get(key), dict)
        content[key] = {**content[key], **value} if both_dicts else value
    return Study(**content)


def write_training_run(results: Path, method: str, seed: int, steps: int) -> Path:
    """Write what a training run of `steps` steps leaves: 4 rollouts of 10 tokens and 2 s per step."""
    folder = results / "train" / method / f"seed{seed}"
    folder.mkdir(parents=True)
    clocks = {"generate": 0.5, "reward": 0.25, "total": 2.0, "cpu": 1.5}
    record = {"temperature": 0.7, "reward": 0.5, "completions": 4, "tokens": 40, "truncated": 0.25}
    lines = [{"step": step, **record, "seconds": clocks} for step in range(steps)]
    (folder / "steps.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    policy = [json.dumps({"step": step}) + "\n" for step in range(steps)]
    (folder / "policy.jsonl").write_text("".join(policy))
    rows = range(steps * 4)
    columns = {"step": [row // 4 for row in rows], "row": [row % 4 for row in rows]}
    columns |= {"advantage": [(1.0, -1.0, 0.5, -0.5)[row % 4] for row in rows]}
    columns |= {"group": [0 for _ in rows], "reward": [(1.0, 0.0, 0.75, 0.25)[r % 4] for r in rows]}
    columns |= {
        "log_likelihood_0.8": [-1.0 for _ in rows],
        "log_likelihood_1": [-0.9 for _ in rows],
    }
    pq.write_table(pa.table(columns), folder / "trajectories.parquet")
    write_run_json(folder, "train")
    return folder


def problem_score_frame(values: dict[tuple[str, str], list[list[float]]]) -> pd.DataFrame:
    """Return `problem_scores.csv` of `{(method, benchmark): [S, P]}`: a row per cell, all Pass@1."""
    return pd.DataFrame(
        [
            {"method": m, "seed": s, "benchmark": b, "problem": str(p), "metric": "pass@1"}
            | {"value": value, "n": 4}
            for (m, b), table in values.items()
            for s, row in enumerate(table)
            for p, value in enumerate(row)
        ]
    )
