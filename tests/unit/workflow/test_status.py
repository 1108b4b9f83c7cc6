"""What a study's jobs are doing, from the files that they leave."""

import json
import os

import pytest
from support.studies import micro_study

from tampo import layout
from tampo.cli import main
from tampo.workflow.status import FAILED, RUNNING, STOPPED, jobs, report_lines

NOW = 1_000_000.0
STEP = {"reward": 0.25, "temperature": 1.1, "tokens": 300, "seconds": {"total": 2.0}}


@pytest.fixture
def study():
    return micro_study(
        seeds=[1, 2],
        methods=[{"name": "base", "policy": "untrained"}, {"name": "tampo", "policy": "tampo"}],
        tables=[{"name": "table1", "title": "T", "methods": ["tampo"]}],
        training={"steps": 10},
    )


def put(path, text, age):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, (NOW - age, NOW - age))


def done(folder, wall):
    put(folder / "run.json", json.dumps({"seconds": {"wall": wall}}), 0)


def training(results, seed, steps, age):
    lines = "".join(json.dumps({"step": s} | STEP) + "\n" for s in range(steps))
    log = layout.train_folder(results, "tampo", seed) / "resume" / "log" / "steps.jsonl"
    # The last line is on its way.
    put(log, lines + '{"step": ', age)


def lines(study, tmp_path):
    return list(report_lines(study, jobs(study, tmp_path / "results", tmp_path, NOW)))


def test_nothing_yet(study, tmp_path):
    counts = "model 0/1, train 0/2, evaluate 0/4, aggregate 0/1, report 0/1"
    assert lines(study, tmp_path) == [f"micro: 0 of 9 jobs done ({counts})"]


def test_a_running_job_says_where_it_is_and_how_long_it_takes(study, tmp_path):
    results = tmp_path / "results"
    put(results / "model" / "run.json", "{}", 0)
    done(layout.train_folder(results, "tampo", 1), 24.0)
    for method, seed in [("base", 1), ("base", 2), ("tampo", 1)]:
        done(layout.evaluate_folder(results, method, seed), 8.0)
    training(results, 2, 4, age=3)
    total, running = lines(study, tmp_path)
    # Six steps of two seconds, and one evaluation of eight.
    assert total.endswith(
        "evaluate 3/4, aggregate 0/1, report 0/1), 1 running; about 0 min 20 s left"
    )
    assert running == (
        "  running  train tampo, seed 2  step 4/10  T 1.10  reward 0.250  150 tokens/s  0 min 12 s left"
    )


def test_a_job_without_a_sign_of_life_was_stopped_or_failed(study, tmp_path):
    results = tmp_path / "results"
    training(results, 1, 4, age=1000)
    log = tmp_path / "logs" / "micro" / "train" / "tampo" / "seed2.log"
    put(log, "Loading\nerror: the tokenizer has no end of sequence\n", 1000)
    found = jobs(study, results, tmp_path, NOW)
    states = {job.name: job.state for job in found if job.stage == "train"}
    assert states == {"tampo, seed 1": STOPPED, "tampo, seed 2": FAILED}
    assert f"{log}: error: the tokenizer has no end of sequence" in "\n".join(
        lines(study, tmp_path)
    )


def test_a_run_that_was_stopped_with_a_checkpoint_has_not_failed(study, tmp_path):
    log = tmp_path / "logs" / "micro" / "train" / "tampo" / "seed1.log"
    said = "error: stopped by SIGTERM after step 4 of 10; the same command continues from it"
    put(log, said + "\n", 1000)
    assert (
        next(
            j.state for j in jobs(study, tmp_path / "results", tmp_path, NOW) if j.stage == "train"
        )
        == STOPPED
    )


def test_a_report_of_fewer_runs_is_not_this_studys(study, tmp_path):
    results = tmp_path / "results"
    put(results / "aggregate" / "scores.csv", "", 0)
    put(results / "report" / "checksums.json", "{}", 0)
    (total,) = lines(study, tmp_path)
    assert total.startswith("micro: 0 of 9 jobs done")
    put(results / "model" / "run.json", "{}", 0)
    for seed in (1, 2):
        done(layout.train_folder(results, "tampo", seed), 24.0)
        for method in ("base", "tampo"):
            done(layout.evaluate_folder(results, method, seed), 8.0)
    assert lines(study, tmp_path)[0].startswith("micro: 9 of 9 jobs done")


def test_long_steps_are_no_silence(study, tmp_path):
    results = tmp_path / "results"
    slow = json.dumps({"step": 0} | STEP | {"seconds": {"total": 600.0}}) + "\n"
    put(layout.train_folder(results, "tampo", 1) / "resume" / "log" / "steps.jsonl", slow, 900)
    found = jobs(study, results, tmp_path, NOW)
    assert next(job.state for job in found if job.name == "tampo, seed 1") == RUNNING


def test_the_command_names_a_study_and_works_from_an_empty_folder(tmp_path, monkeypatch, capsys):
    from support.paths import ROOT

    monkeypatch.chdir(tmp_path)
    (tmp_path / "workflow").symlink_to(ROOT / "workflow")
    assert main(["status", "ci"]) == 0
    assert capsys.readouterr().out.startswith("ci: 0 of ")
