r"""How large the value of an expression is, told before anyone computes it.

`9^{9^{9^9}}` takes eleven characters and no computer can write its value. Parsers and simplifiers
try. Here what is too large is given a name instead, the same name for the same expression: an
indeterminate, under which `H-H+5` is still 5, `H` equals `H`, and neither equals 7. Sizes are bounds
that follow from the form alone. What is not bounded here, an integral for example, meets the
time limit of the worker.
"""

from __future__ import annotations

import math
import re
import zlib

import sympy
from sympy.matrices import MatrixBase

from tampo.grading.notation import closing

MOST_BITS = 10.0**6
"""Of a value that may be computed exactly: 80,000! fits, and takes a few milliseconds."""

MOST_TERMS = 2000
"""Of a sum or product that may be written out, `(x+1)^{1999}` for example."""

_ADDITION_FORMULA = 20  # weight of a factor such as sin(x), which simplifiers rewrite in many ways
_POWER = re.compile(r"(?<![\d.^_])(\d+(?:\.\d+)?)\s*\^")
_SCIENTIFIC = re.compile(r"\d+(?:\.\d+)?E[+-]?\d{6,}")


def name_powers(text: str) -> str:
    """Return LaTeX in which powers of plain numbers that are too large are symbols.

    Needed before parsing: parsers compute what stands in a tuple, a root index or a modulus.
    """
    text = _SCIENTIFIC.sub(lambda match: _named(match.group()), text)
    done = 0
    while (match := _POWER.search(text, done)) is not None:
        bits, end = _power(text, match)
        if bits > MOST_BITS:
            name = _named(re.sub(r"[\s{}]", "", text[match.start() : end]))
            text = text[: match.start()] + name + text[end:]
            done = match.start() + len(name)
        else:
            done = match.end()
    return text


def _named(text: str) -> str:
    return rf"\Upsilon_{{{zlib.crc32(text.encode())}}}"


def _power(text: str, match: re.Match) -> tuple[float, int]:
    """Return log2 of the power that starts at `match`, and where it ends; 0 if it is not plain."""
    start = match.end() + len(text[match.end() :]) - len(text[match.end() :].lstrip())
    if text[start : start + 1].isdigit():
        inner, end = text[start], start + 1
    elif text[start : start + 1] == "{" and (close := closing(text, start)) is not None:
        inner, end = text[start + 1 : close].strip().lstrip("+-").strip(), close + 1
    else:
        return 0.0, match.end()
    if re.fullmatch(r"\d+(\.\d+)?", inner):
        bits = _log2(inner)
    elif (deeper := _POWER.match(inner)) is not None:
        bits, stop = _power(inner, deeper)
        if stop != len(inner):
            return 0.0, match.end()
    else:
        return 0.0, match.end()
    return max(_log2(match.group(1)), 1.0) * _exp2(bits), end


def _log2(digits: str) -> float:
    whole = digits.partition(".")[0].lstrip("0")
    return len(whole) * math.log2(10) if len(whole) > 15 else math.log2(float(digits) or 1.0)


def _exp2(bits: float) -> float:
    return 2.0**bits if bits < 1000 else math.inf


def bounded(expression):
    """Return a parsed expression in which every part that is too large is a symbol.

    Args:
        expression: what `math_verify.parse` gives; anything that sympy does not know is returned.
    """
    if isinstance(expression, MatrixBase):
        return expression.applyfunc(bounded)
    if not isinstance(expression, sympy.Basic):
        return expression
    names: dict[sympy.Basic, sympy.Symbol] = {}
    _collect(expression, names)
    return expression.xreplace(names) if names else expression


def _collect(expression: sympy.Basic, names: dict) -> bool:
    """Name the innermost parts that are too large; return whether there are any."""
    if expression in names:
        return True
    if any([_collect(part, names) for part in expression.args]):
        return True
    if not _too_large(expression):
        return False
    positive = isinstance(expression, sympy.Pow) and expression.base.is_Rational
    positive = True if positive and expression.base > 0 else None
    names[expression] = sympy.Symbol(f"[{expression}]", positive=positive)
    return True


