"""Overlap of problem sets by their text: what counts as the same problem, and what does not."""

from collections import Counter

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tampo.problems.arithmetic import FAMILIES
from tampo.problems.overlap import GRAM, SHARED, SHORT, find_overlap, tokens
from tampo.problems.problem_sets import load_problems

STAMPS = (
    "Max bought stamps at the post office. Some of the stamps had a snowflake design, some had a truck "
    "design, and some had a rose design. Max bought 16 snowflake stamps. He bought 3 more truck stamps "
    "than snowflake stamps, and 9 fewer rose stamps than truck stamps. How many stamps did he buy in all?"
)
COUNT = r"Find the number of positive integers $n \le 1{,}000$ such that $n^2 + 3n + 5$ is divisible by $7$."


def match(training, benchmark):
    """Return the kind and the fraction of the one match of two texts, or None."""
    found = find_overlap(
        [{"id": "a", "problem": training}], {"b": [{"id": "c", "problem": benchmark}]}
    )
    assert len(found) <= 1
    assert all((m.training, m.benchmark, m.problem) == ("a", "b", "c") for m in found)
    return (found[0].kind, found[0].shared) if found else None


@pytest.mark.parametrize(
    "again",
    [
        STAMPS.upper(),
        STAMPS.replace(" ", "\n  "),
        STAMPS.replace(".", " ;"),
        STAMPS.replace("16", "sixteen").replace("3 more", "three more"),
        "Problem 12. " + STAMPS,
        STAMPS.replace("16", "\uff11\uff16"),
    ],
    ids=["case", "space", "punctuation", "words for numbers", "label", "full-width digits"],
)
def test_the_same_words_and_numbers_are_the_same_problem(again):
    assert match(again, STAMPS) == ("equal", 1.0)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (COUNT, COUNT.replace(r"1{,}000", "1000").replace("$", "")),
        (r"Compute \dfrac{1}{2} \times 3", r"compute $\frac12 3$".replace("12 3", "{1}{2} * 3")),
        (r"Compute $\left( 3 - 5 \right) \cdot 2$.", "Compute (3 − 5) × 2"),
        ("What is 7.0 + 05?", "What is 7 + 5?"),
        ("三角形的面积是多少", "三角形 的面积 是多少？"),
    ],
    ids=["thousands", "fractions", "brackets", "zeros", "no spaces"],
)
def test_how_a_formula_is_set_does_not_count(one, other):
    assert match(one, other) == ("equal", 1.0)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("What is 2 + 3?", "What is 2 * 3?"),
        ("What is 2 + 3?", "What is 3 + 2?"),
        ("What is 2 + 3?", "What is 2 + 31?"),
        ("三角形的面积是多少", "三角形的周长是多少"),
        ("Where would you find a cat?", "Where would you find a dog?"),
        ("", "?!"),
    ],
)
def test_other_short_problems_are_others(one, other):
    assert match(one, other) is None


def test_a_problem_within_a_longer_one_is_found_either_way():
    wrapped = f"Solve the following step by step.\n\n{COUNT}\n\nBox it: $\\boxed{{}}$. (2 points)"
    assert match(wrapped, COUNT) == ("contains", 1.0)
    assert match(COUNT, wrapped) == ("contains", 1.0)
    assert match(f"{STAMPS}\n{COUNT}", COUNT) == ("contains", 1.0)


def test_a_short_problem_is_found_where_the_other_adds_words_only():
    assert match("Please compute this: What is 2 + 3? Think first.", "What is 2 + 3?") == (
        "contains",
        1.0,
    )
    assert match("2 + 3", "What is 2 + 3?") == ("contains", 1.0)
    # A part of another formula, or of another question with numbers, is another problem.
    assert match("What is 1 + 2 + 3?", "2 + 3") is None
    assert match("Tom has 4 apples. What is 2 + 3?", "What is 2 + 3?") is None
    # Words alone say too little.
    assert match("Where would you find a cat in winter?", "Where would you find a cat?") is None


def test_a_changed_sentence_leaves_most_of_a_problem():
    kind, shared = match(STAMPS.replace("at the post office", "downtown"), STAMPS)
    assert kind == "shares" and SHARED <= shared < 1
    assert match(STAMPS.replace("Max", "Bella"), STAMPS)[0] == "shares"


def test_other_numbers_make_another_problem_that_is_listed_as_near():
    other = STAMPS.replace("16", "11").replace("9 fewer", "13 fewer")
    assert match(other, STAMPS) == ("near", 1.0)
    # One number more than the benchmark has is no other number.
    assert match(STAMPS + " He pays 4 dollars.", STAMPS) == ("contains", 1.0)


def test_a_common_opening_is_no_overlap():
    """Ten words in common: a single 8-gram is too little."""
    opening = "Find the number of ordered pairs of positive integers such that"
    one = f"{opening} their product is a perfect cube below 5000 and both are odd."
    other = f"{opening} the sum of their squares divides 2024 and neither is a multiple of three."
    assert len(tokens(opening)) >= GRAM
    assert match(one, other) is None


def test_the_fraction_is_that_of_the_shorter_text():
    # 14 words are seven 8-grams; the last two words lie in the last two of them.
    words = [f"w{chr(97 + i)}" for i in range(14)]
    changed = [*words[:-2], "other", "end"]
    assert match(" ".join(words), " ".join(changed + ["more"] * 30)) == (
        "shares",
        pytest.approx(5 / 7),
    )


def test_every_match_of_a_problem_is_listed():
    twice = {
        "one": [{"id": "1", "problem": COUNT}],
        "two": [{"id": "2", "problem": f"{COUNT} Prove it."}],
    }
    found = find_overlap([{"id": "a", "problem": COUNT}], twice)
    assert [(m.kind, m.benchmark, m.problem) for m in found] == [
        ("equal", "one", "1"),
        ("contains", "two", "2"),
    ]


WORDS = st.sampled_from(
    ["sum", "of", "apples", "how", "many", "train", "x", "7", "12", "+", "=", "is"]
)


@given(
    st.lists(WORDS, min_size=1, max_size=40),
    st.lists(WORDS, max_size=12),
    st.lists(WORDS, max_size=12),
)
def test_a_long_problem_is_found_wherever_it_lies(problem, before, after):
    if len(problem) < SHORT:
        return
    inside = " ".join([*before, "begin", *problem, "end", *after])
    assert match(inside, " ".join(problem)) == ("contains", 1.0)


@given(st.lists(WORDS, min_size=1, max_size=30), st.lists(WORDS, min_size=1, max_size=30))
@example(["sum"] * 13, [*["sum"] * 12, "7"])
def test_whether_two_problems_match_does_not_depend_on_which_is_trained_on(one, other):
    one, other = " ".join(one), " ".join(other)
    assert match(one, other) == match(other, one)


@pytest.mark.parametrize("family", FAMILIES)
def test_generated_sets_do_not_overlap(family):
    training = load_problems("arithmetic-train")
    assert find_overlap(training, {family: load_problems(family)}) == []


def test_published_sets_overlap_with_themselves_only(data_dir):
    """Counts of docs/log.md."""
    names = ("gsm8k-test", "math500", "aime24", "amc23", "minerva", "olympiadbench")
    tests = {name: load_problems(name, data_dir) for name in names}
    found = find_overlap(load_problems("gsm8k-train", data_dir), tests)
    assert Counter((m.benchmark, m.kind) for m in found) == {("gsm8k-test", "near"): 4}
    itself = find_overlap(tests["aime24"], tests)
    assert Counter((m.benchmark, m.kind) for m in itself) == {("aime24", "equal"): 30}
