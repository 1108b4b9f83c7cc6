"""Numbers as written: mixed, repeating, in a base."""

from __future__ import annotations

from abc import abstractmethod
from fractions import Fraction

from tampo.grading.notation.tokens import Token
from tampo.grading.notation.tree import Node, NotUnderstood
from tampo.grading.notation.tree import number as exact_number
from tampo.grading.reading.factors import FactorReader

_BASE_NAMES = {
    "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
    "eleven": 11, "twelve": 12, "sixteen": 16, "binary": 2, "octal": 8, "decimal": 10, "hex": 16,
}  # fmt: skip


class NumberReader(FactorReader):
    """Adds to the reader of factors the numbers."""

    def number(self) -> Node:
        token = self.next()
        node = Node("num", (token.value, token.half_unit))
        if (
            self.at("overline", "bar", "dot", "ldots", "dots", "cdots")
            or self.at("(")
            or self.at(".")
        ):
            repeating = self._repeating(token)
            if repeating is not None:
                return repeating
        if self.at("_"):
            return self.in_base(token.text.replace(" ", ""))
        if token.text.isdecimal():
            return self._mixed(token, node)
        return node

    def _repeating(self, token: Token) -> Node | None:
        """Read the rest of a repeating decimal, behind its digits so far, or return None."""
        if "." not in token.text:
            return None
        start = self.position
        if self.accept("ldots", "dots", "cdots") or self._dots():
            if self.ends_value(self.peek()) or self.at("%"):
                return _guessed_repeat(token.text)
        elif self.accept("("):
            period = self.next()
            if (
                period.kind == "num"
                and period.text.isdecimal()
                and not token.space
                and self.accept(")")
            ):
                return _repeat(token.text, period.text)
        elif self.accept("overline", "bar"):
            digits = self._braced_digits()
            if digits is not None:
                return _repeat(token.text, digits)
        elif self.at("dot"):
            run = ""
            dotted: list[int] = []
            while self.at("dot") or (self.peek().kind == "num" and dotted):
                if self.accept("dot"):
                    dotted.append(len(run))
                    digit = self._braced_digits()
                    if digit is None or len(digit) != 1:
                        break
                    run += digit
                else:
                    run += self.next().text
            else:
                if dotted and dotted[-1] == len(run) - 1 and len(dotted) <= 2:
                    return _repeat(token.text + run[: dotted[0]], run[dotted[0] :])
        self.position = start
        return None

    def _dots(self) -> bool:
        if all(self.peek(k).text == "." for k in range(2)):
            while self.accept("."):
                pass
            return True
        return False

    def _braced_digits(self) -> str | None:
        braced = self.accept("{")
        token = self.next()
        if token.kind != "num" or not token.text.isdecimal() or (braced and not self.accept("}")):
            return None
        return token.text

    def in_base(self, digits: str) -> Node:
        """Read the base of `52_8`, `52_{\\text{eight}}` or `52_{(8)}`."""
        if not digits.replace(".", "", 1).isdecimal():
            raise NotUnderstood("the base of a number that is not whole")
        self.expect("_")
        braced = self.accept("{")
        bracket = self.accept("(")
        if self.word_at("base"):
            self.position += 1
        token = self.next()
        base = _BASE_NAMES.get(token.text.casefold()) if token.kind == "word" else None
        if token.kind == "num" and token.text.isdecimal():
            base = int(token.text)
        if base is None or (bracket and not self.accept(")")) or (braced and not self.accept("}")):
            raise NotUnderstood("a subscript on a number")
        return Node("based", (digits, base))

    def _mixed(self, token: Token, node: Node) -> Node:
        """Read `2 1/2` or `2\\frac{1}{2}` behind the 2; anything else leaves the number alone."""
        if self.at("frac"):
            start = self.position
            part = self.command()
            if part.op == "div" and all(
                side.op == "num" and side.args[1] is None for side in part.args
            ):
                top, bottom = (side.args[0] for side in part.args)
                if 0 < top < bottom and not self.at("^", "!"):
                    return exact_number(token.value + top / bottom)
            self.position = start
        top, slash, bottom = self.peek(), self.peek(1), self.peek(2)
        if (
            top.kind == bottom.kind == "num"
            and top.text.isdecimal()
            and bottom.text.isdecimal()
            and slash.text in ("/", "div")
        ):
            if not 0 < top.value < bottom.value:
                raise NotUnderstood("an improper mixed number")
            self.position += 3
            return exact_number(token.value + top.value / bottom.value)
        if (
            self.word_at("and")
            and self.peek(1).kind == "num"
            and self.peek(2).text == "/"
            and self.peek(3).kind == "num"
        ):
            top, bottom = self.peek(1), self.peek(3)
            if 0 < top.value < bottom.value:
                self.position += 4
                return exact_number(token.value + top.value / bottom.value)
        return node

    @abstractmethod
    def command(self) -> Node:
        """Read or judged by a class further down the chain."""


def _repeat(start: str, period: str) -> Node:
    """Return the number `start` followed by `period` for ever."""
    places = len(start.partition(".")[2])
    value = Fraction(start.rstrip(".") or "0") if start not in (".",) else Fraction(0)
    tail = Fraction(int(period), (10 ** len(period) - 1) * 10**places)
    return exact_number(value + tail)


def _guessed_repeat(text: str) -> Node:
    """Return the repeating decimal whose period stands at the end of `text` at least twice."""
    digits = text.partition(".")[2]
    for length in range(1, len(digits) // 2 + 1):
        period = digits[-length:]
        repeats = 0
        while digits.endswith(period * (repeats + 1)):
            repeats += 1
        if repeats >= (3 if length == 1 else 2):
            return _repeat(text[: len(text) - repeats * length], period)
    raise NotUnderstood("a decimal that goes on, one does not see how")
