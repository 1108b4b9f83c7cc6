"""Lists of named values, against each other and against lists without names."""

from __future__ import annotations

from tampo.grading.comparing.naming import Equal, name_of, named
from tampo.grading.comparing.values import expanded, items_of
from tampo.grading.notation.tree import Node


def compare(gold: Node, answer: Node, equal: Equal) -> bool | None:
    """Compare lists of values with different names; None where neither side is one."""
    golds, answers = _by_name(gold), _by_name(answer)
    if golds is not None and answers is not None:
        if set(golds) == set(answers):
            return all(equal(value, answers[name]) for name, value in golds.items())
        if _indexed(golds) and _indexed(answers):
            return _in_order(list(golds.values()), list(answers.values()), equal)
        return False
    if golds is not None:
        return _named_gold(golds, answer, equal)
    return None if answers is None else _named_answer(gold, answers, equal)


def _named_gold(golds: dict[Node, Node], answer: Node, equal: Equal) -> bool:
    """Compare a gold's named values with an answer's, which come without names."""
    values, plain = list(golds.values()), _without_names(answer)
    if plain is None or len(plain) != len(values):
        return False
    return (_unordered if _indexed(golds) else _in_order)(values, plain, equal)


def _named_answer(gold: Node, answers: dict[Node, Node], equal: Equal) -> bool:
    """Compare a gold's values with an answer's, which alone have names."""
    theirs = {name_of(item) for item in items_of(gold)}
    if theirs != {None} and theirs != set(answers):
        return False
    values, plain = list(answers.values()), _without_names(gold)
    if plain is None or len(plain) != len(values):
        return False
    if gold.op == "list":
        return _unordered(plain, values, equal)
    if all(name.op == "sym" and name.args[0] in "xyz" for name in answers):
        values = [answers[name] for name in sorted(answers, key=str)]
    return _in_order(plain, values, equal)


def _without_names(node: Node) -> list[Node] | None:
    """Return the values of a list or a tuple; None for anything else, a set too: it has no order."""
    if node.op == "list":
        return list(items_of(node))
    return list(node.args[2:]) if node.op == "brackets" else None


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
    if (whole := named(node)) is not None and whole.name.op == whole.value.op == "brackets":
        names, values = whole.name.args[2:], whole.value.args[2:]
        pairs = dict(zip(names, values, strict=False))
        return pairs if len(names) == len(values) == len(pairs) else None
    items = (
        items_of(node)
        if node.op in ("list", "cases", "set")
        else node.args[2:]
        if node.op == "brackets"
        else ()
    )
    if node.op == "list" and any(len(expanded(item)) > 1 for item in node.args[1:]):
        return None
    found: dict[Node, Node] = {}
    for item in items:
        pair = named(item)
        if pair is None or pair.name in found or _unknown_function(pair.name):
            return None
        found[pair.name] = pair.value
    return found if len(found) > 1 else None


def _unknown_function(name: Node) -> bool:
    return name.op == "apply" and not name.args[0].endswith("_")


def _indexed(names: dict[Node, Node]) -> bool:
    """Whether the names are one letter with different indices: `x_1`, `x_2`."""
    bases = {
        name.args[0].partition("_")[0] if name.op == "sym" and "_" in name.args[0] else None
        for name in names
    }
    return len(bases) == 1 and None not in bases
