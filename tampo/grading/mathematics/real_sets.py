"""The set of real numbers that an answer describes; imported in the worker only."""

from __future__ import annotations

import mpmath
import sympy

from tampo.grading.comparing.values import expanded, items_of
from tampo.grading.mathematics.evaluator import DIGITS, Evaluator, NotComputed, Undefined, Value
from tampo.grading.mathematics.intervals import (
    EVERYTHING,
    TOLERANCE,
    Piece,
    Pieces,
    complement,
    meet,
    same_number,
    same_pieces,
    union,
)
from tampo.grading.mathematics.symbolic import as_sympy
from tampo.grading.notation.tree import Node, symbols


class NotASet(Exception):
    """The structure is no set of real numbers, or none whose ends can be computed."""


def same_set(gold: Node, answer: Node) -> bool:
    """Return whether two structures are the same set of real numbers."""
    try:
        left, right = read(gold), read(answer)
    except (NotASet, Undefined, NotComputed):
        return False
    return same_pieces(left, right)


def read(node: Node) -> Pieces:
    """Return the set that a structure is, its pieces in order, apart from each other."""
    op, args = node
    if op == "brackets" and len(args) == 4:
        return _interval(*args)
    if op == "reals":
        return EVERYTHING
    if op == "empty":
        return ()
    if op == "union":
        return union(read(args[0]), read(args[1]))
    if op == "meet":
        return meet(read(args[0]), read(args[1]))
    if op == "without":
        return meet(read(args[0]), complement(read(args[1])))
    if op == "member":
        return read(args[1])
    if op == "builder":
        return _built(*args)
    if op == "rel":
        both = [_solutions(sign) for sign in expanded(node)]
        return meet(both[0], both[-1]) if "!=" in args[0] else union(*both)
    if op == "list" and all(item.op in ("rel", "member") for item in args[1:]):
        return _joined(args[0], args[1:])
    if op in ("set", "list", "pm", "mp"):
        points = [_number(item) for item in items_of(node)]
        return union(*(((Piece(p, True, p, True)),) for p in points))
    raise NotASet(op)


def _built(element: Node, condition: Node) -> Pieces:
    found = read(condition) if condition.op in ("rel", "list", "member") else None
    if found is None:
        raise NotASet("builder")
    return meet(found, read(element.args[1])) if element.op == "member" else found


def _joined(joiner: str, parts: tuple[Node, ...]) -> Pieces:
    """Several conditions: "or" joins, "and" restricts, a comma what makes sense."""
    if len(frozenset().union(*map(symbols, parts))) > 1:
        raise NotASet("two variables")
    sets = [read(part) for part in parts]
    common = EVERYTHING
    for pieces in sets:
        common = meet(common, pieces)
    if joiner == "and" or (joiner in (",", ";") and common):
        return common
    return union(*sets)


def _number(node: Node) -> mpmath.mpf:
    if node.op == "rel" and node.args[0] == ("=",):
        return _number(node.args[1][1])
    if node == Node("const", ("inf",)):
        return mpmath.inf
    if node.op == "neg" and node.args[0] == Node("const", ("inf",)):
        return mpmath.ninf
    if node.op == "quantity" or symbols(node):
        raise NotASet("an end that is no number")
    value = Evaluator({}, complex_plane=True).value(node)
    if mpmath.im(value) != 0:
        raise NotASet("an end that is not real")
    return mpmath.re(value)


def _interval(opening: str, closing: str, low: Node, high: Node) -> Pieces:
    if "<" in (opening, closing):
        raise NotASet("a vector")
    ends = _number(low), _number(high)
    if ends[0] > ends[1]:
        raise NotASet("ends in the wrong order")
    return (Piece(ends[0], opening == "[", ends[1], closing == "]"),)


