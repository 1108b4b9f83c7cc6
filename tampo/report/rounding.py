"""How numbers, times and differences are written wherever people read them."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from typing import Any

from tampo.layout import HIGH, LOW

POINTS = "points"
"""Unit of differences in percent, which are written with a sign and one decimal."""


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


def estimate_text(claim: Mapping[Hashable, Any]) -> str:
    """Return estimate, interval and unit of a row of `claims.csv`; empty where nothing was tested."""
    if math.isnan(claim["estimate"]):
        return ""
    written = points if claim["unit"] == POINTS else number
    ends = f"[{written(claim[LOW])}, {written(claim[HIGH])}]"
    return f"{written(claim['estimate'])} {ends} {claim['unit']}"


def looks_text(claim: Mapping[Hashable, Any]) -> str:
    """Return the looks of a row of `claims.csv` and the interval that allows for them; may be empty."""
    if not isinstance(claim["looks"], str):
        return ""
    if math.isnan(claim["looks_low"]):
        return claim["looks"]
    written = points if claim["unit"] == POINTS else number
    ends = f"[{written(claim['looks_low'])}, {written(claim['looks_high'])}]"
    return f"{claim['looks']}; allowing for them {ends}"


def compared_text(row: Mapping[Hashable, Any]) -> str:
    """Return a paired difference with its interval, in percentage points; a dash where there is none."""
    if math.isnan(row["difference"]):
        return "–"
    return f"{points(row['difference'])} [{points(row[LOW])}, {points(row[HIGH])}]"
