r"""Numbers as answers write them, read exactly, and when two of them agree.

`math-verify` reads `4.5e33` as 4.5·e·33, rounds to six absolute decimals (so that 3.3e-10 is 0),
ignores the base of `52_8` and knows no `15\,000`. Numbers are therefore read and compared here,
as exact fractions.

**Tolerance.** An integer, a fraction or any other exact gold is matched exactly. A gold printed
with a decimal point or an exponent (Minerva's `1.6`, `4.5e33`) stands for every number that rounds
to it as printed: the answer may differ by half a unit of the gold's last printed digit, and by
at most 5 % of the gold, a cap that only golds of one significant digit meet (`4e33`, `1e-5`).
More digits than the gold are thus no error, fewer digits are, nothing depends on magnitude, and
an exact decimal (MATH's `326.5`) keeps apart from its neighbours (`327`). A record's own
`tolerance` is absolute and replaces the rule.

**Percent.** A percent sign may be left out or added as a unit is: `62.5\%` is matched by `62.5\%`,
`62.5` and `0.625`, and `12.5` by `12.5\%`.

**Base.** `52_8` is matched by `52_8` and `52`; another base or other digits are wrong.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

LARGEST_ROUNDING_ERROR = Fraction(1, 20)
"""The most by which a rounded gold may differ from an answer, as a fraction of the gold."""

LARGEST_EXPONENT = 9999
"""Powers of ten beyond this are not read as numbers, so that no input makes reading one slow."""

_DIGITS = r"(?:\d{1,3}(?:(?:,| )\d{3})+(?:\.\d+)?|\d+(?:\.\d*)?|\.\d+)"
_DIGITS_NO_COMMA = r"(?:\d+(?:\.\d*)?|\.\d+)"
_POWER = r"10\s*\^\s*(?:\{\s*([+-]?\s*\d+)\s*\}|([+-]?\d+))"
_SCALED = r"\s*(?:[eE]([+-]?\d+)|(?:\\times|\\cdot|\*|x)\s*" + _POWER + r")"
_NUMBER = re.compile(rf"({_DIGITS})(?:{_SCALED})?")
_NUMBER_NO_COMMA = re.compile(rf"({_DIGITS_NO_COMMA})(?:{_SCALED})?")
_POWER_OF_TEN = re.compile(_POWER)
_SIMPLE = rf"\s*([+-]?)\s*({_DIGITS_NO_COMMA})\s*"
_FRACTION = re.compile(rf"\\frac\s*\{{{_SIMPLE}\}}\s*\{{{_SIMPLE}\}}")
_RATIO = re.compile(rf"({_DIGITS_NO_COMMA})\s*/\s*({_DIGITS_NO_COMMA})")
_MIXED = re.compile(r"(\d+)\s*\\frac\s*\{\s*(\d+)\s*\}\s*\{\s*(\d+)\s*\}")
_IN_BASE = re.compile(r"(\d+)\s*_\s*(?:\{\s*(?:\\text\s*\{)?\s*(\w+)\s*\}?\s*\}|(\d+))")
_BASES = {"two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7"}
_BASES |= {"eight": "8", "nine": "9", "ten": "10", "twelve": "12", "sixteen": "16"}


@dataclass(frozen=True)
class Numeral:
    """A written number: its exact value, half a unit of its last printed digit (None when it is
    exact), whether a percent sign follows (`value` is the number before it), and its base."""

    value: Fraction
    half_unit: Fraction | None = None
    percent: bool = False
    base: str | None = None

    def tolerance(self) -> Fraction:
        """Return how far an answer may lie from this number when it is a gold."""
        if self.half_unit is None:
            return Fraction(0)
        return min(self.half_unit, LARGEST_ROUNDING_ERROR * abs(self.value))


def read_numeral(text: str, *, thousands_commas: bool = True) -> Numeral | None:
    """Return the number that tidied `text` is, or None if it is anything else.

    `thousands_commas=False` refuses `221,000`, which in a list of values is two of them.
    """
    sign, magnitude = _signed(text.strip())
    percent = magnitude.endswith("%")
    magnitude = magnitude.removesuffix("%").rstrip()
    pattern = _NUMBER if thousands_commas else _NUMBER_NO_COMMA
    if match := pattern.fullmatch(magnitude):
        numeral = _decimal(*match.groups())
    elif match := _POWER_OF_TEN.fullmatch(magnitude):
        numeral = _decimal("1", None, *match.groups(), exact=True)
    elif match := _MIXED.fullmatch(magnitude):
        whole, top, bottom = map(Fraction, match.groups())
        numeral = Numeral(whole + top / bottom) if top < bottom else None
    elif match := _FRACTION.fullmatch(magnitude):
        top_sign, dividend, bottom_sign, divisor = match.groups()
        flip = -1 if (top_sign == "-") != (bottom_sign == "-") else 1
        numeral = _quotient(flip * Fraction(dividend), Fraction(divisor))
    elif match := _RATIO.fullmatch(magnitude):
        numeral = _quotient(*map(Fraction, match.groups()))
    elif match := _IN_BASE.fullmatch(magnitude):
        digits, name, short = match.groups()
        numeral = _based(digits, name or short)
    else:
        numeral = None
    if numeral is None:
        return None
    return Numeral(sign * numeral.value, numeral.half_unit, percent, numeral.base)


def numerals_agree(gold: Numeral, answer: Numeral, tolerance: Fraction | None = None) -> bool:
    """Return whether `answer` is `gold` under the rules of this module.

    `tolerance`, if given, is absolute and in the unit the gold is printed in.
    """
    if answer.base is not None and answer.base != (gold.base or "10"):
        return False
    allowed = gold.tolerance() if tolerance is None else tolerance
    readings = [answer.value]
    if gold.percent and not answer.percent:
        readings.append(answer.value * 100)
    elif answer.percent and not gold.percent:
        readings.append(answer.value / 100)
    return any(abs(reading - gold.value) <= allowed for reading in readings)


def _signed(text: str) -> tuple[int, str]:
    if text[:1] in ("+", "-"):
        return (-1 if text[0] == "-" else 1), text[1:].lstrip()
    return 1, text


def _decimal(
    digits: str,
    exponent: str | None,
    braced: str | None = None,
    bare: str | None = None,
    *,
    exact: bool = False,
) -> Numeral | None:
    power = int((exponent or braced or bare or "0").replace(" ", ""))
    if abs(power) > LARGEST_EXPONENT:
        return None
    digits = re.sub(r"[, ]", "", digits)
    scale = Fraction(10) ** power
    value = Fraction(digits.rstrip(".") if digits != "." else "0") * scale
    scaled = any(part is not None for part in (exponent, braced, bare))
    if exact or not (scaled or "." in digits):
        return Numeral(value)
    decimals = len(digits.partition(".")[2])
    return Numeral(value, half_unit=scale / (2 * 10**decimals))


def _quotient(top: Fraction, bottom: Fraction) -> Numeral | None:
    return Numeral(top / bottom) if bottom else None


def _based(digits: str, base: str) -> Numeral | None:
    base = _BASES.get(base.casefold(), base)
    return Numeral(Fraction(digits), base=base) if base.isdecimal() else None
