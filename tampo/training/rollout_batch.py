"""One rollout batch: what was drawn, how it was rewarded, and how the model scored it.

The scores arrive in pieces, one for each micro-batch of the loss, in the order that TRL shuffled them
to; every piece names its rows, so the whole is put together in row order whatever the split.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from tampo import layout
from tampo.grading.answer_classes import answer_classes
from tampo.layout import (
    ADVANTAGE,
    ENTROPY,
    ENTROPY_AT_ONE,
    GROUP,
    MEAN_LENGTH,
    MIXED_GROUPS,
    REWARD,
    REWARD_STD,
    ROW,
    STEP,
    TEMPERATURE,
    TOKENS,
    TRUNCATED,
)
from tampo.temperature.meta_policy import trajectory_log_likelihoods
from tampo.temperature.protocol import FloatArray, RolloutFeedback
from tampo.training.divergence import require_finite_arrays

MISMATCH_TOLERANCE = {"no": 1e-3, "fp16": 2e-2, "bf16": 5e-2}
"""Largest accepted train-inference mismatch: the mean |difference| in nats between the sampler's and
the loss's log-probability of a token, by accelerate's mixed precision. Rounding causes about 1e-6,
1e-3 and 1e-2. At a language model's entropy, a temperature that differs by 0.1 between the two causes
several times the tolerance."""

ANSWER = "answer"
COMPLETIONS = "completions"
MADE_IN_A_STEP = (COMPLETIONS, TOKENS)
"""Parts of a summary that are counts: over all steps they add up to what the run sampled."""


def problem_id(example: Mapping[str, Any]) -> str:
    """Return the name of a row's problem: its `problem_id`, or one made of its prompt."""
    if "problem_id" in example:
        return str(example["problem_id"])
    prompt = json.dumps(example["prompt"], sort_keys=True, default=str)
    return hashlib.sha256(prompt.encode()).hexdigest()[:12]


class TrainInferenceMismatch(RuntimeError):
    """The sampler and the loss assign different log-probabilities to the same rollouts."""


