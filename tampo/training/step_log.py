"""The line of each optimiser step: written to steps.jsonl, and printed for whoever watches."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from tampo.layout import (
    ENTROPY,
    ENTROPY_AT_ONE,
    GRAD_NORM,
    KL,
    LOSS,
    MEAN_LENGTH,
    REWARD,
    SECONDS,
    STEP,
    TEMPERATURE,
)
from tampo.training.run_log import RunLog

logger = logging.getLogger(__name__)

LOGGED = (LOSS, GRAD_NORM, "learning_rate", KL, "clip_ratio/region_mean", "entropy_coef")
"""Of what TRL logs, the numbers that the line keeps, by the first part of their names."""


def temperature_metrics(
    summary: Mapping[str, Any], diagnostics: Mapping[str, Any]
) -> dict[str, float]:
    """Return what TRL's own logs say of a rollout batch and its policy.

    Args:
        summary: of the batch.
        diagnostics: of its policy; one that has a distribution over candidates also says which of them
            it prefers, and one that learns from credit how likely its range is by chance.
    """
    metrics = {
        "sampled": summary[TEMPERATURE],
        ENTROPY: summary[ENTROPY],
        ENTROPY_AT_ONE: summary[ENTROPY_AT_ONE],
    }
    if "probabilities" in diagnostics and "candidates" in diagnostics:
        likeliest = int(np.argmax(diagnostics["probabilities"]))
        metrics["preferred"] = float(diagnostics["candidates"][likeliest])
    if diagnostics.get("p_value") is not None:
        metrics["credit_p_value"] = float(diagnostics["p_value"])
    return {f"temperature/{name}": value for name, value in metrics.items()}


class StepLog:
    """Times the parts of the step in progress, and writes the line of each finished one."""

    def __init__(self, run_log: RunLog) -> None:
        self.run_log = run_log
        self._seconds = {"generate": 0.0, REWARD: 0.0}
        self._cpu = time.process_time()

    @contextmanager
    def timed(self, part: str) -> Iterator[None]:
        """Add the wall clock of the block to a part of the step: `generate` or `reward`."""
        started = time.perf_counter()
        yield
        self._seconds[part] += time.perf_counter() - started

    def finish(
        self, done: int, steps: int, summary: Mapping[str, Any], logs: Mapping[str, float]
    ) -> None:
        """Write and print the line of the step just done.

        Args:
            done: optimiser steps done, this one included.
            steps: of the whole run.
            summary: of the rollout batch that the step learned from.
            logs: TRL's of the step.
        """
        cpu = time.process_time()
        record = {
            STEP: done - 1,
            **summary,
            **{name.split("/")[0]: float(logs[name]) for name in LOGGED if name in logs},
            SECONDS: {**self._seconds, "total": logs["step_time"], "cpu": cpu - self._cpu},
        }
        self._cpu = cpu
        self._seconds = dict.fromkeys(self._seconds, 0.0)
        self.run_log.step(record)
        logger.info(
            "step %d/%d  T %.2f  reward %.3f  entropy %.2f  length %.0f  %.1f s",
            done,
            steps,
            record[TEMPERATURE],
            float("nan") if record[REWARD] is None else record[REWARD],
            record[ENTROPY],
            record[MEAN_LENGTH],
            record[SECONDS]["total"],
        )
