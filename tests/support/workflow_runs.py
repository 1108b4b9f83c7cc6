"""Copies of the project and runs of Snakemake in them."""

import re
import shutil
import subprocess
import sys
from collections import Counter

from support.paths import ROOT

PARTS = ["Snakefile", "workflow", "profiles", "envs", "tampo", "baselines", "pyproject.toml"]


def copy_project(folder):
    for name in PARTS:
        source, target = ROOT / name, folder / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    return folder


def snakemake(project, *arguments):
    command = [sys.executable, "-m", "snakemake", *arguments]
    return subprocess.run(
        command, cwd=project, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )


def planned(project, *arguments):
    """Return the jobs of a dry run as {(rule, method, seed)}; absent wildcards are None."""
    run = snakemake(project, "-n", *arguments)
    assert run.returncode == 0, run.stdout + run.stderr
    jobs = set()
    for block in re.split(r"\n\n", run.stdout + run.stderr):
        rule = re.search(r"^(?:local)?rule (\w+):", block, re.MULTILINE)
        if rule:
            found = [re.search(rf"\b{name}=([\w.\-]+)", block) for name in ("method", "seed")]
            jobs.add((rule[1], *(match and match[1] for match in found)))
    return jobs


def counts(jobs):
    return dict(Counter(rule for rule, _, _ in jobs))
