"""A causal language model whose fused LM head takes its temperatures at every call.

TRL's trainer gives its models a fused head with one temperature fixed at construction
(`trl.trainer.utils.add_fused_lm_head`, TRL 1.16). `add_tempered_lm_head` stands in for it: the same
signature and role, but the temperature of the step and the virtual temperatures come with the call.
"""

from __future__ import annotations

import functools
import types
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch.distributed.tensor import DTensor
from transformers import PreTrainedModel
from transformers.utils import ModelOutput

from tampo.kernels.multi_temperature import MultiTemperatureOutput, multi_temperature_log_prob

IGNORED_LABEL = -100
OUTPUTS = ("log_probs", "entropy")


@dataclass
class TemperedCausalLMOutput(ModelOutput):
    """What a model with a tempered head returns for B sequences of L tokens.

    Position t of every field scores token t + 1; it is zero where that token's label is -100.
    """

    log_probs: torch.Tensor | None = None
    """[B, L-1] log-probability of the next token at the row's temperature; differentiable."""
    entropy: torch.Tensor | None = None
    """[B, L-1] entropy in nats at the row's temperature; differentiable. None if not an output."""
    candidate_log_probs: torch.Tensor | None = None
    """[B, L-1, K] log-probability of the next token at every candidate; no gradient."""
    entropy_at_one: torch.Tensor | None = None
    """[B, L-1] entropy in nats at temperature 1; no gradient."""
    aux_loss: torch.Tensor | None = None
    """Load-balancing loss of a mixture of experts, where its router's logits are asked for."""


def add_tempered_lm_head(
    model: PreTrainedModel,
    temperature: float = 1.0,
    cast_lm_head_to_fp32: bool = False,
    outputs: tuple[str, ...] = ("log_probs",),
) -> None:
    """Patch `model.forward` so that `model(..., labels=..., fused_lm_head=True)` scores the labels.

    The patched forward takes, besides the model's own arguments,

    - `labels` [B, L]: token ids, -100 where the token is not scored;
    - `temperatures`: None for the `temperature` given here, a number, [B] one per
      sequence, or [B, L] one per label;
    - `candidates` [K]: virtual temperatures, or None;
    - `entropy_at_one`: whether the entropy at temperature 1 is wanted;

    and returns a `TemperedCausalLMOutput`. Only scored positions are projected, and never all their
    logits at once. Without `fused_lm_head=True` the call is the model's own forward. Call it on the
    base model, before PEFT or DDP wrap it (or on `get_base_model()`).

    Args:
        model: a causal language model of transformers.
        temperature: used by calls that give none.
        cast_lm_head_to_fp32: run the projection in float32, outside autocast.
        outputs: per-token fields to compute among "log_probs" (always computed) and "entropy".

    Raises:
        ValueError: an unknown output. Calls raise it for an adapter on the LM head itself.
    """
    unknown = set(outputs) - set(OUTPUTS)
    if unknown:
        raise ValueError(f"outputs has {sorted(unknown)}; allowed are {list(OUTPUTS)}")
    original_forward = model.forward
    scale, softcap = logit_transform(model.config)

    # `generate` and the Trainer read the signature of `forward`: it has to stay the model's own.
    @functools.wraps(type(model).forward)
    def forward(self: Any, *args: Any, fused_lm_head: bool = False, **kwargs: Any) -> Any:
        if not fused_lm_head:
            return original_forward(*args, **kwargs)
        configured = getattr(self.config.get_text_config(), "output_router_logits", False)
        routed = kwargs.pop("output_router_logits", configured)
        if routed:
            kwargs["output_router_logits"] = True
        labels = kwargs.pop("labels")
        temperatures = kwargs.pop("temperatures", None)
        wanted: dict[str, Any] = {
            "candidates": kwargs.pop("candidates", None),
            "entropy_at_one": kwargs.pop("entropy_at_one", False),
            "entropy": "entropy" in outputs,
            "softcap": softcap,
            "logit_scale": scale,
        }
        # Looked up at each call: PEFT and FSDP replace modules after this function has run.
        inner = self.base_model(*args, **{**kwargs, "use_cache": False})
        hidden = inner.last_hidden_state
        head = self.get_output_embeddings()
        _refuse_adapted_head(head)
        temperatures = temperature if temperatures is None else temperatures
        precision: AbstractContextManager[None] = nullcontext()
        if cast_lm_head_to_fp32:
            hidden = hidden.float()
            precision = torch.autocast(hidden.device.type, enabled=False)
        with precision:
            output = _score(hidden, head, labels, temperatures, wanted)
        if routed:
            output["aux_loss"] = _load_balance(self, inner, kwargs.get("attention_mask"))
        return output

    model.forward = types.MethodType(forward, model)


