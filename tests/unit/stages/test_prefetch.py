"""What is stored ahead is what the hub would give, and enough to read a study from."""

import json

import pytest
from support.studies import micro_study

from tampo.files import sha256_of
from tampo.problems.problem_sets import ProblemSetError, load_problems
from tampo.stages.prefetch import prefetch


def test_stored_sets_are_read_back_the_same(data_dir, tmp_path):
    study = micro_study(
        benchmarks=[{"name": "aime24", "samples": 2}, {"name": "sums", "samples": 2}],
        data_dir=str(data_dir),
    )
    out = tmp_path / "problems"
    prefetch(study, out)
    # Generated sets come with the package.
    assert {path.name for path in out.iterdir()} == {"aime24.jsonl", "run.json"}
    assert load_problems("aime24", out) == load_problems("aime24", data_dir)
    record = json.loads((out / "run.json").read_text())
    assert record["arguments"]["sources"] == {"aime24": {"file": "aime24.jsonl"}}
    assert record["files"] == {"aime24.jsonl": sha256_of(out / "aime24.jsonl")}


def test_sets_that_only_a_method_or_training_names_are_stored_too(monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr(
        "tampo.stages.prefetch.load_problems", lambda name, _: asked.append(name) or []
    )
    monkeypatch.setattr("tampo.stages.prefetch.source", lambda *_: {})
    study = micro_study(
        training={"problems": "gsm8k-train"},
        methods=[
            {"name": "cold", "policy": "fixed", "settings": {"temperature": 0.7}},
            {
                "name": "tampo",
                "policy": "tampo",
                "training": {"problems": "open-s1"},
            },
        ],
        benchmarks=[{"name": "math500", "samples": 2}],
        tables=[{"name": "table1", "title": "All", "methods": ["cold", "tampo"]}],
    )
    prefetch(study, tmp_path / "problems")
    assert asked == ["gsm8k-train", "math500", "open-s1"]


def test_a_set_that_cannot_be_read_leaves_nothing(tmp_path):
    study = micro_study(benchmarks=[{"name": "aime24", "samples": 2}], data_dir=str(tmp_path))
    with pytest.raises(ProblemSetError, match=r"aime24\.jsonl: no such file"):
        prefetch(study, tmp_path / "problems")
    assert list(tmp_path.iterdir()) == []
