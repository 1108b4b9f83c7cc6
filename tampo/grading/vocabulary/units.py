"""Units behind a value: a closed vocabulary, in the names of the library `pint`.

Reading a unit needs no library. Whether two different units convert is asked of pint, in the
worker only (`tampo.grading.mathematics.equivalence`).
"""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

from tampo.grading.notation.tokens import Token, tokenise
from tampo.grading.vocabulary.unit_names import (
    ALONE,
    COMMANDS,
    COUNTED,
    CURRENCIES,
    PREFIXES,
    SYMBOLS,
    WORDS,
)
from tampo.grading.vocabulary.words import MEANINGFUL, PERCENT, each, singular


class Unit(NamedTuple):
    """A product of powers of units, sorted by name, and how it was written."""

    parts: tuple[tuple[str, Fraction], ...]
    written: str


def _vocabulary() -> dict[str, str]:
    known = {}
    for spelling, name in WORDS.items():
        known[spelling.casefold()] = name
        known.setdefault(spelling.casefold() + "s", name)
    known |= {word: f"currency {name}" for word, name in CURRENCIES.items()}
    for word in COUNTED:
        plurals = [word, f"{word}s"]
        if word.endswith("y"):
            plurals.append(f"{word[:-1]}ies")
        if word.endswith(("x", "s", "ch", "sh")):
            plurals.append(f"{word}es")
        known |= dict.fromkeys(plurals, f"counted {word}")
    return known


_KNOWN = _vocabulary()


def match(
    tokens: list[Token], start: int, *, loose: bool, nouns: frozenset[str] = frozenset()
) -> tuple[Unit, int] | None:
    """Return the unit that begins at `start` and where it ends, or None.

    `loose` takes plain letters for symbols (`9.8 m/s^2`, `2\\pi cm`), as behind a number; else only
    upright text and whole words count. `nouns` are the words that the problem asks for.
    """
    return _Matcher(tokens, loose, nouns).read(start)


MOST_FACTORS = 12


