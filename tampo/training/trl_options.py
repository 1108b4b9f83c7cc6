"""Options of TRL that a temperature policy cannot honour, refused in one sentence each.

A policy that learns from likelihoods needs those of the distribution that a trajectory was sampled from,
softmax(logits / T): what makes the sampler draw from another one is refused beside it. A schedule
needs none; with it TRL's own generation samples, filters and all, at the schedule's temperature.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from transformers import ProcessorMixin
from trl import GRPOConfig

from tampo.temperature.protocol import TemperaturePolicy

Options = dict[str, tuple[Any, ...]]
FILTERS: Options = {
    "top_p": (1.0,),
    "top_k": (0, None, -1),
    "min_p": (None, 0.0),
    "repetition_penalty": (1.0,),
    "generation_kwargs": (None, {}),
    "vllm_structured_outputs_regex": (None,),
}
"""Fields of `GRPOConfig` that change what is sampled, and the values that do not."""
NEVER: dict[str, tuple[Any, str]] = {
    "temperature": (
        1.0,
        "would be overruled: the policy draws the temperature; for a fixed one give "
        'temperature=("fixed", {"temperature": ...}) to the trainer',
    ),
    "use_transformers_continuous_batching": (
        False,
        "samples in batches of its own, without a seed and a temperature for each rollout",
    ),
    "cache_implementation": (None, "is not read by the sampler, which keeps a cache of its own"),
}
"""Fields of `GRPOConfig` that no policy can honour: their one legal value, and what another would do."""
ARGUMENTS = {
    "tools": "put tokens into a trajectory that the model did not sample",
    "rollout_func": "samples by itself, at a temperature that nobody is told",
    "environment_factory": "puts tokens into a trajectory that the model did not sample",
}
"""Arguments of TRL's trainer, and why they are not honoured."""


def require_honoured(arguments: Mapping[str, Any]) -> None:
    """Refuse what no temperature policy can honour.

    Args:
        arguments: of TRL's trainer, by name.

    Raises:
        ValueError: the first such option, with its value, the reason and the legal value.
    """
    for name, reason in ARGUMENTS.items():
        if arguments.get(name):
            raise ValueError(f"{name} cannot be used with a temperature policy: it {reason}")
    if isinstance(arguments.get("processing_class"), ProcessorMixin):
        raise ValueError(
            "processing_class is a processor of images: temperature policies train text models"
        )
    config = arguments.get("args")
    if config is None:
        return
    for name, (legal, reason) in NEVER.items():
        value = getattr(config, name)
        if value != legal:
            raise ValueError(f"GRPOConfig.{name} is {value!r}, which {reason}; legal: {legal!r}")
    if config.use_vllm and config.vllm_mode != "colocate":
        raise ValueError(
            f"GRPOConfig.vllm_mode is {config.vllm_mode!r}, which takes no seed for each rollout; "
            "legal: 'colocate'"
        )


def filters_of(config: GRPOConfig) -> dict[str, Any]:
    """Return the options that make the sampler draw from another distribution, and their values."""
    values = {name: getattr(config, name) for name in FILTERS}
    return {name: value for name, value in values.items() if value not in FILTERS[name]}


def require_unfiltered(config: GRPOConfig, policy: TemperaturePolicy) -> None:
    """Refuse filters on tokens beside a policy that learns from likelihoods.

    Raises:
        ValueError: the first filter, with its value, the reason and the legal value.
    """
    for name, value in filters_of(config).items():
        if policy.candidates:
            raise ValueError(
                f"GRPOConfig.{name} is {value!r}, which would sample from another distribution than "
                "softmax(logits / T), whose likelihoods the policy learns from; legal: "
                f"{FILTERS[name][0]!r}, or a schedule that needs no likelihoods"
            )
