"""Whether disk, memory, clock, caches, packages and cluster of this machine will do for a study."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

from tampo import layout
from tampo.problems.catalogue import CATALOGUE, Hub, root
from tampo.study.model_settings import FolderModel, HubModel
from tampo.study.study import Study, StudyError
from tampo.tools.doctor.finding import Finding, ok, to_do
from tampo.tools.plan.cost_model import GIB
from tampo.tools.plan.shapes import shape_of

KEPT_CHECKPOINTS = 3
"""Two to resume from and the finished one."""
CHECKPOINT_BYTES = 12
"""Bytes of a parameter in a checkpoint to resume from: fp32 weights and two moments."""


def machine_findings(study: Study | None, results: Path) -> Iterator[Finding]:
    """Yield what is right and wrong with everything but the GPUs.

    Args:
        study: the study to be run, or None.
        results: folder that its results will lie in.
    """
    yield from _disk(study, results)
    yield _memory(study)
    now = datetime.now().astimezone()
    yield ok("clock", f"{now:%Y-%m-%d %H:%M}, UTC{now:%z}; records are in UTC, logs in this zone")
    if study is not None:
        yield from _engine(study)
        yield from _caches(study, results)
    yield _slurm()
    yield from _accelerate()


def _disk(study: Study | None, results: Path) -> Iterator[Finding]:
    place = next(p for p in (results.resolve(), *results.resolve().parents) if p.exists())
    free = shutil.disk_usage(place).free / GIB
    if not os.access(place, os.W_OK):
        yield to_do("disk", f"{place} cannot be written to")
        return
    need = 0.0
    if study is not None:
        try:
            parameters = shape_of(study.model).parameters
        except StudyError:
            parameters = 0
        need = KEPT_CHECKPOINTS * CHECKPOINT_BYTES * parameters / GIB
    line = f"{free:.0f} GiB free at {place}; one training run needs about {need:.1f}"
    yield (
        ok("disk", line)
        if free > need
        else to_do("disk", f"{line}: free some, or use another folder")
    )


def _memory(study: Study | None) -> Finding:
    here = psutil.virtual_memory().total / 1e6
    asked = (
        0 if study is None else max(study.resources.train.mem_mb, study.resources.evaluate.mem_mb)
    )
    line = f"{here / 1000:.0f} GB, a job asks for {asked / 1000:.0f}"
    return ok("memory", line) if here >= asked else to_do("memory", f"{line}: use a larger machine")


def _engine(study: Study) -> Iterator[Finding]:
    wants = {
        "training.rollout_backend": study.training.rollout_backend,
        "evaluation.backend": study.evaluation.backend,
    }
    keys = [key for key, value in wants.items() if value == "vllm"]
    if not keys:
        return
    try:
        yield ok("vLLM", f"{version('vllm')}, for {' and '.join(keys)}")
    except PackageNotFoundError:
        yield to_do(
            "vLLM", f"not installed; {keys[0]} is vllm: pip install '.[gpu]', or set it to hf"
        )


def _caches(study: Study, results: Path) -> Iterator[Finding]:
    """Yield what a machine without network lacks: base model and problem sets."""
    made = results / study.name / layout.MODEL / layout.RUN_JSON
    if made.is_file():
        yield ok("base model", f"made, {made.parent}")
    elif isinstance(study.model, HubModel):
        from huggingface_hub import try_to_load_from_cache

        name, revision = study.model.repository, study.model.revision
        cached = isinstance(try_to_load_from_cache(name, "config.json", revision=revision), str)
        if cached:
            yield ok("base model", f"{name} is in the hub's cache")
        elif os.environ.get("HF_HUB_OFFLINE") == "1":
            yield to_do(
                "base model", f"{name} is not cached and HF_HUB_OFFLINE=1: snakemake prefetch"
            )
        else:
            yield ok(
                "base model",
                f"{name} will be downloaded; for nodes without network: snakemake prefetch",
            )
    elif isinstance(study.model, FolderModel) and not Path(study.model.path).is_dir():
        yield to_do("base model", f"no folder {study.model.path}")
    yield from _problem_sets(study)


def _problem_sets(study: Study) -> Iterator[Finding]:
    names = {*study.training_sets.values(), *(benchmark.name for benchmark in study.benchmarks)}
    from_hub = {root(name) for name in names if isinstance(CATALOGUE[root(name)].source, Hub)}
    if not from_hub:
        return
    if study.data_dir is None:
        line = f"{', '.join(sorted(from_hub))} will be read from the hub; without network: data_dir=..."
        offline = os.environ.get("HF_HUB_OFFLINE") == "1"
        yield to_do("problem sets", line) if offline else ok("problem sets", line)
        return
    files = {CATALOGUE[name].source.file for name in from_hub}  # type: ignore[union-attr]  # of the hub
    absent = sorted(file for file in files if not (Path(study.data_dir) / file).is_file())
    if absent:
        yield to_do(
            "problem sets", f"{study.data_dir} lacks {', '.join(absent)}: snakemake prefetch"
        )
    else:
        yield ok("problem sets", f"{len(files)} files in {study.data_dir}")


def _slurm() -> Finding:
    if shutil.which("sbatch") is None:
        return ok("SLURM", "no sbatch here; jobs run on this machine")
    said = subprocess.run(["sbatch", "--version"], capture_output=True, text=True)
    accounting = subprocess.run(["sacct", "-n", "-X"], capture_output=True, text=True)
    line = said.stdout.strip() or "sbatch does not answer"
    if said.returncode:
        return to_do("SLURM", f"sbatch fails: {said.stderr.strip()[:200]}")
    kept = "" if accounting.returncode == 0 else "; no accounting, so states come from squeue"
    return ok("SLURM", line + kept)


def _accelerate() -> Iterator[Finding]:
    home = Path(os.environ.get("HF_HOME", Path.home() / ".cache" / "huggingface"))
    file = home / "accelerate" / "default_config.yaml"
    if file.is_file():
        yield ok("accelerate", f"{file} is ignored: runs have a configuration of their own")
