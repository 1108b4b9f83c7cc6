"""Problem sets in a user's own files: three formats, columns of any name, faults named by file and row."""

import json

import pandas as pd
import pytest
from support.studies import micro_study

from tampo.grading import grade_record
from tampo.problems.problem_sets import ProblemSetError, identity, load_problems, problem_count
from tampo.study.contamination import contamination
from tampo.study.study import StudyError

ROWS = [
    {"question": "What is 1 + 1?", "solution": "2"},
    {"question": "What is half of 3?", "solution": "3/2"},
]
COLUMNS = {"problem": "question", "answer": "solution"}


def written(folder, ending, rows=ROWS):
    path = folder / f"mine.{ending}"
    if ending == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    elif ending == "csv":
        pd.DataFrame(rows).to_csv(path, index=False)
    else:
        pd.DataFrame(rows).to_parquet(path)
    return path


def with_set(path, columns=COLUMNS, **own):
    return micro_study(
        problem_sets={"mine": {"file": str(path), "columns": columns, **own}},
        benchmarks=[{"name": "mine", "samples": 2}],
    )


@pytest.mark.parametrize("ending", ["jsonl", "csv", "parquet"])
def test_every_format_gives_the_same_problems(tmp_path, ending):
    with_set(written(tmp_path, ending))
    assert load_problems("mine") == [
        {"id": "mine-1", "problem": "What is 1 + 1?", "answer": ["2"]},
        {"id": "mine-2", "problem": "What is half of 3?", "answer": ["3/2"]},
    ]
    assert problem_count("mine") == 2


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_answers_may_be_numbers_and_lists(tmp_path, ending):
    rows = [
        {"id": 7, "problem": "a", "answer": [1.5, 2.0]},
        {"id": 8, "problem": "b", "answer": [-3.0]},
    ]
    with_set(written(tmp_path, ending, rows), columns={})
    found = [(problem["id"], problem["answer"]) for problem in load_problems("mine")]
    assert found == [("7", ["1.5", "2"]), ("8", ["-3"])]


def test_an_id_of_zeros_stays_text(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("id,problem,answer\n007,a,010\n")
    with_set(path, columns={})
    assert load_problems("mine") == [{"id": "007", "problem": "a", "answer": ["010"]}]


@pytest.mark.parametrize(
    ("rows", "columns", "what"),
    [
        (
            ROWS,
            {"problem": "text", "answer": "solution"},
            "row 1: no column 'text' for 'problem'; there are",
        ),
        (ROWS, {"problem": "question"}, "row 1: no column 'answer' for 'answer'"),
        ([{"problem": "", "answer": "1"}], {}, "problem is empty"),
        ([{"problem": "a", "answer": ""}], {}, "answer must be a list of at least one text"),
        (
            [{"id": "x", "problem": "a", "answer": "1"}] * 2,
            {},
            "row 2: id 'x' already appears in .*row 1",
        ),
    ],
)
def test_a_faulty_file_is_named_with_its_row(tmp_path, rows, columns, what):
    with_set(written(tmp_path, "csv", rows), columns=columns)
    with pytest.raises(ProblemSetError, match=rf"mine\.csv.*{what}"):
        load_problems("mine")


def test_no_file_no_problem_and_no_csv(tmp_path):
    written(tmp_path, "jsonl")
    with_set(tmp_path / "other.jsonl")
    with pytest.raises(ProblemSetError, match=r"no such file; beside it: mine\.jsonl"):
        load_problems("mine")
    (tmp_path / "empty.jsonl").write_text("")
    with_set(tmp_path / "empty.jsonl")
    with pytest.raises(ProblemSetError, match="holds no problem"):
        load_problems("mine")
    (tmp_path / "bad.parquet").write_text("no parquet")
    with_set(tmp_path / "bad.parquet")
    with pytest.raises(ProblemSetError, match="not parquet"):
        load_problems("mine")
    (tmp_path / "bad.jsonl").write_text('{"problem": "a"\n')
    with_set(tmp_path / "bad.jsonl")
    with pytest.raises(ProblemSetError, match=r"bad\.jsonl:1: not JSON"):
        load_problems("mine")


@pytest.mark.parametrize(
    ("sets", "what"),
    [
        ({"math500": {"file": "a.csv"}}, "'math500' is the name of a published problem set"),
        ({"mine": {"file": "a.txt"}}, "file"),
        ({"mine": {"file": "a.csv", "columns": {"question": "q"}}}, "columns: unknown 'question'"),
        ({"mine": {"file": "a.csv", "grader": "missing.py:grade"}}, "grader: .*no file missing.py"),
        ({"mine": {"file": "a.csv", "grader": "grade"}}, "legal: path/to/file.py:function"),
    ],
)
def test_a_faulty_set_is_refused_when_the_study_is_read(sets, what):
    with pytest.raises((StudyError, ValueError), match=what):
        micro_study(problem_sets=sets)


def grader(folder, body):
    path = folder / "grader.py"
    path.write_text(f"def grade(response, problem):\n    {body}\n")
    return f"{path}:grade"


@pytest.mark.parametrize(
    ("body", "outcome", "rule"),
    [
        ("return response == problem['answer'][0]", "correct", "grader.py:grade"),
        ("return False", "wrong", "grader.py:grade"),
        ("return None", "unparseable", "grader.py:grade"),
        ("return 1", "error", "returned 1; legal: True, False, None"),
        ("return problem['nothing']", "error", "KeyError: 'nothing'"),
    ],
)
def test_a_grader_of_ones_own(tmp_path, body, outcome, rule):
    name = grader(tmp_path, body)
    with_set(written(tmp_path, "csv"), grader=name)
    (problem, _) = load_problems("mine")
    found = grade_record("2", problem)
    assert (found.outcome, rule in found.rule) == (outcome, True)


def test_a_grader_that_cannot_be_imported_is_named_with_its_line(tmp_path):
    name = grader(tmp_path, "return (")
    with pytest.raises(
        ValueError, match=r"problem_sets\.mine\.grader: .*grader\.py:2: SyntaxError"
    ):
        with_set(written(tmp_path, "csv"), grader=name)


def test_what_a_set_is_depends_on_content_columns_and_grader(tmp_path):
    path, name = written(tmp_path, "csv"), grader(tmp_path, "return True")
    with_set(path, grader=name)
    before = identity("mine")
    moved = path.rename(tmp_path / "moved.csv")
    with_set(moved, grader=name)
    assert identity("mine") == before
    grader(tmp_path, "return False")
    assert identity("mine") != before
    with_set(moved)
    assert identity("mine") != before


def test_own_problems_are_compared_with_own_benchmarks(tmp_path):
    path = written(tmp_path, "csv")
    study = micro_study(
        problem_sets={
            "mine": {"file": str(path), "columns": COLUMNS},
            "theirs": {"file": str(written(tmp_path, "jsonl")), "columns": COLUMNS},
        },
        training={"problems": "mine"},
        benchmarks=[{"name": "theirs", "samples": 2}],
    )
    with pytest.raises(StudyError, match=r"2 of the 2 problems of 'mine' are in theirs"):
        contamination(study).refuse(study)
