r"""Sums and products, from tokens to a tree.

Conventions: `2\frac{1}{2}` and `2 1/2` are mixed numbers; `a/bc` is a/(bc) but `1/2x` is x/2; an
unbraced exponent takes all digits (`10^23`); `f`, `g`, `h` before a bracket are functions, other
letters factors; `\sin 2x` takes the product behind it; `i`, `e` are the constants.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from tampo.grading.notation.tokens import Token
from tampo.grading.notation.tree import Node, NotUnderstood, number
from tampo.grading.reading.cursor import DEEPEST, END, Cursor, glued, letters_of
from tampo.grading.vocabulary import units, words
from tampo.grading.vocabulary.words import ACCENTS, each

_PRODUCT = frozenset(("*", "cdot", "times", "ast", "cdotp"))
_RELATION_WORDS = frozenset(("and", "or", "if", "for", "to", "where", "when", "with"))
_FACTOR_COMMANDS = (
    frozenset(
        each(
            """
frac sqrt binom pi infty sum prod int oint lfloor lceil langle overline sin angle triangle
partial over prime lim choose { begin cases emptyset varnothing exp det gcd max min mathring
binom log operatorname cbrt measuredangle | ulcorner boldmath pounds not ell nexists
"""
        )
    )
    - {"not", "nexists", "over", "choose", "prime", "lim"}
    | ACCENTS
    | words.FUNCTIONS
    | frozenset(words.ALIASES)
)
_VALUE_ENDS = frozenset(
    each(
        r"""
, ; ) ] } | = < > : le ge ne leq geq approx lt gt lor land pm in cup cap leqslant geqslant } and
vee wedge & \ end
"""
    )
)


class ExpressionReader(Cursor, ABC):
    """Adds to the cursor sums, products and where a value ends."""

    def sum(self) -> Node:
        self.levels += 1
        if self.levels > DEEPEST:
            raise NotUnderstood("nesting")
        left = self._signed_term()
        while True:
            if self.accept("+") or self.accept_word("plus"):
                left = _added(left, self._signed_term())
            elif self.accept("-") or self.accept_word("minus"):
                left = _added(left, Node("neg", (self._signed_term(),)))
            elif self.at("pm", "mp"):
                if left.op in ("pm", "mp"):
                    raise NotUnderstood("two plus-minus signs in one sum")
                left = Node(self.next().text, (left, self._signed_term()))
            else:
                self.levels -= 1
                return left

    def _signed_term(self) -> Node:
        if self.accept("+") or self.accept_word("plus", "positive"):
            return self._signed_term()
        if self.accept("-") or self.accept_word("minus", "negative"):
            return scaled(Node("neg", (self._signed_term(),)))
        if self.at("pm", "mp") and self.peek(1).text not in ("pm", "mp"):
            return Node(self.next().text, (number(0), self._signed_term()))
        return self.product()

    def product(self) -> Node:
        left = self.factor()
        while True:
            token = self.peek()
            if (token.kind in ("op", "cmd") and token.text in _PRODUCT) or self.accept_word(
                "times"
            ):
                if token.kind in ("op", "cmd"):
                    self.position += 1
                left = times(left, self._signed_factor())
            elif self.at("/", "div") or self.word_at("over"):
                self.position += 1
                left = _quotient(left, self._denominator())
            elif self.word_at("divided") and self.peek(1).text == "by":
                self.position += 2
                left = Node("div", (left, self._signed_factor()))
            elif self.starts_factor():
                if left.op == "num" and token.kind == "num":
                    raise NotUnderstood(f"a number behind a number: {token.text}")
                left = times(left, self.factor())
            else:
                return scaled(left)

    def _signed_factor(self) -> Node:
        if self.accept("-"):
            return Node("neg", (self._signed_factor(),))
        self.accept("+")
        return self.factor()

    def _denominator(self) -> Node:
        bottom = self._signed_factor()
        if bottom.op in ("num", "neg", "brackets") or self._before_bracket:
            return bottom
        while self.starts_factor() and not self.at("(", "[") and self.peek().kind != "num":
            bottom = times(bottom, self.factor())
        return bottom

    _before_bracket = False

    def starts_factor(self) -> bool:
        """Whether what comes next can be multiplied without a sign."""
        token = self.peek()
        if token.kind == "end" or self.unit_here() is not None:
            return False
        if token.kind in ("num", "let"):
            return not (token.kind == "let" and token.roman and self.word_at("a"))
        if token.kind == "word":
            return self._known_word(token)
        if token.kind == "op":
            if token.text == "|":
                return self.bars == 0
            return token.text in "({" or (token.text == "[" and self.bracket_is_factor())
        return token.text in _FACTOR_COMMANDS or token.text in words.GREEK

    def bracket_is_factor(self) -> bool:
        return self.peek(1).kind != "end"

    def _known_word(self, token: Token) -> bool:
        lowered = token.text.casefold()
        if lowered in words.SCALES:
            return True
        if token.roman:
            return token.text in words.FUNCTIONS or (token.text.isupper() and len(token.text) <= 4)
        if token.text in words.PLAIN_NAMES:
            return True
        if lowered in words.MEANINGFUL and not token.text.isupper():
            return False
        return bool(letters_of(token)) or glued(token) is not None

    def unit_here(self) -> tuple[units.Unit, int] | None:
        """Return the unit that ends the value at hand and where it ends, or None."""
        token = self.peek()
        if (
            self.depth_of_value()
            or token.kind not in ("let", "word", "cmd", "op")
            or self.position == 0
        ):
            return None
        inside = self.peek(1)
        bracket = (
            token.text == "("
            and inside.kind == "word"
            and (inside.roman or not inside.text.isascii())
        )
        if token.kind == "op" and token.text not in "^€£¥₹₽₩¢/" and not bracket:
            return None
        found = units.match(self.tokens, self.position, loose=self.loose, nouns=self.nouns)
        if found is None:
            return None
        after = self.tokens[found[1]] if found[1] < len(self.tokens) else END
        return found if self.ends_value(after) else None

    def depth_of_value(self) -> int:
        return self.bars

    def ends_value(self, token: Token) -> bool:
        if token.kind == "end":
            return True
        if token.kind == "word":
            return token.text.casefold() in _RELATION_WORDS
        return token.text in _VALUE_ENDS

    @abstractmethod
    def factor(self) -> Node:
        """Read or judged by a class further down the chain."""


def _added(left: Node, right: Node) -> Node:
    return Node("add", (*(left.args if left.op == "add" else (left,)), right))


def times(left: Node, right: Node) -> Node:
    return Node("mul", (*(left.args if left.op == "mul" else (left,)), right))


def _quotient(top: Node, bottom: Node) -> Node:
    r"""Return a quotient; `dy/dx` and `\partial f/\partial x` as one symbol."""
    for mark in (Node("sym", ("d",)), Node("sym", ("\\partial",))):
        sides = [side.args if side.op == "mul" else () for side in (top, bottom)]
        if all(len(s) > 1 and s[0] == mark and all(p.op == "sym" for p in s) for s in sides):
            return Node(
                "sym", ("/".join("".join(p.args[0] for p in s) for s in sides).replace("\\", ""),)
            )
    return Node("div", (top, bottom))


def scaled(node: Node) -> Node:
    """Return a number times a matrix as the matrix it is, anything else as it is."""
    if node.op not in ("mul", "neg", "div"):
        return node
    matrices = [part for part in node.args if part.op == "matrix"]
    if len(matrices) != 1 or (node.op == "div" and node.args[0].op != "matrix"):
        return node
    (matrix,) = matrices
    kind, rows = matrix.args
    if kind:
        return node

    def entry(cell: Node) -> Node:
        return Node(node.op, tuple(cell if part is matrix else part for part in node.args))

    return Node("matrix", ("", tuple(tuple(map(entry, row)) for row in rows)))
