"""Which GPUs a job of this machine may use: those that no other job of ours has taken.

A scheduler hands out GPUs itself, and what it gives is taken as it is. Elsewhere a job takes free ones: of
those in CUDA_VISIBLE_DEVICES where that is set, else of all. A job that asks for none sees none, so that it
computes where its study says. The lock on a GPU is the operating system's and goes with the process.
"""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, MutableMapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from tampo.files import try_lock
from tampo.study.study import StudyError
from tampo.training.launch import LAUNCHED
from tampo.workflow.compiler_caches import CACHES, keep_on_this_node

logger = logging.getLogger(__name__)

VISIBLE = "CUDA_VISIBLE_DEVICES"
SCHEDULERS = ("SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID", "JOB_ID", "KUBERNETES_SERVICE_HOST")
"""Set where a scheduler gives each job GPUs of its own, which may all be called 0."""
AGAIN = 5.0
"""Seconds between two looks for a free GPU."""


def devices(environment: MutableMapping[str, str]) -> list[str]:
    """Return the GPUs that this process may be given, as CUDA names them."""
    if (visible := environment.get(VISIBLE)) is not None:
        return [name.strip() for name in visible.split(",") if name.strip() not in ("", "-1")]
    if shutil.which("nvidia-smi") is None:
        return []
    query = ["nvidia-smi", "--query-gpu=uuid", "--format=csv,noheader"]
    try:
        done = subprocess.run(query, capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return [line.strip() for line in done.stdout.splitlines() if line.startswith("GPU-")]


@contextmanager
def own_gpus(
    key: str,
    asked: int,
    environment: MutableMapping[str, str] = os.environ,
    patience: float = float("inf"),
) -> Iterator[None]:
    """Show this process the GPUs that it asks for and no others, and keep them while the block runs.

    Args:
        key: key of the study that asks, for messages.
        asked: GPUs of the job.
        environment: changed for the block; whoever starts CUDA in it sees the GPUs.
        patience: seconds to wait for GPUs that other jobs have.

    Raises:
        StudyError: there are fewer GPUs than asked for, or they stay taken.
    """
    if LAUNCHED in environment:
        # The job's own process has taken the GPUs for those that it launched.
        yield
        return
    kept = {name: environment.get(name) for name in (VISIBLE, *CACHES)}
    there = devices(environment)
    if len(there) < asked:
        hidden = "" if kept[VISIBLE] is None else f" ({VISIBLE}={kept[VISIBLE]})"
        raise StudyError(
            f"{key}: {asked}, but this process sees {len(there)}{hidden}; run it on a machine that has "
            f"them, or set {key} to {len(there)}"
        )
    handed_out = any(name in environment for name in SCHEDULERS)
    with ExitStack() as held:
        mine = there[:asked] if handed_out else _taken(key, asked, there, held, patience)
        environment[VISIBLE] = ",".join(mine)
        try:
            if mine:
                keep_on_this_node(environment)
            yield
        finally:
            for name, value in kept.items():
                if value is None:
                    environment.pop(name, None)
                else:
                    environment[name] = value


def _taken(key: str, asked: int, there: list[str], held: ExitStack, patience: float) -> list[str]:
    """Take GPUs, all or none at a time: two jobs that each hold a part would wait for each other."""
    started, said = time.monotonic(), False
    while True:
        with ExitStack() as tried:
            mine: list[str] = []
            for name in there:
                if len(mine) < asked and (lock := _lock(name)) is not None:
                    tried.callback(lock.close)
                    mine.append(name)
            if len(mine) == asked:
                held.push(tried.pop_all())
                return mine
        if time.monotonic() - started >= patience:
            raise StudyError(
                f"{key}: {asked}, but other jobs have all but {len(mine)} of {len(there)}"
            )
        if not said:
            logger.warning(
                "%s: waiting for %d of %d GPUs that other jobs have", key, asked, len(there)
            )
            said = True
        time.sleep(min(AGAIN, patience))


def _lock(name: str) -> IO[str] | None:
    """Return the open lock of a GPU, or None where another process has it."""
    path = Path(tempfile.gettempdir()) / f"tampo-{name.replace('/', '_')}.lock"
    return try_lock(path)
