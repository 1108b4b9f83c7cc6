"""Whether this process has the GPUs, and their precision, that a study asks for."""

from __future__ import annotations

import os

import torch

from tampo.study.settings import Precision
from tampo.study.study import StudyError

BF16_SINCE = (8, 0)
"""Compute capability of the first GPUs with bf16 units (Ampere). torch emulates it on older ones,
many times slower."""


def require_gpus(key: str, asked: int) -> None:
    """Raise where a job that asked for GPUs sees fewer: it would run on the CPU for days.

    Args:
        key: key of the study that asks, for the message.
        asked: GPUs of the job.

    Raises:
        StudyError: names the key, what this process sees, and what hides GPUs.
    """
    if (seen := torch.cuda.device_count()) >= asked:
        return
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    hidden = "" if visible is None else f" (CUDA_VISIBLE_DEVICES={visible})"
    raise StudyError(
        f"{key}: {asked}, but torch sees {seen}{hidden}; `python -m tampo doctor` says why, or "
        f"set {key} to {seen}"
    )


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
