"""The fused multi-temperature head against K separate passes and against TRL's head at one T.

The roofline counts what cannot be avoided: the projections' arithmetic (forward, and two products in the
backward pass with one recomputation), K + 1 exponentials per logit, and every weight and hidden state
read once. It is computed from rates measured in the same process, not from a data sheet.
"""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from trl.kernels import ChunkedLogProbFunction

from tampo.kernels import multi_temperature_log_prob
from tampo.tools.bench.step import CANDIDATES

TRL_CHUNK = 32768
"""Vocabulary entries of a tile in TRL 1.16's trainer."""


@dataclass(frozen=True)
class HeadShape:
    """N tokens, hidden size H, vocabulary V."""

    tokens: int
    hidden: int
    vocabulary: int


SHAPES = {
    "tiny": HeadShape(6144, 96, 32),
    "smol": HeadShape(512, 576, 49152),
    "qwen2.5-1.5b": HeadShape(16384, 1536, 151936),
}


def head_times(name: str, rounds: int, progress: Callable[[str], None]) -> dict[str, Any]:
    """Measure forward and backward of the three heads, taking turns; return medians and ratios."""
    shape = SHAPES[name]
    on_gpu = torch.cuda.is_available()
    device = torch.device("cuda" if on_gpu else "cpu")
    dtype = torch.bfloat16 if on_gpu else torch.float32
    generator = torch.Generator(device).manual_seed(0)
    scale = shape.hidden**-0.5
    hidden = torch.randn(shape.tokens, shape.hidden, device=device, generator=generator)
    weight = torch.randn(shape.vocabulary, shape.hidden, device=device, generator=generator)
    targets = torch.randint(shape.vocabulary, (shape.tokens,), device=device, generator=generator)
    hidden = hidden.to(dtype).requires_grad_()
    weight = (weight * 3 * scale).to(dtype).requires_grad_()
    candidates = torch.tensor(CANDIDATES, device=device)
    heads: dict[str, Callable[[], torch.Tensor]] = {
        "trl_one_temperature": lambda: _trl(hidden, weight, targets, 1.0),
        "tampo_fused": lambda: (
            multi_temperature_log_prob(
                hidden, weight, None, targets, 1.0, candidates, entropy_at_one=True
            ).log_probs
        ),
        "separate_passes": lambda: _separate(hidden, weight, targets),
    }
    seconds: dict[str, list[float]] = {key: [] for key in heads}
    memory: dict[str, float] = {}
    for index in range(rounds + 1):
        for key, head in heads.items():
            taken, peak = _timed(head, (hidden, weight), device)
            # The first round warms up caches and, on a GPU, compiles.
            if index:
                seconds[key].append(taken)
                memory[key] = max(memory.get(key, 0.0), peak)
        progress(f"head {name} {index}/{rounds}")
    medians = {key: statistics.median(values) for key, values in seconds.items()}
    fused = medians["tampo_fused"]
    roofline = _roofline(hidden, weight)
    return {
        "shape": vars(shape) | {"candidates": len(CANDIDATES), "dtype": str(dtype)},
        "median_seconds": medians,
        "peak_mib": memory,
        "fused_over_trl": fused / medians["trl_one_temperature"],
        "separate_over_fused": medians["separate_passes"] / fused,
        "roofline_seconds": roofline,
        "fused_over_roofline": fused / roofline,
        "rounds": rounds,
        "threads": torch.get_num_threads(),
    }


def _trl(
    hidden: torch.Tensor, weight: torch.Tensor, targets: torch.Tensor, temperature: float
) -> torch.Tensor:
    return ChunkedLogProbFunction.apply(
        hidden, weight, None, targets, temperature, TRL_CHUNK, None, 1.0, ("entropy",)
    )[0]


def _separate(hidden: torch.Tensor, weight: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """TRL's head for the loss, and again for every candidate."""
    with torch.no_grad():
        for temperature in CANDIDATES:
            _trl(hidden, weight, targets, temperature)
    return _trl(hidden, weight, targets, 1.0)


def _timed(
    head: Callable[[], torch.Tensor], inputs: tuple[torch.Tensor, ...], device: torch.device
) -> tuple[float, float]:
    """Return seconds of forward and backward, and peak memory above the start in MiB."""
    for tensor in inputs:
        tensor.grad = None
    with _PeakMemory(device) as peak:
        started = time.perf_counter()
        head().sum().backward()
        if device.type == "cuda":
            torch.cuda.synchronize()
        taken = time.perf_counter() - started
    return taken, peak.mib


class _PeakMemory:
    """Peak memory above that at entry: the allocator's on a GPU, resident memory on a CPU."""

    def __init__(self, device: torch.device) -> None:
        self.device, self.mib = device, 0.0

    def __enter__(self) -> _PeakMemory:
        if self.device.type == "cuda":
            torch.cuda.synchronize()
            torch.cuda.reset_peak_memory_stats()
            self._start = torch.cuda.memory_allocated()
            return self
        import psutil

        self._process = psutil.Process()
        self._start = self._process.memory_info().rss
        self._done = threading.Event()
        self._watch = threading.Thread(target=self._sample, daemon=True)
        self._watch.start()
        return self

    def _sample(self) -> None:
        while not self._done.wait(0.002):
            resident = self._process.memory_info().rss - self._start
            self.mib = max(self.mib, resident / 2**20)

    def __exit__(self, *_: Any) -> None:
        if self.device.type == "cuda":
            self.mib = (torch.cuda.max_memory_allocated() - self._start) / 2**20
            return
        self._done.set()
        self._watch.join()


def _roofline(hidden: torch.Tensor, weight: torch.Tensor) -> float:
    """Return the roofline: seconds for projections and exponentials at this machine's rates."""
    tokens, width = hidden.shape
    vocabulary = len(weight)
    # Forward, its recomputation, and the two gradient products.
    multiplications = 4 * 2 * tokens * width * vocabulary / _product_rate(hidden, weight)
    exponentials = (len(CANDIDATES) + 2) * tokens * vocabulary / _exponential_rate(hidden.device)
    return multiplications + exponentials


def _product_rate(hidden: torch.Tensor, weight: torch.Tensor) -> float:
    # Large enough to fill a GPU, small enough for a CPU to repeat it.
    count, width = (8192, 32768) if hidden.device.type == "cuda" else (512, 4096)
    rows, columns = hidden[:count].detach(), weight[:width].detach()
    seconds = _best(lambda: rows @ columns.T, hidden.device)
    return 2 * len(rows) * len(columns) * hidden.shape[1] / seconds


def _exponential_rate(device: torch.device) -> float:
    # Small enough for the cache on a CPU, large enough to fill a GPU.
    size = 2**26 if device.type == "cuda" else 2**17
    values = torch.randn(size, device=device)
    result = torch.empty_like(values)
    seconds = _best(lambda: torch.exp(values, out=result), device)
    return size / seconds


def _best(call: Callable[[], Any], device: torch.device) -> float:
    times = []
    for _ in range(20):
        started = time.perf_counter()
        call()
        if device.type == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - started)
    return min(times)
