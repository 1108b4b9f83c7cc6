"""The ways to read a gold, and an answer beside it."""

from __future__ import annotations

import re

from tampo.grading.notation.presentation import plain
from tampo.grading.notation.tokens import tokenise
from tampo.grading.notation.tree import Node, contains, symbols
from tampo.grading.reading.structures import read
from tampo.grading.verdict import Rule
from tampo.grading.vocabulary.units import match, own_nouns

_AMBIGUOUS_COMMA = re.compile(r"\d,\d{3}(?!\d)")


def gold_readings(gold: str, rule: Rule) -> list[Node]:
    """Return the ways to read a gold: two where a comma may mark thousands or not."""
    first = read(gold, thousands=not rule.multiple, nouns=rule.nouns)
    found = [first]
    if first.op == "text" and (own := own_nouns(gold)):
        found = [read(gold, thousands=not rule.multiple, nouns=rule.nouns | own)]
    if not rule.multiple and first.op in ("list", "set") and _AMBIGUOUS_COMMA.search(gold):
        second = read(gold, thousands=False, nouns=rule.nouns)
        found += [second] if second != first else []
    if rule.unit:
        unit = plain(rule.unit).replace("^{\\circ}", "")
        if unit == "%":
            return [
                node if contains(node, frozenset(("percent",))) else Node("percent", (node,))
                for node in found
            ]
        tokens = tokenise(unit) if unit else []
        asked = (
            match([tokens[0]._replace(space=True), *tokens[1:]], 0, loose=True) if tokens else None
        )
        if asked and asked[1] == len(tokens):
            return [
                node if node.op == "quantity" else Node("quantity", (node, asked[0]))
                for node in found
            ]
    return found


def answer_readings(answer: str, gold: Node, rule: Rule) -> list[Node]:
    """Return the ways to read an answer beside a gold: units in plain letters only beside a number."""
    loose = gold.op == "quantity" or (not symbols(gold) and gold.op != "text")
    commas = [not rule.multiple]
    if _AMBIGUOUS_COMMA.search(answer):
        commas.append(rule.multiple)
    found = [read(answer, thousands=c, loose=loose, nouns=rule.nouns) for c in commas]
    if not rule.multiple and found[0].op not in ("list", "set", "rel"):
        found = found[:1]
    return found
