"""What makes the loss of a step independent of how its rollouts are split into micro-batches.

TRL takes two means over the tokens of one micro-batch on one process: the loss `bnpo`, and the entropy
bonus. Both then depend on `micro_batch`, on accumulation and on the number of processes, which no other
loss does. Here each is a mean over the whole step:

- `bnpo` is the mean over prompts of the token mean within the prompt's group. That is what the recipe
  computed [O]: its micro-batches were one group of six, unshuffled. TRL's own `bnpo` equals it wherever
  every micro-batch is one group.
- The entropy bonus is the mean over the tokens of the step, weighted as the loss weighs them.
"""

from __future__ import annotations

import torch


def group_weights(tokens: torch.Tensor, group_size: int) -> torch.Tensor:
    """Return the weight of every row's tokens that turns a token mean into a mean of group means.

    With n tokens in the row's group, M in all groups together and P groups it is M / (P n), so that
    `sum(w * x) / M` over all tokens is the mean over groups of the mean of x within the group.

    Args:
        tokens: [N] tokens of each trajectory that take part in the loss, groups one after the other.
        group_size: trajectories per group G, a divisor of N.

    Returns:
        [N] float32; 0 for a group without any token.
    """
    of_group = tokens.view(-1, group_size).sum(dim=1).double()
    weights = of_group.sum() / (len(of_group) * of_group.clamp(min=1.0))
    weights = torch.where(of_group > 0, weights, 0.0)
    return weights.repeat_interleave(group_size).float()


def entropy_mean_correction(
    entropies: torch.Tensor, mask: torch.Tensor, step_tokens: torch.Tensor, accumulation: int
) -> torch.Tensor:
    """Return TRL's entropy bonus of a micro-batch less its part of the mean over the step.

    Args:
        entropies: [B, L] entropy of every token in nats, with gradient.
        mask: [B, L] weight of every token in the loss, 0 for padding.
        step_tokens: sum of the weights of the step, per process.
        accumulation: micro-batches of a process in the step.

    Returns:
        A scalar with gradient; added to a loss that has TRL's bonus it leaves the step's.
    """
    total = (entropies * mask).sum()
    return total / (mask.sum().clamp(min=1.0) * accumulation) - total / step_tokens.clamp(min=1.0)


def correction_sums(weights: torch.Tensor, mask: torch.Tensor, cap: float | None) -> torch.Tensor:
    """Return [1, 3] sum of the weights [B, L] of a correction, of those at the cap, and of the tokens."""
    own = weights.double()[mask.bool()]
    at_cap = (own >= (float("inf") if cap is None else cap)).double()
    return torch.stack([own.sum(), at_cap.sum(), torch.ones_like(own).sum()])[None]


def correction_summary(sums: torch.Tensor) -> dict[str, float]:
    """Return mean weight and truncated fraction of a step from the sums [n, 3] of its n processes."""
    total, at_cap, tokens = sums.sum(dim=0).tolist()
    return {"correction_weight": total / tokens, "correction_truncated": at_cap / tokens}
