"""What some tests need and not every machine has, and where a missing one is an error.

A test whose need is not met is skipped, and the reason says what to type. Where the variable
TAMPO_REQUIRE names the need ("browser,data"), the test fails instead: a machine that is meant to run
these tests cannot pass by skipping them. `.ci/run` sets it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest
from support.paths import ROOT

REQUIRED = "TAMPO_REQUIRE"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


class Missing(Exception):
    """A need that this machine does not meet; the message ends in what to do about it."""


def _browser() -> str:
    for name in BROWSERS:
        if found := shutil.which(name):
            return found
    raise Missing("no Chromium on the PATH; type: apt-get install -y chromium")


def _data() -> Path:
    named = os.environ.get("TAMPO_DATA_DIR")
    folder = Path(named) if named else ROOT.parent / "shared" / "data"
    if folder.is_dir():
        return folder
    raise Missing(f"no problem sets at {folder}; type: export TAMPO_DATA_DIR=FOLDER")


def _cases() -> Path:
    path = _data().parent / "grading" / "cases.jsonl"
    if path.is_file():
        return path
    raise Missing(f"no cases of grading at {path}; they lie beside the folder of problem sets")


def _slurm() -> None:
    if shutil.which("sbatch") is None:
        raise Missing("no sbatch on the PATH; run on a login node, or install a one-node SLURM")
    asked = subprocess.run(["sinfo", "-h", "-o", "%T"], capture_output=True, text=True)
    if asked.returncode:
        raise Missing(f"SLURM does not answer: {asked.stderr.strip()}; type: sinfo")


def _vllm() -> None:
    if find_spec("vllm") is None:
        raise Missing("vLLM is not installed; docs/vllm.md says how, also without a GPU")


def _triton() -> None:
    if find_spec("triton") is None:
        raise Missing("Triton is not installed; it is published for Linux only")


def _cuda() -> None:
    import torch

    if not torch.cuda.is_available():
        raise Missing("no CUDA device; run on a machine with an NVIDIA GPU")


PROBES: dict[str, Callable[[], object]] = {
    "browser": _browser,
    "data": _data,
    "cases": _cases,
    "slurm": _slurm,
    "vllm": _vllm,
    "triton": _triton,
    "cuda": _cuda,
}


def required() -> set[str]:
    """Return the needs that TAMPO_REQUIRE names; an unknown one is a usage error."""
    names = {name.strip() for name in os.environ.get(REQUIRED, "").split(",")} - {""}
    if unknown := sorted(names - set(PROBES)):
        raise pytest.UsageError(f"{REQUIRED}: unknown {unknown[0]!r}; known: {', '.join(PROBES)}")
    return names


def need(name: str):
    """Return where this machine has `name`; without it skip the test, or fail it if required.

    At the head of a module it skips, or fails, the whole module.
    """
    try:
        return PROBES[name]()
    except Missing as missing:
        reason = f"needs {name}: {missing}"
    if name in required():
        pytest.fail(f"{reason} ({REQUIRED} names {name})", pytrace=False)
    pytest.skip(reason, allow_module_level=True)
