"""The vocabulary of units: every name is one that pint knows."""

from __future__ import annotations

import pint
import pytest

from tampo.grading.vocabulary.unit_names import COMMANDS, COUNTED, CURRENCIES, SYMBOLS, WORDS
from tampo.grading.vocabulary.words import MEANINGFUL

REGISTRY = pint.UnitRegistry()


@pytest.mark.parametrize(
    "name", sorted({*WORDS.values(), *SYMBOLS.values(), *COMMANDS.values()} - {"micro"})
)
def test_pint_knows_the_name(name: str) -> None:
    assert REGISTRY.parse_units(name)


@pytest.mark.parametrize("symbol", sorted(SYMBOLS))
def test_symbols_mean_what_pint_says(symbol: str) -> None:
    odd = {
        "pm",
        "hrs",
        "mins",
        "secs",
        "yrs",
        "lbs",
        "cc",
        "C",
        "F",
        "H",
        "u",
        "h",
        "mi",
        "ha",
        "pc",
        "ly",
    }
    if symbol not in odd:
        assert REGISTRY.parse_units(symbol) == REGISTRY.parse_units(SYMBOLS[symbol])


def test_no_unit_is_a_word_with_a_meaning() -> None:
    words = {*WORDS, *(word.casefold() for word in CURRENCIES)}
    assert words & MEANINGFUL <= {"degree", "radian"}
    assert {"square", "cube", "zero", "root"} & set(COUNTED) <= MEANINGFUL
