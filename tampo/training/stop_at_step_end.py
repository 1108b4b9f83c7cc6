"""Preemption: a stop signal ends training after the step in progress, with a checkpoint.

A run stopped this way loses no step; the next attempt continues from the checkpoint to the same
files.
"""

from __future__ import annotations

from typing import Any

import torch
from accelerate import PartialState
from accelerate.utils import reduce
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from tampo.training.stop_signals import StopRequest


class StopAtStepEnd(TrainerCallback):
    """Ends training with a checkpoint after the step in which any process was asked to stop."""

    def __init__(self, request: StopRequest) -> None:
        self._request = request

    def on_step_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Let all processes agree: each may have received the stop signal in another step, or not at all."""
        asked = torch.tensor(float(self._request.signal is not None), device=PartialState().device)
        if reduce(asked, "sum").item() and state.global_step < state.max_steps:
            control.should_save = True
            control.should_training_stop = True
