"""A study that trains on its test set is found by content, whatever the sets are called."""

import json
from dataclasses import replace

import pytest
import yaml
from support.studies import micro_study

from tampo.cli import main
from tampo.problems import problem_sets
from tampo.problems.catalogue import CATALOGUE
from tampo.seeds import generator
from tampo.stages.model import make_model
from tampo.stages.train import train
from tampo.study.contamination import contamination, refuse_contaminated
from tampo.study.study import StudyError

SYLLABLES = [a + b for a in "bcdfghklmnprst" for b in "aeiou"]


def story(number: int) -> str:
    """A problem of 18 words, a function of its number; no two have three words in a row in common."""
    words = generator(0, "story", number).choice(SYLLABLES, (16, 3))
    return " ".join("".join(word) for word in words) + f": {number + 2} of {number + 5}?"


def write(folder, name, problems):
    records = [
        {"id": f"{name}-{i}", "problem": text, "answer": ["1"], "solution": "1 + 0 = 1"}
        for i, text in enumerate(problems)
    ]
    entry = CATALOGUE[name]
    (folder / entry.source.file).write_text(
        "".join(json.dumps(record) + "\n" for record in records)
    )


@pytest.fixture
def data(tmp_path, monkeypatch):
    """Thirty problems to be tested on, ten of them among the forty to train on, in other layout."""
    folder = tmp_path / "data"
    folder.mkdir()
    tested = [story(i) for i in range(30)]
    trained = [text.upper() for text in tested[:10]]
    trained += [story(100 + i) for i in range(30)]
    write(folder, "aime24", tested)
    write(folder, "amc23", trained)
    for name, text in (("gsm8k-train", trained), ("gsm8k-test", tested)):
        monkeypatch.setitem(CATALOGUE, name, replace(CATALOGUE[name], count=len(text)))
        write(folder, name, text)
    return str(folder)


def study_of(data_dir, **changes):
    training = {"problems": "amc23", **changes.pop("training", {})}
    benchmarks = [{"name": "aime24", "samples": 2}]
    return micro_study(
        **{"training": training, "benchmarks": benchmarks, "data_dir": data_dir, **changes}
    )


def file_of(tmp_path, study):
    path = tmp_path / "micro.yaml"
    content = study.model_dump(mode="json", exclude_unset=True)
    content.pop("data_dir", None)
    path.write_text(yaml.safe_dump(content))
    return str(path)


def test_check_lists_and_refuses_what_is_found_by_content(data, tmp_path, capsys):
    file = file_of(tmp_path, study_of(data))
    assert main(["check", file, "--data-dir", data]) == 2
    printed = capsys.readouterr()
    assert "overlap: amc23 with aime24: 10 equal" in printed.out
    assert "amc23-0 equal aime24-0" in printed.out and "and 7 more" in printed.out
    error = printed.err.splitlines()[-1]
    assert error.startswith(
        f"error: {file}: training.problems: 10 of the 40 problems of 'amc23' are in"
    )
    assert "aime24 (10 equal): amc23-0 equal aime24-0; " in error and "allow_overlap" in error


def test_check_says_what_it_did_not_read(data, tmp_path, capsys):
    file = file_of(tmp_path, study_of(data))
    assert main(["check", file]) == 0
    out = capsys.readouterr().out
    assert "overlap: not checked for aime24, amc23: to be read from the hub" in out
    assert "--data-dir" in out
    (tmp_path / "data" / "amc23.jsonl").unlink()
    assert main(["check", file, "--data-dir", data]) == 0
    assert "overlap: not checked for amc23: " in (out := capsys.readouterr().out)
    assert "amc23.jsonl: no such file" in out


def test_a_reason_allows_it_and_it_is_still_listed(data, tmp_path, capsys):
    allowed = study_of(data, allow_overlap="to measure what leakage is worth")
    file = file_of(tmp_path, allowed)
    assert main(["check", file, "--data-dir", data]) == 0
    assert "overlap: amc23 with aime24: 10 equal" in capsys.readouterr().out
    assert refuse_contaminated(allowed, ["amc23"]).counts() == {"amc23": {"aime24": {"equal": 10}}}