def _solutions(node: Node) -> Pieces:
    """Return the solutions of a chain of conditions on one variable."""
    names = symbols(node)
    if len(names) != 1:
        raise NotASet("no condition on one variable")
    (name,) = names
    found = EVERYTHING
    operators, operands = node.args
    for operator, left, right in zip(operators, operands, operands[1:], strict=False):
        found = meet(found, _condition(operator, left, right, name))
    return found


def _condition(operator: str, left: Node, right: Node, name: str) -> Pieces:
    variable = Node("sym", (name,))
    if right == variable and not symbols(left):
        left, right = right, left
        operator = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}.get(operator, operator)
    if left == variable and not symbols(right):
        return _half_line(operator, _number(right))
    linear = _linear(left, right, name)
    if linear is None:
        return _solved(operator, left, right, name)
    slope, constant = linear
    if slope < 0:
        operator = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}.get(operator, operator)
    return _half_line(operator, -constant / slope)


def _half_line(operator: str, end: mpmath.mpf) -> Pieces:
    if operator in ("<", "<="):
        return (Piece(mpmath.ninf, False, end, operator == "<="),)
    if operator in (">", ">="):
        return (Piece(end, operator == ">=", mpmath.inf, False),)
    point = (Piece(end, True, end, True),)
    return point if operator == "=" else complement(point)


def _linear(left: Node, right: Node, name: str) -> tuple[Value, Value] | None:
    """Return slope and constant of left - right, if it is a line."""

    def at(x: int | str) -> Value:
        values = {name: mpmath.mpf(x)}
        return Evaluator(dict(values), complex_plane=False).value(left) - Evaluator(
            dict(values), complex_plane=False
        ).value(right)

    try:
        values = [at(x) for x in (0, 1, "-2.5", "7.25")]
    except Undefined:
        return None
    slope = values[1] - values[0]
    if mpmath.im(slope) or abs(slope) < TOLERANCE:
        return None
    if all(
        same_number(values[0] + slope * mpmath.mpf(x), value)
        for x, value in (("-2.5", values[2]), ("7.25", values[3]))
    ):
        return slope, values[0]
    return None


def _solved(operator: str, left: Node, right: Node, name: str) -> Pieces:
    """Ask sympy for the solutions of a condition that is no line."""
    variable = sympy.Symbol(name, real=True)
    relation = {
        "<": sympy.Lt,
        ">": sympy.Gt,
        "<=": sympy.Le,
        ">=": sympy.Ge,
        "=": sympy.Eq,
        "!=": sympy.Ne,
    }[operator]
    sides = [as_sympy(side, {name: variable}) for side in (left, right)]
    try:
        condition = relation(*sides)
        if condition in (sympy.true, sympy.false):
            return EVERYTHING if condition == sympy.true else ()
        solutions = sympy.solveset(condition, variable, sympy.S.Reals)
        return _from_sympy(solutions)
    except (NotImplementedError, TypeError, ValueError) as error:
        raise NotASet(str(error)) from None


def _from_sympy(found: sympy.Set) -> Pieces:
    if isinstance(found, sympy.FiniteSet):
        return union(*((Piece(p, True, p, True),) for p in (_value(x) for x in found)))
    if isinstance(found, sympy.Interval):
        return (
            Piece(
                _value(found.start), not found.left_open, _value(found.end), not found.right_open
            ),
        )
    if isinstance(found, sympy.Union):
        return union(*map(_from_sympy, found.args))
    if isinstance(found, sympy.Complement):
        return meet(_from_sympy(found.args[0]), complement(_from_sympy(found.args[1])))
    if found is sympy.S.Reals:
        return EVERYTHING
    if found is sympy.S.EmptySet:
        return ()
    raise NotASet(str(found))


def _value(number: sympy.Expr) -> mpmath.mpf:
    if number in (sympy.oo, -sympy.oo):
        return mpmath.inf if number == sympy.oo else mpmath.ninf
    return mpmath.mpf(sympy.N(number, DIGITS)._mpf_)
