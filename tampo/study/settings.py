"""Typed, closed settings of the parts of a study. Defaults and units live here and nowhere else.

Source tags: [P] the paper, [S] one secondary source, [O] open-rs, [R] our choice.
A study file that sets a value from the paper repeats the tag in a comment.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tampo import layout
from tampo.temperature.meta_policy_settings import PAPER_CANDIDATES
from tampo.temperature.protocol import Candidates, Temperature

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.\-]*$")]
"""Lower-case letters, digits, dots and hyphens: it becomes a folder name and a wildcard."""
Words = Annotated[str, Field(pattern=r"^\S(.{0,38}\S)?$")]
"""Up to 40 characters on one line, for people to read."""
Count = Annotated[int, Field(ge=1)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Precision = Literal["fp32", "bf16", "fp16"]


class Closed(BaseModel):
    """Base of all settings: an unknown key or a wrong type is an error, values never change."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True
    )


class MaskByEntropy(Closed):
    """Entrocraft's mask, which steers entropy at a fixed temperature (`tampo.training.advantage_weights`)."""

    start: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 0.6
    """Target entropy in nats at the first step (Entrocraft, as quoted)."""
    end: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 0.2
    """Target entropy in nats at the last step (Entrocraft, as quoted)."""
    band: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.05
    """Distance from the target within which no rollout is masked [R]."""


class BalanceByEntropy(Closed):
    """EntroPIC's weights of good and bad rollouts (`tampo.training.advantage_weights`)."""

    target: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    """Entropy in nats that the weights hold."""
    proportional: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1.0
    """Weight per nat of error (EntroPIC's configuration)."""
    integral: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.01
    """Weight per nat of summed error (EntroPIC's configuration)."""


class Reward(Closed):
    """One reward function and its weight in the sum."""

    name: str
    """A name in `tampo.grading.rewards.REWARDS`."""
    weight: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1.0


class Lora(Closed):
    """Low-rank adapters instead of full fine-tuning."""

    rank: Count = 16
    alpha: Count = 32
    target_modules: Literal["all-linear"] | list[str] = "all-linear"


class AdaptiveEntropy(Closed):
    """An entropy bonus whose coefficient follows the entropy: the alternative to raising the temperature.

    After each step the coefficient moves by `delta`, up while the entropy is at or below `target` and
    down above it, within [0, maximum]; the bonus acts only at or below the target (Skywork-OR1, arXiv
    2505.22312). The entropy is that of the loss's temperature. Done by TRL (`use_adaptive_entropy`).
    """

    target: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 0.2
    """Entropy in nats per token that the bonus defends (Skywork-OR1's scripts)."""
    delta: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1e-4
    """Step of the coefficient (Skywork-OR1's scripts)."""
    maximum: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 5e-3
    """Largest coefficient (Skywork-OR1's scripts)."""


