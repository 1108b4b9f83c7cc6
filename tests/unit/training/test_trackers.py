"""A training run that is told to a tracker, read back from where that keeps it; the result is the same."""

import json
import os
import sqlite3
import subprocess
import sys

import pytest
from support.paths import ROOT
from support.training_run import evidence

from tampo.study.study import StudyError
from tampo.training.trackers import TRACKERS, reporting, require_tracker

METRICS = ["temperature/sampled", "temperature/preferred", "temperature/entropy_at_one"]


def test_no_tracker_is_no_report():
    assert reporting(None, "ci", "tampo", 1) == reporting("", "ci", "tampo", 1) == {"report_to": []}


def test_a_mistake_is_one_line(monkeypatch):
    with pytest.raises(
        StudyError, match="unknown 'tensorbord'; legal: tensorboard, trackio, wandb"
    ):
        require_tracker("tensorbord")
    monkeypatch.setattr("tampo.training.trackers.find_spec", lambda name: None)
    for name in TRACKERS:
        with pytest.raises(StudyError, match=f"{name} is not installed here; pip install {name}"):
            require_tracker(name)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The same run of `ci` without a tracker and with each of two, in one folder."""
    here = tmp_path_factory.mktemp("tracked")
    study = ROOT / "workflow" / "studies" / "ci.yaml"

    def tampo(*words):
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}
        environment.pop("TRACKIO_DIR", None)
        command = [sys.executable, "-m", "tampo", *words, "--study", str(study)]
        done = subprocess.run(command, cwd=here, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    tampo("model", "--out", "model")
    for name in ("none", "tensorboard", "trackio"):
        tracker = [] if name == "none" else ["--tracker", name]
        run = ["--method", "tampo", "--seed", "1", "--model", "model", "--out", name]
        tampo("train", *run, *tracker)
    return here


def steps(runs):
    return [json.loads(line) for line in (runs / "none" / "steps.jsonl").open()]


@pytest.mark.slow
def test_the_result_does_not_depend_on_the_tracker(runs):
    assert evidence(runs / "tensorboard") == evidence(runs / "none") == evidence(runs / "trackio")


@pytest.mark.slow
def test_tensorboard_reads_temperature_and_entropies_of_every_step(runs):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder = runs / "tracking" / "tensorboard" / "ci" / "tampo" / "seed1"
    events = EventAccumulator(str(folder))
    events.Reload()
    assert {f"train/{name}" for name in METRICS} <= set(events.Tags()["scalars"])
    drawn = [event.value for event in events.Scalars("train/temperature/sampled")]
    assert drawn == pytest.approx([step["temperature"] for step in steps(runs)])


@pytest.mark.slow
def test_trackio_keeps_the_same_in_its_local_database(runs):
    (database,) = (runs / "tracking" / "trackio").glob("*ci*.db")
    with sqlite3.connect(database) as stored:
        rows = stored.execute("SELECT metrics FROM metrics ORDER BY step, id").fetchall()
    logged = [json.loads(row[0]) for row in rows]
    drawn = [
        row["train/temperature/sampled"] for row in logged if "train/temperature/sampled" in row
    ]
    assert drawn == pytest.approx([step["temperature"] for step in steps(runs)])
