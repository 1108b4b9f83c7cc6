"""A stated model of time and memory on GPUs; docs/cost-model.md derives it and lists what it omits.

Symbols: P parameters, P* those that every token is multiplied with, L layers, d width; p tokens of a
prompt, m mean and M largest number of tokens of a response, n responses on one GPU.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from tampo.study.settings import Evaluation, Training
from tampo.tools.plan.hardware import Gpu
from tampo.tools.plan.shapes import ModelShape

GIB = 2**30
BYTES = {"fp32": 4, "bf16": 2, "fp16": 2}
"""Bytes of one number at a study's precision."""

ROLLOUT_MEMORY_FRACTION = 0.3
"""Fraction of a GPU that vLLM takes beside a trainer: TRL's default, which the study leaves alone."""
EVALUATION_MEMORY_FRACTION = 0.9
"""Fraction of a GPU that vLLM takes alone: its default."""
USABLE_MEMORY = 0.9
"""Fraction of a GPU's memory that can be planned with [R]: the rest is the CUDA context, buffers of
the communication library and fragmentation."""
ENGINES = {"ddp": 0, "zero1": 1, "zero2": 2}
"""`resources.train.engine` and its stage of DeepSpeed's ZeRO: 1 shards the optimiser over the GPUs of
a run, 2 the gradients as well."""


@dataclass(frozen=True)
class Assumptions:
    """Assumptions that the study does not state; none was fitted to a published duration."""

    completion_fraction: float = 0.5
    """Mean over largest length of a rollout [R]: the main unknown, known after some steps."""
    response_fraction: float | None = None
    """The same of a response under evaluation, whose limit may be another; None for the same fraction."""
    prompt_tokens: int = 128
    """Tokens of a prompt with its template [R], or the study's limit where that is lower."""
    utilisation: float = 0.3
    """Achieved over peak operations of matrix products: 39 of 130 TFLOP/s is what Megatron-LM's first
    version reached on one V100 (arXiv 1909.08053)."""
    bandwidth_fraction: float = 0.6
    """Achieved over peak memory bandwidth while decoding [R]."""

    def __post_init__(self) -> None:
        for name in (
            "completion_fraction",
            "response_fraction",
            "utilisation",
            "bandwidth_fraction",
        ):
            if getattr(self, name) is not None and not 0 < getattr(self, name) <= 1:
                raise ValueError(f"{name} is {getattr(self, name)}, allowed: above 0, at most 1")

    @property
    def evaluation_fraction(self) -> float:
        """Mean over largest length of a response under evaluation."""
        return (
            self.completion_fraction if self.response_fraction is None else self.response_fraction
        )


@dataclass(frozen=True)
class Responses:
    """n responses that one GPU samples together."""

    count: float
    """n."""
    prompt: float
    """p, tokens."""
    mean: float
    """m, tokens."""
    largest: float
    """M, tokens: one response of a batch is assumed to reach the limit."""


def forward_flops(shape: ModelShape, tokens: float, context: float) -> float:
    """Return the operations of one forward pass.

    Args:
        tokens: tokens in the pass.
        context: mean number of tokens that a token attends to.
    """
    return tokens * (2 * shape.multiplied + 4 * shape.layers * shape.hidden * context)


def at_once(shape: ModelShape, batch: Responses, room: float, bytes_each: int) -> int:
    """Return how many of a batch's responses fit a cache of `room` bytes, of mean length each."""
    each = shape.kv_elements * bytes_each * (batch.prompt + batch.mean)
    return max(0, int(min(math.ceil(batch.count), room / each)))


def generation_seconds(
    shape: ModelShape,
    gpu: Gpu,
    batch: Responses,
    precision: str,
    simultaneous: int,
    assumed: Assumptions,
) -> float:
    """Return the seconds one GPU takes to sample a batch.

    Every decoding step reads the weights and the caches of the responses still growing; it takes the
    longer of that and of its operations. Prompts are processed once for each response.

    Args:
        simultaneous: responses that are sampled at a time; another starts when one ends.
    """
    if simultaneous < 1:
        return math.inf
    size, context = BYTES[precision], batch.prompt + batch.mean / 2
    steps = max(batch.largest, batch.count * batch.mean / simultaneous)
    read = size * shape.multiplied * steps
    read += size * shape.kv_elements * batch.count * batch.mean * context
    rate = assumed.utilisation * gpu.peak(precision)
    decode = forward_flops(shape, batch.count * batch.mean, context) / rate
    prefill = forward_flops(shape, batch.count * batch.prompt, batch.prompt / 2) / rate
    return max(read / (assumed.bandwidth_fraction * gpu.bandwidth), decode) + prefill


