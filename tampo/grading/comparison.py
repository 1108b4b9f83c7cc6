r"""When an answer is the gold answer: both are read (`tampo.grading.structures`), then compared part
by part, down to single values.

What needs a library, values with roots and symbols, sets given by conditions, units to convert,
goes to `judge`. In the caller's process `judge` raises `Undecided`; in the worker it is
`tampo.grading.equivalence`. One algorithm thus decides cheaply what is cheap and exactly the same
everywhere. The conventions are stated in docs/grading.md.
"""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction

from tampo.grading import choices, named
from tampo.grading.exact import exact
from tampo.grading.numerals import numerals_agree, read_numeral
from tampo.grading.presentation import plain
from tampo.grading.structures import read, same_words
from tampo.grading.tokens import tokenise
from tampo.grading.tree import Node, NotUnderstood, contains, symbols
from tampo.grading.units import Unit, match, own_nouns
from tampo.grading.values import adds_to, as_numeral, in_degrees, items_of, without_degrees
from tampo.grading.verdict import Judge, Rule, Verdict

DEGREE = Unit((("degree", Fraction(1)),), "°")
_SET_OPS = frozenset(
    (
        "union",
        "meet",
        "without",
        "builder",
        "reals",
        "integers",
        "naturals",
        "rationals",
        "complexes",
        "empty",
    )
)
_AMBIGUOUS_COMMA = re.compile(r"\d,\d{3}(?!\d)")


def answers_agree(gold: str, answer: str, rule: Rule, judge: Judge) -> Verdict:
    """Compare two answers as written; may raise what `judge` raises.

    Raises:
        NotUnderstood: the answer is neither mathematics nor the text that the gold is.
    """
    gold, answer = plain(gold), plain(answer)
    if gold == answer:
        return Verdict(True, "exact text")
    if not answer:
        raise NotUnderstood("nothing is left of it")
    numbers = [read_numeral(side, thousands_commas=not rule.multiple) for side in (gold, answer)]
    if None not in numbers and not rule.unit:
        return Verdict(numerals_agree(*numbers, rule.tolerance), "number")
    letter = choices.agree(gold, answer)
    if letter is not None:
        return Verdict(letter, "choice letter")
    try:
        return _readings_agree(gold, answer, rule, judge)
    except NotUnderstood:
        if same_words(gold, answer):
            return Verdict(True, "text")
        raise


def _readings_agree(gold: str, answer: str, rule: Rule, judge: Judge) -> Verdict:
    comparison = Comparison(rule, judge)
    golds = gold_readings(gold, rule)
    if golds[0].op == "quantity":
        rule = replace(rule, nouns=rule.nouns | own_nouns(gold))
    verdict = None
    for gold_node in golds:
        for answer_node in answer_readings(answer, gold_node, rule):
            if gold_node.op == "text" or answer_node.op == "text":
                if same_words(gold, answer):
                    return Verdict(True, "text")
                if answer_node.op == "text" and gold_node.op != "text":
                    raise NotUnderstood(answer_node.args[1])
                verdict = verdict or Verdict(False, "text")
                continue
            verdict = comparison.agree(gold_node, answer_node)
            if verdict.equal:
                return verdict
    return verdict


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


