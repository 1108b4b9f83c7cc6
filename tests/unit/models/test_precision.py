"""bf16 is refused by name on GPUs without it, and on nothing else."""

import pytest
import torch

from tampo.models.precision import require_precision


@pytest.fixture
def gpu(monkeypatch):
    def pretend(name, capability):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda: name)
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: capability)

    return pretend


def test_a_v100_has_no_bf16(gpu):
    gpu("Tesla V100-SXM2-32GB", (7, 0))
    with pytest.raises(
        ValueError,
        match=r"^training.precision: bf16, but Tesla V100-SXM2-32GB \(compute capability 7.0\) has "
        r"none; legal on it: fp16, fp32$",
    ):
        require_precision("training.precision", "bf16")
    require_precision("training.precision", "fp16")


def test_an_a100_and_a_cpu_have_it(gpu, monkeypatch):
    gpu("NVIDIA A100-SXM4-80GB", (8, 0))
    require_precision("training.precision", "bf16")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    require_precision("training.precision", "bf16")
