"""A study's training settings in the words of TRL and PEFT."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import accelerate
import torch
from peft import LoraConfig
from trl import GRPOConfig

from tampo.models.precision import require_precision
from tampo.study.resources import accumulation_steps
from tampo.study.settings import Training
from tampo.training.advantage_weights import (
    AdvantageBalance,
    AdvantageMask,
    AdvantageWeights,
)

GROUP_TOKEN_MEAN = "bnpo"
"""The loss that the trainer weighs by groups."""


def lora_config(training: Training) -> LoraConfig | None:
    """Return the adapters of the settings as PEFT knows them, or None to train all weights."""
    if training.lora is None:
        return None
    chosen = training.lora
    return LoraConfig(
        r=chosen.rank,
        lora_alpha=chosen.alpha,
        target_modules=chosen.target_modules,
        task_type="CAUSAL_LM",
    )


def advantage_weights(training: Training) -> AdvantageWeights | None:
    """Return the factors of the advantages that the settings ask for, or None."""
    if (mask := training.mask_by_entropy) is not None:
        return AdvantageMask(mask.start, mask.end, mask.band, training.steps)
    if (balance := training.balance_by_entropy) is not None:
        return AdvantageBalance(balance.target, balance.proportional, balance.integral)
    return None


def grpo_config(
    training: Training, output_dir: Path, seed: int, reporting: Mapping[str, Any] | None = None
) -> GRPOConfig:
    """Return TRL's configuration of a study's training settings.

    Args:
        training: the settings.
        output_dir: for checkpoints.
        seed: of TRL's own random numbers.
        reporting: `tampo.training.trackers.reporting`; None reports nowhere.

    Raises:
        ValueError: the completions of a step do not divide over the processes, or the GPU lacks the
            study's precision, or a CPU would not compute in it; names the key.
    """
    require_precision("training.precision", training.precision)
    on_cpu = not torch.cuda.is_available()
    if on_cpu and training.precision == "fp16":
        raise ValueError(
            "training.precision: fp16, but training on a CPU would compute in fp32; legal here: fp32, bf16"
        )
    steps_per_update = accumulation_steps(training, accelerate.PartialState().num_processes)
    entropy = training.adaptive_entropy
    adaptive_entropy: dict[str, Any] = {"use_adaptive_entropy": entropy is not None}
    if entropy is not None:
        adaptive_entropy |= {
            "entropy_target": entropy.target,
            "entropy_coef_delta": entropy.delta,
            "entropy_coef_max": entropy.maximum,
        }
    schedule = {"min_lr_rate": training.min_lr_rate}
    config = GRPOConfig(
        output_dir=str(output_dir),
        max_steps=training.steps,
        per_device_train_batch_size=training.micro_batch,
        gradient_accumulation_steps=steps_per_update,
        num_generations=training.group_size,
        num_iterations=training.iterations,
        max_completion_length=training.max_completion_tokens,
        # No filter on tokens: it would make step 4 the likelihood of another distribution (our choice).
        top_p=1.0,
        top_k=0,
        min_p=None,
        repetition_penalty=1.0,
        shuffle_dataset=False,
        reward_weights=[reward.weight for reward in training.rewards],
        learning_rate=training.learning_rate,
        lr_scheduler_type=training.lr_schedule,
        lr_scheduler_kwargs=schedule if training.lr_schedule == "cosine_with_min_lr" else {},
        warmup_steps=training.warmup_steps,
        adam_beta1=training.adam_beta1,
        adam_beta2=training.adam_beta2,
        weight_decay=training.weight_decay,
        max_grad_norm=training.max_grad_norm,
        beta=training.kl_coefficient,
        # In the recipe's TRL version the KL term had no importance weight.
        use_bias_correction_kl=False,
        epsilon=training.clip_epsilon,
        **adaptive_entropy,
        # The trainer turns its token mean over the step into bnpo's mean over groups.
        # Dropout in the loss would be another model than the one that sampled.
        disable_dropout=True,
        loss_type="dapo" if training.loss == GROUP_TOKEN_MEAN else training.loss,
        scale_rewards=training.scale_rewards,
        bf16=training.precision == "bf16",
        fp16=training.precision == "fp16",
        gradient_checkpointing=training.gradient_checkpointing,
        use_vllm=training.rollout_backend == "vllm",
        # TRL's default is one weight per sequence, which depends on length and temperature.
        vllm_importance_sampling_correction=training.rollout_correction == "token",
        vllm_importance_sampling_mode="token_truncate",
        vllm_importance_sampling_clip_max=training.rollout_correction_cap,
        vllm_max_model_length=training.max_prompt_tokens + training.max_completion_tokens,
        use_cpu=on_cpu,
        seed=seed % 2**31,
        remove_unused_columns=False,
        **(reporting or {"report_to": []}),
        logging_steps=1,
        # It would show a loss that is NaN as 0.
        logging_nan_inf_filter=False,
        save_strategy="steps",
        save_steps=training.checkpoint_every,
        save_total_limit=2,
        disable_tqdm=True,
        dataloader_pin_memory=not on_cpu,
    )
    if config.device.type == "cpu":
        # Of several processes each has an index, and a checkpoint cannot be read to a device "cpu:0".
        vars(config)["_setup_devices"] = torch.device("cpu")
    return config
