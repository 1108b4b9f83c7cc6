"""Whether this process's device supports the precision that a study asks for."""

from __future__ import annotations

import torch

from tampo.study.settings import Precision

BF16_SINCE = (8, 0)
"""Compute capability of the first GPUs with bf16 units (Ampere). torch emulates it on older ones,
many times slower."""


def require_precision(key: str, precision: Precision) -> None:
    """Raise where this process's GPU lacks what a study asks for.

    Args:
        key: key of the study that asks for it, for the message.

    Raises:
        ValueError: bf16 on a GPU without it; names the key, the GPU and what is legal there.
    """
    if precision != "bf16" or not torch.cuda.is_available():
        return
    capability = torch.cuda.get_device_capability()
    if torch.version.hip is None and capability < BF16_SINCE:
        raise ValueError(
            f"{key}: bf16, but {torch.cuda.get_device_name()} (compute capability "
            f"{capability[0]}.{capability[1]}) has none; legal on it: fp16, fp32"
        )
