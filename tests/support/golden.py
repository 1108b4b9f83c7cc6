"""The golden study: the last accepted outcome of a few training steps and an evaluation.

After a change that is meant to move numbers, regenerate them and read the difference:

    PYTHONPATH=tests python -m support.golden
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from pathlib import Path

import pyarrow.parquet as pq
from support.paths import ROOT
from support.studies import micro_study

from tampo.files import read_jsonl, write_json
from tampo.stages.evaluate import evaluate
from tampo.stages.model import make_model
from tampo.stages.train import train

GOLDEN = ROOT / "tests" / "golden"
TRAJECTORIES, WEIGHTS = GOLDEN / "trajectories.json", GOLDEN / "weights.safetensors"
STUDY = micro_study(
    methods=[
        {"name": "tampo", "policy": "tampo", "settings": {"warmup_steps": 1}},
        {"name": "linear", "policy": "linear", "settings": {"start": 0.7, "end": 1.3}},
        {"name": "thompson", "policy": "thompson"},
    ],
    tables=[{"name": "table1", "title": "All", "methods": ["tampo", "linear", "thompson"]}],
)
SEED = 1
STEP = ("temperature", "reward", "tokens", "entropy", "grad_norm")
ROLLOUT = ("step", "row", "problem_id", "reward", "length")


def digest(value) -> str:
    """Return the first 16 digits of the SHA-256 of a value's JSON."""
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:16]


def pretrained(folder: Path) -> Path:
    """Pretrain the base model of the golden study in `folder`; return the file of its weights."""
    make_model(STUDY, folder / "model")
    return folder / "model" / "model.safetensors"


def trajectories(folder: Path) -> dict[str, dict]:
    """Train and evaluate from the stored weights; return what each method did, by name.

    The weights are stored because Muon, whose iteration runs in bf16, makes 1e-4 of the last bits in
    which CPUs differ. `folder` holds the model that `pretrained` made. Lists are of floats; texts are
    exact: digests of the rollouts and of the responses, and the outcome of every response.
    """
    shutil.copy(WEIGHTS, folder / "model" / "model.safetensors")
    return {method: _trajectory(folder, method) for method in STUDY.trained_methods}


def _trajectory(folder: Path, method: str) -> dict:
    run, samples = folder / method, folder / f"{method}-samples"
    train(STUDY, method, SEED, folder / "model", run)
    evaluate(STUDY, method, SEED, run / "checkpoint", samples, lambda line: None)
    steps, policy = read_jsonl(run / "steps.jsonl"), read_jsonl(run / "policy.jsonl")
    rollouts = pq.read_table(run / "trajectories.parquet", columns=list(ROLLOUT)).to_pylist()
    (benchmark,) = STUDY.benchmarks
    rows = read_jsonl(samples / f"{benchmark.name}.jsonl")
    return {
        **{name: [step[name] for step in steps] for name in STEP},
        "probabilities": [p for step in policy for p in step.get("probabilities", [])],
        "rollouts": digest(rollouts),
        "responses": digest([[r["response"] for r in row["responses"]] for row in rows]),
        "outcomes": {row["id"]: " ".join(r["outcome"] for r in row["responses"]) for row in rows},
    }


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        shutil.copy(pretrained(Path(temporary)), WEIGHTS)
        write_json(TRAJECTORIES, trajectories(Path(temporary)))
