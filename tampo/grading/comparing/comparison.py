r"""When an answer is the gold answer.

Both are read (`tampo.grading.reading`), then compared part by part, down to single values.

What needs a library, values with roots and symbols, sets given by conditions, units to convert,
goes to `judge`. In the caller's process `judge` raises `Undecided`; in the worker it is
`tampo.grading.mathematics.equivalence`. One algorithm thus decides cheaply what is cheap and
exactly the same everywhere. The conventions are stated in docs/grading.md.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from tampo.grading.comparing import forms, naming
from tampo.grading.comparing.exact import exact
from tampo.grading.comparing.interpretations import answer_readings, gold_readings
from tampo.grading.comparing.list_comparison import ListComparison
from tampo.grading.comparing.relation_comparison import RelationComparison
from tampo.grading.comparing.values import adds_to, as_numeral, in_degrees, without_degrees
from tampo.grading.notation.numerals import numerals_agree, read_numeral
from tampo.grading.notation.presentation import plain
from tampo.grading.notation.tree import Node, NotUnderstood, contains, symbols
from tampo.grading.verdict import Judge, Rule, Verdict
from tampo.grading.vocabulary import choices
from tampo.grading.vocabulary.text_answers import same_words
from tampo.grading.vocabulary.units import Unit, own_nouns

DEGREE = Unit((("degree", Fraction(1)),), "°")


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
    printed, given = (
        read_numeral(side, thousands_commas=not rule.multiple) for side in (gold, answer)
    )
    if printed is not None and given is not None and not rule.unit:
        return Verdict(numerals_agree(printed, given, rule.tolerance), "number")
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
    verdict = Verdict(False, "text")
    for gold_node in golds:
        for answer_node in answer_readings(answer, gold_node, rule):
            if gold_node.op == "text" or answer_node.op == "text":
                if same_words(gold, answer):
                    return Verdict(True, "text")
                if answer_node.op == "text" and gold_node.op != "text":
                    raise NotUnderstood(answer_node.args[1])
                continue
            verdict = comparison.agree(gold_node, answer_node)
            if verdict.equal:
                return verdict
    return verdict


class Comparison(ListComparison, RelationComparison):
    """Compares trees under one rule and one judge."""

    def agree(self, gold: Node, answer: Node) -> Verdict:
        """Compare two structures; each step either decides or leaves it to the next."""
        if gold == answer:
            return Verdict(True, "same structure")
        for step in (
            self._members,
            self._quantities,
            self.lists,
            self.relations,
            self._sets,
            self._parts,
        ):
            verdict = step(gold, answer)
            if verdict is not None:
                return verdict
        return self._values(gold, answer)

    def _members(self, gold: Node, answer: Node) -> Verdict | None:
        sides = [
            side.args[1] if side.op == "member" and naming.is_name(side.args[0]) else side
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
                return self.relations(gold, answer)
            verdict = self.agree(gold.args[0], answer)
            return Verdict(verdict.equal, f"{verdict.rule}, unit left out: {gold.args[1].written}")
        (value, unit), (other, found) = gold.args, answer.args
        if not forms.comparable(unit, found):
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

    # --- sets, tuples, matrices -----------------------------------------------------------------------

    def _sets(self, gold: Node, answer: Node) -> Verdict | None:
        if gold.op in forms.SET_OPS or answer.op in forms.SET_OPS:
            if gold.op == answer.op == "union":
                parts = [forms.union_parts(side) for side in (gold, answer)]
                if len(parts[0]) == len(parts[1]) and all(
                    p.op in ("brackets", "set") for p in parts[0] + parts[1]
                ):
                    try:
                        if self.unordered(tuple(parts[0]), tuple(parts[1])):
                            return Verdict(True, "union")
                    except NotUnderstood:
                        pass
            if forms.is_set(gold) and forms.is_set(answer):
                return Verdict(self.same_set(gold, answer), "set")
            return Verdict(False, "set against value")
        return None

    def _parts(self, gold: Node, answer: Node) -> Verdict | None:
        ops = {gold.op, answer.op}
        if "clock" in ops:
            return Verdict(bool(forms.clock(gold) & forms.clock(answer)), "time of day")
        if ops == {"ratio"}:
            return Verdict(self._same_ratio(gold, answer), "ratio")
        if "ratio" in ops:
            return Verdict(self._ratio_as_quotient(gold, answer), "ratio as quotient")
        if "cases" in ops:
            return Verdict(ops == {"cases"} and self._same_rows(gold, answer), "cases")
        ours, theirs = forms.vector(gold), forms.vector(answer)
        if ours is not None and theirs is not None and ops & {"brackets", "matrix"}:
            if gold.op == answer.op == "matrix" or forms.same_brackets(gold, answer):
                same = len(ours) == len(theirs) and all(
                    self.equal(*p) for p in zip(ours, theirs, strict=True)
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
        return self.unordered(*rows)

    def _ratio_as_quotient(self, gold: Node, answer: Node) -> bool:
        sides = [
            Node("div", s.args) if s.op == "ratio" and len(s.args) == 2 else s
            for s in (gold, answer)
        ]
        value, other = (exact(side) for side in sides)
        return (
            "ratio" not in {s.op for s in sides}
            and value is not None
            and value == other
            and value.denominator > 1
        )

    def _same_ratio(self, gold: Node, answer: Node) -> bool:
        if len(gold.args) != len(answer.args):
            return False
        if all(self.equal(*pair) for pair in zip(gold.args, answer.args, strict=True)):
            return True
        # A part that is zero, or no number, leaves fewer.
        values = [[v for part in side.args if (v := exact(part))] for side in (gold, answer)]
        if any(len(found) < len(gold.args) for found in values) or max(values[0]) >= 10:
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
        printed, given = as_numeral(gold), as_numeral(answer)
        if printed is not None and given is not None:
            allowed = Fraction(0) if adds_to(gold, answer) else self.rule.tolerance
            return Verdict(numerals_agree(printed, given, allowed), "number")
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
    | forms.SET_OPS
)
