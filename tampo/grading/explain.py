"""A grade with its reasons: how both sides were read, and which rule decided."""

from __future__ import annotations

from fractions import Fraction

from tampo.grading.boxed import final_answer
from tampo.grading.comparing.interpretations import answer_readings, gold_readings
from tampo.grading.grader import grade, rule_of
from tampo.grading.notation.presentation import plain
from tampo.grading.notation.tree import Node, NotUnderstood

_SIGNS = {
    "add": " + ",
    "mul": " · ",
    "div": " / ",
    "pow": "^",
    "pm": " ± ",
    "mp": " ∓ ",
    "ratio": " : ",
}
_SIGNS |= {"union": " ∪ ", "meet": " ∩ ", "without": " ∖ ", "member": " ∈ ", "builder": " | "}


def explain(
    answer: str,
    golds: list[str],
    *,
    tolerance: str | None = None,
    unit: str | None = None,
    multiple: bool = False,
    problem: str | None = None,
) -> str:
    """Return the grade of an answer, boxed or not, in lines: outcome, rule, both readings."""
    response = answer if final_answer(answer) is not None else f"\\boxed{{{answer}}}"
    graded = grade(
        response, golds, tolerance=tolerance, unit=unit, multiple=multiple, problem=problem
    )
    rule = rule_of(tolerance, unit, multiple, problem)
    lines = [f"outcome: {graded.outcome}", f"rule:    {graded.rule}"]
    for gold in golds:
        readings = gold_readings(plain(gold), rule)
        lines += [f"gold:    {gold}"] + [f"         read as {describe(node)}" for node in readings]
        lines.append(f"answer:  {graded.extracted}")
        try:
            found = answer_readings(plain(graded.extracted or ""), readings[0], rule)
            lines += [f"         read as {describe(node)}" for node in found]
        except NotUnderstood as reason:
            lines.append(f"         not understood: {reason}")
    return "\n".join(lines)


def describe(node: Node) -> str:
    """Return a structure in one line, every bracket that counts written out."""
    op, args = node
    if op == "num":
        value, half_unit = args
        return f"{value}" if half_unit is None else f"{_decimal(value)} ± {_decimal(half_unit)}"
    if op in ("sym", "const"):
        return str(args[0])
    if op == "neg":
        return f"-({describe(args[0])})"
    if op in ("call", "apply"):
        return f"{args[0]}({', '.join(describe(part) for part in args[1:])})"
    if op in _SIGNS:
        return f"({_SIGNS[op].join(map(describe, args))})"
    if op in ("deg", "percent"):
        return f"{describe(args[0])}{'°' if op == 'deg' else '%'}"
    if op == "quantity":
        return f"{describe(args[0])} [{args[1].written.strip()}]"
    if op == "brackets":
        return f"tuple or interval {args[0]}{', '.join(map(describe, args[2:]))}{args[1]}"
    if op in ("list", "set"):
        items = args[1:] if op == "list" else args
        return f"{op} of {len(items)}: {'; '.join(map(describe, items))}"
    if op == "rel":
        operators, operands = args
        rest = "".join(
            f" {sign} {describe(part)}" for sign, part in zip(operators, operands[1:], strict=True)
        )
        return describe(operands[0]) + rest
    if op == "based":
        return f"{args[0]} in base {args[1]}"
    if op == "text":
        return f"text: {' '.join(args[0])}"
    return _block(op, args)


def _block(op: str, args: tuple) -> str:
    rows = args[1] if op == "matrix" else args
    if op in ("matrix", "cases"):
        return f"{op} " + " / ".join(" & ".join(map(describe, row)) for row in rows)
    if op == "total":
        name, variable, lower, upper, body = args
        return (
            f"{name} over {variable} = {describe(lower)} .. {describe(upper)} of {describe(body)}"
        )
    return f"{op} {' '.join(map(str, args))}".strip()


def _decimal(value: Fraction) -> str:
    return f"{float(value):.15g}" if abs(value) < 10**300 else str(value)
