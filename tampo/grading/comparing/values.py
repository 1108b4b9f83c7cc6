"""What a structure is worth as numbers: numerals, list items, signs expanded, degrees apart."""

from __future__ import annotations

from fractions import Fraction
from functools import partial

from tampo.grading.comparing.exact import exact
from tampo.grading.notation.numerals import Numeral
from tampo.grading.notation.tree import Node, contains, replace
from tampo.grading.vocabulary.words import TRIGONOMETRIC

_SIGNS = frozenset(("pm", "mp"))
_DEGREES = frozenset(("deg",))


def as_numeral(node: Node) -> Numeral | None:
    """Return the number that a structure is, as printed if it is printed as one, or None."""
    op, args = node
    if op == "num":
        return Numeral(args[0], args[1])
    if op == "neg":
        inner = as_numeral(args[0])
        return inner and Numeral(-inner.value, inner.half_unit, inner.percent, inner.base)
    if op == "percent":
        inner = as_numeral(args[0])
        return inner and Numeral(inner.value, inner.half_unit, percent=True)
    if op == "based":
        return Numeral(Fraction(args[0]), base=str(args[1]))
    value = exact(node)
    return None if value is None else Numeral(value)


def adds_to(gold: Node, answer: Node) -> bool:
    """Whether the answer is the gold plus or minus something, which no rounding excuses."""
    value = exact(gold)
    return (
        answer.op == "add"
        and value is not None
        and any(exact(term) == value for term in answer.args)
    )


def items_of(node: Node) -> tuple[Node, ...]:
    """Return the values that a list, a set or an expression with plus-minus stands for."""
    if node.op == "list":
        items = node.args[1:]
    elif node.op == "set":
        items = node.args
    elif node.op == "cases" and all(len(row) == 1 for row in node.args):
        items = tuple(row[0] for row in node.args)
    else:
        items = (node,)
    return tuple(value for item in items for value in expanded(item))


def expanded(node: Node) -> tuple[Node, ...]:
    r"""Return both values of an expression with `\pm` or `\mp`, or the node alone."""
    if node.op in ("list", "set") or not contains(node, _SIGNS):
        return (node,)
    return tuple(replace(node, partial(_signed, upper=upper)) for upper in (True, False))


def _signed(node: Node, upper: bool) -> Node:
    if node.op not in _SIGNS:
        return node
    left, right = node.args
    if (node.op == "pm") != upper:
        right = Node("neg", (right,))
    if left.op == "num" and not left.args[0]:
        return right
    return Node("add", (left, right))


def in_degrees(node: Node) -> Node | None:
    """Return the number of degrees that a structure is as a whole, or None."""
    if node.op == "deg":
        return node.args[0] if node.args[0].op != "mul" or len(node.args[0].args) > 1 else None
    if node.op == "neg" and node.args[0].op == "deg":
        return Node("neg", node.args[0].args)
    return None


def without_degrees(node: Node) -> Node:
    """Return an expression with its degree signs left out, save those in trigonometric functions."""
    if not contains(node, _DEGREES) or (
        node.op == "deg" and node.args[0].op == "mul" and len(node.args[0].args) == 1
    ):
        return node
    if node.op == "deg":
        return without_degrees(node.args[0])
    if node.op == "call" and node.args[0] in TRIGONOMETRIC:
        return node
    return Node(
        node.op,
        tuple(without_degrees(part) if isinstance(part, Node) else part for part in node.args),
    )
