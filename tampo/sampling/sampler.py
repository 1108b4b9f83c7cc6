"""Sampling from a causal language model with one random number per token.

The token at position t of a sequence is the inverse of the tempered, filtered distribution's
cumulative sum at u_t, where u_0, u_1, ... come from the sequence's own stream. A sequence thus depends
on the weights, its prompt, its stream and the shape of its batch, but not on its neighbours' tokens
or on a global generator; training and evaluation sample in this one way.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from transformers import (
    DynamicCache,
    GenerationConfig,
    LogitsProcessor,
    LogitsProcessorList,
    PreTrainedModel,
)

NUCLEUS_GUESS = 256
"""Tokens looked at first when the nucleus is sought; more are looked at where they do not reach it."""


@dataclass(frozen=True)
class Completions:
    """Completions of a batch of B prompts, in the prompts' order."""

    token_ids: list[list[int]]
    """Tokens of each completion up to and with its end-of-sequence token."""
    log_probs: list[list[float]]
    """Log-probability of each token under the distribution it was drawn from."""
    finished: list[bool]
    """Whether the completion ended by itself; False means it hit the length limit."""


def uniforms(seeds: Sequence[int], length: int) -> torch.Tensor:
    """Return the uniform numbers of `len(seeds)` streams, [B, length] float64 in [0, 1).

    Every row is a function of its seed; a longer row begins with the shorter one's numbers.
    """
    rows = [np.random.default_rng(seed).random(length) for seed in seeds]
    return torch.from_numpy(np.stack(rows))


class InverseCdfSampler(LogitsProcessor):
    """Draws each row's next token and leaves it as the only finite score.

    It runs last in greedy `generate`, so no other sampling setting of a model can take part.

    Args:
        temperatures: [B] temperature of each row, or [B, M] of each token, M >= L; > 0.
        uniforms: [B, L] numbers in [0, 1); column t decides token t.
        top_p: keep the smallest set of most probable tokens with mass >= top_p; 1 keeps all.
    """

    def __init__(
        self, temperatures: torch.Tensor, uniforms: torch.Tensor, top_p: float = 1.0
    ) -> None:
        if not bool((temperatures > 0).all()):
            raise ValueError(f"temperatures must be > 0, got {temperatures.tolist()}")
        if not 0 < top_p <= 1:
            raise ValueError(f"top_p must be in (0, 1], got {top_p}")
        self.temperatures = temperatures
        self.uniforms = uniforms
        self.top_p = top_p
        self.log_probs: list[torch.Tensor] = []

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        step = len(self.log_probs)
        of_rows = self.temperatures if self.temperatures.ndim == 1 else self.temperatures[:, step]
        log_probs = torch.log_softmax(scores.float() / of_rows[:, None], dim=-1)
        if self.top_p < 1:
            log_probs = _nucleus(log_probs, self.top_p)
        tokens = _inverse_cdf(log_probs, self.uniforms[:, step])
        self.log_probs.append(log_probs.gather(-1, tokens[:, None]).squeeze(-1))
        return torch.full_like(scores, -torch.inf).scatter_(-1, tokens[:, None], 0.0)


def _nucleus(log_probs: torch.Tensor, top_p: float) -> torch.Tensor:
    """Renormalise [B, V] over the smallest prefix of most probable tokens with mass >= top_p."""
    width = log_probs.shape[-1]
    # A language model's nucleus is a few hundred tokens; sorting the whole vocabulary would cost
    # several times the model's own step. Widen until the prefix is inside.
    size = min(NUCLEUS_GUESS, width)
    while True:
        ordered, index = log_probs.topk(size, dim=-1)
        cumulative = ordered.exp().cumsum(-1)
        if size == width or bool((cumulative[:, -1] >= top_p).all()):
            break
        size = min(8 * size, width)
    before = cumulative - ordered.exp()
    ordered = ordered.masked_fill(before >= top_p, -torch.inf)
    ordered = torch.log_softmax(ordered, dim=-1)
    return torch.full_like(log_probs, -torch.inf).scatter_(-1, index, ordered)


def _inverse_cdf(log_probs: torch.Tensor, uniform: torch.Tensor) -> torch.Tensor:
    """Return [B] the first token whose cumulative probability exceeds `uniform` times the total."""
    # float64: in float32 the tail of a large vocabulary would lose its probability to rounding.
    cdf = log_probs.double().exp().cumsum(-1)
    target = uniform.to(cdf.device)[:, None] * cdf[:, -1:]
    return torch.searchsorted(cdf, target, right=True).squeeze(-1).clamp_(max=cdf.shape[-1] - 1)


