"""Verification: an untouched study passes, and whatever is changed afterwards is found by name."""

import json
import shutil

import pandas as pd
import pytest
from support.finished_study import STUDY, edit_line

from tampo.cli import main
from tampo.evidence.findings import Verification, compare
from tampo.evidence.verify import verify
from tampo.files import checksums, sha256_of, write_json


@pytest.fixture
def results(finished_study, tmp_path):
    return shutil.copytree(finished_study, tmp_path / STUDY.name)


def quiet(_):
    pass


def found_in(results):
    """Mismatches as (path below the results, line, text)."""
    found = verify(results, progress=quiet)
    return [(str(m.path.relative_to(results)), m.line, m.what) for m in found.mismatches]


def sign_again(results, path):
    """Put the checksum of a changed file into every list that has it, as a careful forger would."""
    for record_path in (path.parent / "run.json", path.parent.parent / "run.json"):
        if record_path.is_file():
            run = json.loads(record_path.read_text())
            if path.stem in run.get("benchmarks", {}):
                run["benchmarks"][path.stem]["file_sha256"] = sha256_of(path)
                write_json(record_path, run)
    place = results / "report" / "checksums.json"
    listed = json.loads(place.read_text())
    listed["report"] = {n: sha256_of(results / "report" / n) for n in listed["report"]}
    listed["made_from"] = {n: sha256_of(results / n) for n in listed["made_from"]}
    write_json(place, listed)


def test_an_untouched_study_passes_and_says_what_was_checked(finished_study, capsys):
    before = checksums(finished_study)
    assert main(["verify", str(finished_study)]) == 0
    printed = capsys.readouterr()
    assert "84 responses graded again" in printed.out and "11 run records" in printed.out
    assert printed.out.endswith("everything follows from what is stored\n")
    assert "grading sums, base, seed 1" in printed.err
    assert checksums(finished_study) == before


@pytest.mark.parametrize("signed", [False, True], ids=["plain", "signed"])
def test_a_changed_response_is_found_in_its_line(results, signed, capsys):
    path = results / "evaluate" / "tampo" / "seed2" / "maxima.jsonl"
    edit_line(path, 3, lambda row: row["responses"][1].update(response=r"\boxed{-1}"))
    if signed:
        sign_again(results, path)
    found = found_in(results)
    name = "evaluate/tampo/seed2/maxima.jsonl"
    assert (
        name,
        3,
        "response 1: outcome 'correct', graded again 'wrong' by the rule 'exact text'",
    ) in found
    assert any(f[:2] == (name, None) and "checksum" in f[2] for f in found) is not signed
    assert main(["verify", str(results)]) == 1
    assert f"{path}:3: response 1: outcome" in capsys.readouterr().out


def test_a_changed_outcome_is_found_in_its_line_and_in_the_scores(results):
    path = results / "evaluate" / "cold" / "seed1" / "sums.jsonl"
    edit_line(path, 1, lambda row: row["responses"][0].update(outcome="correct"))
    sign_again(results, path)
    found = found_in(results)
    assert found[0][:2] == ("evaluate/cold/seed1/sums.jsonl", 1)
    assert {"aggregate/scores.csv", "aggregate/problem_scores.csv", "report/table1.csv"} <= {
        name for name, _, _ in found
    }


@pytest.mark.parametrize("signed", [False, True], ids=["plain", "signed"])
def test_a_changed_score_is_found_in_its_line(results, signed):
    path = results / "aggregate" / "scores.csv"
    rows = path.read_text().splitlines()
    number = next(i for i, row in enumerate(rows, 1) if row.startswith("cold,1,sums,pass@1,"))
    rows[number - 1] = "cold,1,sums,pass@1,0.75,4"
    path.write_text("\n".join(rows) + "\n")
    if signed:
        sign_again(results, path)
    found = found_in(results)
    lines = [f for f in found if f[:2] == ("aggregate/scores.csv", number)]
    assert len(lines) == 1 and "'cold,1,sums,pass@1,0.75,4', follows" in lines[0][2]
    assert any("checksum" in f[2] for f in found) is not signed


