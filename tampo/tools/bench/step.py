"""A TAMPO step against a plain TRL step: same model, same prompts, same lengths, one process.

The two trainers alternate, so a slow minute of the machine slows both. End-of-sequence is out of
reach in both, so every step generates and scores the same number of tokens.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2ForCausalLM,
    set_seed,
)
from trl import GRPOConfig, GRPOTrainer

from tampo.temperature.meta_policy import TemperatureMetaPolicy
from tampo.training.run_log import RunLog
from tampo.training.study_trainer import StudyTrainer

CANDIDATES = tuple(round(0.6 + 0.1 * k, 1) for k in range(10))
TEMPERATURE = 1.0


@dataclass(frozen=True)
class Shape:
    """Size of one measured step."""

    config: Qwen2Config | LlamaConfig
    prompts: int
    group_size: int
    prompt_tokens: int
    completion_tokens: int
    micro_batch: int

    @property
    def completions(self) -> int:
        """Completions in one step."""
        return self.prompts * self.group_size


def tiny() -> Shape:
    """Return the shape of the tiny study's step."""
    config = Qwen2Config(
        vocab_size=32,
        hidden_size=96,
        intermediate_size=256,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=128,
    )
    return Shape(config, 24, 8, 8, 32, 192)


def smol() -> Shape:
    """Return a step of SmolLM2-135M's architecture; random weights cost the same as trained ones."""
    config = LlamaConfig(
        vocab_size=49152,
        hidden_size=576,
        intermediate_size=1536,
        num_hidden_layers=30,
        num_attention_heads=9,
        num_key_value_heads=3,
        tie_word_embeddings=True,
        max_position_embeddings=2048,
    )
    return Shape(config, 2, 4, 64, 64, 8)


def qwen_1_5b() -> Shape:
    """Return a step at the shapes of the paper's base model, 16k tokens; for GPUs."""
    config = Qwen2Config(
        vocab_size=151936,
        hidden_size=1536,
        intermediate_size=8960,
        num_hidden_layers=28,
        num_attention_heads=12,
        num_key_value_heads=2,
        max_position_embeddings=4096,
    )
    return Shape(config, 8, 8, 64, 256, 8)


Model = Qwen2ForCausalLM | LlamaForCausalLM

SHAPES: dict[str, Callable[[], Shape]] = {"tiny": tiny, "smol": smol, "qwen2.5-1.5b": qwen_1_5b}


class _AtOneTemperature(TemperatureMetaPolicy):
    """TAMPO with all its work, but the temperature of the plain trainer."""

    def draw(self, step: int) -> float:
        super().draw(step)
        return TEMPERATURE


def step_ratio(name: str, rounds: int, progress: Callable[[str], None]) -> dict[str, Any]:
    """Measure `rounds` alternating steps of both trainers; return medians and their ratio."""
    shape = SHAPES[name]()
    with tempfile.TemporaryDirectory() as folder:
        trainers = {
            "trl": _trainer(shape, Path(folder) / "trl", tampo=False),
            "tampo": _trainer(shape, Path(folder) / "tampo", tampo=True),
        }
        for trainer in trainers.values():
            # One real step builds the optimiser and warms every cache.
            trainer.train()
        seconds: dict[str, list[float]] = {key: [] for key in trainers}
        batches = {key: list(_batches(trainer)) for key, trainer in trainers.items()}
        for index in range(rounds):
            # The second one finds warmer caches, so they swap.
            order = list(trainers) if index % 2 else list(trainers)[::-1]
            for key in order:
                seconds[key].append(one_step(trainers[key], batches[key]))
            last = {key: seconds[key][-1] for key in trainers}
            progress(f"{name} {index + 1}/{rounds}: {last['tampo'] / last['trl']:.3f}")
    medians = {key: statistics.median(values) for key, values in seconds.items()}
    pairs = [a / b for a, b in zip(seconds["tampo"], seconds["trl"], strict=True)]
    return {
        "ratio": medians["tampo"] / medians["trl"],
        "ratio_quartiles": statistics.quantiles(pairs, n=4),
        "median_seconds": medians,
        "rounds": rounds,
        "tokens": shape.completions * shape.completion_tokens,
        "parameters": sum(p.numel() for p in trainers["trl"].model_wrapped.parameters()),
        "threads": torch.get_num_threads(),
    }


