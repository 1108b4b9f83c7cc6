"""docs/adding-a-schedule.md, followed to the letter: its files are written, its commands are run."""

import itertools
import re

import pandas as pd
import pytest
from support.followed_page import commands_of, files_of, follow, write_files
from support.paths import ROOT
from support.workflow_runs import copy_project, planned

from tampo.files import read_jsonl

PAGE = (ROOT / "docs" / "adding-a-schedule.md").read_text()
FILES, COMMANDS = files_of(PAGE), commands_of(PAGE)


@pytest.fixture(scope="module")
def followed(tmp_path_factory):
    """A copy of the project after every step of the page, and what each command printed."""
    project, printed = copy_project(tmp_path_factory.mktemp("followed")), {}
    write_files(project, PAGE)
    for command in COMMANDS:
        done = follow(project, command)
        assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
        printed[command] = done.stdout + done.stderr
    return project, printed


def test_the_page_has_what_this_test_follows():
    assert [name for name, _ in FILES] == [
        "schedules/sawtooth.py",
        "workflow/studies/mine.yaml",
        "schedules/truncation.py",
    ]
    assert len(COMMANDS) == 4


@pytest.mark.slow
def test_the_users_schedule_ran_through_the_whole_workflow(followed):
    project, _ = followed
    steps = read_jsonl(project / "results/mine/train/sawtooth/seed1/steps.jsonl")
    # By hand: period 4 from 0.8 to 1.2, so 0.8, 0.8 + 0.4/3, 0.8 + 0.8/3, 1.2 and again.
    tooth = [0.8, 0.8 + 0.4 / 3, 0.8 + 0.8 / 3, 1.2]
    assert [s["temperature"] for s in steps] == pytest.approx((tooth * 3)[:10])
    table = pd.read_csv(project / "results" / "table1.csv")
    assert list(dict.fromkeys(table["method"])) == ["base", "fixed", "sawtooth"]


@pytest.mark.slow
def test_the_users_schedule_is_compared_with_an_interval(followed):
    project, printed = followed
    (said,) = [text for command, text in printed.items() if "compare" in command]
    assert re.search(r"^pass@1  average .*[+\N{MINUS SIGN}][\d.]+ \[.+, .+\]", said, re.MULTILINE)
    rows = pd.read_csv(project / "results/mine/report/comparisons.csv")
    assert "sawtooth" in set(rows[rows.reference == "fixed"].method)


@pytest.mark.slow
def test_the_second_policy_was_tried_out(followed):
    (printed,) = [text for command, text in followed[1].items() if "truncation.py" in command]
    temperatures = [float(line.split()[1]) for line in printed.splitlines()[1:]]
    assert temperatures[0] == 1.0
    ratios = [b / a for a, b in itertools.pairwise(temperatures)]
    assert all(
        r == pytest.approx(0.95, abs=2e-3) or r == pytest.approx(1.01, abs=2e-3) for r in ratios
    )


@pytest.mark.slow
def test_a_mistake_reads_as_the_page_says(followed):
    project, _ = followed
    study = project / "workflow" / "studies" / "mine.yaml"
    text = study.read_text()
    study.write_text(text.replace("period: 4", "period: 1"))
    try:
        done = follow(project, "python -m tampo check workflow/studies/mine.yaml")
    finally:
        study.write_text(text)
    assert done.returncode == 2
    (expected,) = re.findall(r"^```text\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert done.stderr == expected


@pytest.mark.slow
def test_a_changed_file_trains_that_method_again(followed):
    project, _ = followed
    config = ["results/table1.csv", "--config", "study=mine"]
    assert planned(project, *config) == set()
    file = project / "schedules" / "sawtooth.py"
    text = file.read_text()
    file.write_text(text.replace("falls back", "drops back"))
    try:
        jobs = planned(project, *config)
    finally:
        file.write_text(text)
    assert {job for job in jobs if job[0] == "train"} == {("train", "sawtooth", "1")}
    assert {job for job in jobs if job[0] == "evaluate"} == {("evaluate", "sawtooth", "1")}
