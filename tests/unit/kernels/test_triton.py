"""The Triton kernels where there is no GPU: interpreted, and compiled for GPUs that are not here."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch
from support.needs import need
from support.paths import ROOT

from tampo.kernels import multi_temperature_log_prob


def test_the_kernels_equal_the_torch_path_in_the_interpreter():
    need("triton")
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    run = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "support/triton_interpreted.py",
        ],
        cwd=ROOT / "tests",
        env={**os.environ, "TRITON_INTERPRET": "1", "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-2000:]
    assert " passed" in run.stdout


COMPILE = """
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from tampo.kernels import triton_tiles

FLOATS = {"scale", "softcap", "shared_inverse"}
INTEGERS = {"vocabulary_start", "width"}


def compile_for(kernel, capability, dtype, **constants):
    types = {}
    for name in kernel.arg_names:
        if name in constants:
            types[name] = "constexpr"
        elif name in ("tile_ptr", "out_ptr"):
            types[name] = "*" + dtype
        elif name.endswith("_ptr"):
            types[name] = "*i64" if name == "targets_ptr" else "*fp32"
        else:
            types[name] = "fp32" if name in FLOATS else "i32"
    places = {(kernel.arg_names.index(name),): value for name, value in constants.items()}
    source = ASTSource(fn=kernel, signature=types, constexprs=places)
    compiled = triton.compile(
        source,
        target=GPUTarget("cuda", capability, 32),
        options={"num_warps": triton_tiles.WARPS},
    )
    print(kernel.__name__, capability, dtype, len(compiled.asm["cubin"]))


for capability, dtype in ((80, "fp16"), (90, "bf16")):
    for softcap in (False, True):
        compile_for(triton_tiles._fold_kernel, capability, dtype, SOFTCAP=softcap,
                    TEMPERATURES=triton_tiles.GROUP, ENTROPIES=2, BLOCK=triton_tiles.BLOCK)
        compile_for(triton_tiles._differentiate_kernel, capability, dtype, SOFTCAP=softcap,
                    SHARED_TEMPERATURE=not softcap, LOG_PROB_GRADIENT=True,
                    ENTROPY_GRADIENT=softcap, BLOCK=triton_tiles.BLOCK)
"""


def test_the_kernels_compile_for_ampere_and_hopper(tmp_path):
    """The interpreter accepts Python that the compiler does not, so both are asked."""
    need("triton")
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    environment = {k: v for k, v in os.environ.items() if k != "TRITON_INTERPRET"}
    # Kernels are found by their source file, and the cache must not hide a failure.
    run = subprocess.run(
        [sys.executable, "-c", COMPILE],
        env={**environment, "TRITON_CACHE_DIR": str(tmp_path), "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-4000:]
    assert len(run.stdout.splitlines()) == 8


@pytest.mark.parametrize("per_row", [False, True])
def test_on_a_gpu_the_results_are_those_of_the_cpu(per_row):
    need("cuda")
    rng = torch.Generator().manual_seed(0)
    hidden = torch.randn((300, 64), generator=rng)
    weight = torch.randn((40_000, 64), generator=rng) / 4
    targets = torch.randint(0, 40_000, (300,), generator=rng)
    temperature = torch.linspace(0.6, 1.5, 300) if per_row else 0.9
    candidates = torch.tensor([0.6, 0.9, 1.0, 1.5])
    results = []
    for device in ("cpu", "cuda"):
        h, w = (x.detach().to(device).requires_grad_() for x in (hidden, weight))
        t = temperature.to(device) if per_row else temperature
        out = multi_temperature_log_prob(
            h, w, None, targets.to(device), t, candidates, entropy_at_one=True
        )
        (out.log_probs.sum() + 0.1 * out.entropy.sum()).backward()
        fields = (out.log_probs, out.entropy, out.candidate_log_probs, out.entropy_at_one)
        results.append([x.detach().cpu() for x in (*fields, h.grad, w.grad)])
    for cpu, gpu in zip(*results, strict=True):
        torch.testing.assert_close(gpu, cpu, rtol=1e-3, atol=1e-3)
