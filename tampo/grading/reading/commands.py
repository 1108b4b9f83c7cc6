"""Commands: fractions, roots, functions, sums, integrals, accents, figures."""

from __future__ import annotations

import re

from tampo.grading.notation.tree import Node, NotUnderstood, number, replace
from tampo.grading.reading.atoms import AtomReader
from tampo.grading.reading.expressions import times
from tampo.grading.vocabulary import words


class CommandReader(AtomReader):
    """Adds to the reader of numbers and letters what begins with a backslash."""

    def command(self) -> Node:
        name = self.next().text
        name = words.ALIASES.get(name, name)
        if name == "frac":
            return self._fraction()
        if name == "sqrt":
            return self._root()
        if name == "binom":
            return Node("call", ("binom", self.argument(), self.argument()))
        if name in ("pi", "infty"):
            return Node("const", ("inf" if name == "infty" else "pi",))
        if name in ("lfloor", "lceil"):
            return self._rounded(name)
        if name == "|":
            inner = self.sum()
            self.expect("|")
            return Node("apply", ("norm", inner))
        if name in ("sum", "prod"):
            return self._total(name)
        if name in ("int", "oint"):
            return self._integral(name)
        if name in ("overline", "bar") and (name == "overline" or self.peek(1).kind != "let"):
            return self._overlined()
        if name in words.ACCENTS or name == "mathring":
            return self._accented(name)
        if name in ("angle", "triangle", "measuredangle"):
            return self._figure(name)
        if name == "operatorname":
            return self.base()
        if (name in words.FUNCTIONS and name not in ("Gamma", "Re", "Im")) or (
            name == "Gamma" and self.at("(")
        ):
            return self.named(name)
        if name in words.GREEK or name == "partial":
            return Node("sym", (f"\\{name}",))
        return self.structure(name)

    def structure(self, name: str) -> Node:
        raise NotUnderstood(f"\\{name}")

    def _fraction(self) -> Node:
        start = self.position
        derivative = self._derivative()
        if derivative is not None:
            return derivative
        self.position = start
        return Node("div", (self.argument(), self.argument()))

    def _derivative(self) -> Node | None:
        r"""Read `\frac{dy}{dx}` as one symbol, not as a quotient of products."""
        if not self.at("{"):
            return None
        end = self.group_end()
        top = self.tokens[self.position + 1 : end]
        self.position = end + 1
        if not self.at("{"):
            return None
        end = self.group_end()
        bottom = self.tokens[self.position + 1 : end]
        texts = ["".join(t.text for t in side) for side in (top, bottom)]
        for mark in ("d", "partial"):
            if all(
                re.match(rf"{mark}(?:[A-Za-z]|\^|omega|theta|phi|$|[\\{{])", text) for text in texts
            ) and len(texts[1]) > len(mark):
                self.position = end + 1
                return Node(
                    "sym", ("/".join(text.replace("{", "").replace("}", "") for text in texts),)
                )
        return None

    def _root(self) -> Node:
        index = number(2)
        if self.accept("["):
            self.depth += 1
            index = self.sum()
            self.depth -= 1
            self.expect("]")
        if self.at("("):
            return Node("call", ("root", index, self.base()))
        if self.peek().kind == "num":
            return Node(
                "call", ("root", index, Node("num", (self.peek().value, self.next().half_unit)))
            )
        return Node("call", ("root", index, self.argument()))

    def _rounded(self, name: str) -> Node:
        bars, self.bars = self.bars, 0
        self.depth += 1
        inner = self.sum()
        self.depth -= 1
        self.bars = bars
        self.expect("rfloor" if name == "lfloor" else "rceil")
        return Node("call", (name[1:], inner))

    def _total(self, name: str) -> Node:
        self.expect("_")
        self.expect("{")
        variable = self.next()
        if variable.kind != "let":
            raise NotUnderstood("a sum without its variable")
        self.expect("=")
        lower = self.sum()
        self.expect("}")
        self.expect("^")
        upper = self.script()
        body = self.product()
        if variable.text in "ei":
            body = _as_symbol(body, variable.text)
        return Node("total", (name, variable.text, lower, upper, body))

    def _integral(self, name: str) -> Node:
        limits: list[Node] = []
        while self.at("_", "^"):
            self.position += 1
            limits.append(self.script())
        return Node("apply", (f"{name}{len(limits)}", *limits, self.sum()))

    def _overlined(self) -> Node:
        if not self.at("{"):
            return self._accented("bar")
        end = self.group_end()
        inner = self.tokens[self.position + 1 : end]
        self.position = end + 1
        return Node("sym", ("bar " + "".join(t.text for t in inner),))

    def _accented(self, name: str) -> Node:
        if self.at("{"):
            end = self.group_end()
            inner = self.tokens[self.position + 1 : end]
            self.position = end + 1
        else:
            inner = [self.next()]
        if (
            not inner
            or any(t.kind not in ("let", "cmd", "word", "num", "op") for t in inner)
            or inner[0].kind == "end"
        ):
            raise NotUnderstood(f"\\{name} without a symbol")
        letters = "".join(t.text for t in inner)
        if name == "mathbb" and (sets := _NUMBER_SETS.get(letters)):
            return self._half_line() or Node(sets) if sets == "reals" else Node(sets)
        return Node("sym", (f"{name} {letters}",))

    def _half_line(self) -> Node | None:
        r"""Read what makes `\mathbb{R}^+`, `\mathbb{R}_{\ge 0}` or `\mathbb{R}_{<0}` of the real numbers."""
        start = self.position
        if self.accept("^", "_"):
            braced = self.accept("{")
            sign = self.next().text
            zero = self.peek().text == "0" and self.next().text == "0"
            ends = _HALF_LINES.get((sign, zero))
            if ends is not None and (not braced or self.accept("}")):
                return Node("brackets", ends)
        self.position = start
        return None

    def _figure(self, name: str) -> Node:
        r"""Read `\angle B E A_{1}`, `\triangle ABC` as one symbol."""
        letters = ""
        while self.peek().kind in ("let", "word", "num") or self.at("_", "{", "}", "prime", "'"):
            if self.peek().kind == "num" and not letters.endswith("_") and letters != "":
                break
            token = self.next()
            letters += token.text if token.text not in "{}" else ""
        return Node("sym", (f"{name} {letters}",))

    def named(self, name: str) -> Node:
        """Read exponent, base and argument of a known function."""
        exponent, base = None, None
        while True:
            if self.at("^") and exponent is None:
                self.position += 1
                exponent = self.script()
            elif self.at("_") and name == "log" and base is None:
                self.position += 1
                base = self.argument()
            else:
                break
        if (
            exponent is not None
            and exponent == Node("neg", (number(1),))
            and name in words.INVERSES
        ):
            name, exponent = words.INVERSES[name], None
        arguments = self._function_arguments(name)
        if name == "cbrt":
            node = Node("call", ("root", number(3), *arguments))
        elif name == "sqrt":
            node = Node("call", ("root", number(2), *arguments))
        elif name == "exp":
            node = Node("pow", (Node("const", ("e",)), *arguments))
        elif base is not None:
            node = Node("call", ("log_base", base, *arguments))
        elif name in ("lb", "lg"):
            node = Node("call", ("log_base", number(2 if name == "lb" else 10), *arguments))
        else:
            node = Node("call", (name, *arguments))
        return node if exponent is None else Node("pow", (node, exponent))

    def _function_arguments(self, name: str) -> tuple[Node, ...]:
        if self.at("("):
            return self.call_arguments()
        if self.at("{"):
            if self.peek().kind == "cmd" and name in ("max", "min", "gcd", "lcm"):
                listed = self.base()
                return listed.args if listed.op == "set" else (listed,)
            return (self.group(),)
        if self.accept("-"):
            return (Node("neg", self._function_arguments(name)),)
        first = self.factor()
        if first.op == "call" and first.args[0] in words.FUNCTIONS:
            return (first,)
        while (self.starts_factor() or self.at("cdot")) and not self._function_next():
            if self.at("cdot"):
                if self.peek(1).kind == "cmd":
                    break
                self.position += 1
            first = times(first, self.factor())
        if self.at("/") and self.peek(1).kind == "num" and not _has_division(first):
            self.position += 1
            first = Node("div", (first, self.factor()))
        return (first,)

    def _function_next(self) -> bool:
        token = self.peek()
        return self.at("(") or (
            token.kind in ("cmd", "word")
            and words.ALIASES.get(token.text, token.text) in words.FUNCTIONS
        )


def _has_division(node: Node) -> bool:
    return node.op == "div"


def _as_symbol(node: Node, letter: str) -> Node:
    constant = Node("const", (letter,))
    return replace(node, lambda part: Node("sym", (letter,)) if part == constant else part)


_NUMBER_SETS = {"R": "reals", "Z": "integers", "N": "naturals", "Q": "rationals", "C": "complexes"}

_ZERO, _INFINITE = number(0), Node("const", ("inf",))
_POSITIVE, _NOT_NEGATIVE = ("(", ")", _ZERO, _INFINITE), ("[", ")", _ZERO, _INFINITE)
_NEGATIVE = ("(", ")", Node("neg", (_INFINITE,)), _ZERO)
_NOT_POSITIVE = ("(", "]", Node("neg", (_INFINITE,)), _ZERO)
_HALF_LINES = {
    ("+", False): _POSITIVE,
    (">", True): _POSITIVE,
    ("-", False): _NEGATIVE,
    ("<", True): _NEGATIVE,
} | {(sign, True): _NOT_NEGATIVE for sign in ("ge", "geq", "geqslant")}
_HALF_LINES |= {(sign, True): _NOT_POSITIVE for sign in ("le", "leq", "leqslant")}