def left_padded(
    prompt_ids: Sequence[Sequence[int]], pad_token_id: int, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return prompts as ids and mask, both [B, P], padded on the left."""
    width = max(len(p) for p in prompt_ids)
    ids = torch.full((len(prompt_ids), width), pad_token_id, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for row, prompt in enumerate(prompt_ids):
        ids[row, width - len(prompt) :] = torch.tensor(prompt, dtype=torch.long)
        mask[row, width - len(prompt) :] = 1
    return ids.to(device), mask.to(device)


def _prompts_read_once(
    model: PreTrainedModel,
    prompt_ids: Sequence[Sequence[int]],
    ids: torch.Tensor,
    mask: torch.Tensor,
) -> DynamicCache | None:
    """Return keys and values of all prompts but their last token, each prompt computed once.

    A group's completions share their prompt, and so do the responses to one problem; `generate`
    would read it again for every row. None where no two prompts are the same.
    """
    first_rows: dict[tuple[int, ...], int] = {}
    own = [first_rows.setdefault(tuple(p), row) for row, p in enumerate(prompt_ids)]
    if len(first_rows) == len(own) or ids.shape[1] == 1:
        return None
    rows = torch.tensor(list(first_rows.values()), device=ids.device)
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    cache = DynamicCache(config=model.config)
    model.get_decoder()(
        input_ids=ids[rows, :-1],
        attention_mask=mask[rows, :-1],
        position_ids=positions[rows, :-1],
        past_key_values=cache,
        use_cache=True,
    )
    place = {row: index for index, row in enumerate(first_rows.values())}
    cache.batch_select_indices(torch.tensor([place[row] for row in own], device=ids.device))
    return cache


@contextmanager
def _own_generation_config_ignored(model: PreTrainedModel) -> Iterator[None]:
    # `generate` fills what a given config leaves open from the model's own, so a repetition penalty
    # in generation_config.json would make rollouts those of another distribution.
    own = model.generation_config
    model.generation_config = GenerationConfig()
    try:
        yield
    finally:
        model.generation_config = own


@torch.no_grad()
def generate(
    model: PreTrainedModel,
    prompt_ids: Sequence[Sequence[int]],
    *,
    max_new_tokens: int,
    temperatures: torch.Tensor,
    uniforms: torch.Tensor,
    eos_token_ids: Sequence[int],
    pad_token_id: int,
    top_p: float = 1.0,
) -> Completions:
    """Sample one completion for each of B prompts.

    Args:
        model: causal language model; its own generation config is not used.
        prompt_ids: B lists of token ids.
        max_new_tokens: length limit L.
        temperatures: [B], a scalar tensor, or [B, L] one for each token; > 0.
        uniforms: [B, L] (see `uniforms`).
        eos_token_ids: any of them ends a completion.
        pad_token_id: fills prompts on the left and ended completions on the right.
        top_p: nucleus filter on tokens; 1 (off) in training.
    """
    if uniforms.shape != (len(prompt_ids), max_new_tokens):
        raise ValueError(
            f"uniforms must be [{len(prompt_ids)}, {max_new_tokens}], got {list(uniforms.shape)}"
        )
    device = next(model.parameters()).device
    ids, mask = left_padded(prompt_ids, pad_token_id, device)
    temperatures = temperatures.to(device, torch.float32)
    if temperatures.ndim < 2:
        temperatures = temperatures.expand(len(prompt_ids))
    sampler = InverseCdfSampler(temperatures, uniforms, top_p)
    config = GenerationConfig(
        max_new_tokens=max_new_tokens,
        do_sample=False,
        eos_token_id=list(eos_token_ids),
        pad_token_id=pad_token_id,
        use_cache=True,
        disable_compile=True,
    )
    with _own_generation_config_ignored(model):
        output = model.generate(  # type: ignore[operator]  # mixed in by subclasses
            input_ids=ids,
            attention_mask=mask,
            past_key_values=_prompts_read_once(model, prompt_ids, ids, mask),
            generation_config=config,
            logits_processor=LogitsProcessorList([sampler]),
        )
    new_tokens = output[:, ids.shape[1] :].tolist()
    log_probs = torch.stack(sampler.log_probs, dim=1).tolist()
    ends = set(eos_token_ids)
    lengths = [
        next((t + 1 for t, token in enumerate(row) if token in ends), len(row))
        for row in new_tokens
    ]
    return Completions(
        token_ids=[row[:n] for row, n in zip(new_tokens, lengths, strict=True)],
        log_probs=[row[:n] for row, n in zip(log_probs, lengths, strict=True)],
        finished=[row[n - 1] in ends for row, n in zip(new_tokens, lengths, strict=True)],
    )
