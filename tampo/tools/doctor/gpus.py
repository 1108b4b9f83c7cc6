"""Whether the GPUs of this machine can run what is installed, and what a study asks of them."""

from __future__ import annotations

import shutil
import subprocess
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from tampo.study.study import Study
from tampo.tools.doctor.finding import Finding, ok, to_do
from tampo.tools.plan.hardware import GPUS

LEAST_DRIVER = {12: 525, 13: 580}
"""Driver that a CUDA release needs, by its major version (NVIDIA's compatibility table)."""


@dataclass(frozen=True)
class Machine:
    """What torch and the driver say of this machine's GPUs."""

    torch: str
    cuda: str | None
    """CUDA release that torch was built for; None for a build without."""
    architectures: tuple[tuple[int, int], ...]
    """Compute capabilities that torch has code for."""
    driver: str | None
    """Version of the driver; None where there is none."""
    gpus: tuple[tuple[str, tuple[int, int]], ...]
    """Name and compute capability of every GPU in view of the driver."""


def this_machine() -> Machine:
    """Return what is here, without using any GPU time."""
    import torch

    listed = [arch.removeprefix("sm_").rstrip("af") for arch in torch.cuda.get_arch_list()]
    numbers = [arch for arch in listed if arch.isdigit()]
    driver, gpus = _driver()
    return Machine(
        torch.__version__,
        torch.version.cuda,
        tuple((int(arch[:-1]), int(arch[-1])) for arch in numbers),
        driver,
        gpus,
    )


def _driver() -> tuple[str | None, tuple[tuple[str, tuple[int, int]], ...]]:
    # Not through torch: with too old a driver it says only that there is no GPU.
    if shutil.which("nvidia-smi") is None:
        return None, ()
    query = ["nvidia-smi", "--query-gpu=driver_version,name,compute_cap", "--format=csv,noheader"]
    try:
        done = subprocess.run(query, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return None, ()
    rows = [line.split(", ") for line in done.stdout.splitlines() if line.count(", ") == 2]
    gpus = []
    for _, name, capability in rows:
        major, _, minor = capability.partition(".")
        gpus.append((name, (int(major), int(minor or 0))))
    return (rows[0][0] if rows else None), tuple(gpus)


def gpu_findings(study: Study | None, machine: Machine) -> Iterator[Finding]:
    """Yield what is right and wrong with the GPUs, for a study or for any."""
    asked = 0 if study is None else _asked(study)
    if not machine.gpus:
        if asked:
            able = ", ".join(gpu.name for gpu in GPUS.values() if gpu.bf16)
            yield to_do(
                "GPUs",
                f"the study asks for {asked}, nvidia-smi shows none; run doctor on the node that will "
                f"run it (GPUs that can: {able})",
            )
        else:
            yield ok("GPUs", "none here, and none asked for")
        return
    names = ", ".join(dict.fromkeys(name for name, _ in machine.gpus))
    if len(machine.gpus) < asked:
        yield to_do("GPUs", f"{len(machine.gpus)} ({names}), the study asks for {asked}")
    else:
        yield ok("GPUs", f"{len(machine.gpus)} ({names}), the study asks for {asked}")
    yield _torch(machine)
    if machine.cuda is not None:
        yield from _code_for(machine)
    if study is not None:
        yield from _precision(study, machine)
    yield from _compiler()


def _asked(study: Study) -> int:
    wanted = study.resources
    return max(wanted.model.gpus, wanted.train.gpus, wanted.evaluate.gpus)


def _torch(machine: Machine) -> Finding:
    if machine.cuda is None:
        return to_do("torch", f"{machine.torch} is a build without CUDA; install one with it")
    major = int(machine.cuda.partition(".")[0])
    least, driver = LEAST_DRIVER.get(major), machine.driver or "none"
    if least is not None and int(driver.partition(".")[0] or 0) < least:
        return to_do(
            "driver",
            f"{driver}; torch {machine.torch} is built for CUDA {machine.cuda}, which needs {least} or "
            "newer: update the driver, or install torch for an older CUDA",
        )
    return ok("driver", f"{driver}, enough for CUDA {machine.cuda} of torch {machine.torch}")


def _code_for(machine: Machine) -> Iterator[Finding]:
    least = min(machine.architectures, default=(0, 0))
    for name, capability in dict.fromkeys(machine.gpus):
        here = "{}.{}".format(*capability)
        if capability < least:
            yield to_do(
                "compute capability",
                f"{name} has {here}; torch {machine.torch} has code for {least[0]}.{least[1]} and newer: "
                "no setting helps, use a newer GPU or an older torch",
            )
        else:
            yield ok(
                "compute capability",
                f"{name} has {here}, torch's code starts at {least[0]}.{least[1]}",
            )


def _precision(study: Study, machine: Machine) -> Iterator[Finding]:
    from tampo.models.precision import BF16_SINCE

    keys = {"training.precision": study.training.precision}
    keys["evaluation.precision"] = study.evaluation.precision
    for key, precision in keys.items():
        lacking = [name for name, capability in machine.gpus if capability < BF16_SINCE]
        if precision == "bf16" and lacking:
            yield to_do(key, f"bf16, which {lacking[0]} cannot compute in; set it to fp16")


def _compiler() -> Iterator[Finding]:
    """Triton, and vLLM through it, compile a little C when they start."""
    if find_spec("triton") is None:
        return
    compiler = next((c for c in ("cc", "gcc", "clang") if shutil.which(c)), None)
    header = Path(sysconfig.get_path("include")) / "Python.h"
    if compiler is None:
        yield to_do("C compiler", "none found; Triton compiles its launcher: install gcc")
    elif not header.is_file():
        yield to_do(
            "C compiler", f"{compiler}, but no {header}: install Python's headers (python3-dev)"
        )
    else:
        yield ok("C compiler", f"{compiler}, with Python's headers")
