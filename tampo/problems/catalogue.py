"""The catalogue of problem sets: where each lies, how many problems it has, and its field map.

A field map turns one row of a hub data set into one canonical record (`tampo.problems.problem_sets`).
"""

from __future__ import annotations

import re
from collections import ChainMap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from tampo.problems.arithmetic import FAMILIES, generate

ARITHMETIC_SEED = 0
"""Base seed of the arithmetic sets: they are fixed benchmarks, the same in every study."""
ARITHMETIC_TEST = 96
"""Problems per arithmetic benchmark; the smallest family has 97 test problems."""
ARITHMETIC_TRAIN = 240
"""Training problems per family; the smallest family has 244."""
SHORT = 120
"""Characters of the longest problem of a `-short` set: mostly two steps of arithmetic."""


@dataclass(frozen=True)
class Hub:
    """Where a set is on the hub and how a row becomes a canonical record."""

    file: str
    """File name in a data folder that is read instead."""
    repository: str
    split: str
    record: Callable[[dict[str, Any], int], dict[str, Any]]
    """`(row, row number) -> canonical record`."""
    config: str | None = None
    revision: str | None = None
    """Full commit hash. None where no published hash is known to this project: the newest is then
    looked up once, read and recorded with the results."""


@dataclass(frozen=True)
class Generated:
    """A set that needs no data."""

    make: Callable[[], list[dict[str, Any]]]
    """Generator of its canonical records."""


@dataclass(frozen=True)
class Part:
    """A part of another set of the catalogue."""

    whole: str
    """Name of that set."""
    keep: Callable[[dict[str, Any]], bool]
    """Which canonical records of that set belong to this one."""


@dataclass(frozen=True)
class OwnFile:
    """A set in a file of the user's, which a study names."""

    path: str
    """JSON lines, CSV or Parquet, by its ending."""
    columns: dict[str, str]
    """Column of the file by key of the canonical record."""
    grader: str | None
    """`path/to/file.py:function`, or None for the grader of this package."""


@dataclass(frozen=True)
class ProblemSet:
    """One entry of the catalogue."""

    count: int | None
    """Problems in the set, any other number is an error; None for a file that may have any."""
    source: Hub | Generated | Part | OwnFile
    """Where its records come from."""
    training: bool = False
    """Whether it is a training set; all others are benchmarks with a task document each."""
    solutions: bool = False
    """Whether its records hold worked solutions."""


def _aime24(row: dict[str, Any], _: int) -> dict[str, Any]:
    return {"id": f"aime24-{row['id']}", "problem": row["problem"], "answer": [str(row["answer"])]}


def _math500(row: dict[str, Any], index: int) -> dict[str, Any]:
    return {
        "id": f"math500-{index}",
        "problem": row["problem"],
        "answer": [row["answer"]],
        "level": row["level"],
        "subject": row["subject"],
    }


def _amc23(row: dict[str, Any], index: int) -> dict[str, Any]:
    answer = row["answer"]
    if isinstance(answer, float) and answer.is_integer():
        answer = int(answer)
    return {"id": f"amc23-{index}", "problem": row["problem"], "answer": [str(answer)]}


def _minerva(row: dict[str, Any], index: int) -> dict[str, Any]:
    # The gold is what the published solution boxes; the prose around it is not an answer.
    return {"id": f"minerva-{index}", "problem": row["problem"], "answer": _boxed(row["solution"])}


def _boxed(solution: str) -> list[str]:
    from tampo.grading.boxed import last_boxed

    answer = last_boxed(solution)
    return [] if answer is None else [answer]


def _olympiadbench(row: dict[str, Any], _: int) -> dict[str, Any]:
    problem = "\n".join(part for part in (row.get("context"), row["question"]) if part)
    return {
        "id": f"olympiadbench-{row['id']}",
        "problem": problem,
        "answer": [_without_dollars(answer) for answer in row["final_answer"]],
        "answer_type": row["answer_type"],
        # The flag is published as the text "True" or "False".
        "multiple": str(row["is_multiple_answer"]).lower() == "true",
        "unit": row["unit"] or None,
        "tolerance": row["error"] or None,
        "subject": row["subfield"],
    }


def _without_dollars(answer: str) -> str:
    answer = answer.strip()
    plain = answer.startswith("$") and answer.endswith("$") and answer.count("$") == 2
    return answer[1:-1].strip() if plain else answer


def _gsm8k(row: dict[str, Any], index: int, split: str) -> dict[str, Any]:
    # The worked solution ends in "#### 1,234".
    answer = row["answer"].rpartition("####")[2].strip().replace(",", "")
    record = {"id": f"gsm8k-{split}-{index}", "problem": row["question"], "answer": [answer]}
    if split == "train":
        # Its steps are annotated as `<<48/2=24>>`; a few problems have none.
        record["solution"] = "\n".join(re.findall(r"<<(.*?)>>", row["answer"])) or None
    return record


def _short(record: dict[str, Any]) -> bool:
    return len(record["problem"]) <= SHORT


def _open_s1(row: dict[str, Any], index: int) -> dict[str, Any]:
    answer = (row["answer"] or "").strip()
    return {
        "id": f"open-s1-{index}",
        "problem": row["problem"],
        "answer": [answer] if answer else _boxed(row["solution"]),
        "subject": row["source"],
    }


