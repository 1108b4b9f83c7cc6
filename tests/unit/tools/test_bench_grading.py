"""The comparison of graders: its cases, its time limit, what it counts."""

from __future__ import annotations

import csv
import json
import os
import random
import signal
import subprocess

import pytest

from tampo.tools.bench.grading import mutations as spoiling
from tampo.tools.bench.grading import referee as refereeing
from tampo.tools.bench.grading.__main__ import main
from tampo.tools.bench.grading.cases import (
    GOLDS_PATH,
    RESPONSES_PATH,
    Case,
    boxed,
    mario_golds,
    qwen_responses,
    sample,
)
from tampo.tools.bench.grading.mutations import SPOILED, STILL_RIGHT, mutations
from tampo.tools.bench.grading.peers import PEERS
from tampo.tools.bench.grading.referee import Referee, Verdict
from tampo.tools.bench.grading.report import COLUMNS, csv_text, table
from tampo.tools.bench.grading.rewritings import rewritings

DRAW = random.Random(0)


def record(gold: str, **settings) -> dict:
    return {"id": "r", "answer": [gold], **settings}


@pytest.mark.parametrize(
    ("kind", "gold", "answer"),
    [
        ("sign", "-4", "4"),
        ("ten times", "12", "120"),
        ("digits swapped", "13", "31"),
        ("upside down", r"2\frac{1}{3}", r"2\frac{3}{1}"),
        ("bracket", "(-\\infty,4]", "(-\\infty,4)"),
        ("element added", "(1,2)", "(1, 2, 8191)"),
        ("element repeated", "1,2", "1, 1"),
        ("pair swapped", "(1,2)", "(2, 1)"),
        ("relation", r"x\le 3", r"x\ge 3"),
        ("exponent", "x^2+1", "x^{3}+1"),
        ("prime", "17", "17'"),
        ("million", "x+1", r"x+1\text{ million}"),
        ("letter case", r"\frac{a}{2a+b}", None),
    ],
)
def test_golds_are_spoiled_as_their_kind_says(kind: str, gold: str, answer: str | None) -> None:
    spoiled = SPOILED[kind](gold, DRAW)
    if kind == "letter case":
        assert spoiled != gold and spoiled.lower() == gold and r"\frac" in spoiled
    else:
        assert spoiled == answer


@pytest.mark.parametrize(
    ("kind", "gold"),
    [
        ("million", "0"),
        ("factorial", "-1"),
        ("sign", "x"),
        ("letter case", "x+1"),
        ("letter case", r"\text{Evelyn or B}"),
        ("bracket", "(1,2)"),
        ("pair swapped", "(3,3)"),
        ("element dropped", "3,250"),
        ("relation", "1<x<3"),
        ("digits swapped", "22"),
    ],
)
def test_a_gold_that_might_stay_right_is_not_spoiled(kind: str, gold: str) -> None:
    assert SPOILED[kind](gold, DRAW) is None


def test_mutations_follow_from_the_seed_and_spare_digits_within_a_tolerance() -> None:
    records = [record("127"), record("4.2", tolerance="0.1")]
    made = list(mutations(records, 3))
    assert made == list(mutations(records, 3)) != list(mutations(records, 4))
    assert {case.part for case in made if case.right} == {"dressed up"}
    assert not any("digit" in c.kind for c in made if c.gold == "4.2" and not c.right)
    assert {c.kind for c in made if c.gold == "127" and c.right} == set(STILL_RIGHT)
    assert spoiling.SPOILED.keys().isdisjoint(STILL_RIGHT)


def test_rewritings_have_another_text_and_the_same_value() -> None:
    made = {case.kind: case.response for case in rewritings([record(r"\frac{3}{4}")], 0)}
    assert made["decimal"] == boxed("0.75") and made["slash"] == boxed("3/4")
    made = {case.kind: case.response for case in rewritings([record("12")], 0)}
    assert made == {"prime factors": boxed(r"2^{2} \cdot 3")}
    made = {case.kind: case.response for case in rewritings([record("2(a+3)")], 0)}
    assert made["expanded"] == boxed("2 a + 6")


@pytest.mark.parametrize("gold", [r"3\text{ cm}", "K-k", "f(x)", "1,2", r"2\frac{1}{3}", "x=2"])
def test_doubtful_golds_are_not_rewritten(gold: str) -> None:
    assert list(rewritings([record(gold)], 0)) == []


