"""The structure of an answer as read: one node type, its operators, and what may be in a name.

| op | args |
| --- | --- |
| num | Fraction, half a unit of the last printed digit or None |
| const | "pi", "e", "i" or "inf" |
| sym | name, decorations and primes in it |
| add, mul | operands |
| neg, deg, percent | operand |
| div, pow | two operands |
| pm, mp | two operands |
| call | name of a known function, operands |
| apply | name of an unknown function, operands: `f(x)`, `a_n`, an integral |
| total | "sum" or "prod", variable, lower, upper, body |
| based | digits, base |
| quantity | value, unit (`tampo.grading.vocabulary.units.Unit`) |
| brackets | opening, closing, items: tuple, interval, vector |
| set, list | items (a list has its joiner first: ",", "or", "and", ";") |
| builder | element, condition |
| matrix | kind ("" for round and square brackets, "v" for a determinant), rows |
| cases | rows |
| union, meet, without | two sets |
| member | variable, set |
| rel | operators, operands: a chain `a < b = c` |
| ratio | parts |
| clock | text of a time of day, "am", "pm" or "" |
| reals, integers, naturals, rationals, complexes, empty, dots | none |
| text | normalised words and tokens |
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any, NamedTuple


class Node(NamedTuple):
    """One operator and its arguments; hashable, compared by structure."""

    op: str
    args: tuple = ()


class NotUnderstood(Exception):
    """Notation that the reader does not understand; the message names it."""


def number(value: int | Fraction) -> Node:
    """Return the node of an exact number."""
    return Node("num", (Fraction(value), None))


def children(node: Node) -> Iterator[Node]:
    """Yield the nodes among the arguments, those in nested tuples too."""
    stack = list(reversed(node.args))
    while stack:
        part = stack.pop()
        if isinstance(part, Node):
            yield part
        elif isinstance(part, tuple):
            stack.extend(reversed(part))


def contains(node: Node, ops: frozenset[str]) -> bool:
    """Return whether an operator of `ops` stands anywhere in `node`."""
    return node.op in ops or any(contains(child, ops) for child in children(node))


def symbols(node: Node) -> frozenset[str]:
    """Return the names of the free symbols of `node`."""
    if node.op == "sym":
        return frozenset(node.args)
    found = frozenset().union(*map(symbols, children(node)))
    return found - {node.args[1]} if node.op == "total" else found


def renamed(node: Node, old: str, new: str) -> Node:
    """Return `node` with the symbol `old` called `new`."""
    if node.op == "sym":
        return Node("sym", (new,)) if node.args[0] == old else node
    return Node(node.op, tuple(_renamed_argument(part, old, new) for part in node.args))


def _renamed_argument(part: Any, old: str, new: str) -> Any:
    if isinstance(part, Node):
        return renamed(part, old, new)
    if type(part) is tuple:
        return tuple(_renamed_argument(item, old, new) for item in part)
    return part


def replace(node: Node, change: Callable[[Node], Node]) -> Node:
    """Return `node` with `change` applied to every node, children first."""
    parts = tuple(_replaced_argument(part, change) for part in node.args)
    return change(Node(node.op, parts))


def _replaced_argument(part: Any, change: Callable[[Node], Node]) -> Any:
    if isinstance(part, Node):
        return replace(part, change)
    if type(part) is tuple:
        return tuple(_replaced_argument(item, change) for item in part)
    return part
