"""Numbers as answers write them: spellings, exactness, rounding, and what is no number."""

from __future__ import annotations

import time
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tampo.grading.notation.numerals import numerals_agree, read_numeral


@given(st.integers(-(10**12), 10**12), st.integers(-30, 30))
def test_one_number_has_many_spellings(mantissa: int, exponent: int) -> None:
    value = mantissa * Fraction(10) ** exponent
    spellings = [
        f"{mantissa}e{exponent}",
        f"{mantissa} \\times 10^{{{exponent}}}",
        f"{mantissa}.0 \\cdot 10^{{{exponent}}}",
        f"\\frac{{{value.numerator}}}{{{value.denominator}}}",
        f"{value.numerator}/{value.denominator}",
    ]
    assert {read_numeral(spelling).value for spelling in spellings} == {value}
    if exponent == 0:
        assert read_numeral(f"{mantissa:,}").value == value


@given(st.integers(1, 10**6), st.integers(1, 6), st.integers(-40, 40))
def test_a_rounded_gold_is_matched_by_what_rounds_to_it(digits, decimals, exponent) -> None:
    whole, part = divmod(digits, 10**decimals)
    gold = read_numeral(f"{whole}.{part:0{decimals}d}e{exponent}")
    unit = Fraction(10) ** (exponent - decimals)
    reach = min(unit / 2, gold.value / 20)
    for fraction, expected in ((Fraction(99, 100), True), (Fraction(101, 100), False)):
        for sign in (-1, 1):
            value = gold.value + sign * fraction * reach
            answer = read_numeral(f"{value.numerator}/{value.denominator}")
            assert numerals_agree(gold, answer) is expected
    zero = read_numeral("0")
    assert not numerals_agree(gold, zero) and not numerals_agree(zero, gold)


@given(st.integers(-(10**9), 10**9), st.integers(-(10**9), 10**9))
def test_integers_are_matched_exactly(gold: int, answer: int) -> None:
    assert numerals_agree(read_numeral(str(gold)), read_numeral(str(answer))) is (gold == answer)


@pytest.mark.parametrize("text", ["1 2", "12:00", "1/0", "\\frac{1}{0}", "1e99999", "1,2", "x", ""])
def test_what_is_no_number(text: str) -> None:
    assert read_numeral(text) is None


@pytest.mark.parametrize("end", ["x", "/", ".", "%", "_"])
def test_long_runs_of_digits_are_read_in_linear_time(end: str) -> None:
    started = time.monotonic()
    for _ in range(20):
        read_numeral("1" * 2000 + end)
    assert time.monotonic() - started < 1
