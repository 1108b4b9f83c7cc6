"""The workflow on a real SLURM: every job through sbatch, whatever happens to it on the way.

Needs a cluster that answers; a single node will do. The planning test needs none.
"""

import itertools
import json
import os
import re
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest
import yaml
from support.needs import need
from support.paths import ROOT
from support.studies import micro_study
from support.workflow_runs import copy_project, snakemake

STEPS = 40
SOON = ["--slurm-init-seconds-before-status-checks", "2", "--jobs", "4"]


@pytest.fixture(scope="session")
def cluster():
    """A SLURM cluster that answers."""
    need("slurm")


def on_cluster(folder):
    """Copy the project to `folder`, with the link by which its profile is found."""
    project = copy_project(folder)
    (project / "slurm").symlink_to("profiles/slurm")
    return project


def job_of(rule, *wildcards):
    """Return the id of the running job of a rule, by the comment that names its wildcards."""
    comment = "_".join([f"rule_{rule}_wildcards", *map(str, wildcards)])
    running = subprocess.run(
        ["squeue", "-h", "--states=RUNNING", "-o", "%i %k"], capture_output=True, text=True
    )
    return next(
        (line.split()[0] for line in running.stdout.splitlines() if line.split()[1:] == [comment]),
        None,
    )


def training_process(project, method, seed):
    """Return the training process of a run in `project`."""
    wanted = {"--method": method, "--seed": str(seed)}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            words = path.joinpath("cmdline").read_bytes().decode().split("\0")
            here = path.joinpath("cwd").resolve() == project.resolve()
        except OSError:
            continue
        if here and words[1:4] == ["-m", "tampo", "train"]:
            options = dict(itertools.pairwise(words))
            if {name: options.get(name) for name in wanted} == wanted:
                return int(path.name)
    return None


def limit(job, minutes):
    subprocess.run(["scontrol", "update", f"JobId={job}", f"TimeLimit={minutes}"], check=True)


def announce_the_end(job, process):
    """Bring the limit nearer than the time that the profile has SLURM announce it ahead."""
    limit(job, 5)


def let_time_run_out(job, process):
    """Put the limit into the past, so that it comes unannounced; until then the process is stopped."""
    threading.Timer(70, limit, (job, 1)).start()


def cancel(job, process):
    subprocess.run(["scancel", job], check=True)


def requeue(job, process):
    subprocess.run(["scontrol", "requeue", job], check=True)


class Disturbances(threading.Thread):
    """Stops training runs after their first step and lets something happen to their jobs.

    Attributes:
        done: {(method, seed): SLURM's job id} of what has happened.
    """

    def __init__(self, project, study, planned):
        super().__init__(daemon=True)
        self.project, self.study, self.planned = project, study, dict(planned)
        self.done = {}
        self.over = threading.Event()

    def run(self):
        while self.planned and not self.over.is_set():
            for run in list(self.planned):
                self._try(*run)
            time.sleep(0.02)

    def _try(self, method, seed):
        out = self.project / "results" / self.study / "train" / method / f"seed{seed}"
        steps = out / "resume" / "log" / "steps.jsonl"
        if not steps.is_file() or not steps.stat().st_size:
            return
        process = training_process(self.project, method, seed)
        if process is not None:
            os.kill(process, signal.SIGSTOP)
            job = job_of("train", self.study, method, seed)
            self.planned.pop((method, seed))(job, process)
            self.done[method, seed] = job


def disturbed(project, study, planned, *arguments):
    """Run a study through SLURM with disturbances; return the run and what has happened."""
    disturbances = Disturbances(project, study, planned)
    disturbances.start()
    run = snakemake(project, "--profile", "slurm", *SOON, *arguments, "--config", f"study={study}")
    disturbances.over.set()
    disturbances.join()
    return run, disturbances.done


