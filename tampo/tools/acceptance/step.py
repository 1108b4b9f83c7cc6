"""What a training step costs: beside plain TRL's, and in memory beside the plan's."""

from __future__ import annotations

import gc
import tempfile
from pathlib import Path

import torch

from tampo.study.settings import Training
from tampo.tools.acceptance.check import Outcome, Progress, judged, skipped
from tampo.tools.bench.head import head_times
from tampo.tools.bench.step import SHAPES, Shape, lone_trainer, one_step, step_ratio
from tampo.tools.plan.cost_model import GIB, training_memory
from tampo.tools.plan.hardware import GPUS
from tampo.tools.plan.shapes import ModelShape

OVER_PLAN = 1.1
"""Largest accepted measured over planned memory."""


def head_cost(names: list[str], rounds: int, progress: Progress) -> Outcome:
    """Time the fused head against TRL's at one temperature, separate passes and the roofline."""
    figures = {}
    for name in names:
        times = head_times(name, rounds, progress)
        figures[name] = {
            "TRL at one T, ms": 1e3 * times["median_seconds"]["trl_one_temperature"],
            "fused, ms": 1e3 * times["median_seconds"]["tampo_fused"],
            "fused / TRL": times["fused_over_trl"],
            "separate passes / fused": times["separate_over_fused"],
            "fused / roofline": times["fused_over_roofline"],
            "TRL, MiB": times["peak_mib"]["trl_one_temperature"],
            "fused, MiB": times["peak_mib"]["tampo_fused"],
        }
        _empty()
    return Outcome("measured", "forward and backward of the head with ten candidates", figures)


def step_cost(names: list[str], rounds: int, progress: Progress) -> Outcome:
    """Time whole steps of TAMPO against plain TRL's, taking turns."""
    figures = {}
    for name in names:
        step = step_ratio(name, rounds, progress)
        low, _, high = step["ratio_quartiles"]
        figures[name] = {
            "TRL, s": step["median_seconds"]["trl"],
            "TAMPO, s": step["median_seconds"]["tampo"],
            "TAMPO / TRL": step["ratio"],
            "quartiles": f"{low:.3f} to {high:.3f}",
            "completion tokens": step["tokens"],
        }
        _empty()
    return Outcome(
        "measured", "a step with ten candidates against TRL's at one temperature", figures
    )


def memory_fits_plan(names: list[str], progress: Progress) -> Outcome:
    """Compare the peak memory of a step with what `tampo plan` says it needs."""
    if not torch.cuda.is_available():
        return skipped("no CUDA device, and the plan is about a GPU's memory")
    figures, held = {}, True
    for name in names:
        shape = SHAPES[name]()
        measured, planned = _measured_gib(shape), _planned_gib(shape)
        held = held and measured <= OVER_PLAN * planned
        figures[name] = {
            "measured, GiB": measured,
            "planned, GiB": planned,
            "measured / planned": measured / planned,
        }
        progress(f"memory {name}: {measured:.2f} GiB, planned {planned:.2f}")
        _empty()
    rule = f"a step needs at most {OVER_PLAN} times the memory that is planned"
    return judged(held, rule, figures)


def _measured_gib(shape: Shape) -> float:
    _empty()
    torch.cuda.reset_peak_memory_stats()
    with tempfile.TemporaryDirectory() as folder:
        trainer, batches = lone_trainer(shape, Path(folder))
        one_step(trainer, batches)
        return torch.cuda.max_memory_allocated() / GIB


def _planned_gib(shape: Shape) -> float:
    config = shape.config
    model = ModelShape(
        layers=config.num_hidden_layers,
        hidden=config.hidden_size,
        heads=config.num_attention_heads,
        kv_heads=config.num_key_value_heads or config.num_attention_heads,
        intermediate=config.intermediate_size,
        vocabulary=config.vocab_size,
        tied=config.tie_word_embeddings,
        qkv_bias=config.model_type == "qwen2",
    )
    training = Training(
        problems="arithmetic-train",
        prompts_per_step=shape.prompts,
        group_size=shape.group_size,
        micro_batch=shape.micro_batch,
        max_prompt_tokens=shape.prompt_tokens,
        max_completion_tokens=shape.completion_tokens,
        kl_coefficient=0.0,
        precision="bf16",
    )
    # Where the trainer samples, nothing in the plan depends on which GPU it is.
    return training_memory(model, GPUS["A100-80"], training, 1, "ddp").total


def _empty() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
