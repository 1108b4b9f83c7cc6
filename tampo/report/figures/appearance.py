"""How a method looks in every figure of a study: its label, its colour and its marker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import cycle, product

from tampo.claims.roles import roles
from tampo.report.figures.style import (
    BLACK,
    BLUE,
    GREEN,
    MARKERS,
    ORANGE,
    PURPLE,
    SKY,
    VERMILLION,
)
from tampo.study.study import Study


@dataclass(frozen=True)
class Appearance:
    """Label, colour and marker of one method."""

    label: str
    colour: str
    marker: str
    group: str | None = None
    """Heading that the method stands under in lists."""


Appearances = Mapping[str, Appearance]
"""By the method's name."""
OTHERS = (VERMILLION, GREEN, PURPLE, ORANGE, SKY)
"""Colours of all methods but two, which look the same in every study."""


def appearances(study: Study) -> dict[str, Appearance]:
    """Return how each method of a study looks.

    The base model is black and TAMPO blue in every study; the others take colours and then markers in
    the study's order, so the first 35 of them differ in one of the two.
    """
    parts = roles(study)
    same = {parts.base: (BLACK, MARKERS[0]), parts.tampo: (BLUE, MARKERS[0])}
    free = cycle((colour, marker) for marker, colour in product(MARKERS, OTHERS))
    return {
        m.name: Appearance(m.title, *(same[m.name] if m.name in same else next(free)), m.group)
        for m in study.methods
    }
