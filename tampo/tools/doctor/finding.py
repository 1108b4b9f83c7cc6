"""One finding: a part of the machine that is as it should be, or what to do about it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """What was looked at, whether it will do, and the facts, or what to do."""

    subject: str
    ok: bool
    line: str

    def __str__(self) -> str:
        return f"{'ok' if self.ok else 'TO DO':<6} {self.subject}: {self.line}"


def ok(subject: str, line: str) -> Finding:
    """Return that a part of the machine will do."""
    return Finding(subject, True, line)


def to_do(subject: str, line: str) -> Finding:
    """Return what keeps the study from running here, and what to do."""
    return Finding(subject, False, line)
