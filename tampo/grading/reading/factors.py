"""A factor: its base and what stands behind it, exponents, primes, factorials, percent signs."""

from __future__ import annotations

from abc import abstractmethod
from fractions import Fraction

from tampo.grading.notation.tokens import Token
from tampo.grading.notation.tree import Node, NotUnderstood, number
from tampo.grading.reading.cursor import DEEPEST, END, letters_of
from tampo.grading.reading.expressions import ExpressionReader
from tampo.grading.vocabulary import words


class FactorReader(ExpressionReader):
    """Adds to the reader of sums and products their factors."""

    def factor(self) -> Node:
        self.levels += 1
        if self.levels > DEEPEST:
            raise NotUnderstood("nesting")
        before = self.peek()
        base = self.base()
        self._before_bracket = before.kind == "op" and before.text in "(["
        node = self.postfixes(base)
        self.levels -= 1
        return node

    def postfixes(self, node: Node) -> Node:
        while True:
            if self.at("^"):
                if self.unit_here() is not None:
                    return node
                self.position += 1
                node = self._raised(node)
            elif self.at("!"):
                self.position += 1
                double = self.accept("!")
                node = Node("call", ("factorial2" if double else "factorial", node))
            elif self.at("%"):
                self.position += 1
                node = Node("percent", (node,))
            elif self.at("'"):
                primes = 0
                while self.accept("'"):
                    primes += 1
                node = _primed(node, primes)
            elif self.at("_"):
                if node.op == "pow":  # x^2_1 is x_1^2
                    node = Node("pow", (self.subscripted(node.args[0]), node.args[1]))
                else:
                    node = self.subscripted(node)
            elif self.accept_word("squared"):
                node = Node("pow", (node, number(2)))
            elif self.accept_word("cubed"):
                node = Node("pow", (node, number(3)))
            elif self.accept_word("factorial"):
                node = Node("call", ("factorial", node))
            elif self.word_at(*words.PERCENT):
                self.position += 1
                node = Node("percent", (node,))
            elif self.word_at("per") and self.peek(1).text == "cent":
                self.position += 2
                node = Node("percent", (node,))
            else:
                return node

    def _raised(self, node: Node) -> Node:
        """Read what follows `^`: an exponent, a degree sign, primes, a star."""
        braced = self.at("{")
        inner = self.position + braced
        token = self.tokens[inner] if inner < len(self.tokens) else END
        closing = self.tokens[inner + 1] if inner + 1 < len(self.tokens) else END
        alone = not braced or closing.text == "}"
        if token.kind == "cmd" and token.text == "circ" and alone:
            self.position = inner + 1 + braced
            return Node("deg", (node,))
        if (token.kind == "cmd" and token.text == "prime") or (
            token.kind == "op" and token.text == "'"
        ):
            self.position = inner
            primes = 0
            while self.accept("prime", "'"):
                primes += 1
            if braced:
                self.expect("}")
            return _primed(node, primes)
        marks = {
            "*": "conjugate",
            "ast": "conjugate",
            "star": "conjugate",
            "top": "transpose",
            "dagger": "adjoint",
            "intercal": "transpose",
            "perp": "perp",
            "+": "plus",
            "-": "minus",
        }
        if (
            token.kind in ("op", "cmd")
            and token.text in marks
            and alone
            and (braced or token.text not in "+-")
        ):
            self.position = inner + 1 + braced
            return Node("apply", (f"^{marks[token.text]}", node))
        exponent = self.script()
        if node.op == "call" and node.args[0] in words.FUNCTIONS and len(node.args) == 1:
            return node
        return Node("pow", (node, exponent))

    def script(self) -> Node:
        """Read an exponent: a group, or one signed number, letter or command with its operands."""
        if self.at("{"):
            return self.group()
        if self.accept("-"):
            return Node("neg", (self.script(),))
        if self.accept("+"):
            return self.script()
        token = self.peek()
        if token.kind == "num":  # not its base: x^2_1
            self.position += 1
            return Node("num", (token.value, token.half_unit))
        if token.kind == "word" and not token.roman:
            return self._one_letter()
        return self.base()

    def _one_letter(self) -> Node:
        token = self.peek()
        self.replace_token(*(Token("let", c) for c in token.text))
        return self.base()

    def group(self) -> Node:
        """Read `{...}` as one expression."""
        self.expect("{")
        self.depth += 1
        node = self.sum()
        self.depth -= 1
        self.expect("}")
        return node

    def argument(self) -> Node:
        r"""Read the argument of `\frac` or `\sqrt`: a group, one digit, one letter, one command."""
        if self.at("{"):
            return self.group()
        token = self.peek()
        if token.kind == "num" and len(token.text) > 1:
            digit, rest = token.text[0], token.text[1:]
            if not token.text.isdecimal():
                raise NotUnderstood(token.text)
            self.replace_token(
                Token("num", digit, value=Fraction(digit)),
                Token("num", rest, value=Fraction(rest)),
            )
        elif token.kind == "word" and not token.roman and letters_of(token):
            return self._one_letter()
        if self.peek().kind == "num":  # not the beginning of a mixed number
            token = self.next()
            return Node("num", (token.value, token.half_unit))
        if token.kind not in ("let", "cmd"):
            raise NotUnderstood("an argument is missing")
        return self.base()

    @abstractmethod
    def base(self) -> Node:
        """Read or judged by a class further down the chain."""

    @abstractmethod
    def subscripted(self, node: Node) -> Node:
        """Read or judged by a class further down the chain."""


def _primed(node: Node, primes: int) -> Node:
    if node.op == "sym":
        return Node("sym", (node.args[0] + "'" * primes,))
    if node.op == "apply":
        return Node("apply", (node.args[0] + "'" * primes, *node.args[1:]))
    raise NotUnderstood("a prime on what is no symbol")
