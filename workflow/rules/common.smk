# The active study, checked before any job is planned, and what the stages ask of it.
import json
import os
import re
import shlex
import signal
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path

import psutil

from tampo.workflow.failures import failures
from tampo.study.study import UNTRAINED, StudyError, load_study

CONFIG_KEYS = ("study", "data_dir")


def active_study():
    """Return the path and content of the study that `--config study=NAME` names.

    A mistake ends the run with one line; an exception would bring a traceback of this file.
    """
    unknown = [key for key in config if key not in CONFIG_KEYS]
    if unknown:
        allowed = ", ".join(CONFIG_KEYS)
        sys.exit(f"error: --config: unknown key {unknown[0]!r}; allowed: {allowed}")
    name = str(config.get("study", "tiny"))
    path = Path("workflow", "studies", f"{name}.yaml")
    try:
        study = load_study(path, config.get("data_dir"))
    except StudyError as error:
        sys.exit(f"error: {error}")
    if study.name != name:
        sys.exit(
            f"error: {path}: name: {study.name!r}; must equal the file's, {name!r}"
        )
    return path, study


def any_of(names):
    """Return the regular expression that matches these names only."""
    return "|".join(re.escape(str(name)) for name in names) or "(?!)"


def environment(backend):
    """Return the environment of a job that samples with `backend`."""
    return "../../envs/gpu.yaml" if backend == "vllm" else "../../envs/cpu.yaml"


def settings_of(stage):
    """Return the parameters that make a job run again: the settings its result depends on.

    There is one parameter for each setting, so that the reason of a rerun names what changed.
    """
    methods = STUDY.trained_methods if stage == "train" else [None]
    slices = [settings_by_name(stage, method) for method in methods]
    return {
        re.sub(r"\W", "_", name): setting(stage, name, {each[name] for each in slices})
        for name in (slices[0] if slices else {})
    }


def setting(stage, name, values):
    """Return one setting of a stage's jobs as `name=value`, or the function that tells it.

    Snakemake evaluates a function many times for each job, so only what differs is one.
    """
    text = f"{name}={min(values)}"
    # Snakemake takes a word in braces for a wildcard.
    if len(values) == 1 and not re.search(r"\{\s*\w", text):
        return text
    return (
        lambda wildcards: f"{name}={settings_by_name(stage, wildcards.get('method'))[name]}"
    )


@cache
def settings_by_name(stage, method):
    """Return the slice of the study that a stage depends on, parts with many settings split up."""
    settings = {}
    for part, value in json.loads(STUDY.slice(stage, method)).items():
        if part in ("training", "evaluation"):
            settings |= {
                f"{part}.{key}": json.dumps(inner) for key, inner in value.items()
            }
        else:
            settings[part] = json.dumps(value)
    return settings


def requested(stage, threads):
    """Return the resources of a stage's jobs; a later attempt is given more time.

    Snakemake cuts `threads` to the cores of the machine it was started on. A cluster's nodes have
    others, so they are asked for `cpus_per_task`.
    """
    wanted = getattr(STUDY.resources, stage)
    resources = {
        "mem_mb": wanted.mem_mb,
        "runtime": lambda wildcards, attempt: wanted.minutes_of(attempt),
        "cpus_per_task": threads,
    }
    # Asking a cluster for no GPU is another request than not asking.
    return resources | ({"gpu": wanted.gpus} if wanted.gpus else {})


def training_threads(wildcards):
    """Return the CPU threads of one training run, over all its processes."""
    of_one = STUDY.training_of(wildcards.method).cpu_threads
    return of_one * STUDY.resources.train.num_processes


def pass_on(number, frame):
    """Pass a signal on to the jobs of this process.

    Some clusters announce the end of a job to the job's first process only, which is Snakemake.
    """
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            process.send_signal(number)


def checkpoint(wildcards):
    """Return the folder of the weights to evaluate: trained, or the base model itself."""
    if STUDY.method(wildcards.method).policy == UNTRAINED:
        return f"results/{wildcards.study}/model"
    return f"results/{wildcards.study}/train/{wildcards.method}/seed{wildcards.seed}/checkpoint"


def recorded(wildcards):
    """Return the steps of the run that this one replays, or nothing."""
    replayed = STUDY.replayed_run(wildcards.method, int(wildcards.seed))
    if replayed is None:
        return []
    method, seed = replayed
    return f"results/{wildcards.study}/train/{method}/seed{seed}/steps.jsonl"


def print_table1():
    """Print the active study's Table 1, if this run has made it."""
    from tampo.report.tables import show

    table = Path("results", STUDY.name, "report", "table1.csv")
    if table.is_file():
        print(
            f"\n{table} (percent, interval in brackets)\n\n{show(table)}",
            file=sys.stderr,
        )
        print(f"\n{table.with_name('report.html')} has the rest", file=sys.stderr)


def print_failures(snakemake_logs):
    """Print one line for each job that failed for good: its log and the reason."""
    text = "".join(Path(path).read_text() for path in snakemake_logs)
    lines = [failure.line() for failure in failures(text)]
    print(f"\n{len(lines)} failed:", *lines, sep="\n  ", file=sys.stderr)


# Jobs say `python`: the one that runs Snakemake, unless an environment puts its own before it.
os.environ |= {
    "PATH": os.pathsep.join(
        [str(Path(sys.executable).parent), os.environ.get("PATH", "")]
    )
}

signal.signal(signal.SIGUSR1, pass_on)

STUDY_FILE, STUDY = active_study()
DATA_OPTION = (
    f"--data-dir {shlex.quote(str(config['data_dir']))}" if "data_dir" in config else ""
)
TRAINING_TABLES = [
    "steps",
    "policy",
    "optimal_temperatures",
    "unimodality",
    "likelihood_curves",
]
TABLES = [table.name for table in STUDY.tables]
PUBLISHED = sorted(
    path.stem for path in Path("workflow/published", STUDY.name).glob("*.csv")
)


wildcard_constraints:
    study=re.escape(STUDY.name),
    method=any_of(method.name for method in STUDY.methods),
    seed=any_of(STUDY.seeds),