def lone_trainer(shape: Shape, folder: Path) -> tuple[GRPOTrainer, list[Any]]:
    """Return TAMPO's trainer after its first step, and the micro-batches of another."""
    trainer = _trainer(shape, folder, tampo=True)
    trainer.train()
    return trainer, _batches(trainer)


def _trainer(shape: Shape, folder: Path, *, tampo: bool) -> GRPOTrainer:
    set_seed(0)
    tokenizer = _tokenizer(shape.config.vocab_size)
    unreachable = shape.config.vocab_size + 1
    arguments: dict[str, Any] = {
        "model": _model(shape),
        "reward_funcs": [_reward],
        "args": _config(shape, folder, None if tampo else {"eos_token_id": [unreachable]}),
        "train_dataset": _prompts(shape),
        "processing_class": tokenizer,
    }
    if tampo:
        trainer: GRPOTrainer = StudyTrainer(
            temperature=_AtOneTemperature(CANDIDATES),
            candidates=CANDIDATES,
            base_seed=0,
            run_log=RunLog(folder / "log"),
            **arguments,
        )
    else:
        trainer = GRPOTrainer(**arguments)
    trainer.eos_token_ids = [unreachable]
    return trainer


def _config(shape: Shape, folder: Path, generation: dict[str, Any] | None) -> GRPOConfig:
    on_gpu = torch.cuda.is_available()
    return GRPOConfig(
        output_dir=str(folder),
        max_steps=1,
        per_device_train_batch_size=shape.micro_batch,
        gradient_accumulation_steps=shape.completions // shape.micro_batch,
        num_generations=shape.group_size,
        max_completion_length=shape.completion_tokens,
        temperature=TEMPERATURE,
        generation_kwargs=generation,
        learning_rate=1e-6,
        bf16=on_gpu,
        use_cpu=not on_gpu,
        gradient_checkpointing=False,
        logging_steps=1,
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
        shuffle_dataset=False,
        dataloader_pin_memory=on_gpu,
    )


def _model(shape: Shape) -> Model:
    # Random weights of a large shape take long to draw on a CPU.
    with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
        if isinstance(shape.config, Qwen2Config):
            return Qwen2ForCausalLM(shape.config)
        return LlamaForCausalLM(shape.config)


def _tokenizer(vocabulary: int) -> PreTrainedTokenizerBase:
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = {f"w{index}": index for index in range(vocabulary)}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="w0"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="w0", eos_token="w1")


def _prompts(shape: Shape) -> Dataset:
    generator = torch.Generator().manual_seed(0)
    size = (shape.prompts, shape.prompt_tokens)
    words = torch.randint(2, shape.config.vocab_size, size, generator=generator).tolist()
    texts = [" ".join(f"w{word}" for word in row) for row in words]
    ids = [str(index) for index in range(shape.prompts)]
    return Dataset.from_dict({"prompt": texts, "problem_id": ids})


def _reward(completions: list[str], **_: Any) -> list[float]:
    return [float(len(completion) % 7) for completion in completions]


def _batches(trainer: GRPOTrainer) -> list[Any]:
    batches = list(trainer.get_train_dataloader())
    return batches[: trainer.args.gradient_accumulation_steps]


def one_step(trainer: GRPOTrainer, batches: list[Any]) -> float:
    """Return the seconds of generation, rewards, loss, backward and update of one step."""
    model, optimiser = trainer.model_wrapped, trainer.optimizer
    if optimiser is None:
        raise RuntimeError("train() comes first: it makes the optimiser")
    _synchronise()
    started = time.perf_counter()
    model.train()
    for batch in batches:
        trainer.training_step(model, batch, None)
    trainer.accelerator.clip_grad_norm_(model.parameters(), trainer.args.max_grad_norm)
    optimiser.step()
    model.zero_grad()
    _synchronise()
    return time.perf_counter() - started


def _synchronise() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
