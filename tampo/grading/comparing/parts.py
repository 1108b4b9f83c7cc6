"""What every step of a comparison needs: the rule, the judge, the comparison as a whole."""

from __future__ import annotations

from abc import ABC, abstractmethod

from tampo.grading.notation.tree import Node
from tampo.grading.verdict import Judge, Rule, Verdict


class PartComparison(ABC):
    """A rule and a judge; `agree` compares two structures as a whole."""

    def __init__(self, rule: Rule, judge: Judge) -> None:
        self.rule = rule
        self.judge = judge

    def equal(self, gold: Node, answer: Node) -> bool:
        return self.agree(gold, answer).equal

    @abstractmethod
    def agree(self, gold: Node, answer: Node) -> Verdict:
        """Read or judged by a class further down the chain."""

    def same_set(self, gold: Node, answer: Node) -> bool:
        return self.judge("set", gold, answer, self.rule)
