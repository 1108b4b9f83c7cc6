"""GRPO with a temperature policy: TRL's trainer, with the temperature of its rollouts drawn by a policy.

TRL fixes one temperature when the trainer is built. Here the policy draws one for every rollout batch,
or one for each rollout of a group. It travels with the rollouts, row by row, to everything that uses
it: the sampler, the model's and the reference model's log-probabilities and the entropy. The
likelihoods of the trajectories under the candidate temperatures come out of the forward pass that the
loss makes anyway. Evaluation is TRL's own, at its own settings, and no policy hears of it.

Which parts of TRL this relies on is pinned in tests/contract/test_trl_contract.py.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate.utils import gather_object
from trl import GRPOTrainer
from trl.models import unwrap_model_for_generation
from trl.trainer import grpo_trainer

from tampo.grading import last_boxed
from tampo.grading.rewards import completion_text
from tampo.kernels.lm_head import add_tempered_lm_head
from tampo.layout import ENTROPY, ENTROPY_AT_ONE, MIXED_GROUPS, STEP, TEMPERATURE, TRUNCATED
from tampo.sampling import sampler
from tampo.sampling.vllm_rollouts import SeededRequests
from tampo.seeds import derive
from tampo.temperature.protocol import FloatArray, TemperaturePolicy, of_group
from tampo.training.chosen_policy import ChosenPolicy, planned_steps
from tampo.training.mismatch_cause import mismatch_cause
from tampo.training.policy_checkpoints import PolicyCheckpoints
from tampo.training.rollout_batch import (
    MISMATCH_TOLERANCE,
    GatheredRollout,
    RolloutBatch,
    problem_id,
)
from tampo.training.run_log import RunLog
from tampo.training.scoring import TOKEN_MASK, Scoring, score_completions
from tampo.training.step_log import temperature_metrics
from tampo.training.trl_options import filters_of, require_honoured, require_unfiltered


@contextmanager
def _tempered_heads() -> Iterator[None]:
    """Let TRL's constructor add our LM head, which takes the temperature with every call."""
    original = grpo_trainer.add_fused_lm_head
    grpo_trainer.add_fused_lm_head = add_tempered_lm_head
    try:
        yield
    finally:
        grpo_trainer.add_fused_lm_head = original


