"""The workflow: what it plans, what it refuses, and what a failed job says.

Everything happens in a copy of the repository, so that results of other studies stay untouched.
"""

import pytest
from support.paths import ROOT
from support.workflow_runs import copy_project, counts, edit_study, planned, snakemake

from tampo.study.study import load_study

NOISE = "Using workflow specific profile"


@pytest.fixture
def project(tmp_path):
    return copy_project(tmp_path)


@pytest.mark.parametrize("name", [None, "smol", "paper", "ecqa", "extended", "ci"])
def test_every_run_of_a_study_is_planned_and_nothing_started(project, name):
    study = load_study(ROOT / "workflow" / "studies" / f"{name or 'tiny'}.yaml")
    config = ["--config", f"study={name}"] if name else []
    assert counts(planned(project, "results/table1.csv", *config)) == {
        "model": 1,
        "train": len(study.trained_methods) * len(study.seeds),
        "evaluate": len(study.methods) * len(study.seeds),
        "aggregate": 1,
        "report": 1,
        "table1": 1,
    }
    assert not (project / "results").exists()
    assert not (project / "logs").exists()


def test_a_replay_waits_for_the_run_that_it_replays(project):
    target = "results/extended/train/replay/seed5/run.json"
    assert planned(project, target, "--config", "study=extended") == {
        ("model", None, None),
        ("train", "tampo", "1"),
        ("train", "replay", "5"),
    }


def test_smoke_can_be_asked_for_without_touching_table1(project):
    jobs = planned(project, "results/smoke/report/table1.csv", "--config", "study=smoke")
    assert "table1" not in counts(jobs)


@pytest.mark.parametrize(
    ("old", "new", "config", "message"),
    [
        pytest.param(
            "seeds: [1, 2]",
            "seeds: [1, 1]",
            ["study=ci"],
            "error: workflow/studies/ci.yaml: seeds: 1 is listed twice; list it once",
            id="mistake",
        ),
        pytest.param(
            "name: ci\n",
            "name: other\n",
            ["study=ci"],
            "error: workflow/studies/ci.yaml: name: 'other'; must equal the file's, 'ci'",
            id="name",
        ),
        pytest.param(
            "name: ci\n",
            "name: ci\n",
            ["study=ci", "data=here"],
            "error: --config: unknown key 'data'; allowed: study, data_dir",
            id="config",
        ),
        pytest.param(
            "name: ci\n",
            "name: ci\n",
            ["study=absent"],
            "error: workflow/studies/absent.yaml: no such study file; studies beside it: ci, ",
            id="absent",
        ),
    ],
)
def test_a_broken_study_is_one_line_and_starts_nothing(project, old, new, config, message):
    edit_study(project, "ci", old, new)
    run = snakemake(project, "results/table1.csv", "--config", *config)
    assert run.returncode != 0
    lines = [line for line in run.stderr.splitlines() if line and not line.startswith(NOISE)]
    assert len(lines) == 1 and lines[0].startswith(message), run.stderr
    assert not (project / "results").exists()


@pytest.mark.parametrize(
    "target",
    [
        "results/ci/train/nobody/seed1/run.json",
        "results/ci/train/base/seed1/run.json",
        "results/ci/train/tampo/seed7/run.json",
        "results/tiny/train/tampo/seed1/run.json",
    ],
)
def test_wildcards_take_only_what_the_study_names(project, target):
    run = snakemake(project, "-n", target, "--config", "study=ci")
    assert run.returncode != 0
    assert "MissingRuleException" in run.stdout + run.stderr


def test_a_failed_job_shows_the_end_of_its_log(project):
    (project / "results" / "ci" / "model").mkdir(parents=True)
    target = "results/ci/train/tampo/seed1/run.json"
    run = snakemake(project, target, "--config", "study=ci")
    assert run.returncode != 0
    log = project / "logs" / "ci" / "train" / "tampo" / "seed1.log"
    reason = log.read_text().splitlines()[-1]
    assert reason == "error: results/ci/model is no finished base model: it has no run.json"
    assert reason in run.stderr.partition("logs/ci/train/tampo/seed1.log")[2]
    assert not (project / target).exists()
