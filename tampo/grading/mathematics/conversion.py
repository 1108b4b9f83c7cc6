"""Units converted, by pint; imported in the worker only."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache

import pint

from tampo.grading.notation.tree import Node
from tampo.grading.vocabulary.units import Unit


def in_unit_of(gold: Node, answer: Node) -> Node | None:
    """Return the value of the quantity `answer` in the unit of the quantity `gold`, if it converts."""
    radians = _radians(gold, answer)
    if radians is not None:
        return radians
    try:
        ours, theirs = (_pint_unit(side.args[1]) for side in (gold, answer))
        zero, one = (_registry().Quantity(x, theirs).to(ours).magnitude for x in (0, 1))
    except (pint.PintError, ValueError):
        return None
    factor = Fraction(one - zero).limit_denominator(10**12)
    offset = Fraction(zero).limit_denominator(10**12)
    value = Node("mul", (answer.args[0], Node("num", (factor, None))))
    if offset:
        value = Node("add", (value, Node("num", (offset, None))))
    return value


def _radians(gold: Node, answer: Node) -> Node | None:
    """Return an answer in radians in degrees or the other way round, exactly; None for other units."""
    names = [side.args[1].parts for side in (gold, answer)]
    degree, radian = ((("degree", Fraction(1)),), (("radian", Fraction(1)),))
    if sorted(names) != [degree, radian]:
        return None
    pi, half = Node("const", ("pi",)), Node("num", (Fraction(180), None))
    factor = Node("div", (half, pi) if names[0] == degree else (pi, half))
    return Node("mul", (answer.args[0], factor))


def _pint_unit(unit: Unit) -> pint.Unit:
    text = " * ".join(
        f"({name.replace('currency ', 'currency_').replace('counted ', 'counted_')})**({power})"
        for name, power in unit.parts
    )
    return _registry().parse_units(text) if unit.parts else _registry().dimensionless


@lru_cache(maxsize=1)
def _registry() -> pint.UnitRegistry:
    """Return pint's registry, which takes a second to build, when a unit first has to convert."""
    return pint.UnitRegistry()