class Comparison:
    """Compares trees under one rule and one judge."""

    def __init__(self, rule: Rule, judge: Judge) -> None:
        self.rule = rule
        self.judge = judge

    def equal(self, gold: Node, answer: Node) -> bool:
        return self.agree(gold, answer).equal

    def agree(self, gold: Node, answer: Node) -> Verdict:
        """Compare two structures; each step either decides or leaves it to the next."""
        if gold == answer:
            return Verdict(True, "same structure")
        for step in (
            self._members,
            self._quantities,
            self._lists,
            self._relations,
            self._sets,
            self._parts,
        ):
            verdict = step(gold, answer)
            if verdict is not None:
                return verdict
        return self._values(gold, answer)

    def _members(self, gold: Node, answer: Node) -> Verdict | None:
        sides = [
            side.args[1] if side.op == "member" and named.is_name(side.args[0]) else side
            for side in (gold, answer)
        ]
        return self.agree(*sides) if tuple(sides) != (gold, answer) else None

    # --- units --------------------------------------------------------------------------------------

    def _quantities(self, gold: Node, answer: Node) -> Verdict | None:
        if gold.op == "text" or answer.op == "text":
            return Verdict(False, "text")
        gold, answer = (
            Node("quantity", (in_degrees(s), DEGREE)) if in_degrees(s) else s
            for s in (gold, answer)
        )
        if gold.op != "quantity" and answer.op != "quantity":
            return None
        if gold.op != "quantity":
            verdict = self.agree(gold, answer.args[0])
            return Verdict(
                verdict.equal or self._radians(gold, answer),
                f"{verdict.rule}, unit stripped: {answer.args[1].written}",
            )
        if answer.op != "quantity":
            if answer.op == "rel":
                return self._relations(gold, answer)
            verdict = self.agree(gold.args[0], answer)
            return Verdict(verdict.equal, f"{verdict.rule}, unit left out: {gold.args[1].written}")
        (value, unit), (other, found) = gold.args, answer.args
        if not _comparable(unit, found):
            return Verdict(
                self.judge("unit", gold, answer, self.rule), f"unit converted: {found.written}"
            )
        verdict = self.agree(value, other)
        return Verdict(verdict.equal, f"{verdict.rule}, unit: {found.written}")

    def _radians(self, gold: Node, answer: Node) -> bool:
        """Whether an answer in degrees is the gold, a multiple of pi, in radians."""
        if answer.args[1] != DEGREE or not contains(gold, frozenset(("const",))):
            return False
        return self.equal(gold, Node("deg", (Node("mul", (answer.args[0],)),)))

    # --- lists --------------------------------------------------------------------------------------

    def _lists(self, gold: Node, answer: Node) -> Verdict | None:
        """Compare as lists of values; None if neither side is a list of several."""
        alike = named.bound_alike(gold, answer)
        if alike != (gold, answer):
            return self.agree(*alike)
        golds, answers = items_of(gold), items_of(answer)
        if len(golds) == 1 and len(answers) == 1:
            if (golds[0], answers[0]) != (gold, answer):
                return self.agree(golds[0], answers[0])
            return None
        if (_conditions(gold) and (_conditions(answer) or _is_set(answer))) or (
            _conditions(answer) and _is_set(gold)
        ):
            return Verdict(self._same_set(gold, answer), "set")
        by_name = named.compare(gold, answer, self.equal)
        if by_name is not None:
            return Verdict(by_name, "named values")
        if "brackets" in (gold.op, answer.op) and not (len(golds) > 1 and len(answers) > 1):
            bracketed, other = (gold, answers) if gold.op == "brackets" else (answer, golds)
            one_list = "list" in (gold.op, answer.op) and "set" not in (gold.op, answer.op)
            if (
                one_list
                and bracketed.args[:2] == ("(", ")")
                and len(bracketed.args) - 2 == len(other)
            ):
                pairs = zip(
                    golds if bracketed is answer else bracketed.args[2:],
                    bracketed.args[2:] if bracketed is answer else answers,
                    strict=True,
                )
                return Verdict(all(self.equal(*pair) for pair in pairs), "list in order")
        if len(golds) > 1 and len(answers) > 1:
            return Verdict(self._unordered(golds, answers), "list")
        single = answer if len(golds) > 1 else gold
        if (
            single.op in ("rel", "union", "without", "meet", "builder")
            and (solved := self._solutions(gold, answer)) is not None
        ):
            return Verdict(solved, "solutions")
        return Verdict(False, "list against one value")

    def _solutions(self, gold: Node, answer: Node) -> bool | None:
        """Whether `|x| = 3` or `x^2 = 9` says what the gold lists, `x = 3` or `x = -3`."""
        if gold.op in ("rel", "list", "pm") and answer.op == "rel" and named.solved_for(answer):
            return self.judge("set", gold, answer, self.rule)
        if gold.op == "rel" and named.solved_for(gold) and answer.op in ("list", "rel"):
            return self.judge("set", gold, answer, self.rule)
        if _is_set(gold) or _is_set(answer):
            return self._same_set(gold, answer)
        return None

    def _unordered(self, golds: tuple, answers: tuple) -> bool:
        if len(golds) != len(answers):
            return False
        rest = list(answers)
        for gold in golds:
            # Equal structures first: it spares the judge, and ties cannot be broken wrongly.
            rest.sort(key=lambda answer, gold=gold: answer != gold)
            for index, answer in enumerate(rest):
                if self.equal(gold, answer):
                    del rest[index]
                    break
            else:
                return False
        return True

    # --- relations ----------------------------------------------------------------------------------

    def _relations(self, gold: Node, answer: Node) -> Verdict | None:
        if gold.op != "rel" and answer.op != "rel":
            return None
        if gold.op == answer.op == "rel":
            return self._two_relations(gold, answer)
        if gold.op == "rel":
            value = named.value_of(gold)
            if value is not None and answer.op not in _SET_OPS:
                verdict = self.agree(value, answer)
                return Verdict(verdict.equal, f"{verdict.rule}, value of {named.written(gold)}")
            if _is_set(answer) and named.is_condition(gold):
                return Verdict(self._same_set(gold, answer), "set")
            return Verdict(False, "relation against value")
        if _is_set(gold) and named.is_condition(answer):
            return Verdict(self._same_set(gold, answer), "set")
        return named.chain_gives(gold, answer, self.agree)

    def _two_relations(self, gold: Node, answer: Node) -> Verdict:
        names = named.names_of(gold), named.names_of(answer)
        if all(names):
            renaming = named.same_function(gold, answer)
            if renaming is not None:
                gold, answer = renaming
            elif names[0] != names[1] and not named.anonymous(gold, answer):
                if named.value_of(gold) is not None and not symbols(named.value_of(gold)):
                    return Verdict(False, "another name")
                return Verdict(self._as_conditions(gold, answer), "relation")
            return self.agree(named.value_of(gold), named.value_of(answer))
        if len(gold.args[1]) > 2 or len(answer.args[1]) > 2:
            chain = named.same_chain(gold, answer, self.equal)
            if chain or not (named.is_condition(gold) and named.is_condition(answer)):
                return Verdict(chain, "chain")
        if named.value_of(gold) is not None and not symbols(named.value_of(gold)):
            if named.solved_for(answer):
                return Verdict(self.judge("set", gold, answer, self.rule), "solutions")
            return Verdict(False, "an equation not solved")
        return Verdict(self._as_conditions(gold, answer), "relation")

    def _as_conditions(self, gold: Node, answer: Node) -> bool:
        if named.is_condition(gold) and named.is_condition(answer):
            return symbols(gold) == symbols(answer) and self._same_set(gold, answer)
        return self.judge("relation", gold, answer, self.rule)

    # --- sets, tuples, matrices -----------------------------------------------------------------------

    def _sets(self, gold: Node, answer: Node) -> Verdict | None:
        if gold.op in _SET_OPS or answer.op in _SET_OPS:
            if gold.op == answer.op == "union":
                parts = [_union_parts(side) for side in (gold, answer)]
                if len(parts[0]) == len(parts[1]) and all(
                    p.op in ("brackets", "set") for p in parts[0] + parts[1]
                ):
                    try:
                        if self._unordered(tuple(parts[0]), tuple(parts[1])):
                            return Verdict(True, "union")
                    except NotUnderstood:
                        pass
            if _is_set(gold) and _is_set(answer):
                return Verdict(self._same_set(gold, answer), "set")
            return Verdict(False, "set against value")
        return None

    def _same_set(self, gold: Node, answer: Node) -> bool:
        return self.judge("set", gold, answer, self.rule)

    def _parts(self, gold: Node, answer: Node) -> Verdict | None:
        ops = {gold.op, answer.op}
        if "clock" in ops:
            return Verdict(bool(_clock(gold) & _clock(answer)), "time of day")
        if ops == {"ratio"}:
            return Verdict(self._same_ratio(gold, answer), "ratio")
        if "ratio" in ops:
            return Verdict(self._ratio_as_quotient(gold, answer), "ratio as quotient")
        if "cases" in ops:
            return Verdict(ops == {"cases"} and self._same_rows(gold, answer), "cases")
        vectors = _vector(gold), _vector(answer)
        if None not in vectors and ops & {"brackets", "matrix"}:
            if gold.op == answer.op == "matrix" or _same_brackets(gold, answer):
                same = len(vectors[0]) == len(vectors[1]) and all(
                    self.equal(*p) for p in zip(*vectors, strict=True)
                )
                return Verdict(same, "matrix" if "matrix" in ops else "tuple")
            return Verdict(False, "other brackets")
        if ops == {"matrix"}:
            return Verdict(self._same_matrix(gold, answer), "matrix")
        if ops & {"brackets", "matrix", "dots"}:
            return Verdict(False, "other form")
        return None

    def _same_matrix(self, gold: Node, answer: Node) -> bool:
        (kind, rows), (other, found) = gold.args, answer.args
        if kind != other or [len(r) for r in rows] != [len(r) for r in found]:
            return False
        return all(
            self.equal(*pair)
            for ours, theirs in zip(rows, found, strict=True)
            for pair in zip(ours, theirs, strict=True)
        )

    def _same_rows(self, gold: Node, answer: Node) -> bool:
        rows = [
            tuple(
                Node("brackets", ("(", ")", *row)) if len(row) > 1 else row[0] for row in side.args
            )
            for side in (gold, answer)
        ]
        return self._unordered(*rows)

    def _ratio_as_quotient(self, gold: Node, answer: Node) -> bool:
        sides = [
            Node("div", s.args) if s.op == "ratio" and len(s.args) == 2 else s
            for s in (gold, answer)
        ]
        values = [exact(side) for side in sides]
        return (
            "ratio" not in {s.op for s in sides}
            and None not in values
            and values[0] == values[1]
            and values[0].denominator > 1
        )

    def _same_ratio(self, gold: Node, answer: Node) -> bool:
        if len(gold.args) != len(answer.args):
            return False
        if all(self.equal(*pair) for pair in zip(gold.args, answer.args, strict=True)):
            return True
        values = [[exact(part) for part in side.args] for side in (gold, answer)]
        if None in values[0] + values[1] or not all(values[0] + values[1]) or max(values[0]) >= 10:
            return False
        factors = {b / a for a, b in zip(*values, strict=True)}
        return len(factors) == 1 and min(factors) > 0

    # --- values ---------------------------------------------------------------------------------------

    def _values(self, gold: Node, answer: Node) -> Verdict:
        if contains(gold, _NO_VALUE) or contains(answer, _NO_VALUE):
            return Verdict(False, "other form")
        gold, answer = without_degrees(gold), without_degrees(answer)
        if gold == answer:
            return Verdict(True, "same structure")
        if answer.op == "mul" and any(
            part.op == "num" and not part.args[0] for part in answer.args
        ):
            return Verdict(False, "zero with a factor")
        numbers = as_numeral(gold), as_numeral(answer)
        if None not in numbers:
            allowed = Fraction(0) if adds_to(gold, answer) else self.rule.tolerance
            return Verdict(numerals_agree(*numbers, allowed), "number")
        if "based" in (gold.op, answer.op):
            return Verdict(False, "number in a base")
        constant = not symbols(gold) and not symbols(answer)
        return Verdict(
            self.judge("value", gold, answer, self.rule), "value" if constant else "symbolic"
        )


