"""What each stage's result depends on, as the workflow compares it from run to run."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel

from tampo.problems.problem_sets import identity
from tampo.study.study import Study
from tampo.temperature.policy_file import is_file
from tampo.user_code import code_of

CHANGES_NO_RESULT = {"checkpoint_every"}
"""Training settings that nothing in a finished run depends on, not even its last bits."""


def slice_of(study: Study, stage: str, method: str | None = None) -> str:
    """Return, as one line of JSON, the settings that a stage's result depends on.

    Snakemake compares it with that of the last run: a job is run again when its own slice
    changes and not when anything else in the study does. Of files it holds the content: of problem
    sets, and of a user's policy with the modules that it imports.
    """
    parts: dict[str, Any] = {"model": study.model}
    read: list[str] = []
    if study.cold_start is not None:
        parts |= {"cold_start": study.cold_start, "prompt": study.prompt}
        read = [study.cold_start.problems]
    if stage == "train":
        if method is None:
            raise ValueError("stage 'train' is one method's; none is named")
        own, training = study.method(method), study.training_of(method)
        read = [*read, training.problems]
        named = own.policy.rpartition(":")[2] if is_file(own.policy) else own.policy
        parts |= {
            "prompt": study.prompt,
            "training": training.model_dump(mode="json", exclude=CHANGES_NO_RESULT),
            "policy": named,
            "settings": own.settings,
            # A user's class may change under its name; those of the package have a version.
            "policy_code": code_of(own.policy) if is_file(own.policy) else None,
        }
    elif stage == "evaluate":
        read = [*read, *(benchmark.name for benchmark in study.benchmarks)]
        parts |= {
            "prompt": study.prompt,
            "benchmarks": study.benchmarks,
            # Aggregation scores the stored samples again, for each k and each budget.
            "evaluation": study.evaluation.model_dump(mode="json", exclude={"pass_k", "budgets"}),
        }
    elif stage == "aggregate":
        parts = {"methods": [m.name for m in study.methods], "pass_k": study.evaluation.pass_k}
        parts |= {"seeds": study.seeds, "benchmarks": [b.name for b in study.benchmarks]}
        parts |= {"budgets": study.evaluation.budgets}
        read = []
    elif stage == "report":
        parts = {"tables": study.tables, "statistics": study.statistics, "title": study.name}
        parts |= {"description": study.description, "allow_overlap": study.allow_overlap}
        parts |= {"references": study.references}
        parts |= {"shown_as": [[m.name, m.title, m.group] for m in study.methods]}
        read = []
    elif stage != "model":
        raise ValueError(f"no stage {stage!r}")
    if read:
        parts["problems"] = {name: identity(name, study.data_dir) for name in sorted({*read})}
    return json.dumps(_plain(parts), sort_keys=True)


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, list) else value