def states(printed):
    """Return {SLURM job id: state} of the attempts that failed, from what Snakemake printed."""
    return dict(re.findall(r"SLURM-job '(\d+)' failed, SLURM status is: '(\w+)'", printed))


def restarts(job):
    shown = subprocess.run(["scontrol", "show", "job", job], capture_output=True, text=True)
    return int(re.search(r"Restarts=(\d+)", shown.stdout)[1])


@pytest.fixture
def study():
    more = {
        "training": {"steps": STEPS, "checkpoint_every": STEPS},
        "resources": {"train": {"minutes": 15, "mem_mb": 2000}},
    }
    return micro_study(**more).model_dump(mode="json", exclude_unset=True)


@pytest.mark.slow
@pytest.mark.timeout(2400)
def test_whatever_happens_to_its_jobs_a_run_ends_with_the_same_table(cluster, tmp_path, study):
    projects = []
    for name in ("plain", "slurm"):
        (tmp_path / name).mkdir()
        projects.append(on_cluster(tmp_path / name))
        file = projects[-1] / "workflow" / "studies" / "micro.yaml"
        file.write_text(yaml.safe_dump(study))
    planned = {
        ("cold", 1): cancel,
        ("cold", 2): requeue,
        ("tampo", 1): let_time_run_out,
        ("tampo", 2): announce_the_end,
    }
    plain, slurm = projects
    run, jobs = disturbed(slurm, "micro", planned)
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-4000:]
    assert jobs.keys() == planned.keys()
    ended = states(run.stderr)
    assert ended[jobs["cold", 1]] == "CANCELLED"
    assert ended[jobs["tampo", 1]] == "TIMEOUT"
    assert ended[jobs["tampo", 2]] == "FAILED"
    assert restarts(jobs["cold", 2]) == 1 and jobs["cold", 2] not in ended
    resumed = {}
    for method, seed in planned:
        record = slurm / "results" / "micro" / "train" / method / f"seed{seed}" / "run.json"
        resumed[method, seed] = json.loads(record.read_text())["resumed_from"]
    # Those that were told in time; SIGKILL at the time limit leaves the last regular checkpoint.
    assert all(resumed[run] for run in (("cold", 1), ("cold", 2), ("tampo", 2))), resumed
    here = snakemake(plain, "results/table1.csv", "--config", "study=micro")
    assert here.returncode == 0, here.stderr[-4000:]
    table = Path("results", "table1.csv")
    assert (slurm / table).read_bytes() == (plain / table).read_bytes()


def test_the_profile_plans_the_paper_study_with_its_resources(tmp_path):
    project = on_cluster(tmp_path)
    run = snakemake(project, "--profile", "slurm", "-n")
    assert run.returncode == 0, run.stderr
    asked = {}
    for block in re.split(r"\n\n", run.stdout + run.stderr):
        rule = re.search(r"^(?:local)?rule (\w+):", block, re.MULTILINE)
        if rule:
            found = re.search(r"resources: (.*)", block)
            pairs = dict(pair.split("=", 1) for pair in found[1].split(", ")) if found else {}
            asked.setdefault(rule[1], []).append(pairs)
    resources = yaml.safe_load((ROOT / "workflow" / "studies" / "paper.yaml").read_text())[
        "resources"
    ]
    for rule in ("train", "evaluate"):
        for job in asked[rule]:
            assert job["gpu"] == str(resources[rule]["gpus"])
            assert job["nodes"] == "1"
            assert job["mem_mb"] == str(resources[rule]["mem_mb"])
            assert job["runtime"] == str(resources[rule]["minutes"])
            processes = resources[rule]["gpus"]
            assert job["cpus_per_task"] == str(8 * processes)
    assert all(job["slurm_extra"].startswith("--signal=USR1@") for job in asked["train"])
    assert not any("slurm_extra" in job or "gpu" in job for job in asked["aggregate"])
    assert len(asked["train"]) == 50 and len(asked["evaluate"]) == 55
