"""Parts of training runs under test: a reward, and what two equal runs have in common."""

from pathlib import Path

from tampo.files import read_jsonl, sha256_of


def length_reward(completions, **_):
    """Something that differs within groups; what it rewards does not matter."""
    return [float(len(c[0]["content"]) % 3) for c in completions]


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
