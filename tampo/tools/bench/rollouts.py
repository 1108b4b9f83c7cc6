"""Rollout speed: ways of sampling completions in transformers, against the memory-bandwidth roofline.

Every way samples the same number of tokens for the same prompts: end-of-sequence is out of reach. The
roofline is the time to read all weights, and the keys and values of all rows, once for each token, at
the bandwidth measured in the same process; the prompt's own computation is not in it.
"""

from __future__ import annotations

import copy
import logging
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from transformers import GenerationConfig
from transformers.generation.configuration_utils import ContinuousBatchingConfig

from tampo.sampling import sampler
from tampo.tools.bench.step import SHAPES, Model, Shape, _model, _synchronise

logger = logging.getLogger(__name__)

PLAIN, OURS, OURS_BF16 = "plain", "shared prompts", "shared prompts, bf16"
PAGE = 256
"""Tokens of one page of keys and values, transformers' default."""
TOUCHED = 512 * 2**20
"""Bytes of the tensor whose sum measures the bandwidth; larger than any cache."""


def rollout_speed(name: str, rounds: int, progress: Callable[[str], None]) -> dict[str, Any]:
    """Measure all ways in turn, `rounds` times; return tokens per second and fractions of the roofline.

    Returns:
        `ways`: for each way its median seconds, tokens per second, ratio to the plain way and fraction
        of the roofline; a way that this machine cannot run has `failed`, the reason, instead.
        `roofline`: bytes read, bandwidth, seconds and tokens per second, for each precision.
    """
    shape = SHAPES[name]()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(0)
    model = _model(shape).float().to(device).eval()
    ways = _ways(shape, model)
    seconds: dict[str, list[float]] = {}
    failed: dict[str, str] = {}
    for way, sample in ways.items():
        try:
            sample()
            seconds[way] = []
        except Exception as error:  # a way may fail in any manner; the others are still measured
            failed[way] = f"{type(error).__name__}: {str(error).strip().splitlines()[0]}"
            logger.warning("%s, %s: %s", name, way, failed[way])
    for index in range(rounds):
        for way in seconds if index % 2 else reversed(seconds):
            _synchronise()
            started = time.perf_counter()
            ways[way]()
            _synchronise()
            seconds[way].append(time.perf_counter() - started)
        progress(f"{name} rollouts {index + 1}/{rounds}")
    medians = {way: statistics.median(values) for way, values in seconds.items()}
    rooflines = _rooflines(shape, model)
    return {
        "tokens": shape.completions * shape.completion_tokens,
        "rows": shape.completions,
        "rounds": rounds,
        "threads": torch.get_num_threads(),
        "ways": {
            way: {"failed": failed[way]}
            if way in failed
            else _figures(shape, medians[way], medians[PLAIN], rooflines[_precision(way)])
            for way in ways
        },
        "roofline": rooflines,
    }


def _figures(
    shape: Shape, seconds: float, plain: float, roofline: dict[str, float]
) -> dict[str, float]:
    return {
        "seconds": seconds,
        "tokens_per_second": shape.completions * shape.completion_tokens / seconds,
        "over_plain": plain / seconds,
        "fraction_of_roofline": roofline["seconds"] / seconds,
    }


def _precision(way: str) -> str:
    return "bf16" if way.endswith("bf16") else "fp32"


