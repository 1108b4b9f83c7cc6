"""A whole study on a box: packed here, run in an empty folder, received, and only aggregated here."""

import subprocess
import sys

import pandas as pd
import pytest
import yaml
from support.box_study import box
from support.paths import ROOT
from support.studies import micro_study
from support.workflow_runs import copy_project, counts, planned, snakemake

TABLE1 = ["results/table1.csv", "--config", "study=boxed"]


def tampo(folder, *words):
    command = [sys.executable, "-m", "tampo", *map(str, words)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def study_file(tmp_path_factory):
    """A study of two methods, smaller than `ci`: every job here loads a whole engine."""
    content = micro_study(
        name="boxed",
        methods=[
            {"name": "base", "policy": "untrained"},
            {"name": "tampo", "policy": "tampo", "settings": {"warmup_steps": 1}},
        ],
        statistics={"resamples": 400},
        tables=[{"name": "table1", "title": "All", "methods": ["base", "tampo"]}],
    ).model_dump(mode="json", exclude_unset=True)
    file = tmp_path_factory.mktemp("study") / "boxed.yaml"
    file.write_text(yaml.safe_dump(content))
    return file


@pytest.mark.slow
def test_a_study_goes_to_a_box_and_its_runs_come_back(study_file, tmp_path):
    packed, into, here = tmp_path / "packed", tmp_path / "box", tmp_path / "here"
    pack = ["box", "pack", "--study", study_file, "--wheels", "none", "--out", packed]
    tampo(ROOT, *pack, "--part-mib", "0.25")
    script = packed / "box.py"
    assert box("unpack", "--parts", packed, "--into", into, script=script).returncode == 0
    first = box("run", "--into", into, "--seed", 1, script=script, cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    some, rest = tmp_path / "some", tmp_path / "rest"
    done = box("collect", "--into", into, "--out", some, script=script)
    assert "unfinished: base/seed2" in done.stderr and "2 of 4 runs" in done.stderr
    second = box("run", "--into", into, script=script, cwd=tmp_path)
    assert second.returncode == 0, second.stderr
    assert "4 of 4 runs have finished" in second.stderr and "seed=1" not in second.stderr
    collect = ["collect", "--into", into, "--out", rest, "--part-mib", "0.005"]
    assert box(*collect, script=script).returncode == 0

    here.mkdir()
    copy_project(here)
    study = here / "workflow" / "studies" / "boxed.yaml"
    study.write_text(study_file.read_text())
    receive = ["--study", study.relative_to(here)]
    tampo(here, "box", "receive", some, *receive)
    after = {"evaluate": 2, "train": 1, "aggregate": 1, "report": 1, "table1": 1}
    assert counts(planned(here, *TABLE1)) == after
    tampo(here, "box", "receive", rest, *receive)
    assert counts(planned(here, *TABLE1)) == {"aggregate": 1, "report": 1, "table1": 1}
    run = snakemake(here, *TABLE1)
    assert run.returncode == 0, run.stdout + run.stderr
    assert set(pd.read_csv(here / "results" / "table1.csv")["method"]) == {"base", "tampo"}
    assert planned(here, *TABLE1) == set()
    said = tampo(here, "verify", "results/boxed")
    assert "everything follows from what is stored" in said
    # Both methods' weights stayed: the base model's once, TAMPO's for each seed.
    assert not list((here / "results").rglob("*.safetensors"))
    assert len(list((into / "results").rglob("*.safetensors"))) == 3
