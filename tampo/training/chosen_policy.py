"""The temperature policy that a training script asks for, and what its run tells it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from trl import GRPOConfig

from tampo.temperature.guarded_policy import GuardedPolicy
from tampo.temperature.meta_policy_settings import PAPER_CANDIDATES
from tampo.temperature.protocol import PolicyContext, TemperaturePolicy
from tampo.temperature.registry import build_policy, policy_settings


class ChosenPolicy:
    """A policy by name, by name and settings, or as an object; a name is checked before anything is loaded.

    Args:
        choice: `"name"`, `("name", {settings})`, `"path/to/file.py:Class"` or a policy.
        candidates: temperatures that a policy given by name may choose from; None for the paper's.

    Raises:
        ValueError: an unknown name, a setting that it refuses, or something that is no policy.
    """

    def __init__(
        self,
        choice: str | tuple[str, dict[str, Any]] | TemperaturePolicy,
        candidates: Sequence[float] | None,
    ) -> None:
        named = (choice, {}) if isinstance(choice, str) else choice
        self._policy: TemperaturePolicy | None = None
        if isinstance(named, tuple):
            self._name, self._settings = named
            policy_settings(self._name, self._settings)
        elif isinstance(choice, TemperaturePolicy) and not isinstance(choice, type):
            self._policy = choice
        else:
            raise ValueError(
                f"temperature is {choice!r}; legal: a policy's name, ('name', {{settings}}), "
                "'path/to/file.py:Class', or a policy (tampo.temperature.protocol)"
            )
        self._candidates = PAPER_CANDIDATES if candidates is None else tuple(sorted(candidates))

    def build(self, args: GRPOConfig, steps: int, vocabulary: int) -> GuardedPolicy:
        """Return the policy of a run, guarded; seed, warm-up and group size are those of `args`."""
        group_size: int = args.num_generations  # type: ignore[assignment]  # None only when given
        if isinstance(self._policy, GuardedPolicy):
            return self._policy
        if self._policy is not None:
            return GuardedPolicy(self._policy, group_size)
        length: int = args.max_completion_length  # type: ignore[assignment]  # 512 unless given
        context = PolicyContext(
            steps=steps,
            warmup_steps=args.get_warmup_steps(steps),
            candidates=self._candidates,
            seed=args.seed,
            group_size=group_size,
            vocabulary=vocabulary,
            completion_tokens=length,
        )
        return build_policy(self._name, self._settings, context)


def planned_steps(args: GRPOConfig, rows: int | None) -> int:
    """Return the optimiser steps of a whole run.

    Args:
        args: TRL's configuration.
        rows: that TRL reads in an epoch, of all processes; None where nobody knows, and TRL then
            asks for `max_steps` itself.
    """
    if args.max_steps > 0 or rows is None:
        return max(args.max_steps, 1)
    # TRL reads a batch for every micro-batch of the loss, each as long as a rollout batch.
    batch: int = args.generation_batch_size  # type: ignore[assignment]  # GRPOConfig fills it
    micro_batches = rows // batch
    per_epoch = max(math.ceil(micro_batches / args.gradient_accumulation_steps), 1)
    return math.ceil(args.num_train_epochs * per_epoch)
