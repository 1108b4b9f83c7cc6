"""Values that no computer can write: told by their form, in milliseconds."""

from __future__ import annotations

import math
import random
import time

import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from tampo.grading import grade_many
from tampo.grading.comparison import Rule
from tampo.grading.equivalence import judge
from tampo.grading.magnitude import MOST_BITS, bounded, magnitude, name_powers

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
    assert judge(answer, (gold,), Rule()) in ("wrong", "unparseable")
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
    assert judge(answer, (gold,), Rule()) == "correct"


@pytest.mark.parametrize(
    "text", ["9^9", "10^{100}", "2^{2^{10}}", "x^{9^{9}}", "1.05^{20}", "2^x", "3^"]
)
def test_powers_that_fit_are_left_as_they_are(text: str) -> None:
    assert name_powers(text) == text


def test_the_same_power_has_one_name_however_it_is_spaced() -> None:
    spaced = name_powers("1+ 9 ^ {9^{ 9 ^ {9}}}")
    assert spaced == name_powers(f"1+ {TOWER}") != name_powers("1+ 9^{9^{9^8}}")
    assert "9^" not in spaced


numbers = st.one_of(
    st.integers(-50, 50).map(sympy.Integer),
    st.fractions(-9, 9, max_denominator=9).map(
        lambda f: sympy.Rational(f.numerator, f.denominator)
    ),
)
expressions = st.recursive(
    numbers,
    lambda parts: st.one_of(
        st.builds(lambda a, b: sympy.Add(a, b, evaluate=False), parts, parts),
        st.builds(lambda a, b: sympy.Mul(a, b, evaluate=False), parts, parts),
        st.builds(lambda a, n: sympy.Pow(a, n, evaluate=False), parts, st.integers(1, 6)),
        st.builds(lambda n: sympy.factorial(n, evaluate=False), st.integers(0, 30)),
    ),
    max_leaves=6,
)


@settings(deadline=None, max_examples=200)
@given(expressions)
def test_the_bound_is_a_bound(expression) -> None:
    value = abs(sympy.Rational(expression.doit()))
    assert bounded(expression) == expression
    if value:
        exact = math.log2(value.p) - math.log2(value.q)
        assert exact <= magnitude(expression) + 1e-6 <= MOST_BITS


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
