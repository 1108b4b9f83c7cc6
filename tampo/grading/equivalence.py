"""Whether two expressions are mathematically equal, by math-verify; imported in the worker only.

math-verify's own time limits use a signal that works in the main thread alone and cannot stop a
native loop, so they are off: `tampo.grading.pool` ends the whole process instead.
"""

from __future__ import annotations

import logging
import re
from fractions import Fraction
from functools import lru_cache

import sympy
from latex2sympy2_extended.latex2sympy2 import NormalizationConfig
from math_verify import LatexExtractionConfig, parse, verify
from sympy.core.relational import Relational

from tampo.grading.comparison import Rule, answers_agree, number
from tampo.grading.magnitude import bounded, name_powers
from tampo.grading.notation import assignment, without_unit

logging.getLogger("math_verify").setLevel(logging.ERROR)

# Boxes, units and `x =` are dealt with before, by rules that both sides go through alike.
_LATEX = (
    LatexExtractionConfig(
        boxed_match_priority=-1,
        normalization_config=NormalizationConfig(
            basic_latex=True,
            units=False,
            malformed_operators=True,
            nits=True,
            boxed="none",
            equations=False,
        ),
    ),
)
# Symbols that math-verify cannot read, renamed alike on both sides: an energy `E_1` is no power of
# Euler's number, and a subscript need not be a function.
_RENAMED = [
    (re.compile(r"(?<![A-Za-z\\])E(?=\s*_)"), r"\\Xi"),
    (re.compile(r"_\s*\{\s*\\(max|min|odot|oplus)\s*\}"), r"_{\1}"),
    (re.compile(r"_\s*\\(max|min|odot|oplus)(?![A-Za-z])"), r"_{\1}"),
]
_ROUGH_DIGITS, _FINE_DIGITS = 15, 50
_ROUGH = sympy.Float("1e-9")
_FINE = sympy.Float("1e-40", _FINE_DIGITS)


class Unreadable(Exception):
    """An expression that math-verify cannot read."""


def judge(answer: str, golds: tuple[str, ...], rule: Rule) -> str:
    """Return "correct", "wrong" or "unparseable" for `answer` against the accepted `golds`.

    "unparseable" means that math-verify cannot read the answer. A gold that it cannot
    read is matched by its notation only.
    """
    # sympy draws random numbers and shuffles: the same pair shall always get the same verdict.
    sympy.core.random.seed(0)
    unreadable = False
    for gold in golds:
        try:
            if answers_agree(gold, answer, rule, expressions_equal):
                return "correct"
        except Unreadable:
            unreadable = True
    return "unparseable" if unreadable else "wrong"


def expressions_equal(gold: str, answer: str, rule: Rule) -> bool:
    """Return whether two tidied expressions are equal; Unreadable if the answer cannot be read."""
    read_answer = read(answer, rule)
    if read_answer is None:
        raise Unreadable(answer)
    read_gold = read(gold, rule)
    if read_gold is None or sympy.nan in (read_gold, read_answer) or read_answer == sympy.zoo:
        return False
    if _divides_by_zero(read_answer) and not _divides_by_zero(read_gold):
        return False
    gold_number = number(gold, rule, is_gold=True)
    if gold_number is None:
        equal = _numbers_equal(read_gold, read_answer, rule.tolerance or Fraction(0))
    else:
        tolerance = gold_number.tolerance() if rule.tolerance is None else rule.tolerance
        value = _rational(gold_number.value)
        equal = _numbers_equal(value, read_answer, tolerance)
        if gold_number.percent and not equal:
            equal = _numbers_equal(value, 100 * read_answer, tolerance)
    if equal is None:
        equal = _relations_equal(read_gold, read_answer)
    if equal is None:
        equal = _verify(read_gold, read_answer)
    if not equal and (named := assignment(answer)) is None and "=" in answer and "=" not in gold:
        # `m+n = 204`, `2+2 = 4`: the value asked for stands last.
        named = ("", answer.rsplit("=", 1)[1])
        equal = bool(named[1].strip()) and answers_agree(gold, named[1], rule, expressions_equal)
    return equal


