"""The jobs of the active study, as the rules of the workflow need them.

A rule names a stage; which runs it has, what they need and what makes them run again is defined here.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from tampo import layout
from tampo.study.references import DEFAULT_STUDY, STUDIES, References
from tampo.study.slices import slice_of
from tampo.study.study import UNTRAINED, Study, StudyError, load_study
from tampo.training.trackers import VARIABLE, require_tracker

CONFIG_KEYS = ("study", "data_dir", "tracker")
"""What `--config` may set."""


def require_config_option(words: Sequence[str]) -> None:
    """End the run with one line where `study=NAME` stands among the targets, without `--config`.

    Args:
        words: of Snakemake's command line.
    """
    if {"--config", "-C"} & set(words):
        return
    for word in words:
        if word.partition("=")[0] in CONFIG_KEYS and "=" in word:
            sys.exit(f"error: {word} is no target; write --config {word}, after the target")


def any_of(names: Iterable[object]) -> str:
    """Return the regular expression that matches these names only."""
    return "|".join(re.escape(str(name)) for name in names) or "(?!)"


class Jobs:
    """The jobs of one study.

    Args:
        file: the study file, as jobs are given it.
        study: its content.
        data_dir: folder of problem sets that jobs read instead of the hub.
    """

    def __init__(self, file: Path, study: Study, data_dir: str | None = None) -> None:
        self.file, self.study = file, study
        self.data_option = f"--data-dir {shlex.quote(data_dir)}" if data_dir is not None else ""

    @classmethod
    def of_config(cls, config: Mapping[str, Any]) -> Jobs:
        """Return the jobs of the study that `--config study=NAME` names.

        A mistake ends the run with one line: an exception would bring a traceback of the rules.
        """
        unknown = [key for key in config if key not in CONFIG_KEYS]
        if unknown:
            allowed = ", ".join(CONFIG_KEYS)
            sys.exit(f"error: --config: unknown key {unknown[0]!r}; allowed: {allowed}")
        name = str(config.get("study", DEFAULT_STUDY))
        data_dir = None if config.get("data_dir") is None else str(config["data_dir"])
        file = STUDIES / f"{name}.yaml"
        try:
            study = load_study(file, data_dir)
            if (tracker := config.get("tracker")) is not None:
                require_tracker(str(tracker))
                os.environ[VARIABLE] = str(tracker)
        except StudyError as error:
            sys.exit(f"error: {error}")
        if study.name != name:
            sys.exit(f"error: {file}: name: {study.name!r}; must equal the file's, {name!r}")
        return cls(file, study, data_dir)

    # What there is -------------------------------------------------------------------------------

    @property
    def trained_runs(self) -> list[str]:
        """Folder of every training run, `{study}` a wildcard."""
        return self._runs(layout.train_folder, self.study.trained_methods)

    @property
    def evaluated_runs(self) -> list[str]:
        """Folder of every evaluated run, `{study}` a wildcard."""
        return self._runs(layout.evaluate_folder, [method.name for method in self.study.methods])

    def _runs(self, folder_of: Callable[..., Path], methods: list[str]) -> list[str]:
        here = layout.RESULTS / "{study}"
        return [str(folder_of(here, m, seed)) for m in methods for seed in self.study.seeds]

    @property
    def samples(self) -> list[str]:
        """Name of each benchmark's file of responses."""
        return [layout.samples_file(benchmark.name) for benchmark in self.study.benchmarks]

    @property
    def tables(self) -> list[str]:
        """Names of the report's tables."""
        return [table.name for table in self.study.tables]

    @property
    def published(self) -> list[str]:
        """Names of the tables that were transcribed for this study."""
        return [path.stem for path in References().tables_of(self.study)]

    @property
    def experiment(self) -> Path:
        """File of the study that this one is compared with."""
        return References().experiment_of(self.study)

    # What a run needs ----------------------------------------------------------------------------

    def checkpoint(self, wildcards: Any) -> str:
        """Return the folder of the weights to evaluate: trained, or the base model itself."""
        results = layout.RESULTS / wildcards.study
        if self.study.method(wildcards.method).policy == UNTRAINED:
            return str(results / layout.MODEL)
        run = layout.train_folder(results, wildcards.method, wildcards.seed)
        return str(run / layout.CHECKPOINT)

    def recorded(self, wildcards: Any) -> str | list[str]:
        """Return the steps of the run that this one replays, or nothing."""
        replayed = self.study.replayed_run(wildcards.method, int(wildcards.seed))
        if replayed is None:
            return []
        run = layout.train_folder(layout.RESULTS / wildcards.study, *replayed)
        return str(run / layout.STEPS_LOG)

    def training_threads(self, wildcards: Any) -> int:
        """Return the CPU threads of one training run, over all its processes."""
        of_one = self.study.training_of(wildcards.method).cpu_threads
        return of_one * self.study.resources.train.num_processes

    def requested(self, stage: str, threads: int | Callable[[Any], int]) -> dict[str, Any]:
        """Return the resources of a stage's jobs; a later attempt is given more time.

        Snakemake cuts `threads` to the cores of the machine it was started on. A cluster's nodes
        have others, so they are asked for `cpus_per_task`.
        """
        wanted = getattr(self.study.resources, stage)
        resources = {
            "mem_mb": wanted.mem_mb,
            "runtime": lambda wildcards, attempt: wanted.minutes_of(attempt),
            "cpus_per_task": threads,
        }
        # Asking a cluster for no GPU is another request than not asking. Several must be of one node: the
        # launcher starts its processes there.
        return resources | ({"gpu": wanted.gpus, "nodes": 1} if wanted.gpus else {})

    # What makes a job run again ------------------------------------------------------------------

    def settings_of(self, stage: str) -> dict[str, Any]:
        """Return the settings that a stage's result depends on, as parameters of its rule.

        There is one parameter for each setting, so that the reason of a rerun names what changed.
        """
        methods = self.study.trained_methods if stage == layout.TRAIN else [None]
        slices = [self._settings_by_name(stage, method) for method in methods]
        return {
            re.sub(r"\W", "_", name): self._setting(stage, name, {each[name] for each in slices})
            for name in (slices[0] if slices else {})
        }

    def _setting(self, stage: str, name: str, values: set[str]) -> Any:
        """Return one setting of a stage's jobs as `name=value`, or the function that tells it.

        Snakemake evaluates a function many times for each job, so only what differs is one.
        """
        text = f"{name}={min(values)}"
        # Snakemake takes a word in braces for a wildcard.
        if len(values) == 1 and not re.search(r"\{\s*\w", text):
            return text

        def told(wildcards: Any) -> str:
            return f"{name}={self._settings_by_name(stage, wildcards.get('method'))[name]}"

        return told

    @cache  # noqa: B019 - one object lives as long as the workflow
    def _settings_by_name(self, stage: str, method: str | None) -> dict[str, str]:
        """Return the slice of the study that a stage depends on, large parts split up."""
        settings: dict[str, str] = {}
        for part, value in json.loads(slice_of(self.study, stage, method)).items():
            if part in ("training", "evaluation"):
                settings |= {f"{part}.{key}": json.dumps(inner) for key, inner in value.items()}
            else:
                settings[part] = json.dumps(value)
        return settings


def environment(backend: str) -> str:
    """Return the environment of a job that samples with `backend`, as seen from the rules."""
    return "../../envs/gpu.yaml" if backend == "vllm" else "../../envs/cpu.yaml"
