"""What the jobs of a study ask a machine or a cluster for.

Resources decide where and how long a job runs, never its result: another value runs nothing again.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from tampo.study.settings import Closed, Count, Training


class JobResources(Closed):
    """What one job of a stage asks for."""

    gpus: Annotated[int, Field(ge=0)] = 0
    """GPUs of one job."""
    mem_mb: Count = 4000
    """Memory of one job in MB."""
    minutes: Count = 60
    """Time limit of the first attempt; the n-th attempt asks for n times as much."""
    max_minutes: Count = 1440
    """Longest time limit that an attempt asks for: what the cluster grants."""

    @model_validator(mode="after")
    def _first_attempt_fits(self) -> JobResources:
        if self.minutes > self.max_minutes:
            raise ValueError(
                f"minutes {self.minutes} is more than max_minutes {self.max_minutes}; "
                "the first attempt must fit"
            )
        return self

    def minutes_of(self, attempt: int) -> int:
        """Return the time limit of an attempt (1 is the first) in minutes."""
        return min(self.minutes * attempt, self.max_minutes)


class TrainResources(JobResources):
    """What one training run asks for, and how its processes share the work."""

    processes: Count | None = None
    """Training processes; null for one per GPU, or a single one without GPUs. They share the
    completions of a step, whose number stays the study's."""
    engine: Literal["ddp", "zero1", "zero2"] = "ddp"
    """How several processes keep the optimiser's state: a copy each, or DeepSpeed ZeRO. Stage 3
    would split the weights that the multi-temperature head reads directly."""

    collective_minutes: Count = Field(default=60, exclude_if=lambda minutes: minutes == 60)
    """Minutes that a process waits for the others: as long as the longest batch of rollouts, and vLLM's
    first compilation, may take on one of them. torch's own limit is 10."""

    @model_validator(mode="after")
    def _one_process_a_gpu(self) -> TrainResources:
        if self.gpus and self.processes not in (None, self.gpus):
            raise ValueError(
                f"processes is {self.processes} with gpus {self.gpus}; legal: null or {self.gpus}"
            )
        if self.engine != "ddp" and not self.gpus:
            raise ValueError(f"engine {self.engine!r} needs GPUs; without any, legal: 'ddp'")
        return self

    @property
    def num_processes(self) -> int:
        """Number of training processes."""
        return self.processes or max(1, self.gpus)


class Resources(Closed):
    """What the jobs of each stage ask a cluster for; on one machine only CPU threads count."""

    model: JobResources = JobResources()
    train: TrainResources = TrainResources()
    evaluate: JobResources = JobResources()
    tables: JobResources = JobResources()
    """Aggregation and report."""


def accumulation_steps(training: Training, processes: int) -> int:
    """Return the micro-batches of one process in one optimiser step.

    Raises:
        ValueError: the completions of a step do not divide over the processes; names the numbers.
    """
    rounds, rest = divmod(training.completions_per_step, training.micro_batch * processes)
    if rest:
        legal = ", ".join(
            str(n)
            for n in range(1, training.completions_per_step + 1)
            if training.completions_per_step % (training.micro_batch * n) == 0
        )
        raise ValueError(
            f"prompts_per_step * group_size = {training.completions_per_step} completions do not "
            f"divide over {processes} processes of micro_batch = {training.micro_batch}; "
            f"numbers of processes that keep the batch: {legal}"
        )
    return rounds
