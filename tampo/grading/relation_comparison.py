"""Equations, named values, inequalities and chains of them."""

from __future__ import annotations

from tampo.grading import forms, named
from tampo.grading.parts import PartComparison
from tampo.grading.tree import Node, symbols
from tampo.grading.verdict import Verdict


class RelationComparison(PartComparison):
    """Compares relations."""

    def relations(self, gold: Node, answer: Node) -> Verdict | None:
        if gold.op != "rel" and answer.op != "rel":
            return None
        if gold.op == answer.op == "rel":
            return self.two_relations(gold, answer)
        if gold.op == "rel":
            value = named.value_of(gold)
            if value is not None and answer.op not in forms.SET_OPS:
                verdict = self.agree(value, answer)
                return Verdict(verdict.equal, f"{verdict.rule}, value of {named.written(gold)}")
            if forms.is_set(answer) and named.is_condition(gold):
                return Verdict(self.same_set(gold, answer), "set")
            return Verdict(False, "relation against value")
        if forms.is_set(gold) and named.is_condition(answer):
            return Verdict(self.same_set(gold, answer), "set")
        return named.chain_gives(gold, answer, self.agree)

    def two_relations(self, gold: Node, answer: Node) -> Verdict:
        names = named.names_of(gold), named.names_of(answer)
        if all(names):
            renaming = named.same_function(gold, answer)
            if renaming is not None:
                gold, answer = renaming
            elif names[0] != names[1] and not named.anonymous(gold, answer):
                if named.value_of(gold) is not None and not symbols(named.value_of(gold)):
                    return Verdict(False, "another name")
                return Verdict(self.as_conditions(gold, answer), "relation")
            return self.agree(named.value_of(gold), named.value_of(answer))
        if len(gold.args[1]) > 2 or len(answer.args[1]) > 2:
            chain = named.same_chain(gold, answer, self.equal)
            if chain or not (named.is_condition(gold) and named.is_condition(answer)):
                return Verdict(chain, "chain")
        if named.value_of(gold) is not None and not symbols(named.value_of(gold)):
            if named.solved_for(answer):
                return Verdict(self.judge("set", gold, answer, self.rule), "solutions")
            return Verdict(False, "an equation not solved")
        return Verdict(self.as_conditions(gold, answer), "relation")

    def as_conditions(self, gold: Node, answer: Node) -> bool:
        if named.is_condition(gold) and named.is_condition(answer):
            return symbols(gold) == symbols(answer) and self.same_set(gold, answer)
        return self.judge("relation", gold, answer, self.rule)
