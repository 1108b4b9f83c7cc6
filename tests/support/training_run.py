"""What a training run leaves, in a form that two runs are compared in."""

from pathlib import Path

from tampo.files import read_jsonl, sha256_of


def evidence(out: Path) -> dict:
    """Everything that two equal runs have in common: all but times."""
    steps = [
        {k: v for k, v in s.items() if k != "seconds"} for s in read_jsonl(out / "steps.jsonl")
    ]
    return {
        "steps": steps,
        "policy": (out / "policy.jsonl").read_bytes(),
        "trajectories": sha256_of(out / "trajectories.parquet"),
        "weights": sha256_of(out / "checkpoint" / "model.safetensors"),
    }