def test_public_answers_are_read_from_a_clone_bare_or_not(tmp_path) -> None:
    rows = [
        {"idx": 0, "gt_cot": r"so \boxed{7}", "code": [r"\boxed{7}", "7"], "score": [True, False]},
        {"idx": 72, "gt_cot": r"\boxed{10{,}000}", "code": [r"\boxed{10000}"], "score": [False]},
    ]
    golds = [
        {"answer": "1", "human_type": "Real"},
        {"answer": "2", "human_type": "Real"},
        {"answer": ["3", "-3"], "human_type": "Real"},
    ]
    for path, text in (
        (RESPONSES_PATH, "\n".join(map(json.dumps, rows))),
        (GOLDS_PATH, json.dumps(golds)),
    ):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "data"]):
        subprocess.run([*git, *command], cwd=tmp_path, check=True)
    assert [c.right for c in qwen_responses(tmp_path)] == [True, False, True]
    assert qwen_responses(tmp_path / ".git") == qwen_responses(tmp_path)
    made = mario_golds(tmp_path / ".git", 0)
    assert [c.gold for c in made if c.kind == "Real, itself"] == ["1", "2"]
    assert all(not c.right and boxed(c.gold) != c.response for c in made if "another" in c.kind)


def test_a_sample_has_each_kind_and_keeps_the_order() -> None:
    made = [Case("p", kind, str(n), "", True) for n, kind in enumerate("aabbbbc" * 5)]
    kept = sample(made, 3, 0)
    assert [c.kind for c in kept].count("b") == 3 and {c.kind for c in kept} == set("abc")
    assert kept == [c for c in made if c in kept] and sample(made, 0, 0) == made


def test_counts_of_hand_made_verdicts() -> None:
    yes, no = Case("p", "k", "1", "", True), Case("p", "k", "1", "", False)
    results = [
        (yes, "ours", Verdict(True, 0.5)),
        (no, "ours", Verdict(True, 0.25)),
        (yes, "ours", Verdict(None, 1.0, "hang")),
        (yes, "ours", Verdict(False, 0.25)),
    ]
    (row,) = csv.DictReader(csv_text(results).splitlines())
    assert list(row) == list(COLUMNS)
    assert [row[c] for c in COLUMNS[3:]] == ["3", "1", "1", "1", "1", "2.000"]
    assert "| p | 3 | 1 | 1 / 1 / 1; 500 s |" in table(results, ["ours"], {"q": "not available"})
    assert "| q | not available |" in table(results, ["ours"], {"q": "not available"})


@pytest.mark.parametrize("name", PEERS)
def test_every_grader_accepts_the_plain_answer_and_refuses_another(name: str) -> None:
    referee = Referee(name)
    try:
        right, wrong = (
            Case("p", "k", "17", boxed(answer), answer == "17") for answer in ("17", "18")
        )
        assert [referee.ask(case).accepted for case in (right, wrong)] == [True, False]
        if name != "ours":
            return
        os.kill(referee._started().process.pid, signal.SIGKILL)
        assert referee.ask(right).error == "its process ended"
        assert referee.ask(right).accepted
    finally:
        referee.close()


def test_a_grader_that_hangs_is_stopped_and_counted(monkeypatch) -> None:
    monkeypatch.setattr(refereeing, "LIMIT_SECONDS", 0.3)
    referee = Referee("hendrycks")
    case = Case("p", "k", "17", boxed("17"), True)
    try:
        process = referee._started().process
        os.kill(process.pid, signal.SIGSTOP)
        assert referee.ask(case).accepted is None
        assert process.poll() is not None and referee.ask(case).accepted
    finally:
        referee.close()


def test_a_run_writes_table_counts_and_failures(tmp_path) -> None:
    rows = [
        {"kind": "n", "gold": "5", "response": r"\boxed{5}", "right": True},
        {"kind": "n", "gold": "5", "response": r"\boxed{6}", "right": True},
    ]
    (tmp_path / "cases.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    main(
        [
            "--cases",
            str(tmp_path / "cases.jsonl"),
            "--out",
            str(tmp_path / "o"),
            "--graders",
            "aime",
        ]
    )
    assert "| golds | not available |" in (tmp_path / "o" / "grading.md").read_text()
    (failure,) = (tmp_path / "o" / "failures.jsonl").read_text().splitlines()
    assert json.loads(failure)["response"] == r"\boxed{6}"
    with pytest.raises(SystemExit, match="no cases"):
        main(["--out", str(tmp_path / "o")])
