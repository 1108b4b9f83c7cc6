"""The plan of a whole study: jobs, time, tokens, disk and memory, a row for each stage and method."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import pandas as pd

from tampo.problems.problem_sets import problem_count
from tampo.study.resources import accumulation_steps
from tampo.study.settings import Benchmark, Training
from tampo.study.study import Study
from tampo.tools.plan.cost_model import (
    BYTES,
    ENGINES,
    GIB,
    Assumptions,
    Memory,
    Responses,
    at_once,
    evaluation_memory,
    evaluation_room,
    fits,
    generation_seconds,
    rollout_room,
    training_memory,
    update_flops,
)
from tampo.tools.plan.hardware import GPUS, Gpu
from tampo.tools.plan.shapes import ModelShape, shape_of

TRAJECTORY_COLUMNS = 12
"""Numbers per trajectory besides its likelihoods under the candidates, of 8 bytes each."""
BYTES_A_TOKEN = 4.5
"""Bytes of a stored response for each of its tokens [R]: four characters of English and escapes."""
CHECKPOINTS_KEPT = 2
"""Checkpoints of a running job, each of weights and two moments in fp32."""

COLUMNS = ["stage", "method", "jobs", "gpus", "hours", "gpu_hours", "tokens", "disk_gib"]
"""Columns of `StudyPlan.table`: `hours` of one job; the last three of all the row's jobs together."""


@dataclass(frozen=True)
class Layout:
    """Where training runs."""

    gpu: Gpu
    gpus: int
    """GPUs of one run."""
    engine: str
    """One of `ENGINES`."""

    def __post_init__(self) -> None:
        if self.gpus < 1:
            raise ValueError(f"gpus is {self.gpus}, allowed: at least 1")
        if self.engine not in ENGINES:
            raise ValueError(f"engine is {self.engine!r}, allowed: {', '.join(ENGINES)}")

    @classmethod
    def of(
        cls, study: Study, gpu: Gpu, gpus: int | None = None, engine: str | None = None
    ) -> Layout:
        """Return the layout that the study's resources ask for, with what is given instead."""
        asked = study.resources.train
        return cls(gpu, asked.num_processes if gpus is None else gpus, engine or asked.engine)


@dataclass(frozen=True)
class StudyPlan:
    """What a study will take on a layout."""

    study: Study
    layout: Layout
    assumed: Assumptions
    table: pd.DataFrame
    """Columns `COLUMNS`; a row for each stage and method, empty where nothing is modelled."""
    memory: dict[str, Memory]
    """Memory of one training GPU with each of `ENGINES`."""
    largest_micro_batch: dict[str, int | None]
    """Largest micro-batch that divides a GPU's rollouts and fits, for each engine."""
    evaluation_gib: float
    """Memory of one evaluating GPU."""
    rollouts_at_once: int
    """Responses that one training GPU samples at a time."""
    responses_at_once: int
    """Responses that one evaluating GPU samples at a time."""
    step_seconds: tuple[float, float]
    """Seconds of one optimiser step of the study's own training settings: sampling, update."""
    peak_disk_gib: float
    """What a running training job needs besides its results."""
    notes: list[str] = field(default_factory=list)
    """What cannot work as planned, and what the plan leaves out."""

    @property
    def gpu_hours(self) -> float:
        """All GPU-hours of the study."""
        return float(self.table["gpu_hours"].sum())


def rollouts(training: Training, gpus: int, assumed: Assumptions) -> Responses:
    """Return the part of one step's rollouts that one of `gpus` GPUs samples."""
    return Responses(
        count=training.completions_per_step / gpus,
        prompt=min(assumed.prompt_tokens, training.max_prompt_tokens),
        mean=assumed.completion_fraction * training.max_completion_tokens,
        largest=training.max_completion_tokens,
    )


