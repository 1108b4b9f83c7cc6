"""Rows between `\\begin{...}` and `\\end{...}`: matrices, cases, aligned systems."""

from __future__ import annotations

from tampo.grading.notation.tree import Node, NotUnderstood
from tampo.grading.reading.commands import CommandReader
from tampo.grading.vocabulary.words import each

_ROW_ENVIRONMENTS = frozenset(each("cases dcases rcases aligned align gathered array split"))


class EnvironmentReader(CommandReader):
    """Adds to the reader of commands the environments with rows."""

    in_braces = 0  # sets open, in which a colon or a bar separates

    def environment(self) -> Node:
        """Read rows between `\\begin{...}` and `\\end{...}`."""
        name = self._environment_name()
        if name == "array" and self.at("{"):
            self.position = self.group_end() + 1
        depth, bars, braces = self.depth, self.bars, self.in_braces
        self.depth, self.bars, self.in_braces = 1, 0, 0
        rows: list[list[Node]] = [[]]
        while not self.at("end"):
            if self.at("\\"):
                self.position += 1
                if self.at("["):  # \\[2pt]
                    while not self.accept("]"):
                        self.next()
                        if self.peek().kind == "end":
                            raise NotUnderstood("a matrix that does not end")
                rows.append([])
            elif self.accept("&"):
                pass
            elif self.accept("hline", "cdots", "vdots"):
                raise NotUnderstood("lines or dots in a matrix")
            else:
                rows[-1].append(self._cell(name))
        self.expect("end")
        if self._environment_name() != name:
            raise NotUnderstood("a matrix that does not end")
        self.depth, self.bars, self.in_braces = depth, bars, braces
        filled = tuple(tuple(row) for row in rows if row)
        if not filled:
            raise NotUnderstood("an empty matrix")
        return self._rows(name, filled)

    def _rows(self, name: str, rows: tuple) -> Node:
        if name in _ROW_ENVIRONMENTS and name != "array":
            return Node("cases", rows)
        if len({len(row) for row in rows}) > 1:
            if name == "array":
                return Node("cases", rows)
            raise NotUnderstood("a matrix with rows of different lengths")
        kind = {"vmatrix": "v", "Vmatrix": "V"}.get(name, "")
        return Node("matrix", (kind, rows))

    def _cell(self, name: str) -> Node:
        while self.accept(","):
            pass
        if name in _ROW_ENVIRONMENTS:
            while self.word_at("if", "for", "when", "where", "with"):
                self.position += 1
            if self.word_at("otherwise", "else"):
                self.position += 1
                return Node("sym", ("otherwise",))
        node = self.inner_list()
        if not self.at("&", "\\", "end"):
            raise NotUnderstood(self.peek().text)
        return node

    def _environment_name(self) -> str:
        self.expect("{")
        name = ""
        while not self.accept("}"):
            token = self.next()
            if token.kind == "end":
                raise NotUnderstood("an environment without its name")
            name += token.text
        if not name.endswith("matrix") and name not in _ROW_ENVIRONMENTS:
            raise NotUnderstood(f"\\begin{{{name}}}")
        return name
