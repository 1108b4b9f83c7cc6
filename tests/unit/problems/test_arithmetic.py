"""Arithmetic families: right answers, stable records, splits that cannot meet."""

from __future__ import annotations

import random
import re

import pytest

from tampo.problems.arithmetic import (
    BOX,
    FAMILIES,
    GUESS_ERRORS,
    MARKER,
    completion,
    draw_problem,
    generate,
    split_of,
)


def solve(name: str, problem: str) -> int:
    """Solve a problem by other means than the package's running results."""
    if name == "maxima":
        return sorted(map(int, re.findall(r"\d+", problem)))[-1]
    if name == "counts":
        return len(re.findall(r"[13579]", problem))
    assert re.fullmatch(r"\d+([-+*]\d+)+", problem)
    return eval(problem)


@pytest.fixture(params=sorted(FAMILIES))
def name(request) -> str:
    return request.param


@pytest.mark.parametrize("split", ["train", "test"])
def test_answers_are_right(name, split):
    for record in generate(name, 90, seed=3, split=split):
        assert record["answer"] == [str(solve(name, record["problem"]))]


def test_records_are_canonical_and_levels_take_turns(name):
    records = generate(name, 12, seed=0)
    levels = FAMILIES[name].levels
    assert [record["level"] for record in records] == [*levels] * 3
    assert len({record["id"] for record in records}) == 12
    for record in records:
        assert record["id"] == f"{name}:{record['problem']}"
        assert (record["answer_type"], record["subject"]) == ("exact", name)
        counted = record["problem"].split("*")[-1] if name == "products" else None
        terms = re.findall(r"\d+", record["problem"])
        assert record["level"] == int(counted or len(terms))


def test_same_arguments_same_records_and_a_larger_count_appends(name):
    assert generate(name, 40, seed=5)[:25] == generate(name, 25, seed=5)
    assert generate(name, 40, seed=5) != generate(name, 40, seed=6)


def test_train_and_test_cannot_meet(name):
    test = {r["problem"] for seed in range(3) for r in generate(name, 90, seed, "test")}
    train = {r["problem"] for seed in range(3) for r in generate(name, 200, seed, "train")}
    assert not test & train
    assert {split_of(problem) for problem in test} == {"test"}
    assert {split_of(problem) for problem in train} == {"train"}


def test_a_split_is_asked_for_and_obeyed(name):
    rng = random.Random(0)
    drawn = [draw_problem(name, FAMILIES[name].levels[-1], "train", rng) for _ in range(200)]
    assert {split_of(problem) for problem in drawn} == {"train"}


def test_unknown_family_is_named():
    with pytest.raises(ValueError, match=r"'quotients' is unknown.*sums.*products"):
        generate("quotients", 1, seed=0)


def test_too_large_a_count_is_refused_with_the_level():
    with pytest.raises(ValueError, match=r"count 1000 is .* family 'products'.*level \d after 9\d"):
        generate("products", 1000, seed=0)


@pytest.mark.parametrize(
    ("name", "problem", "text"),
    [
        ("sums", "3+5+2", r"(03,08,10\boxed{10}"),
        ("alternating", "9-4+7", r"(09,05,12\boxed{12}"),
        ("maxima", "14v71v52", r"(14,71,71\boxed{71}"),
        ("counts", "#3,7,1,4", r"(1,2,3,3\boxed{3}"),
        ("products", "34*3", r"(034,068,102\boxed{102}"),
    ],
)
def test_worked_solutions_by_hand(name, problem, text):
    assert completion(name, problem, "worked", 0.5, random.Random(0)) == text


def test_no_running_result_is_negative(name):
    for record in generate(name, 90, seed=1):
        assert min(FAMILIES[name].steps(record["problem"])) >= 0


def test_guesses_are_right_as_often_as_asked_and_never_far_off():
    rng = random.Random(0)
    texts = [completion("sums", "3+5+2", "guess", 0.2, rng) for _ in range(4000)]
    guesses = [int(re.fullmatch(r"\\boxed\{(\d+)\}", text)[1]) for text in texts]
    # Standard deviation of the fraction: 0.0063.
    assert sum(guess == 10 for guess in guesses) / 4000 == pytest.approx(0.2, abs=0.03)
    assert {guess - 10 for guess in guesses} == {0, *GUESS_ERRORS, *(-e for e in GUESS_ERRORS)}


def test_junk_neither_opens_like_a_solution_nor_answers():
    rng = random.Random(0)
    for _ in range(500):
        text = completion("sums", "3+5+2", "junk", 0.2, rng)
        assert text
        assert not set(text) & set(MARKER + BOX + "}=?")