class _Matcher:
    def __init__(self, tokens: list[Token], loose: bool, nouns: frozenset[str]) -> None:
        self.tokens, self.loose, self.nouns = tokens, loose, nouns

    def read(self, start: int) -> tuple[Unit, int] | None:
        parts: dict[str, Fraction] = {}
        end = self._product(start, 1, parts)
        if end is None or end == start:
            return None
        compound = end > start + 1
        first = self.tokens[start]
        if first.kind == "let" and not first.roman:
            if not self.loose or first.text not in ALONE:
                return None
            if not compound and not first.space:
                return None
        written = "".join(
            (" " if t.space and i else "") + ("\\" if t.kind == "cmd" else "") + t.text
            for i, t in enumerate(self.tokens[start:end])
        )
        kept = tuple(sorted((name, power) for name, power in parts.items() if power))
        return Unit(kept, written), end

    def _product(self, position: int, sign: int, parts: dict[str, Fraction]) -> int | None:
        """Read factors; None if none stands here."""
        factor = self._factor(position, sign, parts)
        if factor is None:
            return None
        position = factor
        factors = 1
        while position < len(self.tokens):
            factors += 1
            if factors > MOST_FACTORS:
                return None
            token = self.tokens[position]
            divides = token.text == "/" or (
                token.kind == "word" and token.text.casefold() in ("per", "каждый")
            )
            if divides:
                after = position + 1
                if self._at(after).text.casefold() in ("a", "an", "each"):
                    after += 1
                factor = self._factor(after, -sign, parts)
                if factor is None:
                    return None
                position = factor
                continue
            if token.text == ".":  # an abbreviation's, at the very end
                return position + 1 if position + 1 == len(self.tokens) else position
            if token.text in ("cdot", "times", "*", "-"):
                factor = self._factor(position + 1, sign, parts)
                if factor is None:
                    return position
                position = factor
                continue
            factor = self._factor(position, sign, parts)
            if factor is None:
                break
            position = factor
        return position

    def _factor(self, position: int, sign: int, parts: dict[str, Fraction]) -> int | None:
        token = self._at(position)
        if token.kind == "cmd" and token.text == "frac":
            return self._fraction(position, sign, parts)
        if token.text in ("(", "{") and token.kind == "op":
            end = self._product(position + 1, sign, parts)
            closing = {"(": ")", "{": "}"}[token.text]
            return end + 1 if end is not None and self._at(end).text == closing else None
        if token.text == "^" and (degree := self._temperature(position)):
            parts[degree[0]] = parts.get(degree[0], Fraction(0)) + sign
            return degree[1]
        power = Fraction(sign)
        lowered = token.text.casefold()
        if token.kind == "word" and lowered in ("square", "sq", "cubic", "cu"):
            name = self._name(position + 1 + (self._at(position + 1).text == "."))
            if name is not None and (
                name == "counted unit" or not name.startswith(("counted", "currency"))
            ):
                power *= 2 if lowered in ("square", "sq") else 3
                position += 1 + (self._at(position + 1).text == ".")
                return self._power(position + 1, name, power, parts)
        name = self._name(position)
        if name is None:
            return None
        if name in PREFIXES or name == "micro":
            following = self._name(position + 1)
            if following is None:
                return None
            name, position = name + following, position + 1
        return self._power(position + 1, name, power, parts)

    def _power(self, position: int, name: str, power: Fraction, parts: dict[str, Fraction]) -> int:
        if self._at(position).kind == "word" and self._at(position).text.casefold() in (
            "squared",
            "cubed",
        ):
            power *= 2 if self._at(position).text.casefold() == "squared" else 3
            position += 1
        elif self._at(position).text == "^":
            exponent, after = self._exponent(position + 1)
            if exponent is not None:
                power *= exponent
                position = after
        parts[name] = parts.get(name, Fraction(0)) + power
        return position

    def _exponent(self, position: int) -> tuple[Fraction | None, int]:
        braced = self._at(position).text == "{"
        position += braced
        sign = 1
        if self._at(position).text in "+-" and self._at(position).kind == "op":
            sign = -1 if self._at(position).text == "-" else 1
            position += 1
        token = self._at(position)
        if token.kind != "num" or token.value.denominator != 1 or token.value > 9:
            return None, position
        position += 1
        if braced:
            if self._at(position).text != "}":
                return None, position
            position += 1
        return sign * token.value, position

    def _fraction(self, position: int, sign: int, parts: dict[str, Fraction]) -> int | None:
        for direction in (sign, -sign):
            if self._at(position + 1).text != "{":
                return None
            end = self._product(position + 2, direction, parts)
            if end is None or self._at(end).text != "}":
                return None
            position = end
        return position + 1

    def _temperature(self, position: int) -> tuple[str, int] | None:
        braced = self._at(position + 1).text == "{"
        if self._at(position + 1 + braced).text != "circ":
            return None
        end = position + 2 + 2 * braced
        scale = {"C": "degree_Celsius", "F": "degree_Fahrenheit"}.get(self._at(end).text)
        return (scale, end + 1) if scale else None

    def _name(self, position: int) -> str | None:
        token = self._at(position)
        text = token.text
        if token.kind == "cmd":
            if text == "circ":
                return None
            return COMMANDS.get(text) if text not in ("mu",) or self._name(position + 1) else None
        if token.kind == "op":
            return _KNOWN.get(text) if text in "€£¥₹₽₩¢" else None
        if token.kind not in ("let", "word"):
            return None
        if text in SYMBOLS and (
            token.roman
            or self.loose
            or (len(text) > 1 and token.space and text not in ("mg", "pm", "in", "ha"))
        ):
            return SYMBOLS[text]
        lowered = text.casefold()
        if lowered in PERCENT or token.kind == "let":
            return None
        angle = _KNOWN.get(lowered) in ("degree", "radian")
        if lowered in _KNOWN and (angle or lowered not in MEANINGFUL):
            return _KNOWN[lowered]
        if singular(lowered) in self.nouns and lowered not in MEANINGFUL:
            return f"counted {singular(lowered)}"
        return None

    def _at(self, position: int) -> Token:
        return self.tokens[position] if position < len(self.tokens) else Token("end", "")


def asked_nouns(problem: str | None) -> frozenset[str]:
    """Return the words that may name the unit a problem asks for: those behind "how many"."""
    if not problem:
        return frozenset()
    words = [word.strip(".,?!;:()$\\").casefold() for word in problem.split()]
    found: set[str] = set()
    for index, word in enumerate(words[:-1]):
        if (word, words[index + 1]) in (("how", "many"), ("number", "of"), ("how", "much")):
            for noun in words[index + 2 : index + 6]:
                if not noun.isalpha() or noun in _STOPS:
                    break
                found.add(singular(noun))
    return frozenset(found) - MEANINGFUL


def own_nouns(gold: str) -> frozenset[str]:
    r"""Return the upright words of a plain gold that begins with a number: `81\text{ teachers}`."""
    tokens = tokenise(gold)
    if not tokens or tokens[0].kind != "num":
        return frozenset()
    found = {singular(t.text.casefold()) for t in tokens if t.kind == "word" and t.roman}
    return frozenset() if found & MEANINGFUL else frozenset(found)


_STOPS = frozenset(
    each(
        """
are is do does did can could will would has have had were was in of to for that
"""
    )
)
