"""Lists of values: without order, by name, in the gold's order, as conditions, as solutions."""

from __future__ import annotations

from tampo.grading.comparing import forms, named_lists, naming
from tampo.grading.comparing.parts import PartComparison
from tampo.grading.comparing.values import items_of
from tampo.grading.notation.tree import Node
from tampo.grading.verdict import Verdict


class ListComparison(PartComparison):
    """Compares lists."""

    def lists(self, gold: Node, answer: Node) -> Verdict | None:
        """Compare as lists of values; None if neither side is a list of several."""
        alike = naming.bound_alike(gold, answer)
        if alike != (gold, answer):
            return self.agree(*alike)
        golds, answers = items_of(gold), items_of(answer)
        if len(golds) == 1 and len(answers) == 1:
            if (golds[0], answers[0]) != (gold, answer):
                return self.agree(golds[0], answers[0])
            return None
        if (forms.conditions(gold) and (forms.conditions(answer) or forms.is_set(answer))) or (
            forms.conditions(answer) and forms.is_set(gold)
        ):
            return Verdict(self.same_set(gold, answer), "set")
        by_name = named_lists.compare(gold, answer, self.equal)
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
            return Verdict(self.unordered(golds, answers), "list")
        single = answer if len(golds) > 1 else gold
        if (
            single.op in ("rel", "union", "without", "meet", "builder")
            and (solved := self.solutions(gold, answer)) is not None
        ):
            return Verdict(solved, "solutions")
        return Verdict(False, "list against one value")

    def solutions(self, gold: Node, answer: Node) -> bool | None:
        """Whether `|x| = 3` or `x^2 = 9` says what the gold lists, `x = 3` or `x = -3`."""
        if gold.op in ("rel", "list", "pm") and answer.op == "rel" and naming.solved_for(answer):
            return self.judge("set", gold, answer, self.rule)
        if gold.op == "rel" and naming.solved_for(gold) and answer.op in ("list", "rel"):
            return self.judge("set", gold, answer, self.rule)
        if forms.is_set(gold) or forms.is_set(answer):
            return self.same_set(gold, answer)
        return None

    def unordered(self, golds: tuple, answers: tuple) -> bool:
        if len(golds) != len(answers):
            return False
        rest = list(answers)
        for gold in golds:
            # Equal structures first: it spares the judge, and ties cannot be broken wrongly.
            rest = [a for a in rest if a == gold] + [a for a in rest if a != gold]
            for index, answer in enumerate(rest):
                if self.equal(gold, answer):
                    del rest[index]
                    break
            else:
                return False
        return True
