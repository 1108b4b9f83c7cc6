"""Problem sets: real files, broken files, field maps of the hub, generated sets."""

import json
import re
import subprocess
import sys
from collections import Counter

import pytest

from tampo.problems import problem_sets
from tampo.problems.catalogue import CATALOGUE, Generated, Hub, benchmarks
from tampo.problems.problem_sets import ProblemSetError, check, fingerprint, load_problems, source

REAL = {
    "aime24": 30,
    "math500": 500,
    "amc23": 40,
    "minerva": 272,
    "olympiadbench": 675,
    "gsm8k-train": 7473,
    "gsm8k-test": 1319,
    "gsm8k-train-short": 435,
    "gsm8k-test-short": 68,
}
GENERATED = [name for name, entry in CATALOGUE.items() if isinstance(entry.source, Generated)]


def record(number: int, **changes) -> dict:
    return {"id": f"p{number}", "problem": f"1+{number}", "answer": [str(1 + number)], **changes}


def write(folder, lines, name="amc23.jsonl"):
    text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    (folder / name).write_text(text + "\n", encoding="utf-8")
    return folder


@pytest.mark.parametrize(("name", "count"), REAL.items())
def test_real_files(data_dir, name, count):
    records = load_problems(name, data_dir)
    assert len(records) == count == len({r["id"] for r in records})
    assert load_problems(name, data_dir, limit=7) == records[:7]


def test_names_can_be_folders_and_wildcards():
    assert all(re.fullmatch(r"[a-z0-9][a-z0-9.\-]*", name) for name in CATALOGUE)


def test_training_sets_are_no_benchmarks():
    training = {"gsm8k-train", "gsm8k-train-short", "open-s1", "ecqa-train", "arithmetic-train"}
    assert set(benchmarks()) == set(CATALOGUE) - training


def test_a_complete_file_loads(tmp_path):
    records = [record(i) for i in range(40)]
    assert load_problems("amc23", write(tmp_path, records)) == records


def test_a_part_of_a_set_is_read_from_the_set(tmp_path):
    whole = [record(i, problem="Q" * (121 if i % 2 else 120)) for i in range(1319)]
    write(tmp_path, whole, "gsm8k_test.jsonl")
    with pytest.raises(ProblemSetError, match=r"gsm8k-test-short: 660 problems, but .* has 68"):
        load_problems("gsm8k-test-short", tmp_path)
    short = [r if i < 68 else r | {"problem": "Q" * 200} for i, r in enumerate(whole)]
    short = [r | {"problem": "Q" * 120} if i < 68 else r for i, r in enumerate(short)]
    write(tmp_path, short, "gsm8k_test.jsonl")
    assert load_problems("gsm8k-test-short", tmp_path, limit=5) == short[:5]
    assert source("gsm8k-test-short", tmp_path) == {"file": "gsm8k_test.jsonl"}


def test_blank_lines_are_no_problems(tmp_path):
    lines = [json.dumps(record(i)) for i in range(40)]
    assert len(load_problems("amc23", write(tmp_path, [*lines[:20], "", *lines[20:], ""]))) == 40


BROKEN = {
    "malformed line": (2, '{"id": "p2", "problem"', "amc23.jsonl:3: not JSON"),
    "not an object": (2, "[1, 2]", "amc23.jsonl:3: a problem is a JSON object"),
    "missing key": (4, {"id": "p4", "problem": "?"}, "amc23.jsonl:5: key 'answer' is missing"),
    "unknown key": (0, record(0, anwser_type="exact"), "amc23.jsonl:1: unknown key 'anwser_type'"),
    "duplicate id": (9, record(3), r"amc23.jsonl:10: id 'p3' already appears in .*amc23.jsonl:4"),
    "empty problem": (1, record(1, problem=" "), "amc23.jsonl:2: problem is empty"),
    "empty id": (1, record(1, id=""), "amc23.jsonl:2: id is empty"),
    "answer not a list": (1, record(1, answer="2"), "amc23.jsonl:2: answer must be list"),
    "no answer": (1, record(1, answer=[]), "amc23.jsonl:2: answer must be a list of at least one"),
    "empty answer": (1, record(1, answer=["2", ""]), "amc23.jsonl:2: answer must be a list of at"),
    "number as answer": (1, record(1, answer=[2]), "amc23.jsonl:2: answer must be a list of at"),
    "flag as text": (1, record(1, multiple="True"), "amc23.jsonl:2: multiple must be bool or null"),
    "flag as level": (1, record(1, level=True), "amc23.jsonl:2: level must be str or int or null"),
    "number as id": (1, record(1, id=7), "amc23.jsonl:2: id must be str, got 7"),
}