def _ecqa(row: dict[str, Any], index: int, split: str) -> dict[str, Any]:
    options = [row[f"q_op{i}"].strip() for i in range(1, 6)]
    letters = "ABCDE"
    listed = "\n".join(
        f"({letter}) {option}" for letter, option in zip(letters, options, strict=True)
    )
    gold = options.index(row["q_ans"].strip())
    return {
        "id": f"ecqa-{split}-{index}",
        "problem": f"{row['q_text'].strip()}\n{listed}",
        "answer": [letters[gold], f"({letters[gold]})", options[gold]],
        "answer_type": "exact",
    }


def _arithmetic_train() -> list[dict[str, Any]]:
    """Return the families in turn, so that any prefix of the set mixes them evenly."""
    sets = [generate(name, ARITHMETIC_TRAIN, ARITHMETIC_SEED, split="train") for name in FAMILIES]
    return [record for turn in zip(*sets, strict=True) for record in turn]


_GSM8K = {
    "repository": "openai/gsm8k",
    "config": "main",
    "revision": "740312add88f781978c0658806c59bc2815b9866",
}
_ECQA = {
    "repository": "tasksource/ecqa",
    "revision": "df569fd26a7bca39042e9cb88e3a1c6791b466e7",
}

PUBLISHED: dict[str, ProblemSet] = {
    "aime24": ProblemSet(
        count=30,
        source=Hub(
            "aime24.jsonl",
            "HuggingFaceH4/aime_2024",
            "train",
            _aime24,
            revision="2fe88a2f1091d5048c0f36abc874fb997b3dd99a",
        ),
    ),
    "math500": ProblemSet(
        count=500,
        source=Hub(
            "math500.jsonl",
            "HuggingFaceH4/MATH-500",
            "test",
            _math500,
            revision="6e4ed1a2a79af7d8630a6b768ec859cb5af4d3be",
        ),
    ),
    "amc23": ProblemSet(count=40, source=Hub("amc23.jsonl", "knoveleng/AMC-23", "train", _amc23)),
    "minerva": ProblemSet(
        count=272, source=Hub("minerva.jsonl", "knoveleng/Minerva-Math", "train", _minerva)
    ),
    "olympiadbench": ProblemSet(
        count=675,
        source=Hub("olympiadbench.jsonl", "knoveleng/OlympiadBench", "train", _olympiadbench),
    ),
    "gsm8k-train": ProblemSet(
        count=7473,
        training=True,
        solutions=True,
        source=Hub(
            file="gsm8k_train.jsonl", split="train", record=partial(_gsm8k, split="train"), **_GSM8K
        ),
    ),
    "gsm8k-test": ProblemSet(
        count=1319,
        source=Hub(
            file="gsm8k_test.jsonl", split="test", record=partial(_gsm8k, split="test"), **_GSM8K
        ),
    ),
    "gsm8k-train-short": ProblemSet(
        count=435, source=Part("gsm8k-train", _short), training=True, solutions=True
    ),
    "gsm8k-test-short": ProblemSet(count=68, source=Part("gsm8k-test", _short)),
    "open-s1": ProblemSet(
        count=18615,
        training=True,
        source=Hub("open_s1.jsonl", "knoveleng/open-s1", "train", _open_s1),
    ),
    "ecqa-train": ProblemSet(
        count=7598,
        training=True,
        source=Hub(
            file="ecqa_train.jsonl", split="train", record=partial(_ecqa, split="train"), **_ECQA
        ),
    ),
    "ecqa": ProblemSet(
        count=2194,
        source=Hub(
            file="ecqa_test.jsonl", split="test", record=partial(_ecqa, split="test"), **_ECQA
        ),
    ),
    "arithmetic-train": ProblemSet(
        count=ARITHMETIC_TRAIN * len(FAMILIES), source=Generated(_arithmetic_train), training=True
    ),
} | {
    name: ProblemSet(
        count=ARITHMETIC_TEST,
        source=Generated(partial(generate, name, ARITHMETIC_TEST, ARITHMETIC_SEED)),
    )
    for name in FAMILIES
}
"""Problem sets that come with the package."""

_own: dict[str, ProblemSet] = {}
CATALOGUE: Mapping[str, ProblemSet] = ChainMap(_own, PUBLISHED)
"""Problem sets by the name that a study uses: the published ones, and those of the study in hand."""


def benchmarks() -> tuple[str, ...]:
    """Return the names of the sets that a study may be evaluated on."""
    return tuple(name for name, entry in CATALOGUE.items() if not entry.training)


def add_own(sets: Mapping[str, OwnFile]) -> None:
    """Let a study's own sets be found by their names; a later study's replace those of its names.

    Raises:
        ValueError: a name is a published set's.
    """
    taken = [name for name in sets if name in PUBLISHED]
    if taken:
        raise ValueError(f"{taken[0]!r} is the name of a published problem set; take another")
    for name, own in sets.items():
        _own[name] = ProblemSet(count=None, source=own, solutions="solution" in own.columns)


def root(name: str) -> str:
    """Return the name of the set that the problems of a set come from: of a part, the whole."""
    source = CATALOGUE[name].source
    return source.whole if isinstance(source, Part) else name
