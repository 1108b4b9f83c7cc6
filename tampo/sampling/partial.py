"""Responses as they come, on disk, so that a killed evaluation continues where it stopped."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal


class Response(str):
    """Text of a response that remembers how it ended.

    Attributes:
        finish: `stop` if it ended by itself, `length` if it hit the limit.
        tokens: its length in tokens, end-of-sequence included.
    """

    finish: Literal["stop", "length"]
    tokens: int

    def __new__(cls, text: str, finish: Literal["stop", "length"], tokens: int) -> Response:
        self = super().__new__(cls, text)
        self.finish = finish
        self.tokens = tokens
        return self

    def as_dict(self) -> dict[str, Any]:
        """Return text, finish and tokens as JSON-serialisable values."""
        return {"text": str(self), "finish": self.finish, "tokens": self.tokens}


class PartialResponses:
    """Finished chunks of one benchmark: a JSON-lines file that is only ever appended to.

    The first line holds everything that decides a response. A file made under anything else is
    discarded; a last line that a kill cut short is dropped.

    Args:
        path: the file; made if absent.
        identity: JSON-serialisable description of what decides the responses.
        report: called with a line of text when something is discarded.
    """

    def __init__(
        self, path: Path, identity: dict[str, Any], report: Callable[[str], None] = print
    ) -> None:
        self.path = path
        self._identity = json.loads(json.dumps(identity))
        self._chunks: dict[int, list[list[Response]]] = {}
        whole = self._read(report) if path.is_file() else 0
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            file.truncate(whole)
        if not whole:
            self._append({"identity": self._identity})

    def _read(self, report: Callable[[str], None]) -> int:
        """Read what is usable; return how many bytes of the file that is."""
        whole, lines = 0, []
        for line in self.path.read_bytes().splitlines(keepends=True):
            # A kill cuts the last line short, and a crash of the machine may leave anything in it.
            try:
                lines.append(json.loads(line))
            except ValueError:
                break
            if not line.endswith(b"\n"):
                lines.pop()
                break
            whole += len(line)
        if not lines:
            return 0
        if lines[0].get("identity") != self._identity:
            keys = _differing(lines[0].get("identity") or {}, self._identity)
            report(f"{self.path}: discarded, it was made under other {', '.join(keys)}")
            return 0
        for line in lines[1:]:
            self._chunks[line["chunk"]] = [
                [Response(r["text"], r["finish"], r["tokens"]) for r in problem]
                for problem in line["problems"]
            ]
        return whole

    def __contains__(self, chunk: int) -> bool:
        return chunk in self._chunks

    def __getitem__(self, chunk: int) -> list[list[Response]]:
        """Return a chunk's responses, a list per problem."""
        return self._chunks[chunk]

    def add(self, chunk: int, problems: list[list[Response]]) -> None:
        """Store a finished chunk; it is on disk when this returns."""
        rows = [[response.as_dict() for response in problem] for problem in problems]
        self._append({"chunk": chunk, "problems": rows})
        self._chunks[chunk] = problems

    def _append(self, line: dict[str, Any]) -> None:
        with self.path.open("ab") as file:
            file.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())


def _differing(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    return sorted(k for k in old.keys() | new.keys() if old.get(k) != new.get(k))
