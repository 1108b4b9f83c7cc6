"""What takes a library: values with roots and symbols, sets given by conditions, units.

Imported in the worker only. Two expressions are equal when they agree to 40 digits at points
drawn with a fixed seed, positive, negative and whole, wherever both are defined; two
constants when they agree to 40 digits.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from fractions import Fraction

import mpmath

from tampo.grading.comparing.comparison import Comparison, answers_agree
from tampo.grading.comparing.values import adds_to, as_numeral
from tampo.grading.mathematics.conversion import in_unit_of
from tampo.grading.mathematics.evaluator import DIGITS, Evaluator, NotComputed, Undefined, Value
from tampo.grading.mathematics.real_sets import same_set
from tampo.grading.notation.tree import Node, NotUnderstood, contains, symbols
from tampo.grading.verdict import Rule

AGREEMENT = mpmath.mpf(10) ** -40
_SMALL, _LARGE = -25, 5
"""Powers of ten between which the first computation decides."""
MOST_DIGITS = 20_000
"""Digits before the point up to which a hidden difference is looked for."""
_POINTS = 6  # points at which both sides must be defined and agree
_TRIES = 30
_COMPLEX = frozenset(("i",))


def judge(answer: str, golds: tuple[str, ...], rule: Rule) -> tuple[str, str]:
    """Return outcome ("correct", "wrong" or "unparseable") and rule for `answer` against `golds`."""
    decided = ("", "")
    for gold in golds:
        try:
            verdict = answers_agree(gold, answer, rule, decide)
        except NotUnderstood as reason:
            decided = ("unparseable", f"not understood: {reason}")
            continue
        except RecursionError:
            decided = ("unparseable", "too long or nested too deeply")
            continue
        if verdict.equal:
            return "correct", verdict.rule
        if not decided[0]:
            decided = ("wrong", verdict.rule)
    return decided


def decide(question: str, gold: Node, answer: Node, rule: Rule) -> bool:
    """Answer a question of `tampo.grading.comparing.comparison`."""
    with mpmath.workdps(DIGITS):
        try:
            if question == "value":
                return _same_value(gold, answer, rule)
            if question == "relation":
                return _same_relation(gold, answer)
            if question == "set":
                return same_set(gold, answer)
            converted = in_unit_of(gold, answer)
            return converted is not None and Comparison(rule, decide).equal(gold.args[0], converted)
        except NotComputed:
            return False


# --- values -----------------------------------------------------------------------------------------


def _same_value(gold: Node, answer: Node, rule: Rule) -> bool:
    names = sorted(symbols(gold) | symbols(answer))
    if not names:
        return _same_constant(gold, answer, rule)
    agreed = 0
    for real in (True, False):
        for point in _points(names, real=real):
            same = _agree_at(gold, answer, point, complex_plane=not real)
            if same is None:
                continue
            if not same:
                return False
            agreed += 1
            if agreed >= (_POINTS if real else 3):
                return True
    return False


def _same_constant(gold: Node, answer: Node, rule: Rule) -> bool:
    readings = [answer]
    numeral = as_numeral(gold)
    allowed = Fraction(0)
    if numeral is not None:
        if not adds_to(gold, answer):
            allowed = numeral.tolerance() if rule.tolerance is None else rule.tolerance
        if numeral.percent:
            readings.append(Node("mul", (answer, Node("num", (Fraction(100), None)))))
        gold = Node("num", (numeral.value, None))
    elif rule.tolerance is not None:
        allowed = rule.tolerance
    elif answer.op == "percent":
        readings.append(answer.args[0])
    infinite = [_infinite(side) for side in (gold, answer)]
    if any(infinite):
        return infinite[0] == infinite[1]
    expected = _at(gold, {}, complex_plane=True)
    if expected is None:
        return False
    for reading in readings:
        found = _at(reading, {}, complex_plane=True)
        if found is None:
            continue
        if allowed and abs(found - expected) <= mpmath.mpf(allowed.numerator) / allowed.denominator:
            return True
        if _agree_at(gold, reading, {}, complex_plane=True):
            return True
    return False


def _infinite(node: Node) -> int:
    """Return the sign of an infinity, 0 for anything else."""
    if node == Node("const", ("inf",)):
        return 1
    return -1 if node.op == "neg" and node.args[0] == Node("const", ("inf",)) else 0


def _agree_at(
    gold: Node, answer: Node, point: dict[str, Value], *, complex_plane: bool
) -> bool | None:
    """Compare two values at a point; None where either has none.

    A large term may hide a difference, and a value may vanish by cancellation: such pairs are
    computed again with as many more digits as it takes to tell.
    """
    pair = _pair_at(gold, answer, point, complex_plane=complex_plane)
    if pair is None:
        return None
    difference, size = abs(pair[0] - pair[1]), max(map(abs, pair))
    if not size:
        return True
    order = int(mpmath.log10(size))
    agree = difference <= AGREEMENT * size
    if (not agree and order > _SMALL) or (agree and _SMALL < order < _LARGE):
        return agree
    if order > MOST_DIGITS:
        return agree and not any(_hides(side, point, complex_plane) for side in (gold, answer))
    with mpmath.workdps(2 * DIGITS + max(order, 0)):
        pair = _pair_at(gold, answer, point, complex_plane=complex_plane)
        if pair is None:
            return None
        again = abs(pair[0] - pair[1])
        return again <= AGREEMENT if order >= _LARGE else again <= difference * AGREEMENT


def _hides(node: Node, point: dict[str, Value], complex_plane: bool) -> bool:
    """Whether a sum has a term too small to show beside another."""
    if node.op == "add":
        sizes = [abs(_at(term, point, complex_plane=complex_plane) or 0) for term in node.args]
        if min(sizes) < AGREEMENT * max(sizes):
            return True
    return any(_hides(part, point, complex_plane) for part in node.args if isinstance(part, Node))


def _close(left: Value, right: Value) -> bool:
    difference = abs(left - right)
    return (
        difference <= AGREEMENT * max(abs(left), abs(right))
        or difference < AGREEMENT * mpmath.mpf(10) ** -5
    )


def _at(node: Node, point: dict[str, Value], *, complex_plane: bool) -> Value | None:
    """Return the value at a point, or None where there is none."""
    try:
        return Evaluator(dict(point), complex_plane=complex_plane).value(node)
    except Undefined:
        return None


def _pair_at(
    gold: Node, answer: Node, point: dict[str, Value], *, complex_plane: bool
) -> tuple[Value, Value] | None:
    """Return both values at a point, or None where either has none."""
    ours, theirs = (_at(side, point, complex_plane=complex_plane) for side in (gold, answer))
    return None if ours is None or theirs is None else (ours, theirs)


def _points(names: list[str], *, real: bool) -> Iterator[dict[str, Value]]:
    """Yield points: positive, negative, whole; in the plane if not `real`."""
    draw = random.Random(0)
    for turn in range(_TRIES):
        point: dict[str, Value] = {}
        for name in names:
            size = mpmath.mpf(draw.randrange(10**17, 3 * 10**18)) / 10**18
            if not real:
                point[name] = mpmath.mpc(size, mpmath.mpf(draw.randrange(10**17, 10**18)) / 10**18)
            elif turn % 3 == 0:
                point[name] = size
            elif turn % 3 == 1:
                point[name] = (
                    -size if name == names[turn // 3 % len(names)] or draw.random() < 0.5 else size
                )
            else:
                point[name] = mpmath.mpf(draw.randrange(2, 12))
        yield point


# --- relations --------------------------------------------------------------------------------------


def _same_relation(gold: Node, answer: Node) -> bool:
    """Whether one relation is a multiple of the other, a positive one for inequalities."""
    ours, theirs = _difference(gold), _difference(answer)
    if ours is None or theirs is None or ours[0] != theirs[0]:
        return False
    kind = ours[0]
    names = sorted(symbols(gold) | symbols(answer))
    factor, agreed = None, 0
    for real in (True, False):
        for point in _points(names, real=real):
            values = _pair_at(ours[1], theirs[1], point, complex_plane=not real)
            if values is None:
                continue
            if any(abs(v) < AGREEMENT for v in values):
                if all(abs(v) < AGREEMENT for v in values):
                    continue
                return False
            ratio = values[0] / values[1]
            if factor is None:
                factor = ratio
            elif not _close(factor, ratio):
                return False
            agreed += 1
            if agreed >= _POINTS:
                return kind in ("=", "!=", "==") or (
                    mpmath.im(factor) == 0 and mpmath.re(factor) > 0
                )
    return False


def _difference(node: Node) -> tuple[str, Node] | None:
    if node.op != "rel" or len(node.args[0]) != 1:
        return None
    (operator,), (left, right) = node.args
    if operator in (">", ">="):
        left, right, operator = right, left, {">": "<", ">=": "<="}[operator]
    if any(contains(side, _NOT_SUBTRACTED) for side in (left, right)):
        return None
    return operator, Node("add", (left, Node("neg", (right,))))


_NOT_SUBTRACTED = frozenset(
    (
        "set",
        "list",
        "brackets",
        "matrix",
        "cases",
        "rel",
        "union",
        "meet",
        "without",
        "builder",
        "empty",
        "reals",
        "ratio",
        "dots",
    )
)