@pytest.mark.parametrize("signed", [False, True], ids=["plain", "signed"])
def test_changed_data_of_a_figure_are_found_in_their_line(results, signed):
    path = results / "report" / "figures" / "cost_accuracy.csv"
    table = pd.read_csv(path)
    column = table.select_dtypes("number").columns[0]
    table[column] = table[column].astype(float)
    table.loc[1, column] += 1.0
    table.to_csv(path, index=False, lineterminator="\n")
    if signed:
        sign_again(results, path)
    found = found_in(results)
    assert ("report/figures/cost_accuracy.csv", 3) in [f[:2] for f in found]


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("report/claims.csv", 2),
        ("report/robust.csv", 2),
        ("report/table1.csv", 2),
        ("report/table2.tex", 2),
        ("report/report.html", 2),
    ],
)
def test_a_changed_file_of_the_report_is_found_though_signed(results, name, line):
    path = results / name
    lines = path.read_text().split("\n")
    lines[line - 1] += "1"
    path.write_text("\n".join(lines))
    sign_again(results, path)
    assert [f[:2] for f in found_in(results)] == [(name, line)]


@pytest.mark.parametrize(
    "name",
    [
        "model/model.safetensors",
        "train/tampo/seed1/steps.jsonl",
        "train/tampo/seed1/trajectories.parquet",
        "report/figures/temperatures.svg",
    ],
)
def test_a_file_that_is_not_the_listed_one_is_found(results, name):
    path = results / name
    path.write_bytes(path.read_bytes() + b"\n")
    found = [f for f in found_in(results) if f[0] == name]
    assert found and all("checksum" in what for _, _, what in found)


def test_missing_and_additional_files_are_found(results):
    (results / "evaluate" / "base" / "seed1" / "sums.jsonl").unlink()
    (results / "report" / "table9.csv").write_text("method\n")
    found = found_in(results)
    assert ("report/table9.csv", None, "not in checksums.json") in found
    missing = [f for f in found if f[0] == "evaluate/base/seed1/sums.jsonl"]
    assert missing and all("missing" in what for _, _, what in missing)
    assert any("cannot be aggregated" in what for _, _, what in found)


def test_another_gold_answer_is_found(results):
    path = results / "evaluate" / "base" / "seed2" / "sums.jsonl"
    edit_line(path, 2, lambda row: row.update(answer=["0"]))
    what = [f[2] for f in found_in(results) if f[:2] == ("evaluate/base/seed2/sums.jsonl", 2)]
    assert len(what) == 1 and what[0].startswith("answer ['0'], the benchmark has ")


def test_other_problems_are_found(results):
    path = results / "evaluate" / "base" / "seed2" / "run.json"
    run = json.loads(path.read_text())
    run["benchmarks"]["sums"]["data"]["sha256"] = "0" * 64
    write_json(path, run)
    found = [f for f in found_in(results) if f[0] == "evaluate/base/seed2/run.json"]
    assert any(what.startswith("sums: problems 000000000000…") for _, _, what in found)


@pytest.mark.parametrize("outcome", ["timeout", "error"])
def test_what_was_not_decided_proves_nothing_and_is_named(results, outcome):
    path = results / "evaluate" / "base" / "seed1" / "sums.jsonl"
    edit_line(path, 2, lambda row: row["responses"][0].update(outcome=outcome))
    found = verify(results, progress=quiet)
    assert [(m.path, m.line) for m in found.undecided] == [(path, 2)]
    assert "undecided: " in found.text()
    # Its file is still not the one that was listed.
    assert any(m.path == path for m in found.mismatches)


def without_weights(results):
    (results / "model" / "model.safetensors").unlink()
    for folder in results.glob("train/*/*/checkpoint"):
        shutil.rmtree(folder)


def test_weights_that_are_not_here_are_counted_and_no_mismatch(results, capsys):
    everything = verify(results, progress=quiet).checked["checksums"]
    without_weights(results)
    assert main(["verify", str(results)]) == 0
    printed = capsys.readouterr().out
    assert "\nnot checked: the weights of 5 models, which are not here\n" in printed
    # Two files of each of four checkpoints, and one of the base model.
    assert f"{everything - 9} checksums" in printed
    assert printed.endswith("everything follows from what is stored\n")


