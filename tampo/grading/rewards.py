r"""Reward functions of a study, in the signature that TRL's `GRPOTrainer` calls.

TRL passes prompts, completions and completion ids, every dataset column as a list with one entry
per completion, and two callbacks: `log_metric(name, value)`, averaged over processes and steps,
and `log_extra(column, values)`, a column of the completions table. A completion is a string, or a
list of chat messages whose last one is graded. A reward of None means "not scored": TRL
leaves that reward out of the completion's sum.

The dataset column `record` holds each prompt's canonical record as a JSON string, because records
of different problem sets have no common column layout.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from functools import lru_cache

from tampo.grading import UNDECIDED, Grade, grade_many, last_boxed

Completion = str | list[dict]

GRADED = ("correct", "wrong", "unparseable", "timeout", "error")
"""The outcomes that grading a completion can have, in the order they are logged."""


def accuracy_reward(
    prompts: Sequence,
    completions: Sequence[Completion],
    completion_ids: Sequence | None = None,
    *,
    record: Sequence[str],
    log_metric: Callable[[str, float], None] | None = None,
    log_extra: Callable[[str, list], None] | None = None,
    **columns: object,
) -> list[float | None]:
    """Return 1.0 for a correct answer, 0.0 for a wrong or unreadable one, None for a timeout or error.

    Graded by `tampo.grading.grade`, as evaluation is. The fraction of each outcome is logged as
    `grading/<outcome>` (zeros too, so that every process logs the same names), and outcome,
    extracted answer and rule of each completion as columns `outcome`, `extracted` and `rule`.

    Raises:
        ValueError: `record` has another length than `completions`, or holds no JSON object.
    """
    if len(record) != len(completions):
        raise ValueError(f"record has {len(record)} entries for {len(completions)} completions")
    pairs = zip(map(completion_text, completions), map(_parse_record, record), strict=True)
    grades = grade_many(pairs)
    if log_metric is not None and grades:
        counts = Counter(graded.outcome for graded in grades)
        for outcome in GRADED:
            log_metric(f"grading/{outcome}", counts[outcome] / len(grades))
    if log_extra is not None:
        log_extra("outcome", [graded.outcome for graded in grades])
        log_extra("extracted", [graded.extracted or "" for graded in grades])
        log_extra("rule", [graded.rule for graded in grades])
    return [_accuracy(graded) for graded in grades]


def format_reward(
    prompts: Sequence,
    completions: Sequence[Completion],
    completion_ids: Sequence | None = None,
    **columns: object,
) -> list[float]:
    r"""Return 1.0 for a completion that closes its reasoning exactly once, else 0.0.

    Closing means a line that is `</think>` and nothing else, with lines before and after it
    (open-rs's rule). A `</think>` within a line neither counts nor harms.
    """
    inner_lines = (completion_text(completion).split("\n")[1:-1] for completion in completions)
    return [float(lines.count("</think>") == 1) for lines in inner_lines]


def boxed_reward(
    prompts: Sequence,
    completions: Sequence[Completion],
    completion_ids: Sequence | None = None,
    **columns: object,
) -> list[float]:
    r"""Return 1.0 for a completion that holds a complete `\boxed{...}` with content, else 0.0."""
    return [float(bool(last_boxed(completion_text(c)))) for c in completions]


REWARDS: dict[str, Callable[..., Sequence[float | None]]] = {
    "accuracy": accuracy_reward,
    "format": format_reward,
    "boxed": boxed_reward,
}
"""The reward functions a study can name."""


def completion_text(completion: Completion) -> str:
    """Return the text of a completion: itself, or the content of its last chat message.

    Raises:
        TypeError: the completion is neither a string nor messages with string content.
    """
    text: object = completion
    if isinstance(completion, list) and completion and isinstance(completion[-1], dict):
        text = completion[-1].get("content")
    if not isinstance(text, str):
        raise TypeError(
            f"a completion is {completion!r:.200}, allowed: a string, or messages whose last one "
            "has a string as content"
        )
    return text


def _accuracy(graded: Grade) -> float | None:
    if graded.outcome in UNDECIDED:
        return None
    return 1.0 if graded.outcome == "correct" else 0.0


@lru_cache(maxsize=4096)
def _parse_record(text: str) -> dict:
    try:
        record = json.loads(text)
    except (TypeError, json.JSONDecodeError) as error:
        raise ValueError(
            f"column record: {text!r:.200} is not a canonical record as JSON ({error})"
        ) from None
    if not isinstance(record, dict):
        raise ValueError(f"column record: {text!r:.200} is not a JSON object")
    return record
