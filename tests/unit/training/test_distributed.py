"""Two processes over gloo: one temperature, one meta-policy, the run of a single process."""

import json
import os
import subprocess
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from support.paths import ROOT
from support.studies import micro_study

from tampo.files import read_jsonl
from tampo.stages.model import make_model
from tampo.stages.train import train

pytestmark = pytest.mark.slow
STEPS = 4


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The same run on one process and on two."""
    folder = tmp_path_factory.mktemp("distributed")
    study = micro_study(training={"steps": STEPS, "micro_batch": 8, "checkpoint_every": 3})
    make_model(study, folder / "model")
    train(study, "tampo", 1, folder / "model", folder / "one")
    file = folder / "study.yaml"
    file.write_text(yaml.safe_dump(study.model_dump(mode="json", exclude_unset=True)))
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2"]
    stage = ["-m", "tampo", "train", "--study", str(file), "--method", "tampo", "--seed", "1"]
    done = subprocess.run(
        [*launch, *stage, "--model", str(folder / "model"), "--out", str(folder / "two")],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return folder / "one", folder / "two"


def test_two_processes_really_ran(runs):
    assert [json.loads((r / "run.json").read_text())["processes"] for r in runs] == [1, 2]


def test_the_policy_takes_the_same_path(runs):
    one, two = (read_jsonl(run / "policy.jsonl") for run in runs)
    assert [r["temperature"] for r in two] == [r["temperature"] for r in one]
    for name in ("probabilities", "ema_advantages", "signal"):
        # Another batch geometry rounds differently; the updates carry that forward.
        np.testing.assert_allclose([r[name] for r in two], [r[name] for r in one], atol=1e-5)
    assert [r["trajectories"] for r in two] == [16] * STEPS


def test_the_rollouts_are_the_same(runs):
    one, two = (pq.read_table(run / "trajectories.parquet").to_pandas() for run in runs)
    for name in ("step", "row", "problem_id", "reward", "length"):
        assert one[name].tolist() == two[name].tolist()
    np.testing.assert_allclose(two.advantage, one.advantage, atol=1e-6)


def test_no_line_is_written_twice(runs):
    assert [s["step"] for s in read_jsonl(runs[1] / "steps.jsonl")] == list(range(STEPS))
