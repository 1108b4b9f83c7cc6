"""The trainer of a study's runs: what it adds to `TemperatureGRPOTrainer` is the record and its rules.

Steps, trajectories and the policy's view of them are logged; a run that diverges ends with its step and
reason; a checkpoint says whose it is, and is resumed by its like alone.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from transformers.trainer_callback import PrinterCallback

from tampo.files import write_json
from tampo.layout import ENTROPY, GRAD_NORM, LOSS, REWARD, STEP
from tampo.study.study import StudyError
from tampo.training.advantage_weights import AdvantageWeights
from tampo.training.divergence import (
    GRADIENT_NORM,
    require_finite_answers,
    require_finite_step,
    require_finite_weights,
    require_no_infinite_reward,
)
from tampo.training.rollout_batch import MADE_IN_A_STEP, GatheredRollout
from tampo.training.run_log import RunLog
from tampo.training.step_log import StepLog
from tampo.training.step_loss import (
    correction_summary,
    correction_sums,
    entropy_mean_correction,
    group_weights,
)
from tampo.training.trainer import TemperatureGRPOTrainer

COMPLETE = "complete.json"
PROCESSES, ENGINE, WEIGHTS = "processes", "engine", "weights"


class StudyTrainer(TemperatureGRPOTrainer):
    """Trains one run of a study.

    Args:
        run_log: receives steps, policy records and trajectories on the main process.
        group_token_mean: of TRL's loss `dapo` only: average over the tokens of each group, then over
            groups (`tampo.training.step_loss`).
        weights: factors of the advantages in the loss; None for none. Policy and logs see the advantages
            without them.
        kwargs: as for `TemperatureGRPOTrainer`.
    """

    def __init__(
        self,
        *,
        run_log: RunLog,
        group_token_mean: bool = False,
        weights: AdvantageWeights | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(run_log=run_log, **kwargs)
        # Steps are reported in `log`, one readable line each.
        self.remove_callback(PrinterCallback)
        self._group_token_mean = group_token_mean
        self._weights = weights
        self._weighting: dict[str, float] = {}
        self._last_inputs: dict[str, Any] = {}
        self._steps = StepLog(run_log)

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        step, entropy = self.state.global_step, self._summary.get(ENTROPY)
        output = super()._generate_and_score_completions(inputs)
        if self._weights is not None:
            factors = self._weights.factors(output["advantages"], entropy, step)
            output["advantages"] = output["advantages"] * factors
            self._weighting = self._weights.summary(self.accelerator.gather(factors))
            if self._scores_before_loss:
                # The summary is made already.
                self._summary |= self._weighting
        if (weights := output.get("importance_sampling_ratio")) is not None:
            sums = correction_sums(
                weights, output["completion_mask"], self.args.vllm_importance_sampling_clip_max
            )
            self._summary |= correction_summary(self.accelerator.gather(sums))
        if self._group_token_mean:
            tokens = self.accelerator.gather(output["completion_mask"].sum(dim=1))
            weights = group_weights(tokens, self.num_generations)[output["row"].tolist()]
            # The factor that TRL multiplies into its mask of tokens, whatever its name.
            output["tool_mask"] = weights[:, None].expand(output["completion_mask"].shape)
        return output

    def _generate_single_turn(self, *args: Any, **kwargs: Any) -> Any:
        with self._steps.timed("generate"):
            return super()._generate_single_turn(*args, **kwargs)

    def _calculate_rewards(self, *args: Any, **kwargs: Any) -> torch.Tensor:
        with self._steps.timed(REWARD):
            by_function = super()._calculate_rewards(*args, **kwargs)
        require_no_infinite_reward(self.state.global_step, by_function, self.reward_func_names)
        return by_function

    def _compute_loss(self, model: torch.nn.Module, inputs: dict[str, Any]) -> torch.Tensor:
        self._last_inputs = inputs
        bonus = self._entropy_coefficient
        loss = super()._compute_loss(model, inputs)
        return loss + bonus * self._entropy_mean_correction(inputs) if bonus else loss

    @property
    def _entropy_coefficient(self) -> float:
        """Coefficient of the entropy bonus in the step in progress, as TRL gates it."""
        if not self._entropy_bonus_enabled:
            return 0.0
        gated = self.use_adaptive_entropy and self._last_world_entropy > self.args.entropy_target
        return 0.0 if gated else float(self.entropy_coef)

    def _entropy_mean_correction(self, inputs: dict[str, Any]) -> torch.Tensor:
        accumulation = self.current_gradient_accumulation_steps
        window = accumulation / self._steps_per_generation / self.accelerator.num_processes
        assert self._scoring is not None
        return entropy_mean_correction(
            torch.as_tensor(self._scoring.entropies),
            inputs["completion_mask"] * inputs.get("tool_mask", 1),
            inputs["num_items_in_batch"] * window,
            accumulation,
        )

    def _finish_rollout(self, inputs: dict[str, Any]) -> GatheredRollout:
        rollout = super()._finish_rollout(inputs)
        self._summary |= self._weighting
        if self.accelerator.is_main_process:
            self.run_log.trajectories(rollout.table(self.candidates))
        return rollout

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Log as TRL does; append the line of an optimiser step to steps.jsonl."""
        of_a_step = GRAD_NORM in logs
        if of_a_step:
            numbers = {LOSS: logs[LOSS], GRADIENT_NORM: logs[GRAD_NORM]}
            require_finite_step(self.state.global_step - 1, numbers, self.accelerator)
        super().log(logs, start_time)
        if not of_a_step or not self.accelerator.is_main_process:
            return
        self._steps.finish(self.state.global_step, self.args.max_steps, self._summary, logs)
        # A step that learns from these rollouts once more has made none.
        self._summary |= dict.fromkeys(MADE_IN_A_STEP, 0)

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        """Write no model card: run.json says more, and says it of this run."""

    def _save_checkpoint(self, model: torch.nn.Module, trial: Any) -> None:
        step, trained = self.state.global_step - 1, self.accelerator.unwrap_model(self.model)
        require_finite_weights(step, trained)
        if self.state.global_step >= self.args.max_steps:
            # Finite weights can overflow in a forward pass; the next step makes one, after the last nothing.
            with self.accelerator.autocast():
                require_finite_answers(step, trained, self._last_inputs, self._untempered)
        super()._save_checkpoint(model, trial)
        if self.args.should_save:
            self.run_log.flush(self.state.global_step)
            folder = Path(self._get_output_dir(trial)) / f"checkpoint-{self.state.global_step}"
            # Written last: a checkpoint without it was cut short and is not resumed from.
            seen: dict[str, Any] = {ENTROPY: self._summary.get(ENTROPY)}
            if self._weights is not None:
                seen[WEIGHTS] = self._weights.state_dict()
            write_json(folder / COMPLETE, {STEP: self.state.global_step, **seen, **self._group()})

    def _group(self) -> dict[str, Any]:
        """Return number of processes and engine: a checkpoint is theirs, and so are its last bits."""
        plugin = self.accelerator.state.deepspeed_plugin
        engine = "ddp" if plugin is None else f"zero{plugin.zero_stage}"
        return {PROCESSES: self.accelerator.num_processes, ENGINE: engine}

    def _restore(self, checkpoint: Path) -> None:
        now = self._group()
        before = now | json.loads((checkpoint / COMPLETE).read_text())
        if any(before[key] != now[key] for key in now):
            raise StudyError(
                f"{checkpoint} was written by {before[PROCESSES]} processes with {before[ENGINE]} and "
                f"cannot be resumed by {now[PROCESSES]} with {now[ENGINE]}: set resources.train back"
            )
        if self._weights is not None:
            self._weights.load_state_dict(before.get(WEIGHTS, {}))
        self._summary = {ENTROPY: before[ENTROPY]} if before.get(ENTROPY) is not None else {}
        super()._restore(checkpoint)
