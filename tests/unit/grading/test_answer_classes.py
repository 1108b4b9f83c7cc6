"""Answers to one problem that are the same are one class."""

import pytest

from tampo.grading.answer_classes import answer_classes


@pytest.mark.parametrize(
    ("answers", "classes"),
    [
        (["1/2", "0.5", r"\frac{1}{2}", "2", None, "1/2"], [0, 0, 0, 1, -1, 0]),
        (["(1, 2)", "(2, 1)", "(1,2)"], [0, 1, 0]),
        (["nonsense !?", "nonsense !?", "other !?"], [0, 0, 1]),
        ([None, None], [-1, -1]),
        ([], []),
    ],
)
def test_classes(answers, classes):
    assert answer_classes(answers) == classes
