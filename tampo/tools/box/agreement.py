"""Whether a finished run is one of this checkout's study: its run.json against the study's settings."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tampo.problems.problem_sets import problem_count
from tampo.records.run_json import AnyRun, EvaluateRun, ModelRun, TrainRun
from tampo.study.model_settings import ColdStart
from tampo.study.study import Study

SCORED_LATER = ("pass_k", "budgets")
"""Settings of the evaluation that only aggregation reads: stored responses serve any of them."""


def disagreements(study: Study, method: str | None, seed: int | None, run: AnyRun) -> list[str]:
    """Return `key: value there, value here` for each setting in which a run is not the study's.

    Args:
        method: method of the run that the study has; None for the base model.
        seed: its seed; None for the base model.
        run: its run.json.
    """
    there = dict(run.arguments)
    here: dict[str, Any] = {
        "model": study.model.model_dump(mode="json"),
        "cold_start": study.cold_start and study.cold_start.model_dump(mode="json"),
    }
    if isinstance(run, TrainRun) and method is not None:
        own = study.method(method)
        training = study.training_of(method).model_dump(mode="json")
        here = {"method": _identity(own.model_dump(mode="json")), "seed": seed}
        here["training"] = training
        there["method"] = _identity(there.get("method", {}))
    elif isinstance(run, EvaluateRun):
        here = {"method": method, "seed": seed, "prompt": study.prompt.model_dump(mode="json")}
        here["evaluation"] = _kept(study.evaluation.model_dump(mode="json"))
        here["benchmarks"] = {
            benchmark.name: {
                "problems": min(
                    benchmark.limit or problem_count(benchmark.name),
                    problem_count(benchmark.name),
                ),
                "samples": benchmark.samples,
            }
            for benchmark in study.benchmarks
        }
        if run.refused is not None:
            # Nothing was sampled of a run that diverged.
            del here["benchmarks"]
        there["evaluation"] = _kept(there.get("evaluation", {}))
        there["benchmarks"] = {
            name: {"problems": entry.problems, "samples": entry.samples}
            for name, entry in run.benchmarks.items()
        }
    else:
        done = run.cold_start if isinstance(run, ModelRun) else None
        # run.json also has the outcome of the cold start.
        there["cold_start"] = done and {key: done.get(key) for key in ColdStart.model_fields}
    there = {key: there.get(key) for key in here}
    return list(_differences(json.loads(json.dumps(there)), json.loads(json.dumps(here)), ""))


def _identity(method: dict[str, Any]) -> dict[str, Any]:
    """Return a method without its training settings, which are compared as they were resolved."""
    return {key: method.get(key) for key in ("name", "policy", "settings")}


def _kept(evaluation: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in evaluation.items() if key not in SCORED_LATER}


def _differences(there: Any, here: Any, key: str) -> Iterator[str]:
    """Yield a line for each leaf that differs."""
    if isinstance(there, dict) and isinstance(here, dict):
        for name in dict.fromkeys([*here, *there]):
            inner = f"{key}.{name}" if key else name
            if name not in there or name not in here:
                yield f"{inner}: {_shown(there, name)} there, {_shown(here, name)} here"
            else:
                yield from _differences(there[name], here[name], inner)
    elif there != here:
        yield f"{key}: {there!r} there, {here!r} here"


def _shown(settings: dict[str, Any], name: str) -> str:
    return repr(settings[name]) if name in settings else "absent"
