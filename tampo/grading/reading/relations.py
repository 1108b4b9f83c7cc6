r"""What relates values: equations, inequalities, memberships, ratios, operations on sets."""

from __future__ import annotations

from tampo.grading.notation.tokens import Token
from tampo.grading.notation.tree import Node, NotUnderstood
from tampo.grading.reading.environments import EnvironmentReader
from tampo.grading.vocabulary import words
from tampo.grading.vocabulary.words import each

RELATIONS = {
    "=": "=", "<": "<", ">": ">", "le": "<=", "leq": "<=", "leqslant": "<=", "leqq": "<=", "ge": ">=",
    "geq": ">=", "geqslant": ">=", "geqq": ">=", "ne": "!=", "neq": "!=", "approx": "=", "simeq": "=",
    "equiv": "=", "cong": "==", "coloneqq": "=",
}  # fmt: skip
_KINDS = {"integer": "integers", "real": "reals", "natural": "naturals"}
_KIND_WORDS = frozenset(
    each(
        """
is an a any some all every arbitrary number numbers positive integers reals
"""
    )
)
_SET_OPERATORS = {
    "cup": "union",
    "cap": "meet",
    "setminus": "without",
    "backslash": "without",
    "smallsetminus": "without",
}
JOINERS = {
    "and": "and",
    "or": "or",
    "lor": "or",
    "land": "and",
    "vee": "or",
    "wedge": "and",
    ";": ";",
    ",": ",",
    "where": ",",
    "for": ",",
    "with": ",",
}


class RelationReader(EnvironmentReader):
    """Adds relations between values, and the values with their units."""

    def closed(self) -> bool:
        """Whether what comes next ends a list."""
        token = self.peek()
        if token.kind == "end" or (token.kind == "op" and token.text in "})"):
            return True
        if token.text == "]" and token.kind == "op":
            return self.depth > 0
        return self.at("}", "rangle", "end") or (
            self.depth > 0 and self.at("[") and not self.bracket_is_factor()
        )

    def relation(self) -> Node:
        start = self.position
        kind = self._kind_of_number()
        if kind is not None:
            return kind
        if self.word_at("all", "every", "any") and self.peek(1).kind == "let":
            self.position += 1
            if self.peek(1).text != "in":  # "for all x"
                return Node("member", (self.base(), Node("reals")))
        try:
            first = self.ratio()
            if self.peek().kind != "end" and not self._ends_item():
                raise NotUnderstood(self.peek().text)
        except NotUnderstood:
            first = self._name_before_equals(start)
        operators, operands = [], [first]
        while True:
            if self.at("in"):
                self.position += 1
                return Node("member", (operands[-1], self.ratio()))
            operator = self._relation_operator()
            if operator is None:
                break
            operators.append(operator)
            operands.append(self.ratio())
        return Node("rel", (tuple(operators), tuple(operands))) if operators else first

    def _kind_of_number(self) -> Node | None:
        """Read `k is an integer`, `any integer k` as membership, or return None."""
        run: list[str] = []
        while len(run) < 6 and self.peek(len(run)).kind in ("word", "let"):
            run.append(self.peek(len(run)).text)
        letters = [w for w in run if len(w) == 1 and w != "a"]
        said = [w.casefold() for w in run if w not in letters]
        kind = next((_KINDS[words.singular(w)] for w in said if words.singular(w) in _KINDS), None)
        if (
            kind is None
            or len(letters) != 1
            or set(said) - _KIND_WORDS - {f"{k}s" for k in _KINDS} - set(_KINDS)
        ):
            return None
        self.position += len(run)
        name = self._letter(letters[0])
        return Node("member", (name, Node("naturals" if "positive" in said else kind)))

    def _ends_item(self) -> bool:
        token = self.peek()
        return (
            self.closed()
            or (token.kind in ("op", "cmd", "word") and token.text.casefold() in JOINERS)
            or (
                token.kind in ("op", "cmd")
                and (
                    token.text in RELATIONS
                    or token.text in ("in", "|", ":", "!", "&", "\\", "over", "choose", "mid")
                )
            )
        )

    def _relation_operator(self) -> str | None:
        token = self.peek()
        if token.kind in ("op", "cmd") and token.text in RELATIONS:
            operator = RELATIONS[token.text]
            self.position += 1
            if operator in "<>" and self.accept("="):
                operator += "="
            elif operator == "=" and self.accept("="):
                pass
            return operator
        if self.at("!") and self.peek(1).text == "=":
            self.position += 2
            return "!="
        return None

    def _name_before_equals(self, start: int) -> Node:
        """Read words before an equals sign (`\\text{Area} = 12`) as a name."""
        for index in range(start, len(self.tokens)):
            token = self.tokens[index]
            labelled = token.text == ":" and all(t.kind == "word" for t in self.tokens[start:index])
            if (token.text == "=" or labelled) and index > start:
                written = " ".join(t.text for t in self.tokens[start:index])
                self.position = index
                self.levels = 0
                if labelled:
                    self.tokens = list(self.tokens)
                    self.tokens[index] = Token("op", "=")
                named = [t.text.casefold() for t in self.tokens[start:index] if t.kind == "word"]
                if not named or set(named) & words.NOT_NAMES:
                    break
                return Node("sym", (f"name {written}",))
            if token.text in JOINERS:
                break
        raise NotUnderstood(self.peek().text or "the end")

    def ratio(self) -> Node:
        parts = [self.sets()]
        while ((self.at(":") and not self.in_braces) or self.word_at("to")) and self.peek(
            1
        ).kind != "end":
            self.position += 1
            parts.append(self.sets())
        return Node("ratio", tuple(parts)) if len(parts) > 1 else parts[0]

    def sets(self) -> Node:
        left = self.value()
        while True:
            token = self.peek()
            if token.kind == "cmd" and token.text in _SET_OPERATORS:
                self.position += 1
                left = Node(_SET_OPERATORS[token.text], (left, self.value()))
            elif (
                token.kind == "let"
                and token.text == "U"
                and left.op in ("brackets", "set", "union")
            ):
                self.position += 1
                left = Node("union", (left, self.value()))
            else:
                return _without(left)

    def value(self) -> Node:
        """Read a sum and the unit behind it."""
        prefix = None
        if (self.peek().kind == "op" and self.peek().text in "€£¥₹₽₩") or self.word_at(
            "usd", "eur", "rs", "us", "inr"
        ):
            prefix = self.next()
            self.accept(".")
        node = self.sum()
        if prefix is None and (found := self.unit_here()) is not None:
            unit, self.position = found
            return Node("quantity", (node, unit))
        return node

    def bracket_is_factor(self) -> bool:
        """Whether `[` opens a factor, not closes an interval like `[0,1[`."""
        after = self.peek(1)
        return not (
            after.kind == "end"
            or after.text in JOINERS
            or after.text in _SET_OPERATORS
            or (after.kind == "op" and after.text in ")]}")
        )


def _without(node: Node) -> Node:
    r"""Return `\mathbb{R} - \{0\}` as a difference of sets, anything else as it is."""
    if node.op == "add" and len(node.args) == 2 and node.args[1].op == "neg":
        left, right = node.args[0], node.args[1].args[0]
        if right.op == "set" and left.op in ("reals", "brackets", "union", "set"):
            return Node("without", (left, right))
    return node
