"""The visible cases of wrong grading that public reports suggest, and rules that tables do not show."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from support.graded import outcome
from support.needs import need

from tampo.grading import grade, grade_record

ENOUGH = 0.98


@pytest.fixture(scope="module")
def visible() -> list[dict]:
    return [json.loads(line) for line in need("cases").read_text(encoding="utf-8").splitlines()]


def test_visible_cases_are_judged_as_a_mathematician_would(visible: list[dict]) -> None:
    verdicts = Counter()
    accepted_wrongly = []
    for case in visible:
        settings = case.get("record", {})
        golds = case["gold"].split(" | ") if settings.get("answer_type") else [case["gold"]]
        graded = grade_record(case["response"], {"id": "c", "answer": golds, **settings})
        assert graded.outcome in ("correct", "wrong", "unparseable"), case
        accepted = graded.outcome == "correct"
        verdicts[accepted == case["right"]] += 1
        if accepted and not case["right"]:
            accepted_wrongly.append(case)
    assert accepted_wrongly == []
    assert verdicts[True] >= ENOUGH * len(visible)


@pytest.mark.parametrize(
    ("response", "gold", "expected"),
    [
        (r"$\boxed{1}$ and $\boxed{2}$", "1,2", "correct"),
        (r"$x=\boxed{1}$, $y=\boxed{2}$", "x=1, y=2", "correct"),
        (r"\[\boxed{1} \quad\text{or}\quad \boxed{2}\]", "1, 2", "correct"),
        (r"\begin{align} x&=\boxed{1}\\ y&=\boxed{2} \end{align}", "(1,2)", "correct"),
        (r"$\boxed{1}$ and $\boxed{2}$", "2", "wrong"),
        (r"$\boxed{5}$ or $\boxed{6}$", "6", "wrong"),
        (r"$\boxed{2}$ and $\boxed{2}$", "2", "correct"),
        (r"First $\boxed{1}$. Then $\boxed{2}$.", "2", "correct"),
        (r"$\boxed{1}$, no: it is $\boxed{2}$", "2", "correct"),
        ("\\boxed{1}\n\\boxed{2}", "2", "correct"),
        ("\\boxed{1}\n\\boxed{2}", "1,2", "wrong"),
        (r"\boxed{7}, written in \boxed{} as asked", "7", "correct"),
        (r"\boxed{7}, as \boxed{\text{answer}} wants", "7", "correct"),
        (r"I put it in \boxed{...}: \boxed{7}", "7", "correct"),
        (r"\boxed{}", "7", "unparseable"),
        (r"\fbox{7}", "7", "correct"),
        (r"\boxed 7", "7", "correct"),
        (r"\boxed{6} and later \fbox{7}", "7", "wrong"),
        (r"\boxed{x = \boxed{7}}", "7", "correct"),
    ],
)
def test_the_answer_of_a_response(response: str, gold: str, expected: str) -> None:
    assert grade(response, gold).outcome == expected


@pytest.mark.parametrize(
    ("answer", "gold", "settings", "rule"),
    [
        ("5", "5", {}, "exact text"),
        ("5.0", "5", {}, "number"),
        (r"5\text{ cm}", "5", {}, "same structure, unit stripped: cm"),
        ("5", r"5\text{ cm}", {}, "same structure, unit left out: cm"),
        (r"50\text{ mm}", r"5\text{ cm}", {}, "unit converted: mm"),
        ("(x+1)^2", "x^2+2x+1", {}, "symbolic"),
        (r"\sqrt{8}", r"2\sqrt{2}", {}, "value"),
        ("2, 1", "1, 2", {}, "list"),
        ("x=5", "5", {}, "same structure, value of x"),
        ("(C)", r"\text{(C)}", {}, "choice letter"),
        ("Tuesday", r"\text{Tuesday}", {}, "text"),
        ("4.3", "4.2", {"tolerance": "0.1"}, "number"),
        ("600 m", "0.6", {"unit": "km"}, "unit converted: m"),
    ],
)
def test_the_rule_that_decided(answer: str, gold: str, settings: dict, rule: str) -> None:
    graded = grade(f"\\boxed{{{answer}}}", gold, **settings)
    assert (graded.outcome, graded.rule) == ("correct", rule)


def test_what_is_not_understood_is_named() -> None:
    graded = grade(r"\boxed{5 \text{ foo}}", "5")
    assert (graded.outcome, graded.rule) == ("unparseable", "not understood: foo")


@pytest.mark.parametrize(
    ("problem", "answer", "expected"),
    [
        ("How many wombats are there?", r"7\text{ wombats}", "correct"),
        ("How many wombats are there?", "7 wombats", "correct"),
        ("Where is it?", r"7\text{ wombats}", "unparseable"),
        ("What is the number of blue gnomes?", r"7\text{ blue gnomes}", "correct"),
        ("How many million are there?", r"7\text{ million}", "wrong"),
    ],
)
def test_nouns_that_the_problem_asks_for_may_follow(problem, answer, expected) -> None:
    assert outcome("7", answer, problem=problem) == expected


def test_nouns_of_the_gold_may_follow_or_be_left_out() -> None:
    assert outcome(r"7\text{ wombats}", "7") == "correct"
    assert outcome(r"7\text{ wombats}", r"7\text{ wombats}.") == "correct"
    assert outcome(r"7\text{ wombats}", r"7\text{ gnus}") != "correct"


@pytest.mark.parametrize("gold", [{"answer": ["5"]}, [], [5], None, 5])
def test_a_gold_must_be_a_string_or_strings(gold) -> None:
    with pytest.raises(ValueError, match="gold is"):
        grade(r"\boxed{5}", gold)


@pytest.mark.parametrize("tolerance", ["some", "-1"])
def test_a_tolerance_must_be_a_number(tolerance: str) -> None:
    with pytest.raises(ValueError, match="tolerance is"):
        grade(r"\boxed{5}", "5", tolerance=tolerance)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("B", "correct"),
        (r"\text{B}", "correct"),
        (r"\mathbf{B}", "correct"),
        ("(B)", "correct"),
        ("park", "correct"),
        ("PARK", "correct"),
        (r"(B)\ \text{park}", "correct"),
        ("B. park", "correct"),
        ("A park", "wrong"),
        ("(B) tree", "wrong"),
        ("b", "wrong"),
        ("B or C", "wrong"),
    ],
)
def test_exact_answers_are_strings(answer: str, expected: str) -> None:
    golds = ["B", "(B)", "park"]
    assert grade(f"\\boxed{{{answer}}}", golds, answer_type="exact").outcome == expected