_NO_VALUE = (
    frozenset(
        (
            "set",
            "list",
            "brackets",
            "matrix",
            "cases",
            "rel",
            "member",
            "dots",
            "clock",
            "ratio",
            "text",
            "quantity",
        )
    )
    | _SET_OPS
)


def _comparable(unit: Unit, other: Unit) -> bool:
    """Whether two units count as the same without converting."""
    if unit.parts == other.parts:
        return True
    names = [{name for name, _ in side.parts} for side in (unit, other)]
    if any(name == "counted unit" for side in names for name in side):
        return True
    degrees = {"degree", "degree_Celsius", "degree_Fahrenheit"}
    return any(side == {"degree"} for side in names) and all(side <= degrees for side in names)


def _conditions(node: Node) -> bool:
    """Whether a list consists of inequalities."""
    return node.op == "list" and all(
        i.op == "rel" and set(i.args[0]) & set(("<", ">", "<=", ">=", "!=")) for i in node.args[1:]
    )


def _is_set(node: Node) -> bool:
    if node.op == "brackets":
        return len(node.args) == 4 and "<" not in node.args[:2]
    return (
        node.op in _SET_OPS
        or node.op == "set"
        or _conditions(node)
        or (node.op == "rel" and named.is_condition(node))
    )


def _union_parts(node: Node) -> list[Node]:
    return (
        [part for side in node.args for part in _union_parts(side)]
        if node.op == "union"
        else [node]
    )


