"""Cases with a known verdict: from a file of cases, from problem sets, from public repositories."""

from __future__ import annotations

import json
import random
import re
import subprocess
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tampo.grading import last_boxed
from tampo.problems.problem_sets import load_problems

BENCHMARKS = ("aime24", "amc23", "math500", "minerva", "olympiadbench")

RESPONSES_PATH = "evaluation/data/eval_rm_maj_example/math_cot_100.jsonl"
"""In QwenLM/Qwen2.5-Math: 100 problems with 8 responses each and the verdict of its own grader."""

GOLDS_PATH = "data/math_testset_annotation.json"
"""In MARIO-Math-Reasoning/math_evaluation: 5,000 answers, each with a kind that a person gave it."""

RIGHT_THOUGH_REFUSED = {
    3: {r"4:30 \text{ p.m.}"},  # the label was made against a gold cut to "4:30p.."
    72: {"10000"},  # the gold is 10{,}000
}
"""Answers of Qwen's responses, by index of the problem, that its own grader refused wrongly."""


@dataclass(frozen=True)
class Case:
    """One response against one gold, or several golds with " | " between them."""

    part: str
    kind: str
    gold: str
    response: str
    right: bool
    record: dict[str, Any] = field(default_factory=dict)
    """Further fields of the canonical record (`multiple`, `unit`, `tolerance`, `answer_type`)."""


def boxed(answer: str) -> str:
    """Return a response that gives `answer`."""
    return f"Adding everything up, we get $\\boxed{{{answer}}}$."


def visible_cases(path: Path) -> list[Case]:
    """Read a file of cases: `kind`, `gold`, `response`, `right` and perhaps `record` per line."""
    return [
        Case(
            "cases", row["kind"], row["gold"], row["response"], row["right"], row.get("record", {})
        )
        for row in map(json.loads, path.read_text(encoding="utf-8").splitlines())
    ]


def problem_records(data_dir: Path) -> list[dict[str, Any]]:
    """Return the records of the five benchmarks."""
    return [record for name in BENCHMARKS for record in load_problems(name, str(data_dir))]


def settings_of(record: dict[str, Any]) -> dict[str, Any]:
    """Return what a record says about its gold besides the gold."""
    names = ("multiple", "unit", "tolerance", "answer_type")
    return {name: record[name] for name in names if record.get(name)}


def golds_themselves(records: Iterable[dict[str, Any]]) -> list[Case]:
    """Return every gold as the answer to its own problem."""
    return [
        Case("golds", "itself", gold, boxed(gold), True, settings_of(record))
        for record in records
        for gold in record["answer"]
    ]


def qwen_responses(repository: Path) -> list[Case]:
    """Return Qwen's responses; the gold is what the reference solution boxes."""
    cases = []
    for row in map(json.loads, show(repository, RESPONSES_PATH).splitlines()):
        gold = last_boxed(row["gt_cot"])
        if gold is None:
            raise ValueError(
                f"{RESPONSES_PATH}, problem {row['idx']}: its solution boxes no answer"
            )
        for response, accepted in zip(row["code"], row["score"], strict=True):
            right = accepted or last_boxed(response) in RIGHT_THOUGH_REFUSED.get(row["idx"], ())
            cases.append(Case("responses", "Qwen2.5-Math", gold, response, right))
    return cases


def mario_golds(repository: Path, seed: int) -> list[Case]:
    """Return each gold as it is, in another spelling, and another gold of its kind in its place.

    Another gold is left out where its text, spelled alike, or its digits are the same: then it may be right.
    """
    draw = random.Random(seed)
    rows = json.loads(show(repository, GOLDS_PATH))
    rows = [row for row in rows if isinstance(row["answer"], str)]  # four have alternatives
    by_kind = defaultdict(list)
    for row in rows:
        by_kind[row["human_type"]].append(row["answer"])
    cases = []
    for row in rows:
        gold, kind = row["answer"], row["human_type"]
        cases.append(Case("MATH golds", f"{kind}, itself", gold, boxed(gold), True))
        respelled = respell(gold)
        if respelled != gold:
            cases.append(Case("MATH golds", f"{kind}, respelled", gold, boxed(respelled), True))
        other = draw.choice(by_kind[kind])
        if _skeleton(other) != _skeleton(gold):
            cases.append(Case("MATH golds", f"{kind}, another", gold, boxed(other), False))
    return cases


def respell(gold: str) -> str:
    """Write a gold as another author would: spacing and size commands differ."""
    text = re.sub(r"\\[dt]?frac(?![A-Za-z])", r"\\tfrac", gold)
    text = re.sub(r"(?<=[^\\\d{]),", r", \\;", text)
    if r"\text" in gold:
        return text
    text = re.sub(r"(?<!\\left)\(", r"\\left(", text)
    return re.sub(r"(?<!\\right)\)", r"\\right)", text)


def show(repository: Path, path: str) -> str:
    """Return a file of a checked-out repository, or of the newest commit of a bare one."""
    if (repository / path).is_file():
        return (repository / path).read_text(encoding="utf-8")
    command = ["git", "-C", str(repository), "show", f"HEAD:{path}"]
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout


def _skeleton(gold: str) -> str:
    return re.sub(r"\\[A-Za-z]+|[^0-9A-Za-z-]", "", gold)


def sample(cases: list[Case], most: int, seed: int) -> list[Case]:
    """Return `most` cases of each kind of each part at most, in their order; all if `most` is 0."""
    if not most:
        return cases
    groups = defaultdict(list)
    for index, case in enumerate(cases):
        groups[case.part, case.kind].append(index)
    draw = random.Random(seed)
    kept = {i for group in groups.values() for i in draw.sample(group, min(most, len(group)))}
    return [case for index, case in enumerate(cases) if index in kept]
