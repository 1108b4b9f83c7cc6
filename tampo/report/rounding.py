"""How numbers, times and differences are written wherever people read them."""

from __future__ import annotations

import math
from typing import Any


def number(value: float) -> str:
    """Return a number with three significant digits, large ones in full with separators."""
    if abs(value) >= 1000:
        return f"{value:,.0f}".replace("-", "\N{MINUS SIGN}")
    text = f"{value:.3g}"
    return (text if "e" not in text else f"{value:.1e}").replace("-", "\N{MINUS SIGN}")


def duration(hours: float) -> str:
    """Return a time in the unit that suits it."""
    for unit, length in (("h", 1), ("min", 1 / 60)):
        if hours >= length:
            return f"{number(hours / length)} {unit}"
    return f"{number(hours * 3600)} s"


def moment(iso: str) -> str:
    """Return a time of run.json, which is in UTC, for people."""
    return f"{iso[:10]} {iso[11:16]} UTC"


def points(value: float) -> str:
    """Return a signed number of percentage points."""
    return f"{value:+.1f}".replace("-", "\N{MINUS SIGN}")


def compared_text(row: Any) -> str:
    """Return a paired difference with its interval, in percentage points; a dash where there is none."""
    if math.isnan(row.difference):
        return "–"
    return f"{points(row.difference)} [{points(row.low)}, {points(row.high)}]"
