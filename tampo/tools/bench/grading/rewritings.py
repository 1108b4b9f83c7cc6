"""Golds written otherwise by sympy: another text, the same value.

Only golds that parse without doubt are rewritten: plain numbers, and expressions whose symbols are
small single letters (the parser forgets which are capital). Every rewriting is checked by numbers
before it counts as right.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import sympy
from latex2sympy2_extended import latex2sympy

from tampo.tools.bench.grading.cases import Case, boxed, settings_of

_DOUBTFUL = re.compile(
    r"\\(?:text|mathrm|mbox|circ|pm|mp|begin|ldots|cdots|infty|to|in|cup|ln|log|exp|int|sum)"
    r"|[%$=<>,_'|!\[\]&;:]|[a-zA-Z]\s*(?:\\left)?\(|(?<![\\a-z])[ide]|[A-Z]|\\[{}]|\d\\frac"
)
_FORMS: dict[str, Callable[[sympy.Expr], str]] = {
    "expanded": lambda e: sympy.latex(sympy.expand(e)),
    "factored": lambda e: sympy.latex(sympy.factor(e)),
    "one fraction": lambda e: sympy.latex(sympy.together(e)),
    "other order": lambda e: sympy.latex(e, order="rev-lex"),
    "times": lambda e: sympy.latex(sympy.expand(e), mul_symbol="times"),
    "denominator without roots": lambda e: sympy.latex(sympy.radsimp(e)),
}


def rewritings(records: Iterable[dict[str, Any]], seed: int) -> Iterator[Case]:
    """Yield the rewritings of every gold that has any, each once."""
    draw = random.Random(seed)
    for record in records:
        for gold in record["answer"]:
            expression = _parsed(gold)
            if expression is None:
                continue
            seen = {gold}
            for kind, text in _texts(expression, draw):
                if text not in seen and _same(expression, text):
                    seen.add(text)
                    yield Case("golds", kind, gold, boxed(text), True, settings_of(record))


def _texts(expression: sympy.Expr, draw: random.Random) -> Iterator[tuple[str, str]]:
    if isinstance(expression, sympy.Rational):
        yield from _number_texts(expression, draw)
        return
    for kind, form in _FORMS.items():
        yield kind, form(expression)


def _number_texts(number: sympy.Rational, draw: random.Random) -> Iterator[tuple[str, str]]:
    sign, size = "-" if number < 0 else "", abs(number)
    factor = draw.choice((2, 3, 7))
    if not number.is_Integer:
        yield "not reduced", rf"{sign}\frac{{{factor * size.p}}}{{{factor * size.q}}}"
        yield "slash", f"{sign}{size.p}/{size.q}"
        if set(sympy.factorint(size.q)) <= {2, 5} and size.q <= 10**4:
            yield "decimal", f"{sign}{sympy.N(size, 40):.12f}".rstrip("0")
    elif 4 <= size < 10**9 and not sympy.isprime(size):
        powers = sympy.factorint(int(size))
        product = r" \cdot ".join(f"{p}^{{{n}}}" if n > 1 else str(p) for p, n in powers.items())
        yield "prime factors", sign + product


def _parsed(gold: str) -> sympy.Expr | None:
    text = gold.strip().strip("$").replace(r"\left", "").replace(r"\right", "")
    if not text or _DOUBTFUL.search(re.sub(r"\\(?:d|t)?frac|\\sqrt|\\cdot|\\pi", "", text)):
        return None
    if re.search(r"\d\s*\\[dt]?frac", text):  # a mixed number or a product
        return None
    try:
        expression = latex2sympy(text)
    except Exception:
        return None
    if not isinstance(expression, sympy.Expr) or expression.atoms(sympy.Float):
        return None
    if len(text) > 200 or any(len(symbol.name) > 1 for symbol in expression.free_symbols):
        return None
    return expression.doit() if not expression.free_symbols else expression


def _same(expression: sympy.Expr, text: str) -> bool:
    """Return whether `text`, read back, has the value of `expression` at two points."""
    try:
        again = latex2sympy(text)
        symbols = sorted(expression.free_symbols | again.free_symbols, key=str)
        for start in (0.7, 1.9):
            point = {symbol: start + 0.31 * place for place, symbol in enumerate(symbols)}
            left, right = complex(expression.evalf(20, point)), complex(again.evalf(20, point))
            if abs(left - right) > 1e-9 * max(1.0, abs(left)):
                return False
    except Exception:
        return False
    return True
