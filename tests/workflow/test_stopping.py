"""Ctrl-C and SIGTERM to a running workflow: checkpoints are saved, and the same command goes on."""

import os
import re
import signal
import subprocess
import sys
import time

import pytest
from support.workflow_runs import copy_project

from tampo.workflow.stopping import stopped_line

LOG = """
total        26

1 of 26 steps (4%) done
7 of 26 steps (27%) done
"""


def test_the_last_line_counts_jobs():
    end = "jobs done; the same command goes on"
    assert stopped_line(LOG) == f"stopped: 7 of 26 {end}"
    assert stopped_line("Job stats:\ntotal        26\n") == f"stopped: 0 of 26 {end}"


@pytest.mark.slow
@pytest.mark.parametrize("how", ["Ctrl-C", "SIGTERM"])
def test_a_stopped_run_says_so_and_goes_on(tmp_path, how):
    project = copy_project(tmp_path)
    study = (project / "workflow" / "studies" / "ci.yaml").read_text()
    (project / "workflow" / "studies" / "ci.yaml").write_text(
        study.replace("steps: 4\n", "steps: 400\n")
    )
    command = [sys.executable, "-m", "snakemake", "--cores", "1"]
    command += ["results/ci/train/tampo/seed1/run.json", "--config", "study=ci"]
    run = subprocess.Popen(
        command,
        cwd=project,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    folder = project / "results" / "ci" / "train" / "tampo" / "seed1" / "resume"
    steps = folder / "log" / "steps.jsonl"
    try:
        for _ in range(1200):
            if steps.is_file() and len(steps.read_text().splitlines()) > 2:
                break
            assert run.poll() is None, run.stderr.read()
            time.sleep(0.1)
        if how == "Ctrl-C":
            # As a terminal does: to everything that the command started.
            os.killpg(run.pid, signal.SIGINT)
        else:
            run.send_signal(signal.SIGTERM)
        _, said = run.communicate(timeout=120)
    finally:
        if run.poll() is None:
            os.killpg(run.pid, signal.SIGKILL)
    assert run.returncode == 75
    assert said.splitlines()[-1] == "stopped: 1 of 2 jobs done; the same command goes on"
    assert "Traceback" not in said and "Error" not in said and " failed" not in said
    saved = [path for path in folder.glob("checkpoints/*") if (path / "complete.json").is_file()]
    assert saved
    at = max(int(re.search(r"\d+$", path.name)[0]) for path in saved)
    assert at == len(steps.read_text().splitlines()) > 2
    # It goes on from there: with fewer steps to go the settings are others, so only a look.
    log = (project / "logs" / "ci" / "train" / "tampo" / "seed1.log").read_text()
    assert f"after step {at} of 400; a checkpoint is saved" in log
