"""GPUs that a study can be planned for.

Memory in GiB, bandwidth in bytes per second, peaks in floating-point operations per second of dense
matrices. Source: NVIDIA's data sheets of the SXM variants; where a sheet counts sparsity, half of it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Gpu:
    """One GPU as its data sheet describes it."""

    name: str
    memory_gib: float
    bandwidth: float
    """Bytes per second between memory and chip."""
    half_flops: float
    """Peak at 16 bits, tensor cores."""
    single_flops: float
    """Peak at 32 bits without tensor cores, which is what PyTorch uses by default."""
    bf16: bool = True
    """Whether the chip computes in bfloat16."""
    runs_pins: bool = True
    """Whether the pinned torch and vLLM have code for it: CUDA 13 begins at compute capability 7.5."""

    def peak(self, precision: str) -> float:
        """Return the peak in operations per second at a study's precision."""
        return self.single_flops if precision == "fp32" else self.half_flops


GPUS = {
    gpu.name: gpu
    for gpu in (
        Gpu("V100-32", 32, 0.9e12, 125e12, 15.7e12, bf16=False, runs_pins=False),
        Gpu("A100-80", 80, 2.039e12, 312e12, 19.5e12),
        Gpu("H100-80", 80, 3.35e12, 989e12, 67e12),
        Gpu("H200", 140, 4.8e12, 989e12, 67e12),
    )
}
"""GPUs by the name that `plan --gpu` takes."""
