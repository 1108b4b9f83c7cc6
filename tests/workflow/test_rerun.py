"""`tampo rerun`: a job repeated from its run.json gives the same files, and a changed file is named."""

import json
import os
import subprocess
import sys

import pytest
import yaml
from support.paths import ROOT
from support.studies import micro_study

pytestmark = pytest.mark.slow
TRAIN = "results/micro/train/tampo/seed1"
STUDY = "micro.yaml"


def tampo(folder, *words):
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "tampo", *words]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A base model and a training run of a study, made by commands."""
    folder = tmp_path_factory.mktemp("rerun")
    content = micro_study().model_dump(mode="json", exclude_unset=True)
    (folder / STUDY).write_text(yaml.safe_dump(content, sort_keys=False))
    for words in (
        ["model", "--out", "results/micro/model"],
        [
            *("train", "--method", "tampo", "--seed", "1"),
            *("--model", "results/micro/model"),
            "--out",
            TRAIN,
        ],
    ):
        done = tampo(folder, words[0], "--study", STUDY, *words[1:])
        assert done.returncode == 0, done.stderr[-2000:]
    return folder


def test_a_training_job_repeats_itself_file_by_file(trained):
    done = tampo(trained, "rerun", f"{TRAIN}/run.json")
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    files = json.loads((trained / TRAIN / "run.json").read_text())["files"]
    assert done.stdout.splitlines() == [f"{name}: equal" for name in files]
    assert "steps.jsonl" in files and "checkpoint/model.safetensors" in files


def test_a_file_that_was_changed_is_named_with_line_and_key(trained):
    path = trained / TRAIN / "steps.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    row = json.loads(lines[1])
    path.write_text("".join([lines[0], json.dumps(row | {"reward": 2.0}) + "\n", *lines[2:]]))
    try:
        done = tampo(trained, "rerun", f"{TRAIN}/run.json")
    finally:
        path.write_text("".join(lines))
    assert done.returncode == 1
    assert f"steps.jsonl: line 2: reward is 2.0, now {row['reward']}" in done.stdout


def test_a_command_typed_elsewhere_is_refused_in_a_line(trained, tmp_path):
    done = tampo(tmp_path, "rerun", str(trained / TRAIN / "run.json"))
    assert done.returncode != 0
    assert "no micro.yaml here; run it from where its command was typed" in done.stderr
    assert "Traceback" not in done.stderr
