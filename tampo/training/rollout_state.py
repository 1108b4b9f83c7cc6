"""The rollout batch in use as part of a checkpoint.

With `iterations` above 1 a checkpoint can fall between two steps that learn from the same rollouts. TRL
keeps them in memory only and would sample again after a resume, from other weights. Each process stores
its own part; a checkpoint between rollout batches has none, so it costs nothing where none is in use.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from tampo.layout import STEP

SUMMARY, ROWS = "summary", "rows"


@dataclass(frozen=True)
class RolloutState:
    """What later steps need of the rollouts that a process made before."""

    step: int
    """Optimiser step, 0-based, before which they were drawn."""
    rows: list[int]
    """[n] index of each local trajectory among all N."""
    summary: dict[str, Any]
    """What steps.jsonl says of them."""
    micro_batches: Sequence[dict[str, torch.Tensor | None]]
    """As TRL splits them: arguments of its loss, by name."""


def _file(checkpoint: Path, process: int) -> Path:
    return checkpoint / f"rollout-{process}.safetensors"


def save_rollout(checkpoint: Path, process: int, state: RolloutState) -> None:
    """Write the part of one process into a checkpoint.

    Raises:
        TypeError: TRL keeps something of the rollouts that is no tensor.
    """
    tensors = {}
    for index, batch in enumerate(state.micro_batches):
        for name, value in batch.items():
            if value is None:
                continue
            if not isinstance(value, torch.Tensor):
                raise TypeError(f"a rollout in use has {name}, a {type(value).__name__}: no tensor")
            # Micro-batches are views of one tensor, which the format does not allow.
            tensors[f"{index}.{name}"] = value.detach().clone().contiguous()
    about = {STEP: state.step, ROWS: state.rows, SUMMARY: state.summary}
    checkpoint.mkdir(parents=True, exist_ok=True)
    save_file(tensors, _file(checkpoint, process), {"about": json.dumps(about)})


def load_rollout(checkpoint: Path, process: int, device: torch.device | str) -> RolloutState | None:
    """Return what `save_rollout` wrote, or None if no rollouts were in use."""
    path = _file(checkpoint, process)
    if not path.is_file():
        return None
    batches: dict[int, dict[str, torch.Tensor | None]] = {}
    with safe_open(path, framework="pt") as stored:
        about = json.loads(stored.metadata()["about"])
        for key in stored.keys():  # noqa: SIM118 - the reader is no dict
            index, _, name = key.partition(".")
            batches.setdefault(int(index), {})[name] = stored.get_tensor(key).to(device)
    in_order = [batches[index] for index in sorted(batches)]
    return RolloutState(about[STEP], about[ROWS], about[SUMMARY], in_order)
