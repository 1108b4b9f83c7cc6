"""docs/your-model-and-data.md, followed to the letter with a model that is no part of the project."""

import json
import re

import pandas as pd
import pytest
from support.byte_model import write_byte_model
from support.followed_page import commands_of, files_of, follow, write_files
from support.paths import ROOT
from support.workflow_runs import copy_project, planned

from tampo.files import read_jsonl, sha256_of
from tampo.records.origins import weights_sha256

PAGE = (ROOT / "docs" / "your-model-and-data.md").read_text()
FILES, COMMANDS = files_of(PAGE), commands_of(PAGE)
STUDY = "workflow/studies/half.yaml"


@pytest.fixture(scope="module")
def followed(tmp_path_factory):
    """A copy of the project after every step of the page, and what the first check said."""
    project = copy_project(tmp_path_factory.mktemp("followed"))
    write_byte_model(project / "models" / "mine")
    write_files(project, PAGE)
    first = follow(project, COMMANDS[0])
    found = re.search(r"models/mine have ([0-9a-f]{64})", first.stderr)
    assert found, first.stderr
    study = project / STUDY
    study.write_text(study.read_text().replace("0" * 64, found[1]))
    for command in COMMANDS:
        done = follow(project, command)
        assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
    return project, first


def test_the_page_has_what_this_test_follows():
    assert [name for name, _ in FILES] == [
        "data/half_train.csv",
        "data/half_test.jsonl",
        "graders/last_number.py",
        STUDY,
    ]
    assert len(COMMANDS) == 2


@pytest.mark.slow
def test_the_checksum_is_said_as_on_the_page(followed):
    project, first = followed
    assert first.returncode == 2
    (expected,) = re.findall(r"^```text\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    said = expected.replace("CHECKSUM", weights_sha256(project / "models" / "mine"))
    assert first.stderr.splitlines()[-1] == said.strip()


@pytest.mark.slow
def test_the_users_model_and_problems_ran_through_the_whole_workflow(followed):
    project, _ = followed
    results = project / "results" / "half"
    rows = read_jsonl(results / "evaluate" / "tampo" / "seed1" / "half-test.jsonl")
    assert [(row["id"], row["answer"]) for row in rows] == [
        ("ten", ["5"]),
        ("three", ["1.5", "3/2"]),
    ]
    responses = [response for row in rows for response in row["responses"]]
    assert {response["rule"] for response in responses} == {"graders/last_number.py:grade"}
    run = json.loads((results / "train" / "tampo" / "seed1" / "run.json").read_text())
    assert run["problems"]["sha256"] == sha256_of(project / "data" / "half_train.csv")
    table = pd.read_csv(project / "results" / "table1.csv")
    assert list(dict.fromkeys(table["method"])) == ["base", "tampo"]
    assert "mine with checksum" in (results / "report" / "report.html").read_text()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "stages"),
    [
        ("data/half_train.csv", {"train"}),
        ("graders/last_number.py", {"evaluate"}),
        ("data/half_test.jsonl", {"evaluate"}),
    ],
)
def test_a_changed_file_runs_again_what_depends_on_it(followed, file, stages):
    project, _ = followed
    config = ["results/table1.csv", "--config", "study=half"]
    assert planned(project, *config) == set()
    path = project / file
    text = path.read_text()
    path.write_text(text.replace("half", "a half", 1) if "half" in text else text + "# changed\n")
    try:
        again = {job[0] for job in planned(project, *config)}
    finally:
        path.write_text(text)
    assert stages <= again
    assert "model" not in again
    assert ("train" in again) == (stages == {"train"})