def logit_transform(config: Any) -> tuple[float, float | None]:
    """Return the (scale, softcap) that the model's own forward applies to its logits.

    Families name the scale differently: a factor is `logit_scale` (Cohere; None in MPT means 1),
    `output_multiplier` or `lm_head_multiplier` (Falcon-H1); `logits_scaling` is a divisor in Granite
    and a factor in HyperCLOVA X.
    """
    text = config.get_text_config()
    softcap = getattr(text, "final_logit_softcapping", None)
    for name in ("logit_scale", "output_multiplier", "lm_head_multiplier"):
        factor = getattr(text, name, None)
        if factor is not None:
            return float(factor), softcap
    divisor = getattr(text, "logits_scaling", None)
    if divisor is None:
        return 1.0, softcap
    return float(divisor) if text.model_type == "hyperclovax" else 1 / divisor, softcap


def _score(
    hidden: torch.Tensor,
    head: torch.nn.Linear,
    labels: torch.Tensor,
    temperatures: float | torch.Tensor,
    wanted: dict[str, Any],
) -> TemperedCausalLMOutput:
    """Score the labels [B, L] from hidden states [B, L, H]."""
    weight, bias = _whole(head.weight), getattr(head, "bias", None)
    bias = None if bias is None else _whole(bias)
    # A model split over devices can end on another one than its head.
    hidden, labels = hidden.to(weight.device), labels[:, 1:].to(weight.device)
    scored = labels != IGNORED_LABEL
    row, position = scored.nonzero(as_tuple=True)
    # The gradient of index_select costs half of that of a boolean mask, and no shifted copy is made.
    kept = hidden.flatten(0, 1).index_select(0, row * hidden.shape[1] + position)
    if isinstance(temperatures, torch.Tensor) and temperatures.ndim:
        of_rows, of_labels = labels.shape[:1], (len(labels), labels.shape[1] + 1)
        if temperatures.shape not in (of_rows, of_labels):
            raise ValueError(
                f"temperatures has shape {tuple(temperatures.shape)}, expected {tuple(of_rows)} or "
                f"{of_labels}"
            )
        own = temperatures.to(weight.device)
        temperatures = own[row] if own.ndim == 1 else own[row, position + 1]
    result = multi_temperature_log_prob(
        kept, weight, bias, labels[row, position], temperatures, **wanted
    )
    return _spread(result, scored)


def _spread(result: MultiTemperatureOutput, scored: torch.Tensor) -> TemperedCausalLMOutput:
    """Put per-token results back to their positions [B, L-1], zero elsewhere."""

    def place(values: torch.Tensor | None) -> torch.Tensor | None:
        if values is None:
            return None
        # masked_scatter keeps its source in the graph even when nothing is scored, so a batch that is
        # masked out altogether gives every parameter a gradient of zero (DDP waits for all of them).
        return values.new_zeros(scored.shape).masked_scatter(scored, values)

    candidates = None
    if result.candidate_log_probs is not None:
        count = result.candidate_log_probs.shape[1]
        candidates = result.candidate_log_probs.new_zeros((*scored.shape, count))
        candidates[scored] = result.candidate_log_probs
    return TemperedCausalLMOutput(
        log_probs=place(result.log_probs),
        entropy=place(result.entropy),
        candidate_log_probs=candidates,
        entropy_at_one=place(result.entropy_at_one),
    )


def _whole(parameter: torch.Tensor) -> torch.Tensor:
    # FSDP2 shards parameters as DTensors; the hidden states are ordinary tensors.
    return parameter.full_tensor() if isinstance(parameter, DTensor) else parameter


def _refuse_adapted_head(head: torch.nn.Module) -> None:
    # Only the weight of the head is read. An adapter on the head itself (a PEFT layer around the base
    # layer) would be left out of training without a word; a fully trained copy of it is fine.
    if hasattr(head, "base_layer"):
        raise ValueError(
            f"the LM head is a {type(head).__name__}: adapters on the LM head are not supported; "
            "leave it out of target_modules or train it whole with modules_to_save"
        )


def _load_balance(
    model: Any, output: Any, attention_mask: torch.Tensor | None
) -> torch.Tensor | int:
    """Return the load-balancing loss of a mixture of experts, as the families' own forward has it."""
    # Dense models, nearly all, start without it.
    from transformers.models.mixtral.modeling_mixtral import load_balancing_loss_func

    config = model.config.get_text_config()
    # GPT-OSS and its like name the number differently; the model keeps it by one name.
    experts = getattr(config, "num_experts", None) or model.num_experts
    return load_balancing_loss_func(
        output.router_logits, experts, config.num_experts_per_tok, attention_mask
    )