def _ways(shape: Shape, model: Model) -> dict[str, Callable[[], Any]]:
    """Return what samples one rollout batch, by name; `plain` is TRL's default."""
    generator = torch.Generator().manual_seed(0)
    size = (shape.prompts, shape.prompt_tokens)
    prompts = torch.randint(2, shape.config.vocab_size, size, generator=generator).tolist()
    rows = [prompt for prompt in prompts for _ in range(shape.group_size)]
    ids = torch.tensor(rows, device=model.device)
    # A copy in bf16 stands for what autocast keeps of fp32 weights while it samples.
    reduced = copy.deepcopy(model).bfloat16()

    def generate(**options: Any) -> Any:
        config = _plain_sampling(shape, disable_compile=True, **options)
        with torch.no_grad():
            return model.generate(  # type: ignore[misc]  # transformers' protocol fits none of its models
                ids, attention_mask=torch.ones_like(ids), generation_config=config
            )

    return {
        PLAIN: generate,
        "static cache": lambda: generate(cache_implementation="static"),
        "continuous batching": lambda: _continuously(shape, model, rows),
        OURS: lambda: _ours(shape, model, rows),
        OURS_BF16: lambda: _ours(shape, reduced, rows),
    }


def _plain_sampling(shape: Shape, **options: Any) -> GenerationConfig:
    """Return the settings of transformers' own sampling from all tokens, to the full length."""
    return GenerationConfig(
        max_new_tokens=shape.completion_tokens,
        do_sample=True,
        top_k=0,
        eos_token_id=_out_of_reach(shape),
        pad_token_id=0,
        **options,
    )


def _out_of_reach(shape: Shape) -> int:
    """Return an end-of-sequence token that no row can sample."""
    return shape.config.vocab_size + 1


def _ours(shape: Shape, model: Model, rows: list[list[int]]) -> sampler.Completions:
    return sampler.generate(
        model,
        rows,
        max_new_tokens=shape.completion_tokens,
        temperatures=torch.tensor(1.0),
        uniforms=sampler.uniforms(range(len(rows)), shape.completion_tokens),
        eos_token_ids=[_out_of_reach(shape)],
        pad_token_id=0,
    )


def _continuously(shape: Shape, model: Model, rows: list[list[int]]) -> None:
    """Sample by transformers' continuous batching, which TRL offers too."""
    length = shape.prompt_tokens + shape.completion_tokens
    # Left to itself it sizes its pages, and on a CPU a mask over all of them, by the free memory.
    pages = ContinuousBatchingConfig(
        num_blocks=len(rows) * -(-length // PAGE) + 1,
        block_size=PAGE,
        max_batch_tokens=max(len(rows), PAGE),
    )
    done = model.generate_batch(
        rows,
        generation_config=_plain_sampling(shape),
        continuous_batching_config=pages,
        progress_bar=False,
    )
    lengths = [len(output.generated_tokens) for output in done.values()]
    if lengths != [shape.completion_tokens] * len(rows):
        raise RuntimeError(
            f"{len(lengths)} completions of {min(lengths, default=0)} tokens or more"
        )


def _rooflines(shape: Shape, model: Model) -> dict[str, dict[str, float]]:
    """Return the roofline for each precision of the weights."""
    bandwidth = _bandwidth(model.device)
    config = shape.config
    head_size = config.hidden_size // config.num_attention_heads
    heads = config.num_key_value_heads or config.num_attention_heads
    per_token = 2 * config.num_hidden_layers * heads * head_size
    # Mean length of a row while it grows.
    length = shape.prompt_tokens + shape.completion_tokens / 2
    weights = sum(p.numel() for p in model.parameters())
    numbers = weights + shape.completions * length * per_token
    rooflines = {}
    for precision, size in (("fp32", 4), ("bf16", 2)):
        seconds = shape.completion_tokens * numbers * size / bandwidth
        rooflines[precision] = {
            "bytes_per_token_step": numbers * size,
            "bandwidth_gb_s": bandwidth / 1e9,
            "seconds": seconds,
            "tokens_per_second": shape.completions * shape.completion_tokens / seconds,
        }
    return rooflines


def _bandwidth(device: torch.device) -> float:
    """Return bytes per second at which a large tensor is read: the best of several sums."""
    data = torch.ones(TOUCHED // 4, device=device)
    best = float("inf")
    for _ in range(7):
        _synchronise()
        started = time.perf_counter()
        data.sum()
        _synchronise()
        best = min(best, time.perf_counter() - started)
    return TOUCHED / best