class Training(Closed):
    """GRPO as every method of the study runs it; methods differ in their temperature policy."""

    problems: str
    """Training set: a name in `tampo.problems.problem_sets.CATALOGUE` or one of `problem_sets`."""
    steps: Count = 200
    """Optimiser steps, one rollout batch each [P]; with `iterations` n, one for n steps."""
    prompts_per_step: Count = 12
    """Prompts per optimiser step |B| [O]: 72 completions of groups of 6."""
    group_size: Annotated[int, Field(ge=2)] = 6
    """Completions per prompt G [O]."""
    micro_batch: Count = 6
    """Completions per device in one forward and backward pass [O]; results do not depend on it
    beyond rounding, whatever the loss."""
    max_prompt_tokens: Count = 512
    """Longest prompt [O]; problems with a longer one are left out, counted and named, never cut."""
    max_completion_tokens: Count = 6144
    """Longest completion; "6k tokens" [P]."""
    candidate_temperatures: Candidates = list(PAPER_CANDIDATES)
    """Virtual temperatures under which every trajectory's likelihood is recorded, and TAMPO's
    candidates, ascending [P]."""
    logprob_temperature: Literal["rollout", "one"] = "rollout"
    """Temperature of the model's log-probabilities: that of the rollout [P], or 1 as in TRL before
    12 March 2025 (an ablation)."""
    rewards: list[Reward] = Field(default=[Reward(name="accuracy", weight=1.0)], min_length=1)
    """Reward functions; their weighted sum is the reward."""
    learning_rate: Annotated[float, Field(gt=0)] = 1e-6
    """Peak learning rate of AdamW [P]."""
    lr_schedule: Literal["constant_with_warmup", "linear", "cosine", "cosine_with_min_lr"] = (
        "cosine_with_min_lr"
    )
    """Learning-rate schedule after its warm-up [P]."""
    min_lr_rate: Fraction = 0.1
    """Final over peak learning rate of `cosine_with_min_lr` [P]/[O]."""
    warmup_ratio: Fraction = 0.1
    """Fraction of the steps with rising learning rate [O]; also TAMPO's default warm-up [R]."""
    adam_beta1: Fraction = 0.9
    """AdamW's first-moment decay: the library's default, which open-rs leaves alone [O]."""
    adam_beta2: Fraction = 0.999
    """AdamW's second-moment decay [O]."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    """AdamW's weight decay [O]."""
    max_grad_norm: Annotated[float, Field(gt=0)] = 1.0
    """Gradient-norm clip [O]."""
    kl_coefficient: Annotated[float, Field(ge=0)] = 0.04
    """β of the KL term to the base model; 0 loads no reference model [O]."""
    clip_epsilon: Annotated[float, Field(gt=0, lt=1)] = 0.2
    """ε of the clipped ratio [O]."""
    adaptive_entropy: AdaptiveEntropy | None = None
    """Entropy bonus with an adaptive coefficient; null for none [P]."""
    mask_by_entropy: MaskByEntropy | None = Field(
        default=None, exclude_if=lambda mask: mask is None
    )
    """Rollouts leave the loss by their advantage where the entropy is off its target; null for none [P]."""
    balance_by_entropy: BalanceByEntropy | None = Field(
        default=None, exclude_if=lambda balance: balance is None
    )
    """Good and bad rollouts weigh differently where the entropy is off its target; null for none [P]."""
    loss: Literal["grpo", "bnpo", "dr_grpo", "dapo"] = "bnpo"
    """How the loss is normalised, by TRL's names. The recipe's version averaged over the tokens of a
    micro-batch, which was one group, then over micro-batches [O]: `bnpo` here is the mean over groups of
    the token mean within a group. TRL's own is that of a micro-batch and so depends on its size."""
    scale_rewards: Literal["group", "batch", "none"] = "group"
    """Standard deviation that advantages are divided by [P]."""
    iterations: Count = 1
    """Optimiser passes over one rollout batch (TRL's num_iterations) [O]."""
    precision: Precision = "bf16"
    """Compute precision; bf16 [O], fp16 for GPUs without it (compute capability below 8.0), fp32 on CPU."""
    gradient_checkpointing: bool = False
    """Recompute activations in the backward pass to save memory."""
    lora: Lora | None = None
    """Train adapters instead of all weights; null trains all weights [P]."""
    rollout_backend: Literal["hf", "vllm"] = "hf"
    """Engine that samples rollouts."""
    rollout_correction: Literal["off", "token"] = Field(
        default="off", exclude_if=lambda value: value == "off"
    )
    """What the loss makes of the difference between vLLM's log-probabilities and its own: nothing, as the
    recipe's TRL had it [O], or a weight per token, their ratio truncated at `rollout_correction_cap`
    (truncated importance sampling, Yao et al. 2025). A weight per sequence, TRL's default, shrinks with
    length and temperature, and is not offered."""
    rollout_correction_cap: Annotated[float, Field(gt=1, allow_inf_nan=False)] = Field(
        default=2.0, exclude_if=lambda value: value == 2.0
    )
    """Largest weight of a token (Yao et al. 2025)."""
    checkpoint_every: Count = 25
    """Steps between resumable checkpoints."""
    trajectories_every: Count = 1
    """Trajectories are stored of every n-th rollout batch, the first included: 1 stores all. Each
    takes about 120 bytes for ten candidates; training does not depend on it [R]."""
    cpu_threads: Count = 1
    """CPU threads of one run. Part of the study because it changes the order of sums and thus the
    last bits of results."""

    @model_validator(mode="after")
    def _settings_fit_together(self) -> Training:
        if self.completions_per_step % self.micro_batch:
            raise ValueError(
                f"prompts_per_step * group_size = {self.completions_per_step} "
                f"must be a multiple of micro_batch = {self.micro_batch}"
            )
        if self.mask_by_entropy is not None and self.balance_by_entropy is not None:
            raise ValueError(
                "mask_by_entropy and balance_by_entropy both steer the entropy by the advantages; legal: one"
            )
        if self.rollout_correction != "off" and self.rollout_backend != "vllm":
            raise ValueError(
                f"rollout_correction: {self.rollout_correction} corrects vLLM's log-probabilities; with "
                f"rollout_backend: {self.rollout_backend} the sampler's are the loss's; legal: off"
            )
        if self.logprob_temperature == "one" and self.rollout_backend == "vllm":
            raise ValueError(
                "logprob_temperature: one cannot be joined with rollout_backend: vllm, whose "
                "log-probabilities are those of the rollout's temperature; legal: rollout, or hf"
            )
        return self

    @property
    def completions_per_step(self) -> int:
        """Completions in one optimiser step, |B| * G."""
        return self.prompts_per_step * self.group_size

    @property
    def learns(self) -> bool:
        """Whether any step has a learning rate above 0: the first of a warm-up has none."""
        return self.steps > 1 or self.warmup_steps == 0

    @property
    def warmup_steps(self) -> int:
        """Length of the learning-rate warm-up in steps, rounded up as transformers does."""
        return -(-int(self.steps * self.warmup_ratio * 1e9) // 10**9)


class OwnProblems(Closed):
    """A problem set in a file of your own, for training or as a benchmark."""

    file: Annotated[str, Field(pattern=r"\.(jsonl|csv|parquet)$")]
    """JSON lines, CSV or Parquet; its path starts at the working directory."""
    columns: dict[str, str] = {}
    """Column of the file for a key of a problem, such as `problem`, `answer`, `id` or `solution`; a key
    that is not named here is the column of its own name."""
    grader: str | None = None
    """`path/to/file.py:function`, called with a response and its problem and returning True, False, or
    None for no answer; null for the grader of this package."""


class Benchmark(Closed):
    """One evaluation set and how much of it is sampled."""

    name: Name
    """A name in `tampo.problems.problem_sets.CATALOGUE` or one of `problem_sets`."""
    samples: Count = 8
    """Responses per problem n; Pass@k needs n >= k."""
    limit: Count | None = None
    """Use the first `limit` problems only; null for all."""


class Evaluation(Closed):
    """How checkpoints are evaluated; one process samples all benchmarks of one checkpoint."""

    backend: Literal["hf", "vllm"] = "hf"
    """lm-eval model backend."""
    temperature: Temperature = 0.6
    """Sampling temperature [O]."""
    top_p: Annotated[float, Field(gt=0, le=1)] = 0.95
    """Nucleus filter on tokens at evaluation [O]."""
    max_tokens: Count = 6144
    """Longest response; the paper's budget is not known, its training limit is 6k [R]."""
    budgets: list[Count] = []
    """Shorter limits, ascending, that the same responses are scored at as well: one that is longer
    counts as truncated. Exact but for answers boxed before such a cut, which are not credited."""
    pass_k: list[Count] = Field(default=[1, 8], min_length=1)
    """k of the Pass@k reported [P]."""
    problems_per_batch: Count = 1
    """Problems sampled together with all their samples. Part of the study: the composition of a
    batch changes the last bits of logits, so it never follows from limits or from memory."""
    precision: Precision = "bf16"
    """Compute precision of the model under evaluation."""
    cpu_threads: Count = 1
    """CPU threads of one evaluation."""

    @property
    def pass_metrics(self) -> list[str]:
        """Every Pass@k that is reported: at the limit sampled with, then at the shorter budgets."""
        return [layout.pass_at(k, b) for b in (None, *self.budgets) for k in self.pass_k]

    @model_validator(mode="after")
    def _budgets_are_shorter(self) -> Evaluation:
        if sorted({*self.budgets, self.max_tokens}) != [*self.budgets, self.max_tokens]:
            raise ValueError(
                f"budgets {self.budgets} must ascend without repeats and stay below "
                f"max_tokens = {self.max_tokens}"
            )
        return self


class Statistics(Closed):
    """How intervals are made."""

    confidence: Annotated[float, Field(gt=0, lt=1)] = 0.95
    """Nominal coverage of the intervals."""
    resamples: Annotated[int, Field(ge=100)] = 10_000
    """Bootstrap resamples."""
    seed: int = 0
    """Base seed of the bootstrap."""
    looks: list[Annotated[int, Field(ge=2)]] | None = Field(
        default=None, min_length=1, exclude_if=lambda looks: looks is None
    )
    """Numbers of seeds, rising, at which verdicts are looked at as seeds are added: all looks together
    reject a true null hypothesis with probability 1 - confidence. null: one look at all seeds."""

    @model_validator(mode="after")
    def _rising(self) -> Statistics:
        if self.looks and sorted(set(self.looks)) != self.looks:
            raise ValueError(f"looks: {self.looks} must rise")
        return self