def test_training_refuses_before_it_looks_at_a_model(data, tmp_path):
    model = tmp_path / "model"
    model.mkdir()
    (model / "run.json").write_text("{}")
    with pytest.raises(StudyError, match="10 of the 40 problems of 'amc23'"):
        train(study_of(data), "tampo", 1, model, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_supervised_cold_start_refuses_too(data, tmp_path):
    study = study_of(
        data,
        training={"problems": "arithmetic-train"},
        cold_start={"problems": "gsm8k-train", "steps": 1},
    )
    with pytest.raises(
        StudyError, match=r"cold_start\.problems: 10 of the 40 problems of 'gsm8k-train'"
    ):
        make_model(study, tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_a_run_records_what_was_found(model, tmp_path):
    train(micro_study(training={"steps": 1}), "cold", 1, model, tmp_path)
    record = json.loads((tmp_path / "run.json").read_text())
    assert record["overlap"] == {"found": {"arithmetic-train": {}}, "not_read": []}


def test_only_problems_that_the_study_is_tested_on_count(data):
    few = [{"name": "aime24", "samples": 2, "limit": 4}]
    assert len(contamination(study_of(data, benchmarks=few)).overlap) == 4


def test_a_set_of_one_methods_own_counts(data):
    methods = [
        {"name": "base", "policy": "untrained"},
        {"name": "cold", "policy": "fixed", "settings": {"temperature": 0.7}},
        {"name": "tampo", "policy": "tampo", "training": {"problems": "amc23"}},
    ]
    study = study_of(data, training={"problems": "arithmetic-train"}, methods=methods)
    assert {name for name, _ in contamination(study).overlap} == {"amc23"}
    with pytest.raises(StudyError, match=r"methods\.tampo\.training\.problems: 10 of the 40"):
        refuse_contaminated(study, ["amc23"])
    assert refuse_contaminated(study, ["arithmetic-train"]).overlap == []


NAMED = {
    "a part of the benchmark's source": (
        {"training": {"problems": "gsm8k-test-short"}, "benchmarks": ["gsm8k-test"]},
        "training.problems: 'gsm8k-test-short' is the source of 'gsm8k-test' or a part of it,",
    ),
    "the source of a part": (
        {"training": {"problems": "gsm8k-test"}, "benchmarks": ["gsm8k-test-short"]},
        "training.problems: 'gsm8k-test' is the source of 'gsm8k-test-short' or a part of it,",
    ),
    "one method's own": (
        {
            "methods": [
                {"name": "base", "policy": "untrained"},
                {"name": "cold", "policy": "fixed", "settings": {"temperature": 0.7}},
                {"name": "tampo", "policy": "tampo", "training": {"problems": "maxima"}},
            ],
            "benchmarks": ["sums", "maxima"],
        },
        "methods.tampo.training.problems: 'maxima' is also a benchmark",
    ),
    "an unknown set of one method's own": (
        {
            "methods": [
                {"name": "base", "policy": "untrained"},
                {"name": "cold", "policy": "fixed", "settings": {"temperature": 0.7}},
                {"name": "tampo", "policy": "tampo", "training": {"problems": "nowhere"}},
            ]
        },
        "methods.tampo.training.problems: unknown 'nowhere'; allowed: aime24",
    ),
}


@pytest.mark.parametrize(("changes", "message"), NAMED.values(), ids=NAMED)
def test_names_alone_are_refused_when_the_study_is_read(changes, message):
    named = changes.get("benchmarks", ["sums"])
    changes = changes | {"benchmarks": [{"name": name, "samples": 2} for name in named]}
    # Where no file is read, pydantic wraps the StudyError of a rule.
    with pytest.raises(ValueError) as caught:
        micro_study(**changes)
    assert message in str(caught.value)
    if "unknown" not in message:
        assert micro_study(**changes, allow_overlap="to see it").allow_overlap == "to see it"


def test_a_reason_says_something():
    with pytest.raises(ValueError, match="allow_overlap"):
        micro_study(allow_overlap="  ")


def test_after_one_set_the_hub_is_not_asked_again(monkeypatch):
    asked = []

    def unreachable(hub):
        asked.append(hub.repository)
        raise problem_sets.ProblemSetError(f"hub:{hub.repository}: cannot be read")

    monkeypatch.setattr(problem_sets, "_read_hub", unreachable)
    benchmarks = [{"name": name, "samples": 2} for name in ("aime24", "math500")]
    study = micro_study(benchmarks=benchmarks)
    found = contamination(study)
    assert asked == [CATALOGUE["aime24"].source.repository]
    assert set(found.unread) == {"aime24", "math500"}
    found.refuse(study)
