"""Trajectories' likelihoods under every candidate temperature, from logits; needs torch alone."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from tampo.temperature.meta_policy import trajectory_log_likelihoods


@torch.no_grad()
def candidate_log_likelihoods(
    logits: torch.Tensor, tokens: torch.Tensor, mask: torch.Tensor, candidates: Sequence[float]
) -> torch.Tensor:
    """Return the mean token log-likelihood [N, K] of N trajectories under K temperatures (step 4).

    Where [N, L, V] does not fit in memory, `tampo.kernels.multi_temperature.multi_temperature_log_prob` gives
    each token's from hidden states, in the pass of the loss.

    Args:
        logits: [N, L, V] that each token was sampled from, before any temperature.
        tokens: [N, L] the tokens that were sampled.
        mask: [N, L] 1 where there is a token, end of sequence included, and 0 in padding.
        candidates: K temperatures, each > 0.

    Raises:
        ValueError: shapes that do not fit together, a candidate that is not > 0, or a trajectory
            without a token.
    """
    if logits.ndim != 3 or logits.shape[:2] != tokens.shape or tokens.shape != mask.shape:
        shapes = [tuple(array.shape) for array in (logits, tokens, mask)]
        raise ValueError(
            f"logits, tokens and mask have shapes {shapes}; legal: [N, L, V], [N, L], [N, L]"
        )
    wrong = [value for value in candidates if not value > 0]
    if wrong:
        raise ValueError(f"candidates holds {wrong[0]}; legal: numbers > 0")
    if bool((mask.sum(dim=1) == 0).any()):
        raise ValueError("mask has a row of zeros: a trajectory without a token has no likelihood")
    padded = tokens.masked_fill(mask == 0, 0)[..., None]
    per_token = torch.stack(
        [(logits.float() / t).log_softmax(-1).gather(-1, padded).squeeze(-1) for t in candidates],
        dim=-1,
    )
    return trajectory_log_likelihoods(per_token.double(), mask.double())
