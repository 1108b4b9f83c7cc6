"""The published golds of the five benchmarks and GSM8K under the grader.

Every gold must be correct against itself in whatever spelling, and an altered one wrong. A gold
that is equal to itself only letter for letter is listed by id with its reason.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tampo.grading import comparison, grade, grade_many
from tampo.grading.comparison import Rule

BENCHMARKS = {"aime24": 30, "amc23": 40, "math500": 500, "minerva": 272, "olympiadbench": 675}
GSM8K_SAMPLE = 10  # every tenth test problem

# Golds that math-verify cannot read; they are matched by their notation alone.
UNREADABLE = {
    "olympiadbench-1965": "a sentence about a and b",
    "olympiadbench-2045": "published as t(0,4]; an interval is meant",
}


def read(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def problems(data_dir: Path) -> list[dict]:
    found = []
    for name, count in BENCHMARKS.items():
        records = read(data_dir / f"{name}.jsonl")
        assert len(records) == count, name
        found += records
    gsm8k = read(data_dir / "gsm8k_test.jsonl")
    assert len(gsm8k) == 1319
    return found + gsm8k[::GSM8K_SAMPLE]


def test_every_gold_is_correct_against_itself(problems: list[dict]) -> None:
    graded = 0
    for record in problems:
        for gold in record["answer"]:
            response = f"Adding up, we find that the answer is $\\boxed{{{gold}}}$, as claimed."
            assert grade(response, record).outcome == "correct", record["id"]
            graded += 1
    assert graded == sum(BENCHMARKS.values()) + 132  # 1,517 + 132


def respell(gold: str) -> str:
    r"""Write a gold as another author would: spacing, fraction and delimiter commands differ."""
    text = re.sub(r"\\[dt]?frac(?![A-Za-z])", r"\\tfrac", gold.strip("$ "))
    text = re.sub(r"(?<=[^\\]),(?=\D|$)", r",\\; ", text)
    text = re.sub(r"(?<!\\left)\(", r"\\left(", text)
    text = re.sub(r"(?<!\\right)\)", r"\\right)", text)
    return f"{{ {text} }}."


def test_every_gold_is_correct_respelled(problems: list[dict]) -> None:
    changed = 0
    for record in problems:
        for gold in record["answer"]:
            answer = respell(gold)
            changed += answer != gold
            assert grade(f"\\boxed{{{answer}}}", record).outcome == "correct", (
                record["id"],
                answer,
            )
    assert changed > 1000


def test_every_gold_equals_itself_as_mathematics(problems: list[dict], monkeypatch) -> None:
    """Without the string shortcut: numbers by value, all other parts by math-verify."""
    from tampo.grading.equivalence import judge

    def never_equal(text: str) -> object:
        return object()

    monkeypatch.setattr(comparison, "tokens", never_equal)
    failed = {
        record["id"]
        for record in problems
        for gold in record["answer"]
        if judge(gold, (gold,), Rule.of(record)) != "correct"
    }
    assert failed == set(UNREADABLE)


def perturb(gold: str, which: int) -> str:
    """Raise the first (which=0) or last (-1) digit by one; where there is none, add a term."""
    digits = [match.start() for match in re.finditer(r"\d", gold)]
    if not digits:
        return gold.rstrip(" $.") + "+1"
    place = digits[which]
    return f"{gold[:place]}{(int(gold[place]) + 1) % 10}{gold[place + 1 :]}"


# Altered golds that are still right under the rulings.
STILL_RIGHT = {
    0: set(),
    -1: {
        "math500-257",  # inches^2 to inches^3: units are not compared
        "math500-467",  # cm^2 to cm^3: the same
        "olympiadbench-2592",  # 4.2 to 4.3: within the record's tolerance of 0.1
    },
}


@pytest.mark.parametrize("which", STILL_RIGHT, ids=["first", "last"])
def test_every_perturbed_gold_is_wrong(problems: list[dict], which: int) -> None:
    if which == -1:  # Minerva's long expressions take as long as all the rest
        problems = [record for record in problems if not record["id"].startswith("minerva-")]
    pairs = [(f"\\boxed{{{perturb(r['answer'][0], which)}}}", r) for r in problems]
    grades = grade_many(pairs, workers=2)
    outcomes = {r["id"]: g.outcome for r, g in zip(problems, grades, strict=True)}
    expected = {r["id"]: "wrong" for r in problems}
    expected |= dict.fromkeys(UNREADABLE, "unparseable")
    expected |= dict.fromkeys(STILL_RIGHT[which], "correct")
    assert {i: o for i, o in outcomes.items() if o != expected[i]} == {}
