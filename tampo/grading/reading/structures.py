r"""Whole answers: lists, sets, matrices, cases, and text where nothing else fits.

`read` understands all of an answer or calls it text; nothing is cut off. Lists are separated by
commas, semicolons, "and", "or".
"""

from __future__ import annotations

import re
from functools import lru_cache

from tampo.grading.notation.tokens import Token, tokenise
from tampo.grading.notation.tree import Node, NotUnderstood
from tampo.grading.reading.relations import JOINERS, RelationReader
from tampo.grading.vocabulary.text_answers import words_of

_CLOCK = re.compile(r"\s*(\d{1,2})\s*(?::\s*(\d{2}))?\s*([ap])\.?\s*m\b\.?\s*", re.I)
_TEXT = re.compile(r"\\(?:text|mathrm)\s*\{([^{}]*)\}")


class StructureReader(RelationReader):
    """Adds what joins several values, and what encloses them."""

    def inner_list(self) -> Node:
        """Read items up to what closes them; one item alone is itself."""
        items: list[Node] = []
        joiners: list[str] = []
        while True:
            joiner = self._joiner()
            if joiner and not items:
                raise NotUnderstood("a separator without a value before it")
            if not items or joiner:
                if joiner:
                    joiners.append(joiner)
                if self.closed():
                    if not joiner or joiner not in (",", ";"):
                        raise NotUnderstood("a value is missing")
                    joiners.pop()
                    break
                items.append(self.relation())
            else:
                break
        if not joiners:
            return items[0]
        return _grouped(items, joiners)

    def _joiner(self) -> str:
        """Read what separates two items, `, and` as one; the empty string if nothing does."""
        found = ""
        while True:
            token = self.peek()
            text = token.text.casefold() if token.kind == "word" else token.text
            if token.kind in ("op", "cmd", "word") and text in JOINERS:
                found = JOINERS[text] if not found or found in ",;" else found
                self.position += 1
            else:
                return found

    def structure(self, name: str) -> Node:
        if name == "{":
            return self._set()
        if name == "langle":
            self.depth += 1
            inner = self.inner_list()
            self.depth -= 1
            self.expect("rangle")
            items = inner.args[1:] if inner.op == "list" else (inner,)
            return Node("brackets", ("<", ">", *items))
        if name in ("emptyset", "varnothing"):
            return Node("empty")
        if name in ("ldots", "dots", "cdots", "dotsc", "dotsb"):
            return Node("dots")
        if name == "cases":
            self.expect("begin")
            return self.environment()
        if name == "begin":
            return self.environment()
        raise NotUnderstood(f"\\{name}")

    def _set(self) -> Node:
        if self.accept("}"):
            return Node("empty")
        self.depth += 1
        self.in_braces += 1
        bars, self.bars = self.bars, 1  # a bar separates here
        inner = self.inner_list()
        node = Node("set", inner.args[1:] if inner.op == "list" else (inner,))
        if self.accept("|", ":", "mid"):
            condition = self.inner_list()
            node = Node("builder", (inner, condition))
        self.bars = bars
        self.in_braces -= 1
        self.depth -= 1
        self.expect("}")
        return node


def _grouped(items: list[Node], joiners: list[str]) -> Node:
    """Return a list of `items`; with semicolons and commas, a list of tuples."""
    if ";" in joiners and "," in joiners:
        groups: list[list[Node]] = [[items[0]]]
        for joiner, item in zip(joiners, items[1:], strict=True):
            if joiner == ";":
                groups.append([])
            groups[-1].append(item)
        parts = [g[0] if len(g) == 1 else Node("list", (",", *g)) for g in groups]
        return Node("list", (";", *parts))
    kinds = set(joiners) - {",", ";"}
    return Node("list", (kinds.pop() if len(kinds) == 1 else ",", *items))


@lru_cache(maxsize=8192)
def read(
    text: str, *, thousands: bool = True, loose: bool = False, nouns: frozenset[str] = frozenset()
) -> Node:
    """Return the structure of plain `text`; a text node where it is not mathematics as a whole.

    Raises:
        NotUnderstood: it is too long, or its groups do not close.
    """
    if (clock := _CLOCK.fullmatch(_TEXT.sub(r"\1", text))) is not None:
        hour, minute, half = clock.groups()
        return Node("clock", (int(hour), int(minute or 0), half.lower()))
    tokens = tokenise(text, thousands=thousands)
    grouped = tokens
    if any(
        t.kind == "cmd" and t.text in ("over", "choose") for t in tokens
    ):  # {a \\over b} without its braces
        grouped = [Token("op", "{"), *tokens, Token("op", "}")]
    try:
        reader = StructureReader(grouped, loose=loose, nouns=nouns)
        node = reader.inner_list()
        if reader.peek().kind != "end":
            raise NotUnderstood(reader.peek().text)
    except NotUnderstood as reason:
        return Node("text", (words_of(tokens), str(reason)))
    return node
