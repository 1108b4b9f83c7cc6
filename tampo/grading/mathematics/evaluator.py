"""Values to many digits, by mpmath, at chosen values of the symbols; imported in the worker only.

Where symbols stand, values are those of real analysis: a root or a logarithm of a negative number
is undefined there, unless the expression itself is complex. Sizes are bounded before anything
is computed.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import TypeAlias

import mpmath

from tampo.grading.comparing.exact import exact
from tampo.grading.notation.tree import Node, symbols
from tampo.grading.vocabulary import words

Value: TypeAlias = mpmath.mpf | mpmath.mpc
DIGITS = 60
LARGEST_LOGARITHM = 10**15
"""Natural logarithm of the largest magnitude that is computed."""
LONGEST_TOTAL = 400


class Undefined(Exception):
    """No value at this point."""


class NotComputed(Exception):
    """No value at all: an operator without one, or a size beyond the bounds."""


class Evaluator:
    """Evaluates trees at `values` (symbol -> number); `complex_plane` takes principal values."""

    def __init__(self, values: dict[str, Value], *, complex_plane: bool) -> None:
        self.values = values
        self.complex_plane = complex_plane

    def value(self, node: Node) -> Value:
        method = getattr(self, f"_{node.op}", None)
        if method is None:
            raise NotComputed(node.op)
        try:
            found = method(*node.args)
        except (ZeroDivisionError, ValueError, OverflowError, mpmath.libmp.ComplexResult) as error:
            raise Undefined(str(error)) from None
        if not mpmath.isfinite(found):
            raise Undefined("infinite")
        return found

    def _num(self, value: Fraction, half_unit: Fraction | None) -> Value:
        return mpmath.mpf(value.numerator) / value.denominator

    def _const(self, name: str) -> Value:
        if name == "inf":
            raise Undefined("infinite")
        return {"pi": mpmath.pi, "e": mpmath.e, "i": mpmath.mpc(0, 1)}[name] * 1

    def _sym(self, name: str) -> Value:
        if name not in self.values:
            raise NotComputed(name)
        return self.values[name]

    def _add(self, *args: Node) -> Value:
        return mpmath.fsum(map(self.value, args))

    def _mul(self, *args: Node) -> Value:
        product = mpmath.mpf(1)
        for part in args:
            product *= self.value(part)
        return product

    def _neg(self, arg: Node) -> Value:
        return -self.value(arg)

    def _div(self, top: Node, bottom: Node) -> Value:
        divisor = self.value(bottom)
        if abs(divisor) < mpmath.mpf(10) ** -(DIGITS - 10) and _inexact_zero(divisor):
            raise Undefined("division by zero")
        return self.value(top) / divisor

    def _percent(self, arg: Node) -> Value:
        return self.value(arg) / 100

    def _deg(self, arg: Node) -> Value:
        return self.value(arg) * mpmath.pi / 180

    def _pow(self, base: Node, exponent: Node) -> Value:
        low, high = self.value(base), self.value(exponent)
        if low == 0:
            if mpmath.re(high) <= 0:
                raise Undefined("zero to a power that is not positive")
            return mpmath.mpf(0)
        if abs(high) * (abs(mpmath.log(abs(low))) + 1) > LARGEST_LOGARITHM:
            return self._apply("power", base, exponent)
        negative = mpmath.im(low) == 0 and mpmath.re(low) < 0
        if negative and mpmath.isint(high):
            return mpmath.re(low) ** int(mpmath.re(high))
        if negative and not self.complex_plane and _dependent(base, exponent):
            odd = _odd_root(exponent)
            if odd is None:
                raise Undefined("a power of a negative number")
            sign = -1 if odd % 2 else 1
            return sign * (-mpmath.re(low)) ** high
        return low**high

    def _total(self, kind: str, variable: str, lower: Node, upper: Node, body: Node) -> Value:
        start, stop = self.value(lower), self.value(upper)
        if not (mpmath.isint(start) and mpmath.isint(stop)):
            raise Undefined("limits that are not whole")
        start, stop = mpmath.re(start), mpmath.re(stop)  # i^4 is a complex 1
        if stop - start > LONGEST_TOTAL:
            raise NotComputed("a long sum")
        kept = self.values.get(variable)
        result = mpmath.mpf(0 if kind == "sum" else 1)
        for index in range(int(start), int(stop) + 1):
            self.values[variable] = mpmath.mpf(index)
            part = self.value(body)
            result = result + part if kind == "sum" else result * part
        self.values.pop(variable, None)
        if kept is not None:
            self.values[variable] = kept
        return result

    def _apply(self, name: str, *args: Node) -> Value:
        """An unknown function, or a value too large: a number that follows from name and arguments."""
        parts = [name]
        for arg in args:
            value = self.value(arg)
            parts.append(mpmath.nstr(mpmath.mpc(value), 25))
        digest = hashlib.sha256("|".join(parts).encode()).digest()
        return mpmath.mpf(int.from_bytes(digest[:8], "big")) / 2**63 + mpmath.mpf(1) / 3

    def _call(self, name: str, *args: Node) -> Value:
        values = [self.value(arg) for arg in args]
        if name in ("factorial", "factorial2", "binom", "Gamma") and any(
            abs(v) > 10**12 for v in values
        ):
            return self._apply(name, *args)
        function = _FUNCTIONS.get(name)
        if function is None:
            raise NotComputed(name)
        result = function(*values)
        real = all(mpmath.im(v) == 0 for v in values)
        if real and mpmath.im(result) != 0 and not self.complex_plane and _dependent(*args):
            raise Undefined("not real")
        return result


def _dependent(*nodes: Node) -> bool:
    return any(symbols(node) for node in nodes)


def _inexact_zero(value: Value) -> bool:
    return value == 0 or abs(value) < mpmath.mpf(10) ** -(DIGITS - 10)


def _odd_root(exponent: Node) -> int | None:
    """Return the numerator of an exponent that is a fraction with odd denominator, or None."""
    value = exact(exponent)
    return value.numerator if value is not None and value.denominator % 2 else None


def _root(index: Value, value: Value) -> Value:
    if (
        mpmath.im(value) == 0
        and mpmath.re(value) < 0
        and mpmath.isint(index)
        and int(mpmath.re(index)) % 2
    ):
        return -mpmath.root(-mpmath.re(value), int(mpmath.re(index)))
    if index == 2:
        return mpmath.sqrt(value)
    return mpmath.power(value, 1 / mpmath.mpmathify(index)) if value != 0 else mpmath.mpf(0)


def _floor(value: Value) -> Value:
    nearest = mpmath.nint(mpmath.re(value))
    if abs(value - nearest) < mpmath.mpf(10) ** -(DIGITS - 20):
        return nearest
    return mpmath.floor(mpmath.re(value))


def _whole(function: Callable[[int, int], int]) -> Callable[..., Value]:
    def wrapped(*values: Value) -> Value:
        if not all(mpmath.isint(v) for v in values):
            raise Undefined("not whole")
        result = 0
        for value in values:
            result = (
                function(result, int(mpmath.re(value))) if result else abs(int(mpmath.re(value)))
            )
        return mpmath.mpf(result)

    return wrapped


def _ordered(function: Callable[[Iterable[Value]], Value]) -> Callable[..., Value]:
    def wrapped(*values: Value) -> Value:
        if any(mpmath.im(v) for v in values):
            raise Undefined("not ordered")
        return function(map(mpmath.re, values))

    return wrapped


_FUNCTIONS: dict[str, Callable[..., Value]] = {
    "root": _root,
    "abs": lambda x: mpmath.mpf(abs(x)),
    "floor": _floor,
    "ceil": lambda x: -_floor(-x),
    "binom": mpmath.binomial,
    "factorial": mpmath.factorial,
    "factorial2": mpmath.fac2,
    "Gamma": mpmath.gamma,
    "ln": mpmath.log,
    "log": mpmath.log,
    "log_base": lambda base, x: mpmath.log(x) / mpmath.log(base),
    "gcd": _whole(math.gcd),
    "lcm": _whole(math.lcm),
    "max": _ordered(max),
    "min": _ordered(min),
    "arg": mpmath.arg,
    "sgn": mpmath.sign,
    "sign": mpmath.sign,
    "erf": mpmath.erf,
    "arcsin": mpmath.asin, "arccos": mpmath.acos, "arctan": mpmath.atan, "arccot": mpmath.acot,
    "arcsec": mpmath.asec, "arccsc": mpmath.acsc, "arsinh": mpmath.asinh, "arcosh": mpmath.acosh,
    "artanh": mpmath.atanh,
}  # fmt: skip
for _name in [
    "sin",
    "cos",
    "tan",
    "cot",
    "sec",
    "csc",
    "sinh",
    "cosh",
    "tanh",
    "coth",
    "sech",
    "csch",
]:
    _FUNCTIONS[_name] = getattr(mpmath, _name)
assert set(_FUNCTIONS) >= words.TRIGONOMETRIC
