"""Mean log-likelihood of each trajectory under every candidate temperature: step 4 of TAMPO.

With logits z_t of the state s_t and the token o_t that was sampled there,

    log π_{θ,T}(o_t | s_t) = z_t[o_t] / T − log Σ_v exp(z_t[v] / T)
    ℓ_k(τ) = 1/|τ| Σ_t log π_{θ,T_k}(o_t | s_t)

over the unmasked tokens, the end-of-sequence token included and padding not. In β = 1/T each summand
is linear minus a log-sum-exp, hence concave, and so is their mean: ℓ has a single peak in T.

Position t of every argument belongs together: `logits[:, t]` predict `tokens[:, t]`, so logits of a
causal model have been shifted by one. Results carry no gradient: they are what TAMPO observes.
"""

from __future__ import annotations

import torch

from tampo.kernels.multi_temperature import multi_temperature_log_prob


@torch.no_grad()
def trajectory_log_likelihoods(
    logits: torch.Tensor, tokens: torch.Tensor, mask: torch.Tensor, temperatures: torch.Tensor
) -> torch.Tensor:
    """Return ℓ_k of each trajectory from its logits.

    This is the definition, one temperature at a time; `trajectory_log_likelihoods_from_hidden` gives
    the same numbers in one pass and without the logits in memory.

    Args:
        logits: [B, L, V] untempered.
        tokens: [B, L] sampled tokens; any value where masked.
        mask: [B, L], nonzero at the tokens of the trajectory.
        temperatures: [K], > 0.

    Returns:
        [B, K] float64, in nats per token.

    Raises:
        ValueError: a trajectory without tokens, a NaN or an infinity in an unmasked logit, a
            temperature that is not finite and > 0, or shapes that do not fit together.
    """
    inside = _token_mask(tokens, mask)
    if logits.ndim != 3 or logits.shape[:2] != tokens.shape:
        raise ValueError(
            f"logits has shape {tuple(logits.shape)}, expected {tuple(tokens.shape)} + (V,)"
        )
    kept, chosen = logits[inside], tokens[inside]
    _require_finite(kept, inside, "logits")
    kept = kept.to(torch.promote_types(kept.dtype, torch.float32))
    columns = []
    for temperature in _temperatures(temperatures):
        tempered = kept / temperature
        target = tempered.gather(-1, chosen.unsqueeze(-1)).squeeze(-1)
        columns.append(target - tempered.logsumexp(dim=-1))
    return mean_over_tokens(_scatter(torch.stack(columns, dim=-1), inside), mask)


@torch.no_grad()
def trajectory_log_likelihoods_from_hidden(
    hidden: torch.Tensor,
    weight: torch.Tensor,
    tokens: torch.Tensor,
    mask: torch.Tensor,
    temperatures: torch.Tensor,
    bias: torch.Tensor | None = None,
    *,
    softcap: float | None = None,
    logit_scale: float = 1.0,
) -> torch.Tensor:
    """Return ℓ_k of each trajectory from final hidden states and the LM head.

    The logits [B, L, V] are computed tile by tile and never exist in full.

    Args:
        hidden: [B, L, H] hidden states that the head turns into `logits[:, t]`.
        weight: [V, H] LM-head weight.
        tokens: [B, L].
        mask: [B, L].
        temperatures: [K], > 0.
        bias: [V] or None.
        softcap: logits become softcap · tanh(logits / softcap).
        logit_scale: factor on the projections, before the softcap.

    Returns:
        [B, K] float64, in nats per token.

    Raises:
        ValueError: as `trajectory_log_likelihoods`, of hidden states instead of logits, and where the
            head turns finite hidden states into log-likelihoods that are not.
    """
    inside = _token_mask(tokens, mask)
    if hidden.ndim != 3 or hidden.shape[:2] != tokens.shape:
        raise ValueError(
            f"hidden has shape {tuple(hidden.shape)}, expected {tuple(tokens.shape)} + (H,)"
        )
    kept = hidden[inside]
    _require_finite(kept, inside, "hidden")
    candidates = torch.tensor(_temperatures(temperatures), dtype=torch.float64)
    result = multi_temperature_log_prob(
        kept,
        weight,
        bias,
        tokens[inside],
        1.0,
        candidates,
        softcap=softcap,
        logit_scale=logit_scale,
        entropy=False,
    )
    _require_finite(result.candidate_log_probs, inside, "log-likelihood")
    return mean_over_tokens(_scatter(result.candidate_log_probs, inside), mask)


