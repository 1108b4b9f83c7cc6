"""The task documents as lm-eval tasks of one study."""

from __future__ import annotations

import tempfile
from pathlib import Path

from lm_eval.api.task import Task
from lm_eval.tasks import TaskManager

from tampo import layout
from tampo.study.study import Study
from tampo.tasks import TASKS
from tampo.tasks.benchmark import count_outcomes

BASE = Path(str(TASKS)) / "_base.yaml"
OWN_DOCUMENT = """include: {base}
task: {name}
dataset_kwargs:
  problems: {name}
metadata:
  version: 1.0
"""
"""The document of a benchmark in a file of the user's own."""


def load_tasks(study: Study) -> dict[str, Task]:
    """Return lm-eval's tasks of the study's benchmarks, with the study's values in them.

    Returns:
        Tasks by name, in the study's order.

    Raises:
        ValueError: a benchmark has no task document.
    """
    with tempfile.TemporaryDirectory() as own:
        for name in study.problem_sets:
            (Path(own) / f"{name}.yaml").write_text(OWN_DOCUMENT.format(base=BASE, name=name))
        manager = TaskManager(include_path=[str(TASKS), own], include_defaults=False)
        return _load(manager, study)


def _load(manager: TaskManager, study: Study) -> dict[str, Task]:
    settings = study.evaluation
    unknown = [b.name for b in study.benchmarks if b.name not in manager.all_subtasks]
    if unknown:
        raise ValueError(
            f"benchmarks: no task document for {', '.join(unknown)}; "
            f"there are {', '.join(manager.all_subtasks)}"
        )
    metrics = [layout.pass_at(k) for k in settings.pass_k] + ["truncated"]
    group = {
        "group": "study",
        "task": [
            {
                "task": benchmark.name,
                "repeats": benchmark.samples,
                "dataset_kwargs": {
                    "problems": benchmark.name,
                    "data_dir": study.data_dir,
                    "limit": benchmark.limit,
                    "samples": benchmark.samples,
                    "pass_k": settings.pass_k,
                    "prompt": study.prompt.model_dump(),
                },
                "generation_kwargs": {
                    "until": [],
                    "do_sample": True,
                    "temperature": settings.temperature,
                    "top_p": settings.top_p,
                    "max_gen_toks": settings.max_tokens,
                },
                "metric_list": [
                    *(
                        {
                            "metric": name,
                            "aggregation": "mean",
                            "higher_is_better": name != "truncated",
                        }
                        for name in metrics
                    ),
                    {
                        "metric": "responses",
                        "aggregation": count_outcomes,
                        "higher_is_better": True,
                    },
                ],
            }
            for benchmark in study.benchmarks
        ],
    }
    return manager.load(group)["tasks"]
