"""What a factor starts with: numbers, words, letters, subscripts, brackets."""

from __future__ import annotations

from abc import abstractmethod

from tampo.grading.notation.tokens import Token
from tampo.grading.notation.tree import Node, NotUnderstood, number
from tampo.grading.reading.cursor import glued, letters_of
from tampo.grading.reading.written_numbers import NumberReader
from tampo.grading.vocabulary import words

_APPLIED = frozenset("fghFG")
_OPENERS = {"(": (")", "]", "["), "[": ("]", ")", "["), "]": ("[", "]", ")")}


class AtomReader(NumberReader):
    """Adds to the expression reader what a factor can start with."""

    def base(self) -> Node:
        token = self.peek()
        if token.kind == "num":
            return self.number()
        if token.kind == "let":
            article = token.text.casefold() == "a" and self.peek(1).kind == "word"
            if article and (spoken := self._spoken()) is not None:
                return spoken
            return self._letter(self.next().text)
        if token.kind == "word":
            return self._word()
        if token.kind == "op":
            return self._bracketed()
        if token.kind == "cmd":
            return self.command()
        raise NotUnderstood("the end where a value was expected")

    def _word(self) -> Node:
        token = self.peek()
        lowered = token.text.casefold()
        spoken = self._spoken()
        if spoken is not None:
            return spoken
        if lowered in words.SCALES and self.position:
            self.position += 1
            return number(words.SCALES[lowered])
        name = words.ALIASES.get(token.text, token.text)
        if name == "infty" or token.text == "pi":
            self.position += 1
            return Node("const", ("pi" if token.text == "pi" else "inf",))
        if token.text in words.PLAIN_NAMES or (token.roman and name in words.FUNCTIONS):
            self.position += 1
            return self.named(name)
        split = glued(token)
        if split is not None and (len(token.text) > 3 or split[0] in ("ln", "pi")):
            first, rest = split
            self.replace_token(
                Token("cmd", first), Token("let" if len(rest) == 1 else "word", rest)
            )
            return self.base()
        letters = letters_of(token)
        if not letters or (lowered in words.MEANINGFUL and not token.text.isupper()):
            raise NotUnderstood(token.text)
        self.replace_token(*(Token("let", c) for c in letters))
        return self.base()

    def _spoken(self) -> Node | None:
        """Read a number in words, or return None."""
        run: list[str] = []
        while len(run) < 12:
            token = self.peek(len(run))
            if token.kind in ("word", "let") and token.text.isalpha():
                run.append(token.text.casefold())
            elif (
                token.text == "-"
                and run
                and self.peek(len(run) + 1).text.casefold() in words.NUMBER_WORDS
            ):
                run.append("-")
            else:
                break
        spoken = [w for w in run if w != "-"]
        found = words.read_number(spoken)
        if found is None:
            return None
        value, used = found
        while used:
            used -= self.next().text != "-"
        return number(value)

    def _letter(self, letter: str) -> Node:
        if letter in ("e", "i"):
            return Node("const", (letter,))
        if self._function_call_ahead() and (letter in _APPLIED or self._number_in_brackets()):
            return self._applied(letter)
        return Node("sym", (letter,))

    def _function_call_ahead(self) -> bool:
        ahead = 0
        while self.peek(ahead).text == "'" and self.peek(ahead).kind == "op":
            ahead += 1
        return self.peek(ahead).kind == "op" and self.peek(ahead).text == "("

    def _number_in_brackets(self) -> bool:
        """Whether `(5)` follows: `I(0)` is a value of I, not zero times it."""
        return self.peek(1).kind == "num" and self.peek(2).text == ")" and self.peek().text == "("

    def _applied(self, name: str) -> Node:
        while self.accept("'"):
            name += "'"
        return Node("apply", (name, *self.call_arguments()))

    def call_arguments(self) -> tuple[Node, ...]:
        self.expect("(")
        self.depth += 1
        found = [self.sum()]
        while self.accept(",", ";"):
            found.append(self.sum())
        self.depth -= 1
        self.expect(")")
        return tuple(found)

    def subscripted(self, node: Node) -> Node:
        """Read the subscript of a symbol; what is a formula or one letter makes it a sequence."""
        self.expect("_")
        if (
            node.op != "sym"
            and not (node.op == "const" and node.args[0] in "ei")
            and node.op != "apply"
        ):
            raise NotUnderstood("a subscript on what is no symbol")
        name = node.args[0]
        start = self.position
        if not self.at("{"):
            token = self.next()
            if token.kind == "word" and not token.roman:
                self.tokens = list(self.tokens)
                self.tokens[self.position - 1 : self.position] = [
                    Token("let", c) for c in token.text
                ]
                token = self.tokens[self.position - 1]
            if token.kind in ("num", "let", "cmd", "word"):
                return self._sequence(name, Node("sym", (token.text,)), token)
            raise NotUnderstood("a subscript is missing")
        end = self.group_end()
        inner = self.tokens[start + 1 : end]
        formula = (len(inner) == 1 and inner[0].kind == "let") or any(
            t.text in ("+", "-") for t in inner[1:]
        )
        if formula and not any(t.kind == "word" for t in inner):
            index = self.group()
            return Node("apply", (f"{name}_", index))
        self.position = end + 1
        label = "".join(t.text for t in inner if t.text not in "{}")
        return Node("sym", (f"{name}_{label}",))

    def _sequence(self, name: str, index: Node, token: Token) -> Node:
        if token.kind == "let":
            return Node("apply", (f"{name}_", index))
        return Node("sym", (f"{name}_{token.text}",))

    # --- brackets -----------------------------------------------------------------------------------

    def _bracketed(self) -> Node:
        token = self.peek()
        if token.text == "{":
            return self._braces()
        if token.text == "|":
            self.position += 1
            self.bars += 1
            inner = self.sum()
            self.bars -= 1
            self.expect("|")
            return Node("call", ("abs", inner))
        if token.text in _OPENERS:
            return self.brackets()
        raise NotUnderstood(token.text)

    def _braces(self) -> Node:
        """Read `{...}` as a group; `{a \\over b}` and `{n \\choose k}` too."""
        self.expect("{")
        self.depth += 1
        bars, self.bars = self.bars, 0
        node = self.inner_list()
        for command in ("over", "choose"):
            if self.accept(command):
                bottom = self.sum()
                node = (
                    Node("div", (node, bottom))
                    if command == "over"
                    else Node("call", ("binom", node, bottom))
                )
        self.bars = bars
        self.depth -= 1
        self.expect("}")
        return Node("set", node.args[1:]) if node.op == "list" else node

    def brackets(self) -> Node:
        opening = self.next().text
        self.depth += 1
        bars, self.bars = self.bars, 0
        inner = self.inner_list()
        self.bars = bars
        self.depth -= 1
        closing = self.next()
        if closing.kind != "op" or closing.text not in _OPENERS[opening]:
            raise NotUnderstood(f"{opening} without its closing bracket")
        if inner.op == "list":
            left = {"]": "("}.get(opening, opening)
            right = {"[": ")"}.get(closing.text, closing.text)
            return _nested(Node("brackets", (left, right, *inner.args[1:])))
        if (opening, closing.text) not in (("(", ")"), ("[", "]")):
            raise NotUnderstood("brackets that do not match")
        if inner.op == "num" and inner.args[0].denominator == 1 and self.at("_"):
            return self.in_base(str(inner.args[0]))
        return inner

    @abstractmethod
    def inner_list(self) -> Node:
        """Read or judged by a class further down the chain."""

    @abstractmethod
    def named(self, name: str) -> Node:
        """Read or judged by a class further down the chain."""


def _nested(node: Node) -> Node:
    """Return `[[1, 2], [3, 4]]` as a matrix, other brackets as they are."""
    rows = node.args[2:]
    square = all(side.op == "brackets" and side.args[:2] == ("[", "]") for side in (node, *rows))
    if square and len({len(row.args) for row in rows}) == 1:
        return Node("matrix", ("", tuple(row.args[2:] for row in rows)))
    return node
