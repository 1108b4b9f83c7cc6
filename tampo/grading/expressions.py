r"""Single expressions: sums, products, powers, roots, functions, from tokens to a tree.

Conventions: `2\frac{1}{2}` and `2 1/2` are mixed numbers; `a/bc` is a/(bc) but `1/2x` is x/2; an
unbraced exponent takes all digits (`10^23`); `f`, `g`, `h` before a bracket are functions, other
letters factors; `\sin 2x` takes the product behind it; `i`, `e` are the constants.
"""

from __future__ import annotations

from fractions import Fraction

from tampo.grading import units, words
from tampo.grading.tokens import Token
from tampo.grading.tree import Node, NotUnderstood, number
from tampo.grading.words import each

_END = Token("end", "")
_CONSTANTS = {"e": "e", "i": "i"}
_ACCENTS = frozenset(
    each(
        """
hat bar vec dot ddot tilde widehat widetilde overrightarrow check acute mathbb mathcal mathfrak
mathscr
"""
    )
)
_PRODUCT = frozenset(("*", "cdot", "times", "ast", "cdotp"))
_RELATION_WORDS = frozenset(("and", "or", "if", "for", "to", "where", "when", "with"))
DEEPEST = 60


class ExpressionReader:
    """Reads tokens left to right; every method leaves `position` behind what it read."""

    def __init__(
        self, tokens: list[Token], *, loose: bool = False, nouns: frozenset[str] = frozenset()
    ) -> None:
        self.tokens = tokens
        self.position = 0
        self.loose = loose
        self.nouns = nouns
        self.depth = 0  # brackets open
        self.bars = 0  # open absolute values
        self.levels = 0

    # --- tokens ---------------------------------------------------------------------------------

    def peek(self, ahead: int = 0) -> Token:
        index = self.position + ahead
        return self.tokens[index] if index < len(self.tokens) else _END

    def next(self) -> Token:
        token = self.peek()
        self.position += 1
        return token

    def at(self, *texts: str) -> bool:
        """Whether the next token is one of the marks or commands `texts`."""
        token = self.peek()
        return token.kind in ("op", "cmd") and token.text in texts

    def word_at(self, *texts: str) -> bool:
        token = self.peek()
        return token.kind in ("word", "let") and token.text.casefold() in texts

    def accept(self, *texts: str) -> bool:
        if self.at(*texts):
            self.position += 1
            return True
        return False

    def expect(self, text: str) -> None:
        if not self.accept(text):
            raise NotUnderstood(f"{self.peek().text or 'the end'} where {text} was expected")

    # --- sums and products ------------------------------------------------------------------------

    def sum(self) -> Node:
        self.levels += 1
        if self.levels > DEEPEST:
            raise NotUnderstood("nesting")
        left = self._signed_term()
        while True:
            if self.accept("+") or self._accept_word("plus"):
                left = _added(left, self._signed_term())
            elif self.accept("-") or self._accept_word("minus"):
                left = _added(left, Node("neg", (self._signed_term(),)))
            elif self.at("pm", "mp"):
                left = Node(self.next().text, (left, self._signed_term()))
            else:
                self.levels -= 1
                return left

    def _accept_word(self, *texts: str) -> bool:
        if self.word_at(*texts):
            self.position += 1
            return True
        return False

    def _signed_term(self) -> Node:
        if self.accept("+") or self._accept_word("plus", "positive"):
            return self._signed_term()
        if self.accept("-") or self._accept_word("minus", "negative"):
            return Node("neg", (self._signed_term(),))
        if self.at("pm", "mp"):
            return Node(self.next().text, (number(0), self._signed_term()))
        return self.product()

    def product(self) -> Node:
        left = self.factor()
        while True:
            token = self.peek()
            if (token.kind in ("op", "cmd") and token.text in _PRODUCT) or self._accept_word(
                "times"
            ):
                if token.kind in ("op", "cmd"):
                    self.position += 1
                left = _times(left, self._signed_factor())
            elif self.at("/", "div") or self.word_at("over"):
                self.position += 1
                left = _quotient(left, self._denominator())
            elif self.word_at("divided") and self.peek(1).text == "by":
                self.position += 2
                left = Node("div", (left, self._signed_factor()))
            elif self.starts_factor():
                if left.op == "num" and token.kind == "num":
                    raise NotUnderstood(f"a number behind a number: {token.text}")
                left = _times(left, self.factor())
            else:
                return left

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
            bottom = _times(bottom, self.factor())
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
        return bool(_letters(token)) or _glued(token) is not None

    def unit_here(self) -> tuple[units.Unit, int] | None:
        """Return the unit that ends the value at hand and where it ends, or None."""
        token = self.peek()
        if (
            self.depth_of_value()
            or token.kind not in ("let", "word", "cmd", "op")
            or self.position == 0
        ):
            return None
        bracket = token.text == "(" and self.peek(1).roman and self.peek(1).kind == "word"
        if token.kind == "op" and token.text not in "^€£¥₹₽₩¢/" and not bracket:
            return None
        found = units.match(self.tokens, self.position, loose=self.loose, nouns=self.nouns)
        if found is None:
            return None
        after = self.tokens[found[1]] if found[1] < len(self.tokens) else _END
        return found if self.ends_value(after) else None

    def depth_of_value(self) -> int:
        return self.bars

    def ends_value(self, token: Token) -> bool:
        if token.kind == "end":
            return True
        if token.kind == "word":
            return token.text.casefold() in _RELATION_WORDS
        return token.text in _VALUE_ENDS

    # --- factors ------------------------------------------------------------------------------------

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
            elif self._accept_word("squared"):
                node = Node("pow", (node, number(2)))
            elif self._accept_word("cubed"):
                node = Node("pow", (node, number(3)))
            elif self._accept_word("factorial"):
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
        token = self.tokens[inner] if inner < len(self.tokens) else _END
        closing = self.tokens[inner + 1] if inner + 1 < len(self.tokens) else _END
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
        self.tokens = list(self.tokens)
        self.tokens[self.position : self.position + 1] = [Token("let", c) for c in token.text]
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
            self.tokens = list(self.tokens)
            self.tokens[self.position : self.position + 1] = [
                Token("num", digit, value=Fraction(digit)),
                Token("num", rest, value=Fraction(rest)),
            ]
        elif token.kind == "word" and not token.roman and _letters(token):
            return self._one_letter()
        elif token.kind not in ("num", "let", "cmd"):
            raise NotUnderstood("an argument is missing")
        return self.base()

    # --- in expressions/atoms -------------------------------------------------------------------------

    def base(self) -> Node:
        raise NotImplementedError

    def subscripted(self, node: Node) -> Node:
        raise NotImplementedError


def _added(left: Node, right: Node) -> Node:
    return Node("add", (*(left.args if left.op == "add" else (left,)), right))


def _times(left: Node, right: Node) -> Node:
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


def _primed(node: Node, primes: int) -> Node:
    if node.op == "sym":
        return Node("sym", (node.args[0] + "'" * primes,))
    if node.op == "apply":
        return Node("apply", (node.args[0] + "'" * primes, *node.args[1:]))
    raise NotUnderstood("a prime on what is no symbol")


def _letters(token: Token) -> str:
    """Return the letters of a word that is a product of letters, or the empty string."""
    text = token.text
    if not text.isascii() or (token.roman and not text.isupper()):
        return ""
    return (
        text if len(text) <= 3 or text.isupper() or not set(text.casefold()) & set("aeiouy") else ""
    )


def _glued(token: Token) -> tuple[str, str] | None:
    """Return function and letters of `sinx`, `pir`, or None."""
    for name in ("sin", "cos", "tan", "log", "ln", "sqrt", "pi", "exp"):
        rest = token.text[len(name) :]
        if not token.roman and token.text.startswith(name) and 0 < len(rest) <= 2:
            return name, rest
    return None


letters_of = _letters
glued = _glued
times = _times

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
    | _ACCENTS
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