@pytest.mark.parametrize(("line", "content", "message"), BROKEN.values(), ids=BROKEN)
def test_a_broken_line_is_named(tmp_path, line, content, message):
    lines = [record(i) for i in range(40)]
    lines[line] = content
    with pytest.raises(ProblemSetError, match=message):
        load_problems("amc23", write(tmp_path, lines))


def test_a_truncated_file_is_refused(tmp_path):
    write(tmp_path, [record(i) for i in range(39)])
    with pytest.raises(ProblemSetError, match=r"amc23\.jsonl: 39 problems, but amc23 has 40"):
        load_problems("amc23", tmp_path)


def test_a_file_cut_inside_a_line_is_refused(tmp_path):
    path = write(tmp_path, [record(i) for i in range(40)]) / "amc23.jsonl"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ProblemSetError, match=r"amc23\.jsonl:40: not JSON"):
        load_problems("amc23", tmp_path)


def test_an_empty_file_is_refused(tmp_path):
    (tmp_path / "amc23.jsonl").write_text("")
    with pytest.raises(ProblemSetError, match="0 problems, but amc23 has 40"):
        load_problems("amc23", tmp_path)


def test_a_limit_does_not_hide_a_broken_file(tmp_path):
    write(tmp_path, [record(i) for i in range(39)])
    with pytest.raises(ProblemSetError, match="39 problems"):
        load_problems("amc23", tmp_path, limit=5)


def test_a_file_that_is_not_text_is_refused(tmp_path):
    (tmp_path / "amc23.jsonl").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ProblemSetError, match=r"amc23\.jsonl: not UTF-8"):
        load_problems("amc23", tmp_path)


def test_a_missing_file_names_those_beside_it(tmp_path):
    write(tmp_path, [record(0)], "aime24.jsonl")
    with pytest.raises(ProblemSetError, match=r"amc23\.jsonl: no such file.*aime24\.jsonl"):
        load_problems("amc23", tmp_path)


def test_an_unknown_set_names_the_known():
    with pytest.raises(ProblemSetError, match="no problem set 'aime25'; there are aime24, math500"):
        load_problems("aime25")


OPTIONS = ["ink", "desk", "lamp", "cup", "pen"]

# Rows as the hub's data sets have them, with problems of our own.
ROWS = {
    "aime24": (
        {"id": 61, "problem": "P", "solution": "...", "answer": "033", "url": "", "year": "2024"},
        {"id": "aime24-61", "problem": "P", "answer": ["033"]},
    ),
    "math500": (
        {"problem": "P", "solution": r"So \boxed{x}.", "answer": "x", "subject": "Algebra"}
        | {"level": 2, "unique_id": "test/algebra/1.json"},
        {"id": "math500-5", "problem": "P", "answer": ["x"], "level": 2, "subject": "Algebra"},
    ),
    "amc23": (
        {"problem": "P", "question": "P", "answer": 27.0},
        {"id": "amc23-5", "problem": "P", "answer": ["27"]},
    ),
    "minerva": (
        {"problem": "P", "solution": r"First \boxed{1}, then $\boxed{4.5e33}$ erg/s."},
        {"id": "minerva-5", "problem": "P", "answer": ["4.5e33"]},
    ),
    "olympiadbench": (
        {"id": 1606, "question": "Q", "context": "C", "final_answer": ["$2$", "$a$ and $b$"]}
        | {"answer_type": "Numerical", "is_multiple_answer": "True", "unit": "", "error": "1e-1"}
        | {"subfield": "Algebra", "solution": ["..."]},
        {"id": "olympiadbench-1606", "problem": "C\nQ", "answer": ["2", "$a$ and $b$"]}
        | {"answer_type": "Numerical", "multiple": True, "unit": None, "tolerance": "1e-1"}
        | {"subject": "Algebra"},
    ),
    "gsm8k-test": (
        {"question": "Q", "answer": "2 * 617 = <<2*617=1234>>1234\n#### 1,234"},
        {"id": "gsm8k-test-5", "problem": "Q", "answer": ["1234"]},
    ),
    "open-s1": (
        {"problem": "P", "solution": r"\boxed{7}", "answer": None, "source": "S", "messages": []},
        {"id": "open-s1-5", "problem": "P", "answer": ["7"], "subject": "S"},
    ),
    "ecqa": (
        {"q_text": "Where?", "q_ans": "desk", "q_no": "1"}
        | {f"q_op{i}": option for i, option in enumerate(OPTIONS, 1)},
        {"id": "ecqa-test-5", "answer": ["B", "(B)", "desk"], "answer_type": "exact"}
        | {"problem": "Where?\n(A) ink\n(B) desk\n(C) lamp\n(D) cup\n(E) pen"},
    ),
}