class TemperatureGRPOTrainer(PolicyCheckpoints):
    """TRL's GRPO trainer with the rollout temperature drawn by a policy.

    What the policy saw and did is in TRL's own logs as `temperature/...`, and in full in `policy.jsonl`
    in the output folder; its state is in every checkpoint and beside every saved model.

    Args:
        args: as for `trl.GRPOTrainer`; so are `kwargs`.
        temperature: the policy: the name of a registered one, `("name", {settings})`,
            `"path/to/file.py:Class"` or an object (`tampo.temperature.protocol`). Every process of a
            run has to be given the same one.
        candidates: temperatures that a policy given by name may choose from, and under which every
            trajectory's likelihood is recorded besides those that the policy asks for; the paper's
            for a policy that needs some.
        base_seed: base seed of the sampling streams; None takes that of `GRPOConfig`.
        run_log: receives what the policy saw and did, on the main process; None writes `policy.jsonl` in
            the output folder.
        logprob_temperature: "rollout" takes log-probabilities at the temperature of the rollout,
            "one" at temperature 1, as TRL did before 12 March 2025 (ablation).

    Raises:
        ValueError: an option of TRL's that would make the rollouts another distribution than the one
            that is scored (`tampo.training.trl_options`), or an unknown policy or setting.
    """

    # Made with each rollout batch.
    _lengths: list[int]
    _rewards: torch.Tensor
    _answers: list[str | None] | None
    _scoring: Scoring | None = None

    def __init__(
        self,
        *args: Any,
        temperature: str | tuple[str, dict[str, Any]] | TemperaturePolicy = "tampo",
        candidates: Sequence[float] | None = None,
        base_seed: int | None = None,
        run_log: RunLog | None = None,
        logprob_temperature: str = "rollout",
        **kwargs: Any,
    ) -> None:
        given = inspect.signature(GRPOTrainer.__init__).bind(self, *args, **kwargs).arguments
        chosen = ChosenPolicy(temperature, candidates)
        require_honoured(given)
        with _tempered_heads():
            super().__init__(*args, **kwargs)
        if self.use_vllm:
            self.vllm_generation.llm = SeededRequests(self.vllm_generation.llm)
        steps = planned_steps(self.args, self._rows_of_an_epoch)
        config: Any = self.accelerator.unwrap_model(self.model).config
        vocabulary = config.get_text_config().vocab_size
        self.policy = chosen.build(self.args, steps, vocabulary)
        require_unfiltered(self.args, self.policy)
        self._filtered = bool(filters_of(self.args))
        self.candidates = tuple(sorted({*(candidates or ()), *self.policy.candidates}))
        self.run_log = run_log or RunLog(Path(str(self.args.output_dir)), trajectories_every=None)
        self._base_seed = self.args.seed if base_seed is None else base_seed
        self._untempered = logprob_temperature == "one"
        self._summary = {}

    @property
    def _training(self) -> bool:
        """Whether this is training: TRL evaluates with the same methods."""
        return bool(self.model.training)  # type: ignore[union-attr]  # there once it is made

    @property
    def _rows_of_an_epoch(self) -> int | None:
        """Rows that TRL reads in an epoch, of all processes; None where a data set has no length."""
        sampled = self._get_train_sampler() if hasattr(self.train_dataset, "__len__") else None
        return None if sampled is None else len(sampled)  # type: ignore[arg-type]  # a RepeatSampler

    # Rollouts: TRL's order is generate, old and reference log-probabilities, rewards ----------------

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        if not self._training:
            return super()._generate_and_score_completions(inputs)
        step = self.state.global_step
        first = self.accelerator.process_index * len(inputs)
        rows = list(range(first, first + len(inputs)))
        drawn = self._temperatures_of(rows, self.policy.draw(step))
        problem_ids = [problem_id(example) for example in inputs]
        self._batch = RolloutBatch(step, drawn, rows, self.num_generations, problem_ids)
        temperatures = torch.tensor(drawn, device=self.accelerator.device, dtype=torch.float32)
        # Where TRL scores the batch before the loss, that pass is the first one.
        self._scoring = Scoring(rows, temperatures, first_pass=self._scores_before_loss)
        output = super()._generate_and_score_completions(inputs)
        # Tensors of the batch follow their trajectory through TRL's shuffling and splitting.
        output["row"] = torch.tensor(rows, device=temperatures.device)
        output["sampling_temperature"] = temperatures
        output[TOKEN_MASK] = self._token_mask(output["completion_ids"].shape[1])
        self._batch.add_outcomes(
            self._rewards[rows],
            output["advantages"],
            output["completion_ids"],
            output[TOKEN_MASK],
            self.eos_token_ids,
            self._answers,
        )
        if self._scores_before_loss:
            self._compare(self._scoring, output)
            self._finish_rollout(output)
        return output

    def _token_mask(self, longest: int) -> torch.Tensor:
        """Return which of the tokens [n, longest] were sampled, whatever the loss makes of them.

        TRL masks truncated completions in attention and loss (`mask_truncated_completions`). Their
        tokens were sampled all the same: they have a likelihood, a length and an entropy.
        """
        device = self.accelerator.device
        lengths = torch.tensor(self._lengths, device=device)
        return (torch.arange(longest, device=device) < lengths[:, None]).long()

    @property
    def _scores_before_loss(self) -> bool:
        """Whether TRL takes log-probabilities of a batch when it is generated (its own rule)."""
        return self.args.gradient_accumulation_steps % self._generate_every != 0 or (
            self.use_vllm and self.vllm_importance_sampling_correction
        )

    def _temperatures_of(self, rows: list[int], drawn: float | FloatArray) -> FloatArray:
        """Return the temperatures of these rows, [n], or [n, L] where they change with the token."""
        in_group = of_group(drawn, self.num_generations)
        if not self._samples_itself and np.ptp(in_group):
            raise TypeError(
                "rollout_backend: vllm, or a filter on tokens, samples a whole batch at one "
                "temperature; a policy with several in a batch needs hf and no filter"
            )
        own = in_group[np.array(rows) % self.num_generations]
        if own.ndim == 1:
            return own
        positions = np.arange(self.max_completion_length).clip(max=own.shape[1] - 1)
        return own[:, positions]

    def _generate_single_turn(
        self, prompt_ids: list[list[int]], *args: Any, **kwargs: Any
    ) -> tuple[list[list[int]], list[list[float]] | None]:
        training = self._training
        drawn = float(self._batch.temperatures.flat[0]) if training else self.temperature
        if self.use_vllm:
            self.vllm_generation.temperature = drawn
            self.vllm_generation.llm.seeds = self._seeds() if training else None
        else:
            self.generation_config.temperature = self.generation_kwargs["temperature"] = drawn
        if training and self._samples_itself:
            answered = self._sample(prompt_ids)
        else:
            answered = super()._generate_single_turn(prompt_ids, *args, **kwargs)
        if training:
            self._lengths = [len(ids) for ids in answered[0]]
        return answered

    @property
    def _samples_itself(self) -> bool:
        """Whether rollouts are drawn by our sampler, and not by vLLM or TRL's own generation."""
        return not (self.use_vllm or self._filtered)

    def _seeds(self) -> list[int]:
        """Return the seed of each local trajectory: a function of base seed, step and row alone.

        Where an optimiser step takes several rollout batches, rows go on counting through it.
        """
        batch, accumulation = self._batch, self.args.gradient_accumulation_steps
        earlier = self._step % accumulation // self._generate_every
        offset = earlier * len(batch.rows) * self.accelerator.num_processes
        return [derive(self._base_seed, "rollout", batch.step, offset + row) for row in batch.rows]

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
                temperatures=torch.from_numpy(self._batch.temperatures),
                uniforms=sampler.uniforms(self._seeds(), self.max_completion_length),
                eos_token_ids=self.eos_token_ids,
                pad_token_id=self._tokenizer.pad_token_id,
            )
        return completions.token_ids, completions.log_probs

    def _calculate_rewards(
        self, inputs: Any, prompts: Any, completions: list[Any], *args: Any, **kwargs: Any
    ) -> torch.Tensor:
        by_function = super()._calculate_rewards(inputs, prompts, completions, *args, **kwargs)
        if self._training:
            wanted = getattr(self.policy, "reads_answers", False)
            self._answers = (
                [last_boxed(completion_text(c)) for c in completions] if wanted else None
            )
            weights = self.reward_weights.to(by_function.device)
            self._rewards = (by_function * weights).nansum(dim=1)
            # A completion that no reward function could score has no reward; that is not zero.
            self._rewards[by_function.isnan().all(dim=1)] = torch.nan
        return by_function

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        """Evaluate as TRL does; training goes on with the random numbers that it had before."""
        device = self.accelerator.device
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            return super().evaluate(*args, **kwargs)

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
    ) -> tuple[torch.Tensor, torch.Tensor | None, torch.Tensor | None]:
        """Score completions [B, L] at their rows' temperatures; arguments are TRL's."""
        if self._scoring is None or not self._training:
            scored = super()._get_per_token_logps_and_entropies(
                model,
                input_ids,
                attention_mask,
                logits_to_keep,
                batch_size,
                compute_entropy,
                compute_aux_loss,
                **multimodal,
            )
            return scored
        scoring, collect = self._scoring, self._scoring.first_pass
        scoring.first_pass = False
        if scoring.token_mask is None:
            scoring.token_mask = self._token_mask(logits_to_keep)
        attention_mask = torch.cat([attention_mask[:, :-logits_to_keep], scoring.token_mask], dim=1)
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
                router_loss=compute_aux_loss,
            )
        scoring.entropies = scored.entropy
        if scored.candidates is not None:
            scoring.at_sampling = scored.candidates.at_sampling
            self._batch.add_scores(
                scoring.rows,
                scoring.token_mask,
                scored.candidates.log_probs,
                scored.candidates.entropy,
                scored.candidates.entropy_at_one,
            )
        return scored.log_probs, scored.entropy, scored.router_loss

    def _compute_loss(self, model: torch.nn.Module, inputs: dict[str, Any]) -> torch.Tensor:
        if not self._training:
            return super()._compute_loss(model, inputs)
        rows = inputs["row"].tolist()
        self._scoring = Scoring(
            rows,
            inputs["sampling_temperature"],
            # Later iterations over the same rollouts see other weights than those that made them.
            first_pass=not self._batch.has_scores_of(rows),
            token_mask=inputs[TOKEN_MASK],
        )
        collect = self._scoring.first_pass
        loss = super()._compute_loss(model, inputs)
        if collect:
            self._compare(self._scoring, inputs)
            if self._batch.complete:
                self._finish_rollout(inputs)
        return loss

    def _compare(self, scoring: Scoring, inputs: dict[str, Any]) -> None:
        sampled = inputs.get("sampling_per_token_logps")
        if self._filtered or sampled is None:
            # What a filter leaves has other probabilities than the loss: there is nothing to compare.
            sampled = torch.full_like(scoring.at_sampling, torch.nan)
        self._batch.add_mismatch(scoring.rows, inputs[TOKEN_MASK], sampled, scoring.at_sampling)

    def _finish_rollout(self, inputs: dict[str, Any]) -> GatheredRollout:
        """Show the whole batch, of all processes, to the policy and to the logs.

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
        diagnostics = self.policy.diagnostics()
        for name, value in temperature_metrics(self._summary, diagnostics).items():
            self._metrics["train"][name].append(value)
        if self.accelerator.is_main_process:
            shared = (TEMPERATURE, ENTROPY, ENTROPY_AT_ONE, MIXED_GROUPS, TRUNCATED)
            self.run_log.policy(
                {STEP: rollout.step} | diagnostics | {name: self._summary[name] for name in shared}
            )
        return rollout