def step_seconds(
    shape: ModelShape, training: Training, layout: Layout, assumed: Assumptions
) -> tuple[float, float]:
    """Return the mean seconds of an optimiser step: sampling, and scoring with the update."""
    gpu, batch = layout.gpu, rollouts(training, layout.gpus, assumed)
    precision = training.precision
    room = rollout_room(shape, gpu, training)
    simultaneous = at_once(shape, batch, room, BYTES[precision])
    rate = assumed.utilisation * gpu.peak(precision)
    return (
        generation_seconds(shape, gpu, batch, precision, simultaneous, assumed)
        / training.iterations,
        update_flops(shape, training, batch) / rate,
    )


def _problems(benchmark: Benchmark, batch: int) -> int:
    """Return how many problems are sampled: whole batches up to the limit, as evaluation does."""
    count = problem_count(benchmark.name)
    if benchmark.limit is None:
        return count
    return min(count, math.ceil(benchmark.limit / batch) * batch)


def _evaluation_batch(study: Study, benchmark: Benchmark, assumed: Assumptions) -> Responses:
    evaluation = study.evaluation
    problems = min(evaluation.problems_per_batch, problem_count(benchmark.name))
    return Responses(
        count=problems * benchmark.samples,
        prompt=min(assumed.prompt_tokens, study.training.max_prompt_tokens),
        mean=assumed.evaluation_fraction * evaluation.max_tokens,
        largest=evaluation.max_tokens,
    )


