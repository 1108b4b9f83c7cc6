"""All published golds, dressed up and spoiled: next to none refused, next to none accepted."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tampo.grading import grade_many

BENCHMARKS = ("aime24", "amc23", "math500", "minerva", "olympiadbench")
REFUSED, ACCEPTED = 0.02, 0.01

DRESSED: dict[str, Callable[[str], str]] = {
    "colour": lambda gold: rf"\color{{red}}{{{gold}}}",
    "bold": lambda gold: rf"\boldsymbol{{{gold}}}",
    "Markdown": lambda gold: f"**{gold}**",
    "HTML": lambda gold: f"<b>{gold}</b>",
    "size": lambda gold: rf"\Large {gold}",
    "underline": lambda gold: rf"\underline{{{gold}}}",
    "phantom": lambda gold: rf"{gold}\phantom{{0}}",
    "check mark": lambda gold: rf"{gold} \checkmark",
    "quotes": lambda gold: f'"{gold}"',
    "invisible": lambda gold: f"\u200b{gold}",
    "announced": lambda gold: rf"\text{{The final answer is }} {gold}",
    "Answer:": lambda gold: f"Answer: {gold}",
    "line break": lambda gold: rf"{gold} \\",
    "Chinese full stop": lambda gold: f"{gold}。",
}


def swapped_case(gold: str) -> str | None:
    """Swap the case of the first symbol; None for numbers, words and single symbols."""
    if re.search(r"\\(?:text|mbox)|\d[eE]-?\d|[a-z]{3}\.", gold):
        return None
    found = re.search(r"(?<![A-Za-z\\{])([A-DF-HJ-Za-df-hj-z])(?![A-Za-z])", gold)
    if found is None or len(set(re.findall(r"[A-Za-z]", gold))) < 2:
        return None
    return gold[: found.start()] + found.group().swapcase() + gold[found.end() :]


SPOILED: dict[str, Callable[[str], str | None]] = {
    "imaginary": lambda gold: rf"{gold} \mathrm{{i}}",
    "million": lambda gold: rf"{gold}\text{{ million}}",
    "minus one": lambda gold: f"{gold} minus one",
    "letter case": swapped_case,
    "prime": lambda gold: f"{gold}'" if re.fullmatch(r"-?\d+(?:\.\d+)?", gold) else None,
    "unknown word": lambda gold: rf"{gold} \text{{ foo}}",
    "another value": lambda gold: rf"{gold} \text{{ or }} 97531",
}


@pytest.fixture(scope="module")
def problems(data_dir: Path) -> list[dict]:
    lines = [
        line
        for name in BENCHMARKS
        for line in (data_dir / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    assert len(lines) == 1517
    return [json.loads(line) for line in lines]


def accepted(problems: list[dict], change: Callable[[str], str | None]) -> tuple[int, int]:
    """Return how many changed golds are accepted, of how many."""
    pairs = []
    for record in problems:
        (gold,) = record["answer"]
        answer = change(gold.strip().strip("$").rstrip("."))
        if answer is not None:
            pairs.append((f"So \\boxed{{{answer}}}.", record))
    outcomes = [graded.outcome for graded in grade_many(pairs, workers=2)]
    assert set(outcomes) <= {"correct", "wrong", "unparseable"}
    return outcomes.count("correct"), len(outcomes)


@pytest.mark.parametrize("name", DRESSED)
def test_dressed_golds_are_right(problems: list[dict], name: str) -> None:
    right, count = accepted(problems, DRESSED[name])
    assert count == 1517
    assert right >= (1 - REFUSED) * count


@pytest.mark.parametrize("name", SPOILED)
def test_spoiled_golds_are_wrong(problems: list[dict], name: str) -> None:
    wrongly, count = accepted(problems, SPOILED[name])
    assert count >= 50
    assert wrongly <= ACCEPTED * count
