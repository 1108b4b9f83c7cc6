"""Copies of the project and runs of Snakemake in them."""

import re
import shutil
import subprocess
import sys
from collections import Counter

import psutil
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


def edit_study(project, study, old, new):
    """Replace `old`, which occurs once in a study of the copy, by `new`."""
    path = project / "workflow" / "studies" / f"{study}.yaml"
    text = path.read_text()
    assert text.count(old) == 1, f"{old!r} occurs {text.count(old)} times in {path}"
    path.write_text(text.replace(old, new))


def snakemake(project, *arguments):
    """Run Snakemake in `project`; if the test ends before it does, its jobs end too."""
    process = subprocess.Popen(
        [sys.executable, "-m", "snakemake", *arguments],
        cwd=project,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        printed = process.communicate()
    except BaseException:
        for each in (*psutil.Process(process.pid).children(recursive=True), process):
            each.kill()
        process.wait()
        raise
    return subprocess.CompletedProcess(process.args, process.returncode, *printed)


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
