"""Named values: what counts as a name, and how named answers meet unnamed ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from tampo.grading.comparing.values import as_numeral
from tampo.grading.notation.tree import Node, contains, renamed, symbols
from tampo.grading.verdict import Verdict

_INEQUALITIES = frozenset(("<", ">", "<=", ">=", "!="))
_FLIPPED = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "=": "=", "!=": "!=", "==": "=="}
Equal = Callable[[Node, Node], bool]


def is_name(node: Node) -> bool:
    """Whether a left-hand side only names what is asked: `x`, `f(x)`, `|AB|`, `(p, q)`, `S_1 : S`."""
    if node.op in ("sym", "const") and node.args != ("pi",):
        return True
    if node.op == "apply":
        return True
    if node.op == "call":
        return node.args[0] in (
            "abs",
            "det",
            "max",
            "min",
            "arg",
            "deg",
            "dim",
            "Re",
            "Im",
        ) and all(map(_letters_only, node.args[1:]))
    if node.op == "mul":
        return (
            _segment(node)
            or any(part.op in ("meet", "union") for part in node.args)
            or _function(node)
        )
    if node.op == "div":
        return all(
            _segment(part) or (part.op == "sym" and part.args[0][:1].isupper())
            for part in node.args
        )
    if node.op == "brackets":
        return all(map(is_name, node.args[2:]))
    if node.op == "ratio":
        return all(map(is_name, node.args))
    return False


def _segment(node: Node) -> bool:
    """Two or more capitals: a segment, a triangle, an abbreviation."""
    return (
        node.op == "mul"
        and len(node.args) > 1
        and all(p.op == "sym" and p.args[0][:1].isupper() for p in node.args)
    )


def _function(node: Node) -> bool:
    r"""`N(n)`, `P(A)`, `y(t)`, `\theta(t)`: a letter, then one letter."""
    return (
        len(node.args) == 2
        and all(p.op in ("sym", "const") for p in node.args)
        and node.args[0] != node.args[1]
    )


def _letters_only(node: Node) -> bool:
    return node.op == "sym" or (node.op == "mul" and all(map(_letters_only, node.args)))


class Named(NamedTuple):
    """The two sides of `name = value`."""

    name: Node
    value: Node


def named(node: Node) -> Named | None:
    """Return name and value of `name = value` (`value = name` too, the last of a chain), or None."""
    if node.op != "rel" or set(node.args[0]) - {"="}:
        return None
    operands = node.args[1]
    if is_name(operands[0]):
        return Named(operands[0], operands[-1])
    if len(operands) == 2 and operands[1].op == "sym" and not symbols(operands[0]):
        return Named(operands[1], operands[0])
    return None


def value_of(node: Node) -> Node | None:
    """Return the value in `name = value`, or None."""
    found = named(node)
    return None if found is None else found.value


def name_of(node: Node) -> Node | None:
    """Return the name in `name = value`, or None."""
    found = named(node)
    return None if found is None else found.name


def written(node: Node) -> str:
    name = name_of(node)
    return name.args[0].removeprefix("name ") if name is not None and name.op == "sym" else "a name"


def is_condition(node: Node) -> bool:
    """Whether a relation is a condition on one real variable, an inequality somewhere in it."""
    return (
        node.op == "rel"
        and len(symbols(node)) == 1
        and bool(set(node.args[0]) & _INEQUALITIES)
        and not contains(node, frozenset(("apply",)))
    )


def solved_for(node: Node) -> bool:
    """Whether a relation is `|x| = c` or `x^n = c`: solutions written shortly, not an equation restated."""
    if node.op != "rel" or node.args[0] != ("=",) or len(symbols(node)) != 1:
        return False
    left, right = node.args[1]
    if symbols(right):
        return False
    if left.op == "call" and left.args[0] == "abs":
        return left.args[1].op == "sym"
    return left.op == "sym" or (
        left.op == "pow" and left.args[0].op == "sym" and left.args[1].op == "num"
    )


def anonymous(gold: Node, answer: Node) -> bool:
    """Whether words name one side's value, so that names need not match."""
    return any(
        name is not None and name.op == "sym" and name.args[0].startswith("name ")
        for name in (name_of(gold), name_of(answer))
    )


