"""Training jobs as Snakemake starts them: several processes, and a stop signal that reaches them."""

import json
import re
import shlex
import signal
import subprocess
import sys
import time

import pytest
import yaml
from support.studies import micro_study
from support.workflow_runs import copy_project, snakemake

from tampo.files import read_jsonl


@pytest.mark.slow
def test_snakemake_passes_the_stop_signal_on_to_training(tmp_path):
    """Clusters may give it to the first process of a job only, which is Snakemake."""
    project = copy_project(tmp_path)
    study = micro_study(training={"steps": 400, "checkpoint_every": 400})
    file = project / "workflow" / "studies" / "micro.yaml"
    file.write_text(yaml.safe_dump(study.model_dump(mode="json", exclude_unset=True)))
    out = project / "results" / "micro" / "train" / "tampo" / "seed1"
    target = str((out / "run.json").relative_to(project))
    process = subprocess.Popen(
        [sys.executable, "-m", "snakemake", target, "--config", "study=micro"],
        cwd=project,
        stderr=subprocess.PIPE,
        text=True,
    )
    steps = out / "resume" / "log" / "steps.jsonl"
    while process.poll() is None and not (steps.is_file() and steps.stat().st_size):
        time.sleep(0.05)
    process.send_signal(signal.SIGUSR1)
    _, printed = process.communicate(timeout=300)
    assert process.returncode not in (0, -signal.SIGUSR1)
    log = "logs/micro/train/tampo/seed1.log"
    assert re.search(rf"{log} ends: error: stopped by SIGUSR1 after step \d+ of 400; ", printed)
    (checkpoint,) = (out / "resume" / "checkpoints").glob("checkpoint-*")
    assert (checkpoint / "complete.json").is_file()


@pytest.mark.slow
def test_two_processes_train_through_the_workflow(tmp_path):
    project = copy_project(tmp_path)
    study = micro_study(resources={"train": {"processes": 2}}).model_dump(
        mode="json", exclude_unset=True
    )
    (project / "workflow" / "studies" / "micro.yaml").write_text(yaml.safe_dump(study))
    out = "results/micro/train/tampo/seed1"
    run = snakemake(project, f"{out}/run.json", "--config", "study=micro")
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    assert json.loads((project / out / "run.json").read_text())["processes"] == 2
    assert [row["step"] for row in read_jsonl(project / out / "steps.jsonl")] == list(range(6))
    log = (project / "logs" / "micro" / "train" / "tampo" / "seed1.log").read_text()
    launched = next(line for line in log.splitlines() if line.startswith("launching "))
    assert "accelerate.commands.launch" in shlex.split(launched)