@dataclass
class RolloutBatch:
    """The trajectories of this process in one rollout batch, `n` of the N of all processes."""

    step: int
    """Optimiser step, 0-based, before which the batch was drawn."""
    temperatures: FloatArray
    """[n] temperature that each local trajectory is drawn at, or [n, L] that each of its tokens is."""
    rows: list[int]
    """[n] index of each local trajectory among all N."""
    group_size: int
    """Completions per prompt G; trajectory `row` belongs to group `row // G`."""
    problem_ids: list[str]
    """[n] problem that each trajectory answers."""
    _outcomes: dict[int, dict[str, Any]] = field(default_factory=dict)
    _scores: dict[int, dict[str, Any]] = field(default_factory=dict)

    @classmethod
    def scored_before(cls, step: int, rows: list[int], group_size: int) -> RolloutBatch:
        """Return a batch whose first pass is over, of which only that is known any more."""
        batch = cls(step, np.empty(0), rows, group_size, [])
        batch._scores = {row: {} for row in rows}
        return batch

    def add_outcomes(
        self,
        rewards: torch.Tensor,
        advantages: torch.Tensor,
        completion_ids: torch.Tensor,
        token_mask: torch.Tensor,
        eos_token_ids: list[int],
        answers: list[str | None] | None = None,
    ) -> None:
        """Take the rewards [n], advantages [n] and completions [n, L] with their mask [n, L]."""
        lengths = token_mask.sum(dim=1)
        last = completion_ids.gather(1, (lengths - 1).clamp(min=0)[:, None]).squeeze(1)
        ended = torch.isin(last, torch.tensor(eos_token_ids, device=last.device)) & (lengths > 0)
        columns = {
            ROW: self.rows,
            "problem_id": self.problem_ids,
            TEMPERATURE: self._mean_temperatures(lengths.tolist()),
            REWARD: rewards.tolist(),
            ADVANTAGE: advantages.tolist(),
            "length": lengths.tolist(),
            TRUNCATED: (~ended).tolist(),
        }
        if answers is not None:
            columns[ANSWER] = answers
        for values in zip(*columns.values(), strict=True):
            self._outcomes[values[0]] = dict(zip(columns, values, strict=True))

    def _mean_temperatures(self, lengths: list[int]) -> list[float]:
        """Return the temperature [n] of each trajectory, its tokens' mean where they differ."""
        if self.temperatures.ndim == 1:
            return self.temperatures.tolist()
        rows = zip(self.temperatures, lengths, strict=True)
        return [float(row[: max(length, 1)].mean()) for row, length in rows]

    def add_scores(
        self,
        rows: list[int],
        mask: torch.Tensor,
        candidate_log_probs: torch.Tensor,
        entropy: torch.Tensor,
        entropy_at_one: torch.Tensor,
    ) -> None:
        """Take the scores of some rows: [b, L] mask and entropies, [b, L, K] log-probabilities.

        The mean token log-likelihood ℓ_k is taken in float64 over the completion's tokens, the
        end-of-sequence token included (paper section 1, step 4).
        """
        weights = mask.double()
        if bool((weights.sum(dim=1) == 0).any()):
            counts = weights.sum(dim=1).tolist()
            empty = [row for row, count in zip(rows, counts, strict=True) if count == 0]
            raise ValueError(f"completions without a token have no likelihood: rows {empty}")
        means = trajectory_log_likelihoods(candidate_log_probs.double(), weights).cpu().numpy()
        entropies = (entropy.double() * weights).sum(dim=1).tolist()
        entropies_at_one = (entropy_at_one.double() * weights).sum(dim=1).tolist()
        for index, row in enumerate(rows):
            self._scores[row] = {
                "log_likelihoods": means[index],
                ENTROPY: entropies[index],
                ENTROPY_AT_ONE: entropies_at_one[index],
            }

    def add_mismatch(
        self, rows: list[int], mask: torch.Tensor, sampler: torch.Tensor, scored: torch.Tensor
    ) -> None:
        """Compare log-probabilities [b, L] of the sampler with those of the model that is trained.

        Tokens that the sampler could not score (NaN, which vLLM may return) are left out.
        """
        difference = (sampler.double() - scored.double()).abs()
        valid = mask.bool() & ~difference.isnan()
        difference = difference.masked_fill(~valid, 0.0)
        sums, largest = difference.sum(dim=1).tolist(), difference.amax(dim=1).tolist()
        columns = sums, largest, valid.sum(dim=1).tolist()
        for row, total, maximum, tokens in zip(rows, *columns, strict=True):
            self._scores[row] |= {
                "mismatch": total,
                "mismatch_max": maximum,
                "mismatch_tokens": tokens,
            }

    def has_scores_of(self, rows: list[int]) -> bool:
        """Return whether these rows were scored before, i.e. this is not the first pass."""
        return all(row in self._scores for row in rows)

    @property
    def complete(self) -> bool:
        """Whether every local trajectory has its outcome and its scores."""
        return len(self._outcomes) == len(self._scores) == len(self.rows)

    def records(self) -> list[dict[str, Any]]:
        """Return one record per local trajectory, for gathering over processes."""
        return [{**self._outcomes[row], **self._scores[row]} for row in self.rows]


