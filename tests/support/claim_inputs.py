"""Score tables whose truth is known, to judge claims by."""

import numpy as np
import pandas as pd
from support.studies import micro_study

from tampo.claims import ClaimInputs
from tampo.seeds import generator
from tampo.study.study import Study

TAMPO = {"alpha": 0.05, "top_p": 0.7}
METHODS = [
    # Names say nothing, on purpose: roles follow from policies and settings.
    {"name": "one", "policy": "untrained"},
    {"name": "two", "policy": "fixed", "settings": {"temperature": 0.9}},
    {"name": "three", "policy": "fixed", "settings": {"temperature": 1.5}},
    {"name": "four", "policy": "linear", "settings": {"start": 0.9, "end": 1.5}},
    {"name": "five", "policy": "tampo", "settings": TAMPO},
    {"name": "low", "policy": "tampo", "settings": TAMPO | {"alpha": 0.01}},
    {"name": "high", "policy": "tampo", "settings": TAMPO | {"alpha": 0.1}},
    {"name": "greedy", "policy": "tampo", "settings": TAMPO | {"top_p": 0.0}},
    {"name": "half", "policy": "tampo", "settings": TAMPO | {"top_p": 0.5}},
    {"name": "most", "policy": "tampo", "settings": TAMPO | {"top_p": 0.9}},
    {"name": "any", "policy": "uniform"},
    {"name": "yoked", "policy": "replay", "settings": {"method": "five"}},
    {"name": "deaf", "policy": "tampo", "settings": TAMPO | {"shuffle_advantages": True}},
]
ALL = [method["name"] for method in METHODS]


def claims_study(without: tuple[str, ...] = (), **changes) -> Study:
    """Return a study with a method for every role, minus the methods in `without`."""
    methods = [m for m in METHODS if m["name"] not in without]
    content = {
        "methods": methods,
        "tables": [{"name": "table1", "title": "All", "methods": [methods[0]["name"]]}],
        "seeds": [1, 2, 3, 4, 5],
        "benchmarks": [{"name": name, "samples": 8, "limit": 6} for name in ("sums", "counts")],
        "evaluation": {"pass_k": [1, 8], "max_tokens": 12, "precision": "fp32"},
        "statistics": {"resamples": 1000},
        "training": {"steps": 40, "warmup_ratio": 0.1},
    }
    return micro_study(**(content | changes))


def scored(
    effects: dict[str, float], seeds: int = 5, luck: float = 0.004, stream: int = 0
) -> ClaimInputs:
    """Return inputs in which a method's expected score is 0.4 plus its effect.

    Every method of `effects` has `seeds` runs on two benchmarks of 40 problems, Pass@1 and Pass@8
    alike; `luck` is the standard deviation of a run's own shift.
    """
    rng = generator(stream, "claims")
    difficulty = rng.normal(scale=0.1, size=(2, 40))
    rows = []
    for method, effect in effects.items():
        for seed in range(1, seeds + 1):
            shift = effect + luck * rng.normal()
            values = 0.4 + difficulty + shift + 0.02 * rng.normal(size=(2, 40))
            rows += [
                {"method": method, "seed": seed, "benchmark": benchmark, "problem": str(problem)}
                | {"metric": metric, "value": float(np.clip(value, 0, 1)), "n": 8}
                for benchmark, line in zip(("sums", "counts"), values, strict=True)
                for problem, value in enumerate(line)
                for metric in ("pass@1", "pass@8")
            ]
    problems = pd.DataFrame(rows)
    keys = ["method", "seed", "benchmark", "metric"]
    return ClaimInputs(problems.groupby(keys, as_index=False)["value"].mean(), problems)