def _divides_by_zero(expression) -> bool:
    """Return whether a power of zero with exponent -1 stands in an expression as it is written.

    What sympy says of the finiteness of `x/0` depends on what it was asked before. Nothing is evaluated
    here: that can take for ever.
    """
    if not isinstance(expression, sympy.Basic):
        return False
    return any(power.base == 0 and power.exp == -1 for power in expression.atoms(sympy.Pow))


@lru_cache(maxsize=4096)
def read(text: str, rule: Rule):
    """Return the sympy object that tidied `text` denotes, or None if it cannot be read."""
    numeral = number(text, rule)
    if numeral is not None and numeral.base in (None, "10"):
        value = numeral.value / 100 if numeral.percent else numeral.value
        return _rational(value)
    text = without_unit(text, rule.unit)
    for pattern, name in _RENAMED:
        text = pattern.sub(name, text)
    found = parse(
        f"${name_powers(text)}$",
        extraction_config=_LATEX,
        fallback_mode="no_fallback",
        parsing_timeout=None,
    )
    return bounded(found[0]) if found else None


def _verify(gold, answer) -> bool:
    """Ask math-verify; an exception inside it means that it found no equality."""
    try:
        return verify(
            gold,
            answer,
            float_rounding=12,
            allow_set_relation_comp=True,
            timeout_seconds=None,
            raise_on_error=True,
        )
    except (MemoryError, RecursionError):
        raise
    except Exception:
        return False


def _numbers_equal(gold, answer, tolerance: Fraction) -> bool | None:
    """Compare two constants by value, relatively; None if either is not a number.

    A rough evaluation settles nearly all pairs. What agrees roughly is compared exactly if both
    are rational, else to 40 digits.
    """
    if not (getattr(gold, "is_number", False) and getattr(answer, "is_number", False)):
        return None
    if not (gold.is_finite and answer.is_finite):
        return gold == answer
    try:
        if tolerance:
            difference = abs(answer.evalf(_FINE_DIGITS) - gold.evalf(_FINE_DIGITS))
            return bool(difference <= _rational(tolerance))
        if not _close(gold, answer, _ROUGH_DIGITS, _ROUGH):
            return False
        exact = gold.doit(), answer.doit()
        if all(isinstance(side, sympy.Rational) for side in exact):
            return exact[0] == exact[1]
        return _close(*exact, _FINE_DIGITS, _FINE)
    except (TypeError, ValueError, ArithmeticError, AttributeError):
        return None


def _close(gold, answer, digits: int, relative: sympy.Float) -> bool:
    left, right = gold.evalf(digits), answer.evalf(digits)
    return bool(abs(left - right) <= relative * max(abs(left), abs(right)))


def _relations_equal(gold, answer) -> bool | None:
    """Compare two equations, or two inequalities, as conditions; None if either is neither.

    They are the same when one is a multiple of the other, a positive multiple for inequalities.
    math-verify would compare what sympy's solver makes of them: two relations that it cannot
    solve, or solves trivially, then count as equal, and it may take seconds.
    """
    if not (isinstance(gold, Relational) and isinstance(answer, Relational)):
        return None
    if gold == answer:
        return True
    kinds = [
        type(side) if isinstance(side, sympy.Eq | sympy.Ne) else None for side in (gold, answer)
    ]
    strict = [
        isinstance(side, sympy.StrictLessThan | sympy.StrictGreaterThan) for side in (gold, answer)
    ]
    if kinds[0] != kinds[1] or strict[0] != strict[1]:
        return False
    signed = kinds[0] is None
    left, right = (
        _derivatives_as_symbols(side.gts - side.lts if signed else side.lhs - side.rhs)
        for side in (gold, answer)
    )
    factor = sympy.simplify(left / right)
    return bool(factor.is_number and factor.is_finite and (factor > 0 if signed else factor != 0))


def _derivatives_as_symbols(expression):
    """Name derivatives: sympy would set that of a plain symbol, `dM/dt`, to zero."""
    return expression.replace(
        lambda part: isinstance(part, sympy.Derivative), lambda part: sympy.Symbol(str(part))
    )


def _rational(value: Fraction) -> sympy.Rational:
    return sympy.Rational(value.numerator, value.denominator)
