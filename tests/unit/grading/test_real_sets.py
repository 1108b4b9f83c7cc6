"""Sets of real numbers: union, intersection, complement, against membership point by point."""

from __future__ import annotations

import mpmath
from hypothesis import given
from hypothesis import strategies as st

from tampo.grading.mathematics.intervals import EVERYTHING, Piece, complement, meet, union
from tampo.grading.mathematics.real_sets import read, same_set
from tampo.grading.notation.presentation import plain
from tampo.grading.reading.structures import read as read_structure


@st.composite
def pieces(draw) -> tuple[Piece, ...]:
    found = []
    for _ in range(draw(st.integers(0, 3))):
        low, high = sorted((draw(st.integers(-4, 4)), draw(st.integers(-4, 4))))
        ends = (True, True) if low == high else (draw(st.booleans()), draw(st.booleans()))
        found.append(Piece(mpmath.mpf(low), ends[0], mpmath.mpf(high), ends[1]))
    return union(tuple(found))


def holds(found: tuple[Piece, ...], x: float) -> bool:
    return any(
        (p.low < x or (p.low_in and x == p.low)) and (x < p.high or (p.high_in and x == p.high))
        for p in found
    )


POINTS = [n / 2 for n in range(-11, 12)]


@given(pieces(), pieces())
def test_operations_agree_with_membership(left, right) -> None:
    for x in POINTS:
        inside = holds(left, x), holds(right, x)
        assert holds(union(left, right), x) == any(inside)
        assert holds(meet(left, right), x) == all(inside)
        assert holds(complement(left), x) != inside[0]


@given(pieces())
def test_a_set_and_its_complement_are_everything_once(found) -> None:
    assert union(found, complement(found)) == EVERYTHING
    assert meet(found, complement(found)) == ()
    assert complement(complement(found)) == found


def test_the_same_set_has_one_form() -> None:
    forms = [
        r"(-\infty,0)\cup(0,1]\cup(1,2)",
        r"x<2, x\ne 0",
        r"(-\infty,2)\setminus\{0\}",
        r"\{x\in\mathbb{R}: x<2 \text{ and } x\ne0\}",
    ]
    nodes = [read_structure(plain(form)) for form in forms]
    assert len({read(node) for node in nodes}) == 1
    assert not same_set(nodes[0], read_structure(r"(-\infty,2)"))
