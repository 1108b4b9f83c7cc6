"""What only one of two processes sees ends the run for both."""

import json
import os
import subprocess
import sys

import pytest
import yaml
from support.paths import ROOT
from support.studies import micro_study

from tampo.files import read_jsonl

pytestmark = pytest.mark.slow
SPOIL = """
import os, sys, torch
from tampo.training.study_trainer import StudyTrainer as Trainer
from tampo.training.stop_at_step_end import StopAtStepEnd as Stop

def loss(self, *arguments):
    found = compute(self, *arguments)
    return found * torch.nan if self.state.global_step == 1 else found

def end(self, args, state, control, **rest):
    if state.global_step == 2:
        with torch.no_grad():
            rest["model"].lm_head.weight[0, 0] = torch.nan
    return step_end(self, args, state, control, **rest)

compute, step_end = Trainer._compute_loss, Stop.on_step_end
if os.environ["RANK"] == "1":
    if sys.argv.pop(1) == "loss":
        Trainer._compute_loss = loss
    else:
        Stop.on_step_end = end
else:
    sys.argv.pop(1)
from tampo.cli.main import main
sys.exit(main())
"""


@pytest.mark.parametrize(
    ("fault", "what"), [("loss", "loss is nan"), ("weights", "weights not finite")]
)
def test_one_process_of_two(model, tmp_path, fault, what):
    study = micro_study(training={"steps": 3, "micro_batch": 8, "checkpoint_every": 1})
    file, script = tmp_path / "study.yaml", tmp_path / "spoiled.py"
    file.write_text(yaml.safe_dump(study.model_dump(mode="json", exclude_unset=True)))
    script.write_text(SPOIL)
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2", str(script)]
    command += [fault, "train", "--study", str(file), "--method", "tampo", "--seed", "1"]
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        [*command, "--model", str(model), "--out", str(tmp_path / "out")],
        cwd=ROOT,
        env={
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "ACCELERATE_USE_CPU": "true",
            "PYTHONPATH": path,
        },
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert record["processes"] == 2
    assert record["diverged"]["step"] == 1
    assert what in record["diverged"]["what"]
    assert [row["step"] for row in read_jsonl(tmp_path / "out" / "steps.jsonl")] == [0]
