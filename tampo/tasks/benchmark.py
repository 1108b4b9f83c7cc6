"""What the task documents call: loading, keeping all repeats, grading, counting.

lm-eval imports this file by its path, as a module of its own; nothing here keeps state.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from datasets import Dataset

from tampo import layout
from tampo.grading import OUTCOMES, Grade, grade_many
from tampo.problems.problem_sets import load_problems
from tampo.problems.prompts import Prompt, user_message
from tampo.statistics.pass_at_k import pass_at_k

SAMPLES = 8
"""Responses a problem where a document runs by itself: `repeats` of `_base.yaml`."""


def load(
    problems: str,
    data_dir: str | None = None,
    limit: int | None = None,
    samples: int = SAMPLES,
    pass_k: Sequence[int] = (1, 8),
    prompt: dict[str, Any] | None = None,
    **_: Any,
) -> dict[str, Dataset]:
    """Return the documents of a benchmark as lm-eval's split `test`.

    Args:
        problems: name in `tampo.problems.problem_sets.CATALOGUE`.
        data_dir: folder of canonical JSON lines, or None for the hub.
        limit: first problems only.
        samples: responses that each problem must come back with.
        pass_k: k of the Pass@k computed.
        prompt: fields of `tampo.problems.prompts.Prompt`; its system message is lm-eval's
            `system_instruction`.
    """
    template = Prompt(**(prompt or {}))
    documents = [
        {
            "id": record["id"],
            "user": user_message(template, record["problem"]),
            "answer": record["answer"],
            # As text: a table would give every record the keys of all others.
            "record": json.dumps(record),
            "samples": samples,
            "pass_k": list(pass_k),
        }
        for record in load_problems(problems, data_dir, limit)
    ]
    return {"test": Dataset.from_list(documents)}


def keep_all(responses: Iterable[list[str]], documents: Any) -> list[list[str]]:
    """Return the responses of each document as they are, every repeat of them."""
    return list(responses)


def process_results(document: dict[str, Any], results: Sequence[Sequence[str]]) -> dict[str, Any]:
    """Grade all responses of one problem, each once.

    Args:
        document: a document of `load`.
        results: one list with the responses; those of our backends also carry `finish` (`stop` or
            `length`) and `tokens`.

    Returns:
        Pass@k of the problem for each k, fraction of length-limited responses, and the graded responses.
    """
    (responses,) = results
    if isinstance(responses, str) or len(responses) != document["samples"]:
        found = 1 if isinstance(responses, str) else len(responses)
        raise ValueError(
            f"{document['id']}: {found} responses, {document['samples']} were asked for; "
            "a filter or backend drops repeats"
        )
    record = json.loads(document["record"])
    grades = grade_many((str(response), record) for response in responses)
    graded = [_graded(*pair) for pair in zip(responses, grades, strict=True)]
    outcomes = Counter(response["outcome"] for response in graded)
    n, correct = len(graded), outcomes["correct"]
    return {
        **{layout.pass_at(k): pass_at_k(n, correct, k) for k in document["pass_k"]},
        "truncated": outcomes["truncated"] / n,
        "responses": graded,
    }


def _graded(response: str, result: Grade) -> dict[str, Any]:
    finish = getattr(response, "finish", None)
    cut_off = finish == "length" and result.extracted is None
    return {
        "response": str(response),
        "extracted": result.extracted,
        "outcome": "truncated" if cut_off else result.outcome,
        "rule": result.rule,
        "finish": finish,
        "tokens": getattr(response, "tokens", None),
    }


def count_outcomes(problems: list[list[dict[str, Any]]]) -> dict[str, int]:
    """Return how many responses had each outcome; all outcomes are listed."""
    found = Counter(response["outcome"] for graded in problems for response in graded)
    return {outcome: found.pop(outcome, 0) for outcome in OUTCOMES} | dict(found)