def _too_large(expression: sympy.Basic) -> bool:
    if isinstance(expression, sympy.Pow | sympy.exp):
        base, exponent = expression.as_base_exp()
        if exponent.free_symbols:
            return False
        times = _exp2(magnitude(exponent))
        return _bits(base) * times > MOST_BITS or _terms(base, times) > MOST_TERMS
    if isinstance(
        expression, sympy.factorial | sympy.factorial2 | sympy.gamma | sympy.subfactorial
    ):
        (argument,) = expression.args
        return not argument.free_symbols and magnitude(expression) > MOST_BITS
    if isinstance(expression, sympy.binomial):
        return not expression.free_symbols and magnitude(expression) > MOST_BITS
    if isinstance(expression, sympy.Sum | sympy.Product):
        polynomial = isinstance(expression, sympy.Sum) and expression.function.is_polynomial()
        return not polynomial and _length(expression) > MOST_TERMS
    return False


def magnitude(expression: sympy.Expr) -> float:
    """Return a bound on log2 of the absolute value of a number, without computing the number."""
    if isinstance(expression, sympy.Rational):
        return _log2_integer(expression.p) - _log2_integer(expression.q)
    if expression.is_Atom:
        return max(1.0, math.log2(abs(float(expression)) or 1.0)) if expression.is_Float else 2.0
    parts = [magnitude(part) for part in expression.args if isinstance(part, sympy.Expr)]
    if isinstance(expression, sympy.Add):
        return max(parts) + math.log2(len(parts))
    if isinstance(expression, sympy.Mul):
        return sum(parts)
    if isinstance(expression, sympy.Pow | sympy.exp):
        base, exponent = expression.as_base_exp()
        size = magnitude(base)
        return size * _exp2(magnitude(exponent)) if exponent.is_positive else abs(size)
    if isinstance(
        expression, sympy.factorial | sympy.factorial2 | sympy.gamma | sympy.subfactorial
    ):
        return _exp2(parts[0]) * max(1.0, parts[0])
    if isinstance(expression, sympy.binomial):
        of, choose = expression.args
        rest = magnitude(of - choose) if of.is_Integer and choose.is_Integer else math.inf
        return _exp2(min(parts[1], rest)) * max(1.0, parts[0])
    return max(parts, default=2.0)


def _bits(base: sympy.Expr) -> float:
    """Return a bound on the bits that one factor of a power of `base` adds to its value."""
    if isinstance(base, sympy.Rational):
        return 0.0 if base in (0, 1, -1) else _log2_integer(base.p) + _log2_integer(base.q)
    if base.free_symbols:
        return 0.0
    return abs(magnitude(base))


def _terms(base: sympy.Expr, times: float) -> float:
    """Return how many terms `base` to the power of `times` has when written out."""
    if base.is_Atom or not isinstance(base, sympy.Expr):
        return 1.0 if not base.is_Symbol or times <= MOST_BITS else math.inf
    if isinstance(base, sympy.Add):
        terms = sum(_terms(part, 1) for part in base.args)
    elif isinstance(base, sympy.Mul):
        terms = math.prod(_terms(part, 1) for part in base.args)
    elif isinstance(base, sympy.Pow) and base.exp.is_Integer:
        terms = _terms(base.base, abs(float(base.exp)))
    else:
        return _ADDITION_FORMULA * times if base.free_symbols and times > 1 else 1.0
    if times <= 1 or terms <= 1:
        return terms
    logarithm = math.lgamma(terms + times) - math.lgamma(terms) - math.lgamma(times + 1)
    return math.exp(logarithm) if logarithm < 700 else math.inf


def _length(expression: sympy.Sum | sympy.Product) -> float:
    """Return the number of terms or factors; infinitely many count as none, being left as they are."""
    total = 1.0
    for limits in expression.limits:
        if len(limits) != 3 or limits[1].free_symbols or limits[2].free_symbols:
            continue
        if limits[1].is_finite and limits[2].is_finite:
            total *= max(1.0, _exp2(magnitude(limits[2])) + _exp2(magnitude(limits[1])))
    return total


def _log2_integer(number: int) -> float:
    return (
        float(abs(int(number)).bit_length() or 1)
        if abs(number) > 2**50
        else math.log2(abs(number) or 1)
    )
