"""The workflow: what is planned, what is planned again, and one whole run of the study `ci`.

Everything happens in a copy of the repository, so that results of other studies stay untouched.
"""

import json
import shutil
import subprocess
import sys
import zipfile

import pandas as pd
import pytest
from support.paths import ROOT
from support.workflow_runs import copy_project, counts, planned, snakemake

from tampo.study.study import load_study

NOISE = "Using workflow specific profile"


def edit(project, study, old, new):
    path = project / "workflow" / "studies" / f"{study}.yaml"
    text = path.read_text()
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {path}"
    path.write_text(text.replace(old, new))


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
            "error: workflow/studies/ci.yaml: seeds: 1 is listed twice; each may stand once",
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
    edit(project, "ci", old, new)
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


CI = ["results/table1.csv", "--config", "study=ci"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A copy of the project in which the study `ci` has run, and what the run printed."""
    project = copy_project(tmp_path_factory.mktemp("finished"))
    run = snakemake(project, *CI)
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-4000:]
    return project, run.stderr


@pytest.fixture
def after(finished):
    """The finished project; the study is put back after the test."""
    project, _ = finished
    study = project / "workflow" / "studies" / "ci.yaml"
    text = study.read_text()
    yield project
    study.write_text(text)


@pytest.mark.slow
def test_a_whole_run_ends_with_table_1(finished):
    project, printed = finished
    study = load_study(project / "workflow" / "studies" / "ci.yaml")
    table = pd.read_csv(project / "results" / "table1.csv")
    names = ["average", *(benchmark.name for benchmark in study.benchmarks)]
    cells = [name + end for name in names for end in ("", "_low", "_high")]
    assert list(table.columns) == ["method", "metric", *cells, "num_seeds"]
    assert list(zip(table["method"], table["metric"], strict=True)) == [
        (method.name, metric) for method in study.methods for metric in ("pass@1", "pass@8")
    ]
    scores = table[cells]
    assert ((scores >= 0) & (scores <= 100)).all(axis=None)
    assert (table["num_seeds"] == len(study.seeds)).all()
    own = project / "results" / "ci" / "report" / "table1.csv"
    assert own.read_bytes() == (project / "results" / "table1.csv").read_bytes()
    assert "results/ci/report/table1.csv (percent" in printed


@pytest.mark.slow
def test_a_whole_run_leaves_the_files_of_the_contract(finished):
    root = finished[0] / "results" / "ci"
    study = load_study(finished[0] / "workflow" / "studies" / "ci.yaml")
    expected = {"model", "aggregate/scores.csv", "report/table1.csv", "report/table1.md"}
    for seed in study.seeds:
        for method in study.trained_methods:
            for name in ("checkpoint", "steps.jsonl", "policy.jsonl", "trajectories.parquet"):
                expected.add(f"train/{method}/seed{seed}/{name}")
            expected.add(f"train/{method}/seed{seed}/run.json")
        for method in study.methods:
            for name in [*(f"{b.name}.jsonl" for b in study.benchmarks), "run.json"]:
                expected.add(f"evaluate/{method.name}/seed{seed}/{name}")
    assert not [name for name in sorted(expected) if not (root / name).exists()]
    for runs in root.glob("*/*/seed*"):
        assert (runs / "run.json").is_file()
        assert not (runs / "resume").exists() and not (runs / ".partial").exists()
    logs = [path for path in (finished[0] / "logs").rglob("*") if path.is_file()]
    times = [path for path in (finished[0] / "benchmarks").rglob("*") if path.is_file()]
    assert len(logs) == len(times) == 1 + 10 + 12 + 3


@pytest.mark.slow
def test_nothing_is_to_be_done_after_a_run(after):
    assert planned(after, *CI) == set()


@pytest.mark.slow
def test_another_alpha_runs_tampo_again_and_what_is_downstream(after):
    edit(after, "ci", "alpha: 0.05", "alpha: 0.10")
    downstream = {(rule, None, None) for rule in ("aggregate", "report", "table1")}
    runs = {(rule, "tampo", seed) for rule in ("train", "evaluate") for seed in ("1", "2")}
    assert planned(after, *CI) == runs | downstream


@pytest.mark.slow
def test_another_evaluation_trains_nothing_again(after):
    edit(after, "ci", "temperature: 0.6 #", "temperature: 0.7 #")
    assert counts(planned(after, *CI)) == {
        "evaluate": 12,
        "aggregate": 1,
        "report": 1,
        "table1": 1,
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    ("old", "new", "again"),
    [
        ("name: ci\n", "name: ci\n", {}),
        ("Main comparison", "Comparison", {"report": 1, "table1": 1}),
        (
            "seeds: [1, 2]",
            "seeds: [1, 2, 3]",
            {"train": 5, "evaluate": 6, "aggregate": 1, "report": 1, "table1": 1},
        ),
    ],
    ids=["nothing", "title", "seed"],
)
def test_a_change_runs_again_what_depends_on_it_only(after, old, new, again):
    edit(after, "ci", old, new)
    assert counts(planned(after, *CI)) == again


@pytest.mark.slow
def test_tables_are_rebuilt_from_the_samples_to_the_same_bytes(after):
    results = after / "results"
    names = ("table1.csv", "report.html", "ci/report/claims.csv", "ci/report/checksums.json")
    before = [(results / name).read_bytes() for name in names]
    for name in ("aggregate", "report"):
        shutil.rmtree(results / "ci" / name)
    (results / "table1.csv").unlink()
    run = snakemake(after, *CI)
    assert run.returncode == 0, run.stderr
    assert "rule evaluate" not in run.stderr
    assert [(results / name).read_bytes() for name in names] == before


@pytest.mark.slow
def test_what_the_run_left_verifies_and_a_changed_response_is_found(after):
    command = [sys.executable, "-m", "tampo", "verify", "results/ci"]
    assert subprocess.run(command, cwd=after, capture_output=True).returncode == 0
    samples = after / "results" / "ci" / "evaluate" / "tampo" / "seed2" / "maxima.jsonl"
    text = samples.read_text()
    rows = [json.loads(line) for line in text.splitlines()]
    rows[3]["responses"][5]["response"] += " \\boxed{12345}"
    samples.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    try:
        done = subprocess.run(command, cwd=after, capture_output=True, text=True)
    finally:
        samples.write_text(text)
    assert done.returncode == 1
    assert "evaluate/tampo/seed2/maxima.jsonl:4" in done.stdout + done.stderr


@pytest.mark.slow
def test_a_report_to_pass_on_holds_the_tables(after):
    run = snakemake(after, "--report", "report.zip", "--config", "study=ci")
    assert run.returncode == 0, run.stderr
    names = zipfile.ZipFile(after / "report.zip").namelist()
    found = {name.rpartition("/")[2] for name in names}
    assert {"report.html", "table1.csv", "scores.csv", "claims.csv", "temperatures.svg"} <= found


@pytest.mark.slow
def test_the_tables_of_another_study_are_not_taken_for_this_ones(after):
    assert ("table1", None, None) in planned(after, "results/table1.csv")
