"""A GRPO trainer whose checkpoints hold what TRL's do not: the policy's state and the rollouts in use."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers.trainer_utils import TrainOutput
from trl import GRPOConfig, GRPOTrainer

from tampo.files import write_json
from tampo.temperature.guarded_policy import GuardedPolicy
from tampo.training.rollout_batch import RolloutBatch
from tampo.training.rollout_state import RolloutState, load_rollout, save_rollout
from tampo.training.run_log import RunLog

POLICY_STATE = "temperature_policy.json"


class PolicyCheckpoints(GRPOTrainer):
    """TRL's trainer, with the state of a temperature policy in its checkpoints and beside saved models.

    Its subclass makes the policy, the log and the rollout batches.
    """

    policy: GuardedPolicy
    run_log: RunLog
    # TRL's own, more narrowly than its base class has them.
    args: GRPOConfig
    num_generations: int
    max_completion_length: int
    # Made with each rollout batch.
    _batch: RolloutBatch
    _summary: dict[str, Any]
    _buffered_inputs: Sequence[dict[str, torch.Tensor | None]]  # type: ignore[assignment]  # None before any

    @property
    def _steps_per_generation(self) -> int:
        """Micro-batches that one rollout batch is split into; GRPOConfig fills it when it is made."""
        return self.args.steps_per_generation  # type: ignore[return-value]  # None only when given

    @property
    def _generate_every(self) -> int:
        """Micro-batches of the loss between two rollout batches."""
        return self._steps_per_generation * self.num_iterations

    def train(
        self,
        resume_from_checkpoint: str | bool | None = None,
        trial: Any = None,
        ignore_keys_for_eval: list[str] | None = None,
    ) -> TrainOutput:
        """Train as TRL does; the policy's log begins, or goes on, where the weights do."""
        if not resume_from_checkpoint and self.accelerator.is_main_process:
            self.run_log.rewind(0)
        output = super().train(resume_from_checkpoint, trial, ignore_keys_for_eval)
        if self.args.should_save:
            write_json(Path(str(self.args.output_dir)) / POLICY_STATE, self.policy.state_dict())
        return output

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        """Save the model as TRL does, and the policy's state beside it."""
        super().save_model(output_dir, _internal_call)
        if self.args.should_save:
            folder = Path(str(output_dir or self.args.output_dir))
            write_json(folder / POLICY_STATE, self.policy.state_dict())

    def _save_checkpoint(self, model: torch.nn.Module, trial: Any) -> None:
        super()._save_checkpoint(model, trial)
        folder = Path(self._get_output_dir(trial)) / f"checkpoint-{self.state.global_step}"
        if self._step % self._generate_every:
            batch, process = self._batch, self.accelerator.process_index
            in_use = RolloutState(batch.step, batch.rows, self._summary, self._buffered_inputs)
            save_rollout(folder, process, in_use)
        self.accelerator.wait_for_everyone()

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        super()._load_optimizer_and_scheduler(checkpoint)
        if checkpoint is not None:
            self._restore(Path(checkpoint))

    def _restore(self, checkpoint: Path) -> None:
        """Restore what TRL does not know of, or keeps in memory only.

        Raises:
            FileNotFoundError: the checkpoint has no policy's state: another trainer wrote it.
        """
        state = checkpoint / POLICY_STATE
        if not state.is_file():
            raise FileNotFoundError(
                f"{checkpoint} has no {POLICY_STATE}: it was not written with a temperature policy"
            )
        if self.accelerator.is_main_process:
            self.run_log.rewind(self.state.global_step)
        self.policy.load_state_dict(json.loads(state.read_text()))
        # TRL counts micro-batches and generates when the count says so.
        self._step = self.state.global_step * self.args.gradient_accumulation_steps
        device, process = self.accelerator.device, self.accelerator.process_index
        if (in_use := load_rollout(checkpoint, process, device)) is not None:
            self._batch = RolloutBatch.scored_before(in_use.step, in_use.rows, self.num_generations)
            self._buffered_inputs = in_use.micro_batches
            self._summary = in_use.summary
