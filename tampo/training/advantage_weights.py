"""Entropy steered through the loss at a fixed temperature: factors of the advantages, by their sign.

Updates on positive advantages lower the entropy, those on negative ones raise it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch


class AdvantageWeights(ABC):
    """Factors of the advantages of each rollout batch, by the entropy of the batch before."""

    @abstractmethod
    def factors(self, advantages: torch.Tensor, entropy: float | None, step: int) -> torch.Tensor:
        """Return the factor [n] of each of the advantages [n]; called once for each rollout batch.

        Args:
            advantages: [n] A_i.
            entropy: of the rollout batch before, in nats; None before the first, which is left alone.
            step: optimiser step, 0-based.
        """

    @abstractmethod
    def summary(self, factors: torch.Tensor) -> dict[str, float]:
        """Return what steps.jsonl says of a step whose factors, of all processes, are these [N]."""

    def state_dict(self) -> dict[str, float]:
        """Return what later steps need of the earlier ones."""
        return {}

    def load_state_dict(self, state: dict[str, float]) -> None:
        """Restore what `state_dict` returned."""
        assert not state, state


@dataclass(frozen=True)
class AdvantageMask(AdvantageWeights):
    """Entrocraft's mask: what would move the entropy away from its target leaves the loss.

    Above the target only rollouts with A >= 0 stay, below it only those with A <= 0, and within the band
    all do. Source: arXiv 2604.26326 as a secondary source quotes the rule; its abstract confirms the
    selection by advantage and the linear annealing from a high to a lower target.

    Args:
        start, end: target entropy in nats at the first and the last step; linear between.
        band: distance from the target within which nothing is masked.
        steps: optimiser steps of the run.
    """

    start: float
    end: float
    band: float
    steps: int

    def target(self, step: int) -> float:
        """Return the target entropy of a step, in nats."""
        done = min(step / max(1, self.steps - 1), 1.0)
        return self.start + (self.end - self.start) * done

    def factors(self, advantages: torch.Tensor, entropy: float | None, step: int) -> torch.Tensor:
        """Return 1 for the rollouts that stay and 0 for the others."""
        if entropy is None or abs(entropy - self.target(step)) <= self.band:
            return torch.ones_like(advantages)
        kept = advantages >= 0 if entropy > self.target(step) else advantages <= 0
        return kept.to(advantages.dtype)

    def summary(self, factors: torch.Tensor) -> dict[str, float]:
        """Return the fraction of rollouts that left the loss."""
        return {"masked": 1 - float(factors.mean())}


@dataclass
class AdvantageBalance(AdvantageWeights):
    """EntroPIC: J = (1 + a) J_positive - (1 - a) J_negative, with a from a PI controller of the entropy.

    a = proportional * e + integral * sum(e) with e = H - H*, kept within [-1, 1] (our choice), so above the
    target what lowers the entropy weighs more. Source: arXiv 2511.15248 for the rule; the gains 1 and
    0.01 are those of its repository's configuration, which leaves the target to the user.

    Args:
        target: H* in nats.
        proportional, integral: gains per nat.
    """

    target: float
    proportional: float
    integral: float
    error_sum: float = 0.0
    balance: float = 0.0
    """a of the last step; the next one's follows from the entropy and the sum."""

    def factors(self, advantages: torch.Tensor, entropy: float | None, step: int) -> torch.Tensor:
        """Return 1 + a for positive advantages and 1 - a for negative ones."""
        if entropy is not None:
            error = entropy - self.target
            self.error_sum += error
            wanted = self.proportional * error + self.integral * self.error_sum
            self.balance = min(max(wanted, -1.0), 1.0)
        return 1 + self.balance * torch.sign(advantages)

    def summary(self, factors: torch.Tensor) -> dict[str, float]:
        """Return a and the summed error in nats."""
        return {"balance": self.balance, "entropy_error_sum": self.error_sum}

    def state_dict(self) -> dict[str, float]:
        return {"error_sum": self.error_sum}

    def load_state_dict(self, state: dict[str, float]) -> None:
        self.error_sum = state["error_sum"]
