"""Unions of intervals of real numbers with numeric ends; imported in the worker only."""

from __future__ import annotations

from typing import NamedTuple

import mpmath

TOLERANCE = mpmath.mpf(10) ** -35


class Piece(NamedTuple):
    """An interval: lower end, whether it is in, upper end, whether it is in."""

    low: mpmath.mpf
    low_in: bool
    high: mpmath.mpf
    high_in: bool


Pieces = tuple[Piece, ...]
EVERYTHING: Pieces = (Piece(mpmath.ninf, False, mpmath.inf, False),)


def same_pieces(left: Pieces, right: Pieces) -> bool:
    """Return whether two sets have the same pieces, their ends to the tolerance."""
    return len(left) == len(right) and all(
        _same_piece(*pair) for pair in zip(left, right, strict=True)
    )


def _same_piece(left: Piece, right: Piece) -> bool:
    if (left.low_in, left.high_in) != (right.low_in, right.high_in):
        return False
    return same_number(left.low, right.low) and same_number(left.high, right.high)


def same_number(a: mpmath.mpf, b: mpmath.mpf) -> bool:
    if mpmath.isinf(a) or mpmath.isinf(b):
        return a == b
    return abs(a - b) <= TOLERANCE * max(abs(a), abs(b), 1)


def union(*sets: Pieces) -> Pieces:
    """Return all pieces, those that touch joined."""
    pieces = sorted((p for pieces in sets for p in pieces), key=lambda p: (p.low, not p.low_in))
    found: list[Piece] = []
    for piece in pieces:
        last = found[-1] if found else None
        if last is None or not _touches(last, piece):
            found.append(piece)
        elif same_number(piece.high, last.high):
            found[-1] = last._replace(
                high_in=last.high_in or piece.high_in,
                low_in=last.low_in or (same_number(piece.low, last.low) and piece.low_in),
            )
        elif piece.high > last.high:
            found[-1] = last._replace(
                high=piece.high,
                high_in=piece.high_in,
                low_in=last.low_in or (same_number(piece.low, last.low) and piece.low_in),
            )
    return tuple(found)


def _touches(left: Piece, right: Piece) -> bool:
    """Whether a piece begins where one before it has not ended."""
    return right.low < left.high or (
        same_number(right.low, left.high) and (right.low_in or left.high_in)
    )


def complement(pieces: Pieces) -> Pieces:
    """Return the real numbers outside; `pieces` in order, apart from each other."""
    found, low, low_in = [], mpmath.ninf, False
    for piece in pieces:
        if piece.low > low or (low_in and not piece.low_in and same_number(piece.low, low)):
            found.append(
                Piece(low, low_in, piece.low, not piece.low_in and not mpmath.isinf(piece.low))
            )
        low, low_in = piece.high, not piece.high_in and not mpmath.isinf(piece.high)
    if low != mpmath.inf:
        found.append(Piece(low, low_in, mpmath.inf, False))
    return tuple(found)


def meet(left: Pieces, right: Pieces) -> Pieces:
    """Return what both sets hold."""
    found = []
    for a in left:
        for b in right:
            low, low_in = max(
                ((a.low, a.low_in), (b.low, b.low_in)), key=lambda e: (e[0], not e[1])
            )
            high, high_in = min(
                ((a.high, a.high_in), (b.high, b.high_in)), key=lambda e: (e[0], e[1])
            )
            if low < high or (low == high and low_in and high_in):
                found.append(Piece(low, low_in, high, high_in))
    return union(tuple(found))
