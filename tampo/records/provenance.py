"""run.json: what was asked for, what ran it, on what, and what came out."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import resource
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import tampo
from tampo.files import sha256_of
from tampo.records.run_json import VERSION

ROOT = Path(__file__).resolve().parents[2]
"""Of the checkout, or whatever folder the package is installed in."""
CODE = ("tampo", "baselines")
"""Folders below it whose files can change a result."""
REVISION = "commit.json"
"""At the root of a packed study, which has no git: its commit, and the checksums of its files."""

PACKAGES = [
    "torch",
    "transformers",
    "trl",
    "accelerate",
    "peft",
    "lm-eval",
    "math-verify",
    "mpmath",
    "sympy",
    "pint",
    "datasets",
    "vllm",
    "snakemake",
    "numpy",
    "pandas",
    "scipy",
    "matplotlib",
]


def collect(stage: str, arguments: dict[str, Any], started: float) -> dict[str, Any]:
    """Return what every run.json holds, for a stage that ends now (`tampo.records.run_json`).

    Args:
        stage: name of the subcommand.
        arguments: arguments as passed and as resolved; JSON-serialisable.
        started: `time.time()` at the stage's start.
    """
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "version": VERSION,
        "stage": stage,
        # Not the interpreter's path: a record is read on other machines, and packages are listed.
        "command": ["python", "-m", "tampo", *sys.argv[1:]],
        "arguments": arguments,
        "started": datetime.fromtimestamp(started, UTC).isoformat(timespec="seconds"),
        "seconds": {
            "wall": round(time.time() - started, 3),
            "cpu": round(usage.ru_utime + usage.ru_stime, 3),
        },
        "peak_memory_mib": usage.ru_maxrss // 1024,
        "tampo": tampo.__version__,
        "source": source_revision(),
        "python": platform.python_version(),
        "packages": versions(),
        "hardware": hardware(),
    }


def versions() -> dict[str, str]:
    """Return the installed version of every package that can change a result."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def source_revision(root: Path = ROOT) -> dict[str, Any]:
    """Return the commit that the package runs from and whether its code differs from it.

    Both are None where the package is not in a checkout of its own: of an installed one, a repository
    around it says nothing.
    """
    # Without this, git would report a repository that the study was unpacked inside.
    if (root / REVISION).is_file() and not (root / ".git").exists():
        return _packed_revision(root)

    def git(*arguments: str) -> str | None:
        try:
            done = subprocess.run(
                ["git", "-C", str(root), *arguments], capture_output=True, text=True, timeout=20
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    top = git("rev-parse", "--show-toplevel")
    if top is None or Path(top).resolve() != root.resolve():
        return {"commit": None, "dirty": None}
    # Studies are stored with their results, and notes beside the code change nothing.
    status = git("status", "--porcelain", "--", *CODE)
    return {"commit": git("rev-parse", "HEAD"), "dirty": None if status is None else bool(status)}


def _packed_revision(root: Path) -> dict[str, Any]:
    """Return what was packed: its commit, and whether its files differed then or were changed since."""
    packed = json.loads((root / REVISION).read_text(encoding="utf-8"))
    changed = any(
        not (root / name).is_file() or sha256_of(root / name) != digest
        for name, digest in packed["files"].items()
    )
    return {"commit": packed["commit"], "dirty": packed["dirty"] or changed}


def hardware() -> dict[str, Any]:
    """Return processor, memory and accelerators of this machine."""
    facts: dict[str, Any] = {
        "platform": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_mib": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20,
    }
    if "torch" in sys.modules:
        import torch

        facts["gpus"] = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return facts


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")),
        platform.processor(),
    )
