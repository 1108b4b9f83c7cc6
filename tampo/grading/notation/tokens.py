r"""An answer's LaTeX as tokens: numbers, letters, words, commands, marks.

Words are runs of two letters or more; `roman` tells those of `\text{...}`, `\mathrm{...}` and the
like, whose content is read as if it stood outside.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import NamedTuple

from tampo.grading.notation.numerals import read_numeral
from tampo.grading.notation.tree import NotUnderstood

LARGEST_TOKENS = 1500

_ROMAN = re.compile(
    r"\\(?:text|mathrm|operatorname\*?|siunit|mathit)(?![A-Za-z])\s*(?=\{)|\\rm(?![A-Za-z])"
)
_SCALED = (
    r"(?:[eE][+-]?\d+(?![\d.])"
    r"|\s*(?:\\times|\\cdot|\*|x)\s*10\s*\^\s*(?:\{\s*[+-]?\s*\d+\s*\}|[+-]?\d+)(?!\s*[!.]))"
)
_THOUSANDS = r"[1-9]\d{0,2}(?:(?:,\d{3})+|(?: \d{3})+)(?!\d)(?:\.\d+)?"
_PLAIN = r"\d+(?:\.(?!\.)\d*)?|\.\d+"
_SPACED = r"[1-9]\d{0,2}(?: \d{3})+(?!\d)(?:\.\d+)?"
_NUMBERS = {
    True: re.compile(rf"(?:{_THOUSANDS}|{_PLAIN}){_SCALED}?"),
    False: re.compile(rf"(?:{_SPACED}|{_PLAIN}){_SCALED}?"),
}
_BARE_NUMBER = re.compile(_PLAIN)
_COMMAND = re.compile(r"\\([A-Za-z]+)\*?|\\(.)", re.DOTALL)
_LETTERS = re.compile(r"[A-Za-z]+")
_FOREIGN = re.compile(r"[^\W\d_A-Za-z]+")


class Token(NamedTuple):
    """kind: "num", "let" (one letter), "word", "cmd" (without backslash) or "op"; `text` as written;
    `space` whether a space stands before it; `roman` whether it is upright text; `value` and `half_unit`
    of a number as in `Numeral`."""

    kind: str
    text: str
    space: bool = False
    roman: bool = False
    value: Fraction = Fraction(0)
    half_unit: Fraction | None = None


def tokenise(text: str, *, thousands: bool = True) -> list[Token]:
    """Return the tokens of plain `text`; NotUnderstood if it is too long or its groups do not close.

    `thousands=False` reads `221,000` as two numbers.
    """
    found: list[Token] = []
    _scan(text, thousands, False, found)
    if len(found) > LARGEST_TOKENS:
        raise NotUnderstood("more than 1500 tokens")
    return found


def _scan(text: str, thousands: bool, roman: bool, found: list[Token]) -> None:
    position, space, depth = 0, False, 0
    while position < len(text):
        character = text[position]
        if character.isspace():
            position, space = position + 1, True
            continue
        if character == "\\" and (match := _ROMAN.match(text, position)):
            start = match.end()
            end = _closing_brace(text, start) if text[start : start + 1] == "{" else len(text)
            inner = text[start + 1 : end] if text[start : start + 1] == "{" else text[start:]
            before = len(found)
            _scan(inner, thousands, True, found)
            if len(found) > before and (space or inner[:1].isspace()):
                found[before] = found[before]._replace(space=True)
            position, space = end + 1, inner[-1:].isspace()
            continue
        end = _token(text, position, thousands and depth == 0, space, roman, found)
        depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(character, 0)
        position, space = end, False


def _token(
    text: str, position: int, thousands: bool, space: bool, roman: bool, found: list[Token]
) -> int:
    character = text[position]
    if (character.isdecimal() and character.isascii()) or (
        character == "." and text[position + 1 : position + 2].isdigit()
    ):
        script = (
            bool(found) and found[-1].kind == "op" and found[-1].text in "^_"
        ) or _after_braced(found)
        first = _BARE_NUMBER if script else _NUMBERS[thousands]
        for pattern in (first, _BARE_NUMBER):
            match = pattern.match(text, position)
            if match is None:
                break
            written = match.group()
            numeral = read_numeral(written)
            if numeral is not None:
                kept = (numeral.value, numeral.half_unit)
                found.append(Token("num", written, space, roman, *kept))
                return match.end()
        raise NotUnderstood(text[position : position + 20])
    if character == "\\":
        match = _COMMAND.match(text, position)
        if match is None:
            raise NotUnderstood("a backslash at the end")
        name = match.group(1) or match.group(2)
        found.append(Token("cmd", name, space, roman))
        return match.end()
    match = _LETTERS.match(text, position) or _FOREIGN.match(text, position)
    if match:
        kind = "let" if len(match.group()) == 1 and match.group().isascii() else "word"
        found.append(Token(kind, match.group(), space, roman))
        return match.end()
    found.append(Token("op", character, space, roman))
    return position + 1


def _after_braced(found: list[Token]) -> bool:
    """Whether the next number follows `^{`, where `10^{3}` may not become part of it."""
    return (
        len(found) > 1
        and found[-1][:2] in (("op", "{"), ("op", "-"))
        and any(t.kind == "op" and t.text in "^_" for t in found[-3:-1])
    )


def _closing_brace(text: str, start: int) -> int:
    depth = 0
    position = start
    while position < len(text):
        character = text[position]
        if character == "\\":
            position += 1
        elif character == "{":
            depth += 1
        elif character == "}":
            depth -= 1
            if depth == 0:
                return position
        position += 1
    raise NotUnderstood("a group that does not close")