@pytest.mark.parametrize("name", ROWS)
def test_field_maps(name):
    row, expected = ROWS[name]
    found = CATALOGUE[name].source.record(row, 5)
    assert found == expected
    check([found], ["row"])


def test_olympiadbench_flag_is_text():
    row = ROWS["olympiadbench"][0] | {"is_multiple_answer": "False"}
    assert CATALOGUE["olympiadbench"].source.record(row, 0)["multiple"] is False


def hub(monkeypatch, rows):
    """Put `rows` in the hub's place; return the arguments it is asked with."""
    asked = {}

    def load_dataset(path, name=None, **others):
        asked.update(path=path, name=name, **others)
        return rows

    monkeypatch.setattr("datasets.load_dataset", load_dataset)
    return asked


def test_the_hub_is_asked_for_the_pinned_revision(monkeypatch):
    rows = [ROWS["aime24"][0] | {"id": i} for i in range(30)]
    asked = hub(monkeypatch, rows)
    assert [r["id"] for r in load_problems("aime24")] == [f"aime24-{i}" for i in range(30)]
    assert asked == {
        "path": "HuggingFaceH4/aime_2024",
        "name": None,
        "split": "train",
        "revision": "2fe88a2f1091d5048c0f36abc874fb997b3dd99a",
    }
    assert source("aime24")["pinned"] is True


def test_an_unpinned_set_is_read_and_recorded_at_the_revision_found(monkeypatch):
    problem_sets._revision.cache_clear()
    monkeypatch.setattr(
        "huggingface_hub.HfApi.dataset_info",
        lambda self, repository: type("Info", (), {"sha": "ab" * 20}),
    )
    asked = hub(monkeypatch, [ROWS["amc23"][0]] * 40)
    load_problems("amc23")
    found = source("amc23")
    problem_sets._revision.cache_clear()
    assert asked["revision"] == found["revision"] == "ab" * 20
    assert found["pinned"] is False


def test_pinned_revisions_are_full_hashes():
    hubs = [e.source for e in CATALOGUE.values() if isinstance(e.source, Hub)]
    pinned = [hub.revision for hub in hubs if hub.revision]
    assert len(pinned) == 6
    assert all(re.fullmatch("[0-9a-f]{40}", revision) for revision in pinned)


def test_hub_rows_of_another_shape_are_named(monkeypatch):
    hub(monkeypatch, [{"question": "Q"}] * 30)
    with pytest.raises(ProblemSetError, match=r"hub:HuggingFaceH4/aime_2024@2fe88a2f:0: .*'id'"):
        load_problems("aime24")


def test_another_number_of_hub_rows_is_refused(monkeypatch):
    hub(monkeypatch, [ROWS["aime24"][0] | {"id": i} for i in range(31)])
    with pytest.raises(ProblemSetError, match="hub:HuggingFaceH4/aime_2024: 31 problems, but"):
        load_problems("aime24")


def test_an_unreachable_hub_says_what_else_works(monkeypatch):
    def load_dataset(*_, **__):
        raise ConnectionError("no network")

    monkeypatch.setattr("datasets.load_dataset", load_dataset)
    with pytest.raises(ProblemSetError, match=r"ConnectionError: no network.*set data_dir"):
        load_problems("aime24")


@pytest.mark.parametrize("name", GENERATED)
def test_generated_sets_are_whole_and_always_the_same(name, tmp_path):
    records = load_problems(name)
    assert len(records) == CATALOGUE[name].count
    assert load_problems(name, tmp_path) == records


def test_arithmetic_training_problems_are_in_no_benchmark():
    tested = [n for n in GENERATED if n in benchmarks()]
    assert len(tested) == 5
    tested = {r["problem"] for n in tested for r in load_problems(n)}
    assert tested.isdisjoint(r["problem"] for r in load_problems("arithmetic-train"))


def test_every_prefix_of_arithmetic_training_mixes_the_families():
    families = Counter(r["subject"] for r in load_problems("arithmetic-train", limit=25))
    assert set(families.values()) == {5}


def test_fingerprint_sees_content_and_not_key_order():
    first = [record(1), record(2)]
    reordered = [dict(reversed(list(r.items()))) for r in first]
    assert fingerprint(first) == fingerprint(reordered)
    assert fingerprint(first) != fingerprint([record(1), record(2, answer=["4"])])
    assert fingerprint(first) != fingerprint(first[::-1])


def test_import_is_light():
    """Every command and every job of the workflow reads a study, and with it this room."""
    code = "import sys, tampo.study.study; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert {"torch", "transformers", "datasets", "lm_eval", "pandas"}.isdisjoint(
        loaded.stdout.split()
    )