def test_nothing_is_said_of_weights_that_are_here(finished_study):
    assert "weights" not in verify(finished_study, progress=quiet).text()


CHECKPOINT = "train/tampo/seed2/checkpoint"


@pytest.mark.parametrize(
    ("damage", "name", "what"),
    [
        (lambda r: (r / CHECKPOINT / "config.json").unlink(), "config.json", "missing"),
        (lambda r: (r / CHECKPOINT / "config.json").write_text("{}"), "config.json", "checksum"),
        (lambda r: (shutil.rmtree(r / CHECKPOINT), (r / CHECKPOINT).mkdir()), "", "missing"),
    ],
    ids=["a file gone", "a file altered", "an empty folder"],
)
def test_a_damaged_checkpoint_is_a_mismatch_though_others_are_absent(results, damage, name, what):
    shutil.rmtree(results / "train" / "cold" / "seed1" / "checkpoint")
    damage(results)
    found = found_in(results)
    assert found and all(n.startswith(f"{CHECKPOINT}/{name}") and what in w for n, _, w in found)
    assert verify(results, progress=quiet).without_weights == 1


def test_a_base_model_is_absent_only_if_nothing_of_it_is_there(results):
    (results / "model" / "model.safetensors").unlink()
    (results / "model" / ".timestamp").touch()
    assert found_in(results) == []
    (results / "model" / "config.json").write_text("{}")
    what = "missing, but listed in run.json"
    assert found_in(results) == [("model/model.safetensors", None, what)]


def test_logs_are_no_weights(results):
    without_weights(results)
    (results / "train" / "cold" / "seed1" / "steps.jsonl").unlink()
    assert ("train/cold/seed1/steps.jsonl", None) in [f[:2] for f in found_in(results)]


def test_where_problem_sets_lie_changes_nothing_that_was_reported(finished_study, tmp_path):
    found = verify(finished_study, data_dir=str(tmp_path), progress=quiet)
    assert [str(m) for m in found.mismatches] == []


def test_a_study_without_a_report_is_refused(results, capsys):
    shutil.rmtree(results / "report")
    assert main(["verify", str(results)]) == 2
    assert "study.yaml: no such study file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("stored", "again", "lines"),
    [
        ("a,0.1\nb,2\n", "a,0.1\nb,2\n", []),
        ("a,0.30000000000000004\n", "a,0.3\n", []),
        ("a,0.3001\nb,2\n", "a,0.3\nb,2\n", [1]),
        ("a,x\n", "a,y\n", [1]),
        ("a,1\n", "a,1\nb,2\n", [2, 3]),
        ("a,1,2\n", "a,1\n", [1]),
    ],
)
def test_lines_are_compared_as_numbers_up_to_their_last_bits(tmp_path, stored, again, lines):
    for name, text in (("stored.csv", stored), ("again.csv", again)):
        (tmp_path / name).write_text(text)
    found = Verification()
    compare(tmp_path / "stored.csv", tmp_path / "again.csv", found)
    assert [m.line for m in found.mismatches] == lines


@pytest.mark.parametrize(
    ("stage", "changes", "what"),
    [
        (
            "train",
            {"arguments": {"method": {"name": "tampo"}, "seed": 2}},
            "is of method 'tampo', seed 2",
        ),
        ("train", {"study": "theirs"}, "is of study 'theirs'"),
        (
            "train",
            {"base_model": {"model.safetensors": "0" * 64}},
            "trained from another base model",
        ),
        ("evaluate", {"arguments": {"method": "tampo", "seed": 2}}, "is of method 'tampo', seed 2"),
    ],
)
def test_a_run_of_another_name_is_found(results, stage, changes, what):
    path = results / stage / "tampo" / "seed1" / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    found = [m.what for m in verify(results, progress=quiet).mismatches if m.path == path]
    assert any(what in line for line in found)


def test_a_score_of_another_checkpoint_is_found(results):
    path = results / "evaluate" / "tampo" / "seed1" / "run.json"
    record = json.loads(path.read_text())
    record["checkpoint"]["run_json_sha256"] = "1" * 64
    path.write_text(json.dumps(record))
    found = [m.what for m in verify(results, progress=quiet).mismatches if m.path == path]
    assert any("scores another checkpoint" in line for line in found)
