"""Values that no computer can write: told by their form, in milliseconds."""

from __future__ import annotations

import random
import time

import pytest

from tampo.grading import grade_many
from tampo.grading.mathematics.equivalence import judge
from tampo.grading.verdict import Rule

TOWER = "9^{9^{9^9}}"
HUGE = [
    TOWER,
    "10^{10^{10}}",
    "10^{999999999999}",
    "10000000!",
    "((9!)!)!",
    "(9^9)!",
    r"\binom{10^9}{10^8}",
    "(a+b+c+d)^{3000}",
    "(((x+1)^{99}+1)^{99}+1)^{99}",
    r"(1+\sqrt{2})^{100000}",
    r"\prod_{k=1}^{10^8} (x+k)",
    r"\sum_{k=1}^{10^9} \frac{1}{k^2+\sin k}",
    r"\sum_{k=1}^{10^8}\sum_{j=1}^{10^8} \frac{1}{k^j}",
    "e^{e^{e^{e^e}}}",
    rf"\sqrt{{{TOWER}}}",
    rf"\sqrt[{TOWER}]{{2}}",
    rf"\frac{{1}}{{{TOWER}}}",
    rf"\sin({TOWER})",
    rf"\log_2({TOWER})",
    rf"\left\lfloor {TOWER} \right\rfloor",
    rf"\gcd({TOWER}, 6)",
    rf"\binom{{{TOWER}}}{{2}}",
    rf"7^{{{TOWER}}} \pmod{{11}}",
    rf"({TOWER}, 1)",
    rf"\{{1, {TOWER}\}}",
    f"x={TOWER}",
    f"x>{TOWER}",
    rf"\begin{{pmatrix}}{TOWER}\\1\end{{pmatrix}}",
    f"x^{{{TOWER}}}",
    f"0.1^{{{TOWER}}}",
    "1E999999999",
]


@pytest.fixture(scope="module", autouse=True)
def warm() -> None:
    judge("x*x", ("x^2",), Rule())


@pytest.mark.parametrize("gold", ["5", r"\sqrt{51}+x", "x>3", r"\{1,2,3\}", "(2,3)"])
@pytest.mark.parametrize("answer", HUGE)
def test_what_is_too_large_is_not_the_gold_and_costs_little(answer: str, gold: str) -> None:
    started = time.process_time()
    assert judge(answer, (gold,), Rule())[0] in ("wrong", "unparseable")
    assert time.process_time() - started < 1.9


@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        ("5", f"{TOWER}-{TOWER}+5"),
        (f"{TOWER}+1", f"1+{TOWER}"),
        (rf"\frac{{{TOWER}}}{{3}}", rf"\frac{{2 \cdot {TOWER}}}{{6}}"),
        ("(x+1)^{5000}+2", "2+(1+x)^{5000}"),
        (r"2\cdot 3000000!", "3000000!+3000000!"),
        ("2^{2023}", r"8\cdot 2^{2020}"),
        ("2024!", r"2024\cdot 2023!"),
        (r"\binom{2024}{1012}", r"\frac{2024!}{1012!\,1012!}"),
        ("(x+1)^{12}-1", r"(1+x)^{12}-1"),
        ("(1+x)^2", "x^2+2x+1"),
        ("10^{-40}", r"\frac{1}{10^{40}}"),
    ],
)
def test_large_values_are_still_equal_to_themselves(gold: str, answer: str) -> None:
    assert judge(answer, (gold,), Rule())[0] == "correct"


def test_towers_do_not_delay_a_batch() -> None:
    """192 answers, 8 of them towers; the loose limit allows for a busy machine."""
    draw = random.Random(0)
    answers = [
        rf"\frac{{{draw.randrange(1, 99)}x}}{{{draw.randrange(2, 9)}}}+\sqrt{{51}}"
        for _ in range(184)
    ]
    answers += [f"9^{{9^{{9^{{{n}}}}}}}+x" for n in range(2, 10)]
    draw.shuffle(answers)
    record = {"id": "b", "answer": [r"\sqrt{51}+x"]}
    grade_many([(r"\boxed{x-1}", record)] * 2, workers=2)
    started = time.monotonic()
    grades = grade_many([(rf"\boxed{{{a}}}", record) for a in answers], workers=2)
    assert time.monotonic() - started < 6
    assert {grade.outcome for grade in grades} <= {"correct", "wrong"}