@dataclass(frozen=True)
class GatheredRollout:
    """All N trajectories of a rollout batch, in row order, the same on every process."""

    step: int
    group_size: int
    records: list[dict[str, Any]]

    @classmethod
    def of(cls, batch: RolloutBatch, records: list[dict[str, Any]]) -> GatheredRollout:
        """Order the records of all processes; a row that padding repeated counts once."""
        by_row = {record[ROW]: record for record in records}
        ordered = [by_row[row] for row in sorted(by_row)]
        return cls(batch.step, batch.group_size, ordered)

    def column(self, name: str) -> np.ndarray:
        """Return one field of all records, [N] or [N, K]."""
        return np.array([record[name] for record in self.records])

    @property
    def groups(self) -> np.ndarray:
        """[N] index of each trajectory's prompt."""
        return self.column(ROW) // self.group_size

    def feedback(self) -> RolloutFeedback:
        """Return what a temperature policy may see besides likelihoods and advantages."""
        tokens = max(int(self.column("length").sum()), 1)
        return RolloutFeedback(
            step=self.step,
            temperatures=self.column(TEMPERATURE),
            groups=self.groups,
            rewards=self.column(REWARD),
            lengths=self.column("length"),
            truncated=self.column(TRUNCATED),
            entropy=float(self.column(ENTROPY).sum() / tokens),
            entropy_at_one=float(self.column(ENTROPY_AT_ONE).sum() / tokens),
            answers=self.answers,
        )

    @cached_property
    def answers(self) -> np.ndarray | None:
        """[N] class of each trajectory's answer within its group; None where answers were not read."""
        if ANSWER not in self.records[0]:
            return None
        classes = np.empty(len(self.records), dtype=np.int64)
        for group in np.unique(self.groups):
            own = self.groups == group
            texts = [self.records[row][ANSWER] for row in np.flatnonzero(own)]
            classes[own] = answer_classes(texts)
        return classes

    def summary(self) -> dict[str, Any]:
        """Return the batch in numbers, for steps.jsonl."""
        feedback, rewards = self.feedback(), self.column(REWARD)
        scored = rewards[~np.isnan(rewards)]
        return {
            TEMPERATURE: feedback.temperature,
            REWARD: float(scored.mean()) if len(scored) else None,
            REWARD_STD: float(scored.std()) if len(scored) else None,
            "unscored": int(np.isnan(rewards).sum()),
            MIXED_GROUPS: feedback.mixed_groups,
            ENTROPY: feedback.entropy,
            ENTROPY_AT_ONE: feedback.entropy_at_one,
            COMPLETIONS: len(self.records),
            TOKENS: int(feedback.lengths.sum()),
            MEAN_LENGTH: float(feedback.lengths.mean()),
            TRUNCATED: float(feedback.truncated.mean()),
            "sampler_gap": self.mismatch,
            "sampler_gap_max": float(self.column("mismatch_max").max()),
        }

    @property
    def mismatch(self) -> float:
        """Train-inference mismatch: mean |sampler − loss| log-probability over all tokens, in nats."""
        tokens = max(int(self.column("mismatch_tokens").sum()), 1)
        return float(self.column("mismatch").sum() / tokens)

    def require_finite(self) -> None:
        """Raise Diverged if a likelihood, an entropy, an advantage or a gap is NaN or infinite."""
        columns = {
            "log-probabilities": "log_likelihoods",
            ENTROPY: ENTROPY,
            "entropy at temperature 1": ENTROPY_AT_ONE,
            "advantages": ADVANTAGE,
            "the sampler's log-probabilities": "mismatch",
        }
        require_finite_arrays(self.step, {name: self.column(c) for name, c in columns.items()})

    def require_agreement(self, tolerance: float, cause: Callable[[], str]) -> None:
        """Stop the run if the train-inference mismatch is too large.

        Args:
            tolerance: largest accepted mean, in nats.
            cause: asked for the cause where the run is stopped.

        Raises:
            TrainInferenceMismatch: the mean exceeds `tolerance`; names step, temperature and cause.
        """
        if not self.mismatch <= tolerance:
            drawn = ", ".join(f"{t:g}" for t in np.unique(self.column(TEMPERATURE)))
            raise TrainInferenceMismatch(
                f"step {self.step}: the sampler's and the loss's log-probabilities at temperature "
                f"{drawn} differ by {self.mismatch:.2e} nats per token on average "
                f"(allowed: {tolerance:g}). Tried on this batch: {cause()}"
            )

    def table(self, candidates: tuple[float, ...]) -> dict[str, list]:
        """Return the trajectories as columns for trajectories.parquet."""
        count = len(self.records)
        likelihoods = self.column("log_likelihoods").reshape(count, -1)
        plain = (
            TEMPERATURE,
            ROW,
            "problem_id",
            REWARD,
            ADVANTAGE,
            "length",
            TRUNCATED,
        )
        return {
            STEP: [self.step] * count,
            GROUP: self.groups.tolist(),
            **{name: self.column(name).tolist() for name in plain},
            **{
                layout.likelihood_column(temperature): likelihoods[:, k].tolist()
                for k, temperature in enumerate(candidates)
            },
        }


def no_trajectories(candidates: tuple[float, ...]) -> pa.Table:
    """Return the table of `GatheredRollout.table` without a row: of a run that ended before any."""
    types = {STEP: pa.int64(), GROUP: pa.int64(), TEMPERATURE: pa.float64(), ROW: pa.int64()}
    types |= {"problem_id": pa.string(), REWARD: pa.float64(), ADVANTAGE: pa.float64()}
    types |= {"length": pa.int64(), TRUNCATED: pa.bool_()}
    types |= {layout.likelihood_column(temperature): pa.float64() for temperature in candidates}
    return pa.schema(types).empty_table()
