"""What form a structure has: a set, a vector, conditions, a time of day."""

from __future__ import annotations

from tampo.grading.comparing import naming
from tampo.grading.comparing.exact import exact
from tampo.grading.notation.tree import Node
from tampo.grading.vocabulary.units import Unit

SET_OPS = frozenset(
    (
        "union",
        "meet",
        "without",
        "builder",
        "reals",
        "integers",
        "naturals",
        "rationals",
        "complexes",
        "empty",
    )
)


def comparable(unit: Unit, other: Unit) -> bool:
    """Whether two units count as the same without converting."""
    if unit.parts == other.parts:
        return True
    names = [{name for name, _ in side.parts} for side in (unit, other)]
    if any(name == "counted unit" for side in names for name in side):
        return True
    degrees = {"degree", "degree_Celsius", "degree_Fahrenheit"}
    return any(side == {"degree"} for side in names) and all(side <= degrees for side in names)


def conditions(node: Node) -> bool:
    """Whether a list consists of inequalities."""
    return node.op == "list" and all(
        i.op == "rel" and set(i.args[0]) & set(("<", ">", "<=", ">=", "!=")) for i in node.args[1:]
    )


def is_set(node: Node) -> bool:
    if node.op == "brackets":
        return len(node.args) == 4 and "<" not in node.args[:2]
    return (
        node.op in SET_OPS
        or node.op == "set"
        or conditions(node)
        or (node.op == "rel" and naming.is_condition(node))
    )


def union_parts(node: Node) -> list[Node]:
    return (
        [part for side in node.args for part in union_parts(side)] if node.op == "union" else [node]
    )


def vector(node: Node) -> tuple | None:
    if node.op == "brackets":
        return node.args[2:]
    if (
        node.op == "matrix"
        and node.args[0] == ""
        and all(len(row) == 1 for row in node.args[1])
        and len(node.args[1]) > 1
    ):
        return tuple(row[0] for row in node.args[1])
    return None


def same_brackets(gold: Node, answer: Node) -> bool:
    kinds = [node.args[:2] if node.op == "brackets" else ("(", ")") for node in (gold, answer)]
    vectors = {("(", ")"), ("<", ">")}
    if all(node.op == "matrix" or len(node.args) > 4 for node in (gold, answer)):
        vectors.add(("[", "]"))
    return kinds[0] == kinds[1] or all(kind in vectors for kind in kinds)


def clock(node: Node) -> set[tuple[int, int]]:
    """Return the times of day, hour of 24 and minute, that a structure may mean."""
    if node.op == "clock":
        hour, minute, half = node.args
        return {(hour % 12 + (12 if half == "p" else 0), minute)}
    if node.op != "ratio" or len(node.args) != 2:
        return set()
    parts = [value for part in node.args if (value := exact(part)) is not None]
    if len(parts) < 2 or any(part.denominator != 1 for part in parts):
        return set()
    hour, minute = map(int, parts)
    return {(hour, minute), (hour % 12 + 12, minute)} if hour <= 12 else {(hour, minute)}
