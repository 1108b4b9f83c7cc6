"""One whole run of the study `ci` through Snakemake: what it leaves, and what a change runs again."""

import json
import shutil
import subprocess
import sys
import zipfile

import pandas as pd
import pytest
from support.workflow_runs import copy_project, counts, edit_study, planned, snakemake

from tampo.study.study import load_study

pytestmark = pytest.mark.slow
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
    times = [path for path in (finished[0] / "timings").rglob("*") if path.is_file()]
    assert len(logs) == len(times) == 1 + 10 + 12 + 3


def test_nothing_is_to_be_done_after_a_run(after):
    assert planned(after, *CI) == set()


def test_another_alpha_runs_tampo_again_and_what_is_downstream(after):
    edit_study(after, "ci", "alpha: 0.05", "alpha: 0.10")
    downstream = {(rule, None, None) for rule in ("aggregate", "report", "table1")}
    runs = {(rule, "tampo", seed) for rule in ("train", "evaluate") for seed in ("1", "2")}
    assert planned(after, *CI) == runs | downstream


def test_another_evaluation_trains_nothing_again(after):
    edit_study(after, "ci", "temperature: 0.6 #", "temperature: 0.7 #")
    assert counts(planned(after, *CI)) == {
        "evaluate": 12,
        "aggregate": 1,
        "report": 1,
        "table1": 1,
    }


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
    edit_study(after, "ci", old, new)
    assert counts(planned(after, *CI)) == again


def test_tables_are_reproduced_from_the_samples_byte_for_byte(after):
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


def test_a_report_to_pass_on_holds_the_tables(after):
    run = snakemake(after, "--report", "report.zip", "--config", "study=ci")
    assert run.returncode == 0, run.stderr
    names = zipfile.ZipFile(after / "report.zip").namelist()
    found = {name.rpartition("/")[2] for name in names}
    assert {"report.html", "table1.csv", "scores.csv", "claims.csv", "temperatures.svg"} <= found


def test_the_tables_of_another_study_are_not_taken_for_this_ones(after):
    assert ("table1", None, None) in planned(after, "results/table1.csv")