def mean_over_tokens(per_token: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Average per-token log-probabilities over the tokens of each trajectory, in float64.

    Args:
        per_token: [B, L, K]; values at masked positions, NaN included, count nowhere.
        mask: [B, L], nonzero at the tokens of the trajectory.

    Returns:
        [B, K] float64.

    Raises:
        ValueError: a trajectory without tokens, with its row.
    """
    inside = _token_mask(mask, mask).unsqueeze(-1)
    values = torch.where(inside, per_token.double(), 0.0)
    return values.sum(dim=1) / inside.sum(dim=1)


def likelihood_optimal_temperature(
    log_likelihoods: torch.Tensor, temperatures: torch.Tensor
) -> torch.Tensor:
    """Return the candidate under which each trajectory is most likely (Figure 4).

    Args:
        log_likelihoods: [N, K].
        temperatures: [K].

    Returns:
        [N] entries of `temperatures`; of equal likelihoods the first, hence the lowest temperature
        of ascending ones.

    Raises:
        ValueError: a NaN or an infinity, or shapes that do not fit together.
    """
    likelihoods = torch.as_tensor(log_likelihoods)
    candidates = torch.as_tensor(temperatures, device=likelihoods.device)
    if likelihoods.ndim != 2 or candidates.shape != likelihoods.shape[1:]:
        raise ValueError(
            f"log_likelihoods has shape {tuple(likelihoods.shape)}, "
            f"expected (N, {candidates.numel()})"
        )
    bad = (~likelihoods.isfinite()).nonzero()
    if len(bad):
        index = tuple(bad[0].tolist())
        raise ValueError(f"log_likelihoods{list(index)} is {likelihoods[index].item()}")
    best = likelihoods.max(dim=1, keepdim=True).values
    # argmax does not promise the first of equal maxima; the first True of a comparison is found by it.
    order = torch.arange(likelihoods.shape[1], 0, -1, device=likelihoods.device)
    return candidates[((likelihoods == best) * order).argmax(dim=1)]


def _token_mask(tokens: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    if mask.ndim != 2 or mask.shape != tokens.shape:
        raise ValueError(
            f"mask has shape {tuple(mask.shape)} and tokens {tuple(tokens.shape)}; "
            "both must be (B, L)"
        )
    inside = mask != 0
    empty = (~inside.any(dim=1)).nonzero()
    if len(empty):
        raise ValueError(f"row {empty[0].item()} of mask holds no token: its mean is 0/0")
    return inside


def _temperatures(temperatures: torch.Tensor) -> list[float]:
    values = torch.as_tensor(temperatures, dtype=torch.float64)
    if values.ndim != 1 or not len(values):
        raise ValueError(f"temperatures must be a non-empty vector, got {tuple(values.shape)}")
    for index, value in enumerate(values.tolist()):
        if not 0 < value < float("inf"):
            raise ValueError(f"temperatures[{index}] is {value}; it must be finite and > 0")
    return values.tolist()


def _require_finite(kept: torch.Tensor, inside: torch.Tensor, name: str) -> None:
    """Refuse a NaN or an infinity in values [M, ...] of the unmasked tokens, by row and position."""
    bad = (~kept.isfinite()).nonzero()
    if len(bad):
        row, position = inside.nonzero()[bad[0, 0]].tolist()
        value = kept[tuple(bad[0])].item()
        raise ValueError(
            f"{name}[{row}, {position}, {bad[0, 1].item()}] is {value}; only finite numbers are "
            "allowed at unmasked positions"
        )


def _scatter(per_token: torch.Tensor, inside: torch.Tensor) -> torch.Tensor:
    """Put values [M, K] of the unmasked tokens back to [B, L, K], zero elsewhere."""
    result = per_token.new_zeros((*inside.shape, per_token.shape[-1]))
    result[inside] = per_token
    return result
