"""Entrocraft's mask: rollouts that would move the entropy away from its target leave the loss.

Updates on positive advantages lower the entropy, those on negative ones raise it. So above the target
only rollouts with A >= 0 stay, below it only those with A <= 0, and within the band all do.
Source: arXiv 2604.26326 as a secondary source quotes the rule; its abstract confirms the selection by
advantage and the linear annealing from a high to a lower target.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class AdvantageMask:
    """The mask of one run.

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

    def kept(self, advantages: torch.Tensor, entropy: float | None, step: int) -> torch.Tensor:
        """Return which of the advantages [n] stay in the loss of a step.

        Args:
            advantages: [n] A_i.
            entropy: of the rollout batch before, in nats; None before the first, which keeps all.
            step: optimiser step, 0-based.
        """
        if entropy is None or abs(entropy - self.target(step)) <= self.band:
            return torch.ones_like(advantages, dtype=torch.bool)
        return advantages >= 0 if entropy > self.target(step) else advantages <= 0
