"""Expressions as sympy objects, for the conditions that need a solver; imported in the worker only."""

from __future__ import annotations

import sympy

from tampo.grading.mathematics.evaluator import NotComputed
from tampo.grading.notation.tree import Node

_FUNCTIONS = {
    "abs": sympy.Abs, "floor": sympy.floor, "ceil": sympy.ceiling, "ln": sympy.log, "log": sympy.log,
    "sin": sympy.sin, "cos": sympy.cos, "tan": sympy.tan, "max": sympy.Max, "min": sympy.Min,
    "root": lambda index, x: sympy.real_root(x, index) if index.is_odd else sympy.root(x, index),
    "log_base": lambda base, x: sympy.log(x, base),
}  # fmt: skip
_LARGEST_EXPONENT = 12


def as_sympy(node: Node, variables: dict[str, sympy.Symbol]) -> sympy.Expr:
    """Return a sympy expression; NotComputed for what a condition does not consist of."""
    op, args = node
    if op == "num":
        return sympy.Rational(args[0].numerator, args[0].denominator)
    if op == "const" and args[0] in ("pi", "e"):
        return sympy.pi if args[0] == "pi" else sympy.E
    if op == "sym":
        return variables[args[0]]
    if op == "call" and args[0] in _FUNCTIONS:
        return _FUNCTIONS[args[0]](*(as_sympy(a, variables) for a in args[1:]))
    if op not in ("add", "mul", "neg", "div", "pow"):
        raise NotComputed(op)
    parts = [as_sympy(a, variables) for a in args]
    if op == "add":
        return sympy.Add(*parts)
    if op == "mul":
        return sympy.Mul(*parts)
    if op == "neg":
        return -parts[0]
    if op == "div":
        return parts[0] / parts[1]
    if not parts[1].is_number or abs(parts[1]) > _LARGEST_EXPONENT:
        raise NotComputed("an exponent beyond 12")
    return parts[0] ** parts[1]
