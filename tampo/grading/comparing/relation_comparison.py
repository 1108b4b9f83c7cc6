"""Equations, named values, inequalities and chains of them."""

from __future__ import annotations

from tampo.grading.comparing import forms, naming
from tampo.grading.comparing.parts import PartComparison
from tampo.grading.notation.tree import Node, symbols
from tampo.grading.verdict import Verdict


class RelationComparison(PartComparison):
    """Compares relations."""

    def relations(self, gold: Node, answer: Node) -> Verdict | None:
        if gold.op != "rel" and answer.op != "rel":
            return None
        if gold.op == answer.op == "rel":
            return self.two_relations(gold, answer)
        if gold.op == "rel":
            value = naming.value_of(gold)
            if value is not None and answer.op not in forms.SET_OPS:
                verdict = self.agree(value, answer)
                return Verdict(verdict.equal, f"{verdict.rule}, value of {naming.written(gold)}")
            if forms.is_set(answer) and naming.is_condition(gold):
                return Verdict(self.same_set(gold, answer), "set")
            return Verdict(False, "relation against value")
        if forms.is_set(gold) and naming.is_condition(answer):
            return Verdict(self.same_set(gold, answer), "set")
        return naming.chain_gives(gold, answer, self.agree)

    def two_relations(self, gold: Node, answer: Node) -> Verdict:
        ours, theirs = naming.named(gold), naming.named(answer)
        if ours is not None and theirs is not None:
            renaming = naming.same_function(ours, theirs)
            if renaming is not None:
                ours, theirs = renaming
            elif ours.name != theirs.name and not naming.anonymous(gold, answer):
                if not symbols(ours.value):
                    return Verdict(False, "another name")
                return Verdict(self.as_conditions(gold, answer), "relation")
            return self.agree(ours.value, theirs.value)
        if len(gold.args[1]) > 2 or len(answer.args[1]) > 2:
            chain = naming.same_chain(gold, answer, self.equal)
            if chain or not (naming.is_condition(gold) and naming.is_condition(answer)):
                return Verdict(chain, "chain")
        if ours is not None and not symbols(ours.value):
            if naming.solved_for(answer):
                return Verdict(self.judge("set", gold, answer, self.rule), "solutions")
            return Verdict(False, "an equation not solved")
        return Verdict(self.as_conditions(gold, answer), "relation")

    def as_conditions(self, gold: Node, answer: Node) -> bool:
        if naming.is_condition(gold) and naming.is_condition(answer):
            return symbols(gold) == symbols(answer) and self.same_set(gold, answer)
        return self.judge("relation", gold, answer, self.rule)
