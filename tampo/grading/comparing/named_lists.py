"""Lists of named values, against each other and against lists without names."""

from __future__ import annotations

from tampo.grading.comparing.naming import Equal, names_of, value_of
from tampo.grading.comparing.values import expanded, items_of
from tampo.grading.notation.tree import Node


def compare(gold: Node, answer: Node, equal: Equal) -> bool | None:
    """Compare lists of values with different names; None where neither side is one."""
    golds, answers = _by_name(gold), _by_name(answer)
    if golds is None and answers is None:
        return None
    if golds is not None and answers is not None:
        if set(golds) != set(answers):
            return (
                _in_order(list(golds.values()), list(answers.values()), equal)
                if _indexed(golds) and _indexed(answers)
                else False
            )
        return all(equal(value, answers[name]) for name, value in golds.items())
    if (
        golds is None
        and (theirs := {names_of(item) for item in items_of(gold)}) != {None}
        and theirs != set(answers)
    ):
        return False
    names, values, other = (
        (golds, list(golds.values()), answer)
        if golds is not None
        else (answers, list(answers.values()), gold)
    )
    plain = (
        items_of(other)
        if other.op in ("list", "set")
        else other.args[2:]
        if other.op == "brackets"
        else ()
    )
    if other.op == "set" or len(plain) != len(values):
        return False
    orders = [values]
    if golds is None and _sorted_names(names):
        orders = [[names[name] for name in sorted(names, key=str)]]
    if golds is not None and _indexed(names):
        return _unordered(values, list(plain), equal)
    if golds is None and other.op == "list":
        return _unordered(list(plain), values, equal)
    for order in orders:
        pairs = (
            zip(order, plain, strict=True) if golds is not None else zip(plain, order, strict=True)
        )
        if all(equal(*pair) for pair in pairs):
            return True
    return False


def _in_order(golds: list[Node], answers: list[Node], equal: Equal) -> bool:
    return len(golds) == len(answers) and all(
        equal(*pair) for pair in zip(golds, answers, strict=True)
    )


def _unordered(golds: list[Node], answers: list[Node], equal: Equal) -> bool:
    rest = list(answers)
    for gold in golds:
        for index, answer in enumerate(rest):
            if equal(gold, answer):
                del rest[index]
                break
        else:
            return False
    return not rest


def _by_name(node: Node) -> dict[Node, Node] | None:
    """Return name -> value of a list of two or more values with different names, or None."""
    if (
        node.op == "rel"
        and (names := names_of(node))
        and names.op == "brackets"
        and (value := value_of(node)).op == "brackets"
    ):
        pairs = dict(zip(names.args[2:], value.args[2:], strict=False))
        return pairs if len(names.args) == len(value.args) == len(pairs) + 2 else None
    items = (
        items_of(node)
        if node.op in ("list", "cases", "set")
        else node.args[2:]
        if node.op == "brackets"
        else ()
    )
    if node.op == "list" and any(len(expanded(item)) > 1 for item in node.args[1:]):
        return None
    found = {}
    for item in items:
        name, value = names_of(item), value_of(item)
        if name is None or name in found or (name.op == "apply" and not name.args[0].endswith("_")):
            return None
        found[name] = value
    return found if len(found) > 1 else None


def _indexed(names: dict[Node, Node]) -> bool:
    """Whether the names are one letter with different indices: `x_1`, `x_2`."""
    bases = {
        name.args[0].partition("_")[0] if name.op == "sym" and "_" in name.args[0] else None
        for name in names
    }
    return len(bases) == 1 and None not in bases


def _sorted_names(names: dict[Node, Node]) -> bool:
    return all(name.op == "sym" and name.args[0] in "xyz" for name in names)
