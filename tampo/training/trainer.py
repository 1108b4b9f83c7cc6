"""GRPO with a temperature policy: a thin subclass of TRL's trainer.

TRL fixes one temperature when the trainer is built. Here the policy draws one for every rollout batch,
or one for each rollout of a group. It travels with the rollouts, row by row, to everything that uses
it: the sampler, the model's and the reference model's log-probabilities and the entropy. The
likelihoods of the trajectories under the candidate temperatures come out of the forward pass that the
loss makes anyway.

Which parts of TRL this relies on is pinned in tests/contract/test_trl_contract.py.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate.utils import gather_object
from transformers.trainer_callback import PrinterCallback
from trl import GRPOConfig, GRPOTrainer
from trl.models import unwrap_model_for_generation
from trl.trainer import grpo_trainer

from tampo.files import write_json
from tampo.kernels.lm_head import add_tempered_lm_head
from tampo.layout import (
    ENTROPY,
    ENTROPY_AT_ONE,
    GRAD_NORM,
    LOSS,
    MIXED_GROUPS,
    REWARD,
    STEP,
    TEMPERATURE,
    TRUNCATED,
)
from tampo.sampling import sampler
from tampo.sampling.vllm_rollouts import SeededRequests
from tampo.seeds import derive
from tampo.study.study import StudyError
from tampo.temperature.protocol import TemperaturePolicy
from tampo.training.divergence import (
    GRADIENT_NORM,
    require_finite_answers,
    require_finite_step,
    require_finite_weights,
    require_no_infinite_reward,
)
from tampo.training.mismatch_cause import mismatch_cause
from tampo.training.rollout_batch import (
    MADE_IN_A_STEP,
    MISMATCH_TOLERANCE,
    GatheredRollout,
    RolloutBatch,
)
from tampo.training.rollout_state import RolloutState, load_rollout, save_rollout
from tampo.training.run_log import RunLog
from tampo.training.scoring import Scoring, score_completions
from tampo.training.step_log import StepLog
from tampo.training.step_loss import (
    correction_summary,
    correction_sums,
    entropy_mean_correction,
    group_weights,
)

logger = logging.getLogger(__name__)

POLICY_STATE, COMPLETE = "temperature_policy.json", "complete.json"
PROCESSES, ENGINE = "processes", "engine"


@contextmanager
def _tempered_heads() -> Iterator[None]:
    """Let TRL's constructor add our LM head, which takes the temperature with every call."""
    original = grpo_trainer.add_fused_lm_head
    grpo_trainer.add_fused_lm_head = add_tempered_lm_head
    try:
        yield
    finally:
        grpo_trainer.add_fused_lm_head = original


