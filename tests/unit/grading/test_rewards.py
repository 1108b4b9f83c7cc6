"""Reward functions under TRL's calling convention."""

from __future__ import annotations

import json

import pytest

import tampo.grading.rewards
from tampo.grading import Grade
from tampo.grading.rewards import (
    REWARDS,
    accuracy_reward,
    boxed_reward,
    completion_text,
    format_reward,
)

EXACT = json.dumps({"id": "p", "problem": "?", "answer": ["A12"], "answer_type": "exact"})
MATHS = json.dumps({"id": "q", "problem": "?", "answer": ["\\frac{1}{2}"]})


def call(reward, completions: list, **columns) -> list:
    """Call as TRL does: by keyword, extra columns and trainer state included."""
    count = len(completions)
    return reward(
        prompts=["?"] * count,
        completions=completions,
        completion_ids=[[1]] * count,
        trainer_state=None,
        level=["1"] * count,
        **columns,
    )


def test_accuracy_grades_each_completion_against_its_own_record() -> None:
    completions = ["\\boxed{A12}", "\\boxed{A13}", "\\boxed{0.5}", "no box"]
    assert call(accuracy_reward, completions, record=[EXACT, EXACT, MATHS, MATHS]) == [1, 0, 1, 0]


def test_accuracy_reads_the_last_message_of_a_conversation() -> None:
    conversation = [
        {"role": "assistant", "content": "\\boxed{A13}"},
        {"role": "assistant", "content": "\\boxed{A12}"},
    ]
    assert call(accuracy_reward, [conversation], record=[EXACT]) == [1.0]


@pytest.mark.parametrize("outcome", ["timeout", "error"])
def test_what_was_not_decided_is_not_scored_and_is_counted_by_name(outcome, monkeypatch) -> None:
    grades = [Grade(outcome, "9^9"), Grade("correct", "1"), Grade("unparseable", None)]
    monkeypatch.setattr(
        tampo.grading.rewards, "grade_many", lambda pairs: grades[: len(list(pairs))]
    )
    metrics: dict[str, float] = {}
    extra: dict[str, list] = {}
    rewards = call(
        accuracy_reward,
        ["a", "b", "c"],
        record=[EXACT] * 3,
        log_metric=metrics.__setitem__,
        log_extra=extra.__setitem__,
    )
    assert rewards == [None, 1.0, 0.0]
    assert metrics == {
        "grading/correct": pytest.approx(1 / 3),
        "grading/wrong": 0.0,
        "grading/unparseable": pytest.approx(1 / 3),
        "grading/timeout": pytest.approx(float(outcome == "timeout") / 3),
        "grading/error": pytest.approx(float(outcome == "error") / 3),
    }
    assert extra == {
        "outcome": [outcome, "correct", "unparseable"],
        "extracted": ["9^9", "1", ""],
        "rule": ["", "", ""],
    }


@pytest.mark.parametrize("record", ["not json", "[1]", None])
def test_a_malformed_record_is_shown(record) -> None:
    with pytest.raises(ValueError, match=r"column record: "):
        call(accuracy_reward, ["\\boxed{1}"], record=[record])


def test_a_missing_record_is_an_error() -> None:
    with pytest.raises(ValueError, match="record has 1 entries for 2 completions"):
        call(accuracy_reward, ["a", "b"], record=[EXACT])
    with pytest.raises(TypeError, match="record"):
        call(accuracy_reward, ["a"])


@pytest.mark.parametrize(
    ("completion", "expected"),
    [
        ("Let me see.\n</think>\nIt is 5.", 1.0),
        ("It is 5.", 0.0),
        ("a\n</think>\nb\n</think>\nc", 0.0),
        ("a\n</think>\n</think>\nc", 0.0),
        ("a </think> b", 0.0),
        ("a\n</think>\nthe tag </think> closes", 1.0),
        ("a\n</think>", 0.0),
        ("</think>\nb", 0.0),
    ],
)
def test_format_wants_the_reasoning_closed_once_on_a_line_of_its_own(completion, expected) -> None:
    assert call(format_reward, [completion]) == [expected]
    assert call(format_reward, [[{"role": "assistant", "content": completion}]]) == [expected]


@pytest.mark.parametrize(
    ("completion", "expected"),
    [("\\boxed{5}", 1.0), ("\\boxed{5", 0.0), ("5", 0.0), ("\\boxed{ }", 0.0), ("\\fbox{5}", 0.0)],
)
def test_boxed_wants_a_complete_box_with_content(completion, expected) -> None:
    assert call(boxed_reward, [completion]) == [expected]


@pytest.mark.parametrize("completion", [None, 5, [], [{"content": None}], [{"role": "tool"}]])
def test_a_completion_without_text_is_an_error(completion) -> None:
    with pytest.raises(TypeError, match="completion"):
        completion_text(completion)


def test_every_registered_reward_returns_one_value_a_completion() -> None:
    completions = ["a\n</think>\n\\boxed{A12}", "nothing", ""]
    for name, reward in REWARDS.items():
        values = call(reward, completions, record=[EXACT] * 3)
        assert values == [1.0, 0.0, 0.0], name
