"""Log-probabilities of completions at their rows' temperatures, and under every candidate."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from typing import Any

import torch

TOKEN_MASK = "token_mask"
"""Key of a micro-batch: [b, L] the tokens that were sampled, of which the loss may mask some."""
ROTARY = ("rope_parameters", "rope_theta", "rotary_emb_base", "rotary_dim")
"""Names in a configuration of a model whose positions are rotary."""


@dataclass
class Scoring:
    """What the trainer has to remember between a forward pass and its comparison."""

    rows: list[int]
    """[b] index of each row in the whole rollout batch."""
    temperatures: torch.Tensor
    """[b] temperature that each row was sampled at, or [b, M] that each of its tokens was."""
    first_pass: bool
    """Whether the next pass sees the rollouts first, with the weights that made them."""
    token_mask: torch.Tensor | None = None
    """[b, L] the tokens that were sampled; None until their number is known."""
    at_sampling: torch.Tensor = field(init=False)
    """[b, L] log-probabilities at the sampling temperature, filled by the first pass."""
    entropies: torch.Tensor | None = field(init=False)
    """[b, L] entropies of the last pass, with gradient in the loss's; None from a reference model."""


@dataclass(frozen=True)
class CandidateScores:
    """What scoring under K candidates says of B completions of at most L tokens; no gradients."""

    log_probs: torch.Tensor
    """[B, L, K] log-probabilities under the candidates."""
    entropy: torch.Tensor
    """[B, L] entropy in nats at the loss's temperature."""
    entropy_at_one: torch.Tensor
    """[B, L] entropy in nats at temperature 1."""
    at_sampling: torch.Tensor
    """[B, L] log-probabilities at the sampling temperature."""


@dataclass(frozen=True)
class ScoredCompletions:
    """Scores of B completions of at most L tokens."""

    log_probs: torch.Tensor
    """[B, L] log-probabilities of the loss, with gradient."""
    entropy: torch.Tensor | None
    """[B, L] entropy in nats at the loss's temperature; None from a reference model's head."""
    candidates: CandidateScores | None
    """None where no candidates were given."""
    router_loss: torch.Tensor | None = None
    """Load-balancing loss of a mixture of experts, where it was asked for."""


def score_completions(
    model: torch.nn.Module,
    input_ids: torch.Tensor,
    attention_mask: torch.Tensor,
    completion_length: int,
    temperatures: torch.Tensor,
    *,
    candidates: tuple[float, ...] | None,
    untempered: bool,
    batch_size: int | None = None,
    positions: bool | None = None,
    router_loss: bool = False,
) -> ScoredCompletions:
    """Score the last `completion_length` tokens of every row in one forward pass.

    Args:
        model: a model with the LM head of `tampo.kernels.lm_head`, possibly wrapped.
        input_ids: [B, P + L] prompts and completions.
        attention_mask: [B, P + L].
        completion_length: L.
        temperatures: [B] sampling temperature of each row, or [B, M] of each token, M >= L.
        candidates: K virtual temperatures, or None to skip them.
        untempered: take the loss's log-probabilities at 1 whatever the sampling temperature.
        batch_size: rows per forward pass; None for all at once.
        positions: whether to say where each token stands; None where the model needs it
            (`needs_positions`).
        router_loss: also return the load-balancing loss of a mixture of experts.
    """
    if positions is None:
        positions = needs_positions(model)
    if temperatures.ndim == 2:
        # Prompts are not scored; a temperature of their own would count as another one of the batch.
        of_prompts = temperatures[:, :1].expand(-1, input_ids.shape[1] - completion_length)
        temperatures = torch.cat([of_prompts, temperatures[:, :completion_length]], dim=1)
    virtual = None
    if candidates is not None:
        # Untempered log-probabilities cannot be compared with the sampler's: score those as well.
        own = temperatures.unique().tolist() if untempered else []
        if len(own) > 1:
            raise ValueError("logprob_temperature 'one' needs one temperature per batch")
        virtual = torch.tensor([*candidates, *own], device=temperatures.device)
    pieces = []
    for start in range(0, len(input_ids), batch_size or len(input_ids)):
        part = slice(start, start + (batch_size or len(input_ids)))
        labels = input_ids[part].masked_fill(attention_mask[part] == 0, -100)
        labels[:, :-completion_length] = -100
        own_temperatures = temperatures[part]
        where: dict[str, Any] = (
            {"position_ids": positions_of(attention_mask[part])} if positions else {}
        )
        if router_loss:
            where["output_router_logits"] = True
        pieces.append(
            model(
                input_ids=input_ids[part],
                attention_mask=attention_mask[part],
                labels=labels,
                fused_lm_head=True,
                temperatures=torch.ones_like(own_temperatures) if untempered else own_temperatures,
                candidates=virtual,
                entropy_at_one=candidates is not None,
                **where,
            )
        )

    def joined(name: str) -> torch.Tensor:
        return torch.cat([getattr(piece, name)[:, -completion_length:] for piece in pieces])

    log_probs = joined("log_probs")
    entropy = None if pieces[0].entropy is None else joined("entropy")
    balance = torch.stack([piece.aux_loss for piece in pieces]).mean() if router_loss else None
    if candidates is None:
        return ScoredCompletions(log_probs, entropy, None, balance)
    under_candidates = joined("candidate_log_probs")
    scores = CandidateScores(
        log_probs=under_candidates[..., : len(candidates)],
        entropy=joined("entropy").detach(),
        entropy_at_one=joined("entropy_at_one"),
        at_sampling=under_candidates[..., -1] if untempered else log_probs.detach(),
    )
    return ScoredCompletions(log_probs, entropy, scores, balance)


def positions_of(attention_mask: torch.Tensor) -> torch.Tensor:
    """Return the position [B, L] of each token, counted from its row's first token, not its padding."""
    return (attention_mask.cumsum(-1) - 1).clamp(min=0)


def needs_positions(model: torch.nn.Module) -> bool:
    """Return whether a model numbers positions itself, from the left end of its padding.

    Prompts are padded on the left. Rotary positions act by their differences alone; learned ones (GPT-2)
    do not, and a model that is not told counts the padding.
    """
    inner: Any = getattr(model, "module", model)
    base: Any = inner.get_base_model() if hasattr(inner, "get_base_model") else inner
    config = base.config.get_text_config()
    rotary = any(getattr(config, name, None) is not None for name in ROTARY)
    return not rotary and "position_ids" in inspect.signature(base.forward).parameters
