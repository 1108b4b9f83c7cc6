"""The smallest parts of an expression: numbers, symbols, functions, roots, brackets."""

from __future__ import annotations

import re
from fractions import Fraction

from tampo.grading import words
from tampo.grading.expressions import _ACCENTS, ExpressionReader, glued, letters_of, times
from tampo.grading.tokens import Token
from tampo.grading.tree import Node, NotUnderstood, number

_APPLIED = frozenset("fghFG")
_OPENERS = {"(": (")", "]", "["), "[": ("]", ")", "["), "]": ("[", "]", ")")}
_BASE_NAMES = {
    "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
    "eleven": 11, "twelve": 12, "sixteen": 16, "binary": 2, "octal": 8, "decimal": 10, "hex": 16,
}  # fmt: skip


class AtomReader(ExpressionReader):
    """Adds to the expression reader what a factor can start with."""

    def base(self) -> Node:
        token = self.peek()
        if token.kind == "num":
            return self._number()
        if token.kind == "let":
            return self._letter(self.next().text)
        if token.kind == "word":
            return self._word()
        if token.kind == "op":
            return self._bracketed()
        if token.kind == "cmd":
            return self._command()
        raise NotUnderstood("the end where a value was expected")

    # --- numbers ------------------------------------------------------------------------------------

    def _number(self) -> Node:
        token = self.next()
        node = Node("num", (token.value, token.half_unit))
        if (
            self.at("overline", "bar", "dot", "ldots", "dots", "cdots")
            or self.at("(")
            or self.at(".")
        ):
            repeating = self._repeating(token)
            if repeating is not None:
                return repeating
        if self.at("_"):
            return self._in_base(token.text.replace(" ", ""))
        if token.text.isdecimal():
            return self._mixed(token, node)
        return node

    def _repeating(self, token: Token) -> Node | None:
        """Read the rest of a repeating decimal, behind its digits so far, or return None."""
        if "." not in token.text:
            return None
        start = self.position
        if self.accept("ldots", "dots", "cdots") or self._dots():
            if self.ends_value(self.peek()) or self.at("%"):
                return _guessed_repeat(token.text)
        elif self.accept("("):
            digits = self.next()
            if (
                digits.kind == "num"
                and digits.text.isdecimal()
                and not token.space
                and self.accept(")")
            ):
                return _repeat(token.text, digits.text)
        elif self.accept("overline", "bar"):
            digits = self._braced_digits()
            if digits is not None:
                return _repeat(token.text, digits)
        elif self.at("dot"):
            run, dotted = "", []
            while self.at("dot") or (self.peek().kind == "num" and dotted):
                if self.accept("dot"):
                    dotted.append(len(run))
                    digit = self._braced_digits()
                    if digit is None or len(digit) != 1:
                        break
                    run += digit
                else:
                    run += self.next().text
            else:
                if dotted and dotted[-1] == len(run) - 1 and len(dotted) <= 2:
                    return _repeat(token.text + run[: dotted[0]], run[dotted[0] :])
        self.position = start
        return None

    def _dots(self) -> bool:
        if all(self.peek(k).text == "." for k in range(2)):
            while self.accept("."):
                pass
            return True
        return False

    def _braced_digits(self) -> str | None:
        braced = self.accept("{")
        token = self.next()
        if token.kind != "num" or not token.text.isdecimal() or (braced and not self.accept("}")):
            return None
        return token.text

    def _in_base(self, digits: str) -> Node:
        """Read the base of `52_8`, `52_{\\text{eight}}` or `52_{(8)}`."""
        if not digits.replace(".", "", 1).isdecimal():
            raise NotUnderstood("the base of a number that is not whole")
        self.expect("_")
        braced = self.accept("{")
        bracket = self.accept("(")
        if self.word_at("base"):
            self.position += 1
        token = self.next()
        base = _BASE_NAMES.get(token.text.casefold()) if token.kind == "word" else None
        if token.kind == "num" and token.text.isdecimal():
            base = int(token.text)
        if base is None or (bracket and not self.accept(")")) or (braced and not self.accept("}")):
            raise NotUnderstood("a subscript on a number")
        return Node("based", (digits, base))

    def _mixed(self, token: Token, node: Node) -> Node:
        """Read `2 1/2` or `2\\frac{1}{2}` behind the 2; anything else leaves the number alone."""
        if self.at("frac"):
            start = self.position
            part = self._command()
            if part.op == "div" and all(
                side.op == "num" and side.args[1] is None for side in part.args
            ):
                top, bottom = (side.args[0] for side in part.args)
                if 0 < top < bottom and not self.at("^", "!"):
                    return number(token.value + top / bottom)
            self.position = start
        top, slash, bottom = self.peek(), self.peek(1), self.peek(2)
        if (
            top.kind == bottom.kind == "num"
            and top.text.isdecimal()
            and bottom.text.isdecimal()
            and slash.text in ("/", "div")
        ):
            if not 0 < top.value < bottom.value:
                raise NotUnderstood("an improper mixed number")
            self.position += 3
            return number(token.value + top.value / bottom.value)
        if (
            self.word_at("and")
            and self.peek(1).kind == "num"
            and self.peek(2).text == "/"
            and self.peek(3).kind == "num"
        ):
            top, bottom = self.peek(1), self.peek(3)
            if 0 < top.value < bottom.value:
                self.position += 4
                return number(token.value + top.value / bottom.value)
        return node

    # --- words and letters -----------------------------------------------------------------------------

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
            return self._named(name)
        split = glued(token)
        if split is not None and (len(token.text) > 3 or split[0] in ("ln", "pi")):
            self.tokens = list(self.tokens)
            first, rest = split
            parts = [Token("cmd", first), Token("let" if len(rest) == 1 else "word", rest)]
            self.tokens[self.position : self.position + 1] = parts
            return self.base()
        letters = letters_of(token)
        if not letters or (lowered in words.MEANINGFUL and not token.text.isupper()):
            raise NotUnderstood(token.text)
        self.tokens = list(self.tokens)
        self.tokens[self.position : self.position + 1] = [Token("let", c) for c in letters]
        return self.base()

    def _spoken(self) -> Node | None:
        """Read a number in words, or return None."""
        run = []
        while len(run) < 12:
            token = self.peek(len(run))
            if token.kind in ("word", "let") and token.text.isalpha():
                run.append(token.text.casefold())
            elif (
                token.text == "-" and run and self.peek(len(run) + 1).text.casefold() in words.SMALL
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
        return Node("apply", (name, *self._call_arguments()))

    def _call_arguments(self) -> tuple[Node, ...]:
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
        end = self._group_end()
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

    def _group_end(self) -> int:
        depth = 0
        for index in range(self.position, len(self.tokens)):
            token = self.tokens[index]
            if token.kind == "op":
                depth += {"{": 1, "}": -1}.get(token.text, 0)
                if depth == 0:
                    return index
        raise NotUnderstood("a group that does not close")

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
            return Node("brackets", (left, right, *inner.args[1:]))
        if (opening, closing.text) not in (("(", ")"), ("[", "]")):
            raise NotUnderstood("brackets that do not match")
        if inner.op == "num" and inner.args[0].denominator == 1 and self.at("_"):
            return self._in_base(str(inner.args[0]))
        return inner

    def inner_list(self) -> Node:
        raise NotImplementedError

    # --- commands -----------------------------------------------------------------------------------

    def _command(self) -> Node:
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
        if name in _ACCENTS or name == "mathring":
            return self._accented(name)
        if name in ("angle", "triangle", "measuredangle"):
            return self._figure(name)
        if name == "operatorname":
            return self.base()
        if (name in words.FUNCTIONS and name not in ("Gamma", "Re", "Im")) or (
            name == "Gamma" and self.at("(")
        ):
            return self._named(name)
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
        end = self._group_end()
        top = self.tokens[self.position + 1 : end]
        self.position = end + 1
        if not self.at("{"):
            return None
        end = self._group_end()
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
        end = self._group_end()
        inner = self.tokens[self.position + 1 : end]
        self.position = end + 1
        return Node("sym", ("bar " + "".join(t.text for t in inner),))

    def _accented(self, name: str) -> Node:
        if self.at("{"):
            end = self._group_end()
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
            return Node(sets)
        return Node("sym", (f"{name} {letters}",))

    def _figure(self, name: str) -> Node:
        r"""Read `\angle B E A_{1}`, `\triangle ABC` as one symbol."""
        letters = ""
        while self.peek().kind in ("let", "word", "num") or self.at("_", "{", "}", "prime", "'"):
            if self.peek().kind == "num" and not letters.endswith("_") and letters != "":
                break
            token = self.next()
            letters += token.text if token.text not in "{}" else ""
        return Node("sym", (f"{name} {letters}",))

    def _named(self, name: str) -> Node:
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
            return self._call_arguments()
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
    from tampo.grading.tree import replace

    constant = Node("const", (letter,))
    return replace(node, lambda part: Node("sym", (letter,)) if part == constant else part)


_NUMBER_SETS = {"R": "reals", "Z": "integers", "N": "naturals", "Q": "rationals", "C": "complexes"}


def _repeat(start: str, period: str) -> Node:
    """Return the number `start` followed by `period` for ever."""
    places = len(start.partition(".")[2])
    value = Fraction(start.rstrip(".") or "0") if start not in (".",) else Fraction(0)
    tail = Fraction(int(period), (10 ** len(period) - 1) * 10**places)
    return number(value + tail)


def _guessed_repeat(text: str) -> Node:
    """Return the repeating decimal whose period stands at the end of `text` at least twice."""
    digits = text.partition(".")[2]
    for length in range(1, len(digits) // 2 + 1):
        period = digits[-length:]
        repeats = 0
        while digits.endswith(period * (repeats + 1)):
            repeats += 1
        if repeats >= (3 if length == 1 else 2):
            return _repeat(text[: len(text) - repeats * length], period)
    raise NotUnderstood("a decimal that goes on, one does not see how")