def update_flops(shape: ModelShape, training: Training, batch: Responses) -> float:
    """Return the operations of one optimiser step on the responses of one GPU.

    Rows are padded to the longest, so each counts M tokens. A backward pass costs two forward passes,
    or one where only adapters are trained; checkpointing repeats the forward pass.
    """
    backward = 2 if training.lora is None else 1
    passes = training.iterations * (1 + backward + training.gradient_checkpointing)
    # The reference model's pass, and the one that scores a rollout before its loss.
    passes += training.kl_coefficient > 0
    passes += training.rollout_backend == "vllm" or training.iterations > 1
    length = batch.prompt + batch.largest
    return passes * forward_flops(shape, batch.count * length, length / 2)


@dataclass(frozen=True)
class Memory:
    """Memory of one GPU in GiB, by what holds it."""

    weights: float
    gradients: float
    optimiser: float
    reference: float
    activations: float
    rollouts: float
    """The sampling engine with its cache, or the cache alone where the trainer itself samples."""

    @property
    def total(self) -> float:
        """What must be there at one time."""
        return sum(vars(self).values())


def training_memory(
    shape: ModelShape, gpu: Gpu, training: Training, gpus: int, engine: str
) -> Memory:
    """Return the largest memory that training needs on one of `gpus` GPUs.

    Data parallelism trains fp32 weights, of which autocast keeps a copy at the study's precision; ZeRO
    trains half-precision weights with an fp32 copy that counts to the optimiser.
    """
    size, stage = BYTES[training.precision], ENGINES[engine]
    trained = shape.trained(training.lora)
    half = stage > 0 and size == 2
    stored = 2 if half else 4
    weights = shape.parameters * stored
    if not half and size == 2:
        weights += 2 * shape.multiplied
    gradients = trained * stored / (gpus if stage >= 2 else 1)
    optimiser = trained * (12 if half else 8) / (gpus if stage >= 1 else 1)
    has_reference = training.kl_coefficient > 0 and training.lora is None
    return Memory(
        weights=weights / GIB,
        gradients=gradients / GIB,
        optimiser=optimiser / GIB,
        reference=shape.parameters * stored / GIB if has_reference else 0,
        activations=_activations(shape, training, stored) / GIB,
        rollouts=_rollouts(shape, gpu, training, gpus) / GIB,
    )


def _activations(shape: ModelShape, training: Training, residual: int) -> float:
    """Return the bytes that one micro-batch of longest rows keeps for its backward pass."""
    size = BYTES[training.precision]
    tokens = training.micro_batch * (training.max_prompt_tokens + training.max_completion_tokens)
    # Residual stream and its norms; query, key, value, result; gate, up, activated, product. The
    # attention kernel stores no scores, and the head no logits but a tile of them.
    layer = 4 * shape.hidden * residual + size * (
        2 * shape.hidden + 2 * shape.kv_width + 4 * shape.intermediate
    )
    head = 2 * 4 * shape.hidden
    if training.gradient_checkpointing:
        # One residual per layer, and one layer at a time with its gradients.
        return tokens * (shape.layers * shape.hidden * residual + 2 * layer + head)
    return tokens * (shape.layers * layer + layer + head)


def _rollouts(shape: ModelShape, gpu: Gpu, training: Training, gpus: int) -> float:
    if training.rollout_backend == "vllm":
        return ROLLOUT_MEMORY_FRACTION * gpu.memory_gib * GIB
    rows = training.completions_per_step / gpus
    length = training.max_prompt_tokens + training.max_completion_tokens
    return rows * length * shape.kv_elements * BYTES[training.precision]


def fits(gib: float, gpu: Gpu) -> bool:
    """Return whether `gib` GiB can be planned on one GPU."""
    return gib <= USABLE_MEMORY * gpu.memory_gib


def rollout_room(shape: ModelShape, gpu: Gpu, training: Training) -> float:
    """Return the bytes for caches of rollouts on one GPU; infinite where the trainer samples."""
    if training.rollout_backend != "vllm":
        return math.inf
    engine = BYTES[training.precision] * shape.parameters
    return ROLLOUT_MEMORY_FRACTION * gpu.memory_gib * GIB - engine


def evaluation_room(shape: ModelShape, gpu: Gpu, evaluation: Evaluation) -> float:
    """Return the bytes for caches of responses under evaluation; infinite without vLLM."""
    if evaluation.backend != "vllm":
        return math.inf
    engine = BYTES[evaluation.precision] * shape.parameters
    return EVALUATION_MEMORY_FRACTION * gpu.memory_gib * GIB - engine


def evaluation_memory(
    shape: ModelShape, gpu: Gpu, evaluation: Evaluation, batch: Responses
) -> float:
    """Return the GiB of one evaluating GPU: vLLM's part, or weights and all caches."""
    if evaluation.backend == "vllm":
        return EVALUATION_MEMORY_FRACTION * gpu.memory_gib
    size = BYTES[evaluation.precision]
    cache = batch.count * (batch.prompt + batch.largest) * shape.kv_elements * size
    return (shape.parameters * size + cache) / GIB