def _evaluation(
    study: Study, shape: ModelShape, gpu: Gpu, assumed: Assumptions
) -> tuple[float, float, int]:
    """Return hours, tokens of all responses and responses at once, of one evaluation job."""
    seconds, tokens, most = 0.0, 0.0, []
    size = study.evaluation.problems_per_batch
    room = evaluation_room(shape, gpu, study.evaluation)
    precision = study.evaluation.precision
    for benchmark in study.benchmarks:
        problems, whole = _problems(benchmark, size), _evaluation_batch(study, benchmark, assumed)
        # A batch ends with its longest response before the next begins.
        for count, times in ((size, problems // size), (problems % size, 1)):
            if not count or not times:
                continue
            batch = replace(whole, count=count * benchmark.samples)
            now = at_once(shape, batch, room, BYTES[precision])
            seconds += times * generation_seconds(shape, gpu, batch, precision, now, assumed)
            most.append(now)
        tokens += problems * benchmark.samples * whole.mean
    return seconds / 3600, tokens, max(most)


def plan(study: Study, layout: Layout, assumed: Assumptions | None = None) -> StudyPlan:
    """Plan a study: every training run on `layout`, every evaluation on one of its GPUs.

    Raises:
        StudyError: the shape of the base model is not known.
    """
    assumed = assumed or Assumptions()
    shape, seeds = shape_of(study.model), len(study.seeds)
    rows = [_row("model", "", 1, disk=shape.parameters * shape.stored_bytes)]
    for name in study.trained_methods:
        rows.append(_training_row(study, name, shape, layout, assumed))
    hours, tokens, most = _evaluation(study, shape, layout.gpu, assumed)
    disk = seeds * tokens * BYTES_A_TOKEN
    for method in study.methods:
        rows.append(_row("evaluate", method.name, seeds, 1, hours, tokens, disk))
    rows += [_row("aggregate", "", 1), _row("report", "", 1), _row("table1", "", 1)]
    memory = {
        engine: training_memory(shape, layout.gpu, study.training, layout.gpus, engine)
        for engine in ENGINES
    }
    largest = max(study.benchmarks, key=lambda benchmark: benchmark.samples)
    batch = rollouts(study.training, layout.gpus, assumed)
    trained = shape.trained(study.training.lora)
    table = pd.DataFrame(rows, columns=COLUMNS)
    return StudyPlan(
        study=study,
        layout=layout,
        assumed=assumed,
        table=table,
        memory=memory,
        largest_micro_batch={
            engine: _largest_micro_batch(shape, study.training, layout, engine)
            for engine in ENGINES
        },
        evaluation_gib=evaluation_memory(
            shape, layout.gpu, study.evaluation, _evaluation_batch(study, largest, assumed)
        ),
        rollouts_at_once=at_once(
            shape,
            batch,
            rollout_room(shape, layout.gpu, study.training),
            BYTES[study.training.precision],
        ),
        responses_at_once=most,
        step_seconds=step_seconds(shape, study.training, layout, assumed),
        peak_disk_gib=CHECKPOINTS_KEPT * (4 * shape.parameters + 8 * trained) / GIB,
        notes=_notes(study, layout, table, memory),
    )


def _training_row(
    study: Study, method: str, shape: ModelShape, layout: Layout, assumed: Assumptions
) -> dict:
    training = study.training_of(method)
    hours = training.steps * sum(step_seconds(shape, training, layout, assumed)) / 3600
    batches = math.ceil(training.steps / training.iterations)
    completions = batches * training.completions_per_step
    tokens = completions * assumed.completion_fraction * training.max_completion_tokens
    columns = len(training.candidate_temperatures) + TRAJECTORY_COLUMNS
    stored = math.ceil(batches / training.trajectories_every) * training.completions_per_step
    disk = len(study.seeds) * (4 * shape.parameters + stored * columns * 8)
    return _row("train", method, len(study.seeds), layout.gpus, hours, tokens, disk)


def _row(
    stage: str,
    method: str,
    jobs: int,
    gpus: int = 0,
    hours: float = math.nan,
    tokens: float = math.nan,
    disk: float = math.nan,
) -> dict:
    """Return a row of the table; `tokens` are those of one job, `disk` the bytes of all."""
    values = (stage, method, jobs, gpus, hours, jobs * gpus * hours, jobs * tokens, disk / GIB)
    return dict(zip(COLUMNS, values, strict=True))


def _largest_micro_batch(
    shape: ModelShape, training: Training, layout: Layout, engine: str
) -> int | None:
    rows = training.completions_per_step // layout.gpus
    for size in (n for n in range(rows, 0, -1) if rows % n == 0):
        tried = training.model_copy(update={"micro_batch": size})
        if fits(training_memory(shape, layout.gpu, tried, layout.gpus, engine).total, layout.gpu):
            return size
    return None


def _notes(
    study: Study, layout: Layout, table: pd.DataFrame, memory: dict[str, Memory]
) -> list[str]:
    notes, gpu = [], layout.gpu
    if not gpu.runs_pins:
        able = ", ".join(other.name for other in GPUS.values() if other.runs_pins)
        notes.append(
            f"{gpu.name} cannot run the pinned torch and vLLM, which have no code for it; these can: {able}"
        )
    try:
        accumulation_steps(study.training, layout.gpus)
    except ValueError as error:
        notes.append(str(error))
    for key in ("training", "evaluation"):
        if getattr(study, key).precision == "bf16" and not gpu.bf16:
            notes.append(f"{key}.precision: {gpu.name} has no bf16; use fp16 or fp32")
    need = memory[layout.engine].total
    if not fits(need, gpu):
        better = [name for name, other in memory.items() if fits(other.total, gpu)]
        notes.append(
            f"training needs {need:.1f} GiB on each {gpu.name} and does not fit with engine "
            f"{layout.engine} on {layout.gpus} GPUs; engines that fit: {', '.join(better) or 'none'}"
        )
    for stage, asked in (("train", study.resources.train), ("evaluate", study.resources.evaluate)):
        minutes = 60 * table.loc[table["stage"] == stage, "hours"].max()
        if minutes > asked.minutes:
            notes.append(
                f"resources.{stage}.minutes: {asked.minutes} for the first attempt, planned "
                f"{minutes:.0f}; the job stops and continues"
            )
    notes.append("not modelled: model, aggregate and report, start of jobs, grading, communication")
    return notes
