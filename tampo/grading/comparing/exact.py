"""Exact rational values, bounded in size before they are computed. No library."""

from __future__ import annotations

import math
from fractions import Fraction

from tampo.grading.notation.tree import Node

LARGEST_BITS = 200_000
"""Bits of a numerator and denominator beyond which nothing is computed exactly."""
MOST_BITS = 400_000
"""Bits of all intermediate results of one value together, which bounds its time."""


class NotRational(Exception):
    """The value is not rational, or not without a library, or too large."""


def exact(node: Node) -> Fraction | None:
    """Return the rational value of an expression without symbols, or None."""
    try:
        return _Arithmetic().value(node)
    except NotRational:
        return None


class _Arithmetic:
    """Computes one value, and stops when that takes too much."""

    def __init__(self) -> None:
        self.spent = 0

    def value(self, node: Node) -> Fraction:
        op, args = node
        if op == "num":
            return args[0]
        if op == "add":
            total = Fraction(0)
            for part in args:
                total = self._small(total + self._small(self.value(part)))
            return total
        if op == "neg":
            return -self.value(args[0])
        if op == "mul":
            product = Fraction(1)
            for part in args:
                product = self._small(product * self.value(part))
            return product
        if op == "div":
            bottom = self.value(args[1])
            if not bottom:
                raise NotRational
            return self._small(self.value(args[0]) / bottom)
        if op == "pow":
            return self._power(self.value(args[0]), self.value(args[1]))
        if op == "percent":
            return self.value(args[0]) / 100
        if op == "call":
            return self._call(args[0], args[1:])
        raise NotRational

    def _small(self, value: Fraction) -> Fraction:
        bits = value.numerator.bit_length() + value.denominator.bit_length()
        self.spent += bits
        if bits > LARGEST_BITS or self.spent > MOST_BITS:
            raise NotRational
        return value

    def _power(self, base: Fraction, exponent: Fraction) -> Fraction:
        if base in (0, 1):
            if not base and exponent <= 0:
                raise NotRational
            return base
        if base == -1 and exponent.denominator == 1:
            return Fraction(-1 if exponent % 2 else 1)
        if exponent.denominator != 1:
            return self._power(_root(base, exponent.denominator), Fraction(exponent.numerator))
        size = base.numerator.bit_length() + base.denominator.bit_length()
        if abs(exponent) * size > LARGEST_BITS:
            raise NotRational
        return base ** int(exponent)

    def _call(self, name: str, args: tuple) -> Fraction:
        values = [self._small(self.value(part)) for part in args]
        if name == "root" and values[0].denominator == 1:
            index = int(values[0])
            if values[1] < 0 and index % 2:
                return -_root(-values[1], index)
            return _root(values[1], index)
        if name == "abs":
            return abs(values[0])
        if name == "floor":
            return Fraction(math.floor(values[0]))
        if name == "ceil":
            return Fraction(math.ceil(values[0]))
        if name in ("max", "min"):
            return max(values) if name == "max" else min(values)
        whole = [int(v) for v in values if v.denominator == 1]
        if len(whole) == len(values):
            if name in ("gcd", "lcm"):
                return Fraction(getattr(math, name)(*whole))
            if name in ("factorial", "factorial2") and 0 <= whole[0] <= 10_000:
                return Fraction(
                    math.factorial(whole[0])
                    if name == "factorial"
                    else math.prod(range(whole[0], 0, -2))
                )
            if name == "binom" and whole[1] >= 0 and 0 <= whole[0] <= 10_000:
                return Fraction(math.comb(*whole))
        raise NotRational


def _root(value: Fraction, index: int) -> Fraction:
    """Return the rational root, if the value is such a power."""
    if index > 64 or index < 1 or value < 0:
        raise NotRational
    return Fraction(_integer_root(value.numerator, index), _integer_root(value.denominator, index))


def _integer_root(value: int, index: int) -> int:
    root = math.isqrt(value) if index == 2 else _newton(value, index)
    if root**index != value:
        raise NotRational
    return root


def _newton(value: int, index: int) -> int:
    if value < 2:
        return value
    guess = 1 << -(-value.bit_length() // index)
    while True:
        better = ((index - 1) * guess + value // guess ** (index - 1)) // index
        if better >= guess:
            return guess
        guess = better