def same_function(gold: Named, answer: Named) -> tuple[Named, Named] | None:
    """Return both with one bound variable, for the same function of another variable."""
    left, right = gold.name, answer.name
    if (
        left.op == right.op == "apply"
        and left.args[0] == right.args[0]
        and len(left.args) == len(right.args) == 2
    ) or (
        left.op == right.op == "mul"
        and _function(left)
        and _function(right)
        and left.args[0] == right.args[0]
    ):
        pair = left.args[1], right.args[1]
    else:
        return None
    if not all(p.op == "sym" for p in pair) or pair[0] == pair[1]:
        return None
    (new,), (old,) = pair[0].args, pair[1].args
    if new in symbols(answer.name) | symbols(answer.value):
        return None
    return gold, Named(renamed(answer.name, old, new), renamed(answer.value, old, new))


def bound_alike(gold: Node, answer: Node) -> tuple[Node, Node]:
    r"""Return both sides with one letter for "any integer", and without `k \in \mathbb{Z}` itself."""
    ours, theirs = _bound(gold), _bound(answer)
    if ours is None and theirs is None:
        return gold, answer
    if ours is not None and theirs is not None:
        (name, numbers), (other, others) = ours, theirs
        if numbers != others or (name != other and name in symbols(answer)):
            return gold, answer
        answer = renamed(answer, other, name)
    elif (
        theirs is not None
        and len(free := symbols(gold) - symbols(_unbound(answer))) == 1
        and theirs[0] not in symbols(gold)
    ):
        answer = renamed(answer, theirs[0], *free)
    return _unbound(gold) if ours else gold, _unbound(answer) if theirs else answer


def _bound(node: Node) -> tuple[str, str] | None:
    """Return letter and set of the one condition `k \\in \\mathbb{Z}` in a list, or None."""
    if node.op != "list":
        return None
    found = [
        item
        for item in node.args[1:]
        if item.op == "member" and item.args[0].op == "sym" and not item.args[1].args
    ]
    used = [item for item in node.args[1:] if item.op != "member"]
    if len(found) != 1 or len(found) + len(used) != len(node.args) - 1:
        return None
    (name,) = found[0].args[0].args
    return (name, found[0].args[1].op) if any(name in symbols(item) for item in used) else None


def _unbound(node: Node) -> Node:
    kept = tuple(item for item in node.args[1:] if item.op != "member")
    return kept[0] if len(kept) == 1 else Node("list", (node.args[0], *kept))


def same_chain(gold: Node, answer: Node, equal: Equal) -> bool:
    """Compare `a < b < c` part by part, read from either end."""
    if len(gold.args[1]) != len(answer.args[1]):
        return False
    flipped = tuple(_FLIPPED[o] for o in reversed(answer.args[0])), tuple(reversed(answer.args[1]))
    for operators, operands in (answer.args, flipped):
        if operators == gold.args[0] and all(
            equal(*pair) for pair in zip(gold.args[1], operands, strict=True)
        ):
            return True
    return False


def chain_gives(gold: Node, answer: Node, agree: Callable[[Node, Node], Verdict]) -> Verdict:
    """Compare an unnamed gold with `name = value`, `2 + 2 = 4`, `m + n = 204`, `1/3 = 0.333`."""
    value = value_of(answer)
    operators, operands = answer.args
    if set(operators) != {"="} or any(part.op == "dots" for part in operands):
        return Verdict(False, "relation against value")
    if value is not None and len(operands) == 2:
        verdict = agree(gold, value)
        return Verdict(verdict.equal, f"{verdict.rule}, value of {written(answer)}")
    if symbols(operands[0]) and not is_name(operands[0]) and _numbers(operands[0]):
        return Verdict(False, "an equation, not a value")
    steps = [
        part
        for index, part in enumerate(operands)
        if (index and index == len(operands) - 1)
        or symbols(part) == symbols(gold)
        or not symbols(part)
    ]
    if (
        len(steps) == 1
        and value is None
        and is_name(operands[-1])
        and symbols(operands[0]) == symbols(gold)
    ):
        steps = [operands[0]]
    verdicts = [agree(gold, part) for part in steps]
    verdict = verdicts[-1] if verdicts else Verdict(False, "chain")
    ok = any(v.equal for v in verdicts) and all(
        v.equal or (_rounded(part) and agree(part, gold).equal)
        for v, part in zip(verdicts, steps, strict=True)
    )
    return Verdict(ok, f"{verdict.rule}, chain of equalities")


def _numbers(node: Node) -> bool:
    """Whether numbers other than exponents stand in an expression."""
    if node.op == "pow":
        return _numbers(node.args[0])
    if node.op == "num":
        return True
    return any(_numbers(part) for part in node.args if isinstance(part, Node))


def _rounded(node: Node) -> bool:
    numeral = as_numeral(node)
    return numeral is not None and numeral.half_unit is not None