class TemperatureGRPOTrainer(GRPOTrainer):
    """TRL's GRPO trainer with the rollout temperature drawn by a policy.

    Args:
        policy: chooses the temperature of every rollout batch; the same on every process.
        candidates: temperatures under which every trajectory's likelihood is recorded.
        base_seed: base seed of the run's sampling streams.
        run_log: receives steps, policy records and trajectories on the main process.
        logprob_temperature: "rollout" takes log-probabilities at the temperature of the rollout,
            "one" at temperature 1, as TRL did before 12 March 2025 (ablation).
        group_token_mean: of TRL's loss `dapo` only: average over the tokens of each group, then over
            groups (`tampo.training.step_loss`).
        kwargs: as for `trl.GRPOTrainer`.
    """

    # TRL's own, more narrowly than its base class has them.
    args: GRPOConfig
    num_generations: int
    max_completion_length: int
    # Made with each rollout batch.
    _batch: RolloutBatch
    _scoring: Scoring
    _buffered_inputs: Sequence[dict[str, torch.Tensor | None]]  # type: ignore[assignment]  # None before any

    def __init__(
        self,
        *,
        policy: TemperaturePolicy,
        candidates: tuple[float, ...],
        base_seed: int,
        run_log: RunLog,
        logprob_temperature: str = "rollout",
        group_token_mean: bool = False,
        **kwargs: Any,
    ) -> None:
        with _tempered_heads():
            super().__init__(**kwargs)
        if self.use_vllm:
            self.vllm_generation.llm = SeededRequests(self.vllm_generation.llm)
        # Steps are reported in `log`, one readable line each.
        self.remove_callback(PrinterCallback)
        self.policy = policy
        self.candidates = candidates
        self.run_log = run_log
        self._base_seed = base_seed
        self._untempered = logprob_temperature == "one"
        self._group_token_mean = group_token_mean
        self._last_inputs: dict[str, Any] = {}
        self._summary: dict[str, Any] = {}
        self._steps = StepLog(run_log)

    # Rollouts: TRL's order is generate, old and reference log-probabilities, rewards ----------------

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        step = self.state.global_step
        first = self.accelerator.process_index * len(inputs)
        rows = list(range(first, first + len(inputs)))
        drawn = self._temperatures_of(rows, self.policy.draw(step))
        problem_ids = [example["problem_id"] for example in inputs]
        self._batch = RolloutBatch(step, drawn, rows, self.num_generations, problem_ids)
        temperatures = torch.tensor(drawn, device=self.accelerator.device)
        # Where TRL scores the batch before the loss, that pass is the first one.
        self._scoring = Scoring(rows, temperatures, first_pass=self._scores_before_loss)
        output = super()._generate_and_score_completions(inputs)
        self._batch.add_outcomes(
            self._rewards[rows],
            output["advantages"],
            output["completion_ids"],
            output["completion_mask"],
            self.eos_token_ids,
        )
        if self._scores_before_loss:
            self._compare(self._scoring, output)
            output["sampling_temperature"] = temperatures
            self._finish_rollout(output)
        if (weights := output.get("importance_sampling_ratio")) is not None:
            sums = correction_sums(
                weights, output["completion_mask"], self.args.vllm_importance_sampling_clip_max
            )
            self._summary |= correction_summary(self.accelerator.gather(sums))
        # Tensors of the batch follow their trajectory through TRL's shuffling and splitting.
        output["row"] = torch.tensor(rows, device=temperatures.device)
        output["sampling_temperature"] = temperatures
        if self._group_token_mean:
            tokens = self.accelerator.gather(output["completion_mask"].sum(dim=1))
            weights = group_weights(tokens, self.num_generations)[rows]
            # The factor that TRL multiplies into its mask of tokens, whatever its name.
            output["tool_mask"] = weights[:, None].expand(output["completion_mask"].shape)
        return output

    @property
    def _steps_per_generation(self) -> int:
        """Micro-batches that one rollout batch is split into; GRPOConfig fills it when it is made."""
        return self.args.steps_per_generation  # type: ignore[return-value]  # None only when given

    @property
    def _scores_before_loss(self) -> bool:
        """Whether TRL takes log-probabilities of a batch when it is generated (its own rule)."""
        generate_every = self._steps_per_generation * self.num_iterations
        return self.args.gradient_accumulation_steps % generate_every != 0 or (
            self.use_vllm and self.vllm_importance_sampling_correction
        )

    def _temperatures_of(self, rows: list[int], drawn: float | np.ndarray) -> list[float]:
        """Return the temperature of each of these rows: one for all, or one per place in the group."""
        in_group = np.broadcast_to(np.asarray(drawn), self.num_generations)
        if self.use_vllm:
            if np.ptp(in_group):
                raise TypeError(
                    "rollout_backend: vllm samples a whole batch at one temperature; a policy that "
                    "mixes temperatures within a group needs hf"
                )
            self.vllm_generation.temperature = float(in_group[0])
        return [float(in_group[row % self.num_generations]) for row in rows]

    def _generate_single_turn(
        self, prompt_ids: list[list[int]], *args: Any, **kwargs: Any
    ) -> tuple[list[list[int]], list[list[float]] | None]:
        with self._steps.timed("generate"):
            if not self.use_vllm:
                return self._sample(prompt_ids)
            self.vllm_generation.llm.seeds = self._seeds()
            return super()._generate_single_turn(prompt_ids, *args, **kwargs)

    def _seeds(self) -> list[int]:
        """Return the seed of each local trajectory: a function of base seed, step and row alone."""
        batch = self._batch
        return [derive(self._base_seed, "rollout", batch.step, row) for row in batch.rows]

    def _sample(self, prompt_ids: list[list[int]]) -> tuple[list[list[int]], list[list[float]]]:
        with (
            unwrap_model_for_generation(
                self.model_wrapped,
                self.accelerator,
                gather_deepspeed3_params=self.args.ds3_gather_for_generation,
                gradient_checkpointing_kwargs=self.args.gradient_checkpointing_kwargs,  # type: ignore[arg-type]  # parsed by now
            ) as model,
            self._dist.summon_full_params(self.model_wrapped, recurse=False),
            # In the precision of the loss, whose log-probabilities have to be the sampler's.
            self.accelerator.autocast(),
        ):
            completions = sampler.generate(
                model,
                prompt_ids,
                max_new_tokens=self.max_completion_length,
                temperatures=torch.tensor(self._batch.temperatures),
                uniforms=sampler.uniforms(self._seeds(), self.max_completion_length),
                eos_token_ids=self.eos_token_ids,
                pad_token_id=self._tokenizer.pad_token_id,
            )
        return completions.token_ids, completions.log_probs

    def _calculate_rewards(self, *args: Any, **kwargs: Any) -> torch.Tensor:
        with self._steps.timed(REWARD):
            by_function = super()._calculate_rewards(*args, **kwargs)
        require_no_infinite_reward(self.state.global_step, by_function, self.reward_func_names)
        self._rewards = (by_function * self.reward_weights.to(by_function.device)).nansum(dim=1)
        # A completion that no reward function could score has no reward; that is not zero.
        self._rewards[by_function.isnan().all(dim=1)] = torch.nan
        return by_function

    # Scoring: TRL calls this for the loss, the old and the reference log-probabilities --------------

    def _get_per_token_logps_and_entropies(
        self,
        model: torch.nn.Module,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        logits_to_keep: int,
        batch_size: int | None = None,
        compute_entropy: bool = False,
        compute_aux_loss: bool = False,
        **multimodal: Any,
    ) -> tuple[torch.Tensor, torch.Tensor | None, None]:
        """Score completions [B, L] at their rows' temperatures; arguments are TRL's."""
        unsupported = sorted(name for name, value in multimodal.items() if value is not None)
        if unsupported or compute_aux_loss:
            what = ", ".join(unsupported) or "a mixture-of-experts loss"
            raise TypeError(f"temperature policies train dense text models; the batch has {what}")
        scoring, collect = self._scoring, self._scoring.first_pass
        scoring.first_pass = False
        with self.accelerator.autocast():
            scored = score_completions(
                model,
                input_ids,
                attention_mask,
                logits_to_keep,
                scoring.temperatures,
                candidates=self.candidates if collect else None,
                untempered=self._untempered,
                batch_size=batch_size,
            )
        scoring.entropies = scored.entropy
        if scored.candidates is not None:
            scoring.at_sampling = scored.candidates.at_sampling
            self._batch.add_scores(
                scoring.rows,
                attention_mask[:, -logits_to_keep:],
                scored.candidates.log_probs,
                scored.candidates.entropy,
                scored.candidates.entropy_at_one,
            )
        return scored.log_probs, scored.entropy, None

    def _compute_loss(self, model: torch.nn.Module, inputs: dict[str, Any]) -> torch.Tensor:
        rows = inputs["row"].tolist()
        self._last_inputs = inputs
        self._scoring = Scoring(
            rows,
            inputs["sampling_temperature"],
            # Later iterations over the same rollouts see other weights than those that made them.
            first_pass=not self._batch.has_scores_of(rows),
        )
        collect = self._scoring.first_pass
        bonus = self._entropy_coefficient
        loss = super()._compute_loss(model, inputs)
        if bonus:
            loss = loss + bonus * self._entropy_mean_correction(inputs)
        if collect:
            self._compare(self._scoring, inputs)
            if self._batch.complete:
                self._finish_rollout(inputs)
        return loss

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
        return entropy_mean_correction(
            torch.as_tensor(self._scoring.entropies),
            inputs["completion_mask"] * inputs.get("tool_mask", 1),
            inputs["num_items_in_batch"] * window,
            accumulation,
        )

    def _compare(self, scoring: Scoring, inputs: dict[str, Any]) -> None:
        self._batch.add_mismatch(
            scoring.rows,
            inputs["completion_mask"],
            inputs["sampling_per_token_logps"],
            scoring.at_sampling,
        )

    def _finish_rollout(self, inputs: dict[str, Any]) -> None:
        """Show the whole batch, of all processes, to the policy and to the log.

        `inputs` is a micro-batch of it, which a disagreement of sampler and loss is explained by.
        """
        rollout = GatheredRollout.of(self._batch, gather_object(self._batch.records()))
        rollout.require_finite()
        rollout.require_agreement(
            MISMATCH_TOLERANCE[self.accelerator.mixed_precision],
            lambda: mismatch_cause(
                self.accelerator.unwrap_model(self.model), inputs, self.accelerator.autocast
            ),
        )
        own = [self.candidates.index(temperature) for temperature in self.policy.candidates]
        self.policy.observe(
            rollout.column("log_likelihoods")[:, own],
            rollout.column("advantage"),
            rollout.feedback(),
        )
        self._summary = rollout.summary()
        if self.accelerator.is_main_process:
            self.run_log.trajectories(rollout.table(self.candidates))
            shared = (
                TEMPERATURE,
                ENTROPY,
                ENTROPY_AT_ONE,
                MIXED_GROUPS,
                TRUNCATED,
            )
            self.run_log.policy(
                {STEP: rollout.step}
                | self.policy.diagnostics()
                | {name: self._summary[name] for name in shared}
            )

    # Logging and checkpoints ------------------------------------------------------------------------

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
        folder = Path(self._get_output_dir(trial)) / f"checkpoint-{self.state.global_step}"
        if self._step % (self._steps_per_generation * self.num_iterations):
            batch, process = self._batch, self.accelerator.process_index
            in_use = RolloutState(batch.step, batch.rows, self._summary, self._buffered_inputs)
            save_rollout(folder, process, in_use)
        self.accelerator.wait_for_everyone()
        if self.args.should_save:
            write_json(folder / POLICY_STATE, self.policy.state_dict())
            self.run_log.flush(self.state.global_step)
            # Written last: a checkpoint without it was cut short and is not resumed from.
            write_json(folder / COMPLETE, {STEP: self.state.global_step, **self._group()})

    def _group(self) -> dict[str, Any]:
        """Return number of processes and engine: a checkpoint is theirs, and so are its last bits."""
        plugin = self.accelerator.state.deepspeed_plugin
        engine = "ddp" if plugin is None else f"zero{plugin.zero_stage}"
        return {PROCESSES: self.accelerator.num_processes, ENGINE: engine}

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        super()._load_optimizer_and_scheduler(checkpoint)
        if checkpoint is not None:
            self._restore(Path(checkpoint))

    def _restore(self, checkpoint: Path) -> None:
        """Restore what TRL does not know of, or keeps in memory only."""
        now = self._group()
        before = now | json.loads((checkpoint / COMPLETE).read_text())
        if any(before[key] != now[key] for key in now):
            raise StudyError(
                f"{checkpoint} was written by {before[PROCESSES]} processes with {before[ENGINE]} and "
                f"cannot be resumed by {now[PROCESSES]} with {now[ENGINE]}: set resources.train back"
            )
        self.policy.load_state_dict(json.loads((checkpoint / POLICY_STATE).read_text()))
        # TRL counts micro-batches and generates when the count says so.
        self._step = self.state.global_step * self.args.gradient_accumulation_steps
        device, process = self.accelerator.device, self.accelerator.process_index
        if (in_use := load_rollout(checkpoint, process, device)) is not None:
            self._batch = RolloutBatch.scored_before(in_use.step, in_use.rows, self.num_generations)
            self._buffered_inputs = in_use.micro_batches
            self._summary = in_use.summary
