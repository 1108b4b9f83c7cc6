"""Problem texts: taken out of evidence, and put back to the byte."""

import json
from pathlib import Path

import pytest
from jinja2.utils import htmlsafe_json_dumps
from support.studies import micro_study

import tampo.evidence.withheld
from tampo.evidence.withheld import give_back, problem_texts, withhold
from tampo.files import to_jsonl
from tampo.study.study import StudyError

TEXTS = {
    "a": 'If $x<1$ & "y" isn\'t \\frac{1}{2}:\nfind é, 𝛼.',
    "b": "find",
    "c": 'Then: If $x<1$ & "y" isn\'t \\frac{1}{2}:\nfind é, 𝛼.',
}
ROWS = [{"id": key, "prompt": f"user\n{text}\nassistant\n"} for key, text in TEXTS.items()]
LINES = Path("evaluate", "tampo", "seed1", "set.jsonl")
PAGE = Path("report", "report.html")


def test_lines_have_ids_in_the_place_of_texts():
    content = to_jsonl(ROWS).encode()
    found = withhold(LINES, content, TEXTS)
    prompts = [json.loads(line)["prompt"] for line in found.decode().splitlines()]
    assert prompts == [f"user\n[[problem {key}]]\nassistant\n" for key in TEXTS]
    assert give_back(LINES, found, TEXTS) == content


def test_the_page_has_ids_in_the_place_of_texts():
    content = f"<script>{htmlsafe_json_dumps(ROWS)}</script>".encode()
    found = withhold(PAGE, content, TEXTS)
    assert all(f"[[problem {key}]]" in found.decode() for key in TEXTS)
    assert b"frac" not in found and give_back(PAGE, found, TEXTS) == content


def test_other_files_and_studies_of_generated_problems_stay_as_they_are():
    content = to_jsonl(ROWS).encode()
    assert withhold(Path("train", "tampo", "seed1", "steps.jsonl"), content, TEXTS) == content
    assert withhold(LINES, content, {}) == content
    assert problem_texts(micro_study()) == {}


def test_texts_of_published_sets_are_those_of_the_benchmarks(monkeypatch):
    records = [{"id": "m-0", "problem": "P"}, {"id": "m-1", "problem": "Q"}]
    monkeypatch.setattr(
        tampo.evidence.withheld, "load_problems", lambda name, data, limit: records[:limit]
    )
    study = micro_study(
        benchmarks=[{"name": "sums", "samples": 2}, {"name": "math500", "samples": 2, "limit": 1}]
    )
    assert problem_texts(study) == {"m-0": "P"}


def test_what_could_not_be_put_back_is_refused():
    content = to_jsonl([{"id": "b", "prompt": "[[problem b]]"}]).encode()
    with pytest.raises(StudyError, match=r"set\.jsonl: the problems' texts cannot"):
        withhold(LINES, content, TEXTS)