def _vector(node: Node) -> tuple | None:
    if node.op == "brackets":
        return node.args[2:]
    if (
        node.op == "matrix"
        and node.args[0] == ""
        and all(len(row) == 1 for row in node.args[1])
        and len(node.args[1]) > 1
    ):
        return tuple(row[0] for row in node.args[1])
    return None


def _same_brackets(gold: Node, answer: Node) -> bool:
    kinds = [node.args[:2] if node.op == "brackets" else ("(", ")") for node in (gold, answer)]
    vectors = {("(", ")"), ("<", ">")}
    if all(node.op == "matrix" or len(node.args) > 4 for node in (gold, answer)):
        vectors.add(("[", "]"))
    return kinds[0] == kinds[1] or all(kind in vectors for kind in kinds)


def _clock(node: Node) -> set[tuple[int, int]]:
    """Return the times of day, hour of 24 and minute, that a structure may mean."""
    if node.op == "clock":
        hour, minute, half = node.args
        return {(hour % 12 + (12 if half == "p" else 0), minute)}
    parts = (
        [exact(part) for part in node.args]
        if node.op == "ratio" and len(node.args) == 2
        else [None]
    )
    if None in parts or any(part.denominator != 1 for part in parts):
        return set()
    hour, minute = map(int, parts)
    return {(hour, minute), (hour % 12 + 12, minute)} if hour <= 12 else {(hour, minute)}
