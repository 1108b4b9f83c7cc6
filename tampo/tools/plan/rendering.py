"""A study's plan as Markdown, padded to be read in a terminal, or as CSV."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from tampo.tools.plan.cost_model import USABLE_MEMORY, fits
from tampo.tools.plan.study_plan import COLUMNS, StudyPlan, plan

FRACTIONS = (0.25, 0.5, 1.0)
"""Mean lengths, as fractions of the limit, at which the whole study is planned again."""


def render(planned: StudyPlan, form: str) -> str:
    """Return the plan in one of `FORMATS`."""
    return FORMATS[form](planned)


def to_csv(planned: StudyPlan) -> str:
    """Return a row for each stage and method and one for the whole, numbers in full precision."""
    total = {"stage": "total", "method": "", "jobs": planned.table["jobs"].sum(), "gpus": None}
    sums = planned.table[["gpu_hours", "tokens", "disk_gib"]].sum()
    table = pd.concat([planned.table, pd.DataFrame([total | dict(sums)])], ignore_index=True)
    return table[COLUMNS].to_csv(index=False, lineterminator="\n")


def to_markdown(planned: StudyPlan) -> str:
    """Return the plan as a page: stages, memory, what the mean length does, notes."""
    study, layout = planned.study, planned.layout
    sampling, update = planned.step_seconds
    runs = len(study.trained_methods) * len(study.seeds)
    parts = [
        f"# Plan of `{study.name}` on {layout.gpu.name}, {layout.gpus} a training run, {layout.engine}",
        f"{runs} training runs, {int(planned.table['jobs'].sum())} jobs, "
        f"{_number(planned.gpu_hours)} GPU-hours. One step: {_number(sampling)} s sampling, "
        f"{_number(update)} s scoring and update.",
        _markdown(_stages(planned)),
        f"A running training job needs {_number(planned.peak_disk_gib)} GiB of disk more. "
        f"Sampled at once: {planned.rollouts_at_once} rollouts on a training GPU, "
        f"{planned.responses_at_once} responses on an evaluating one "
        f"({_number(planned.evaluation_gib)} GiB).",
        f"Memory of a training GPU in GiB; {USABLE_MEMORY * layout.gpu.memory_gib:.1f} of "
        f"{layout.gpu.memory_gib:g} can be used:",
        _markdown(_memory(planned)),
        "GPU-hours by the assumed mean length of a response, as a fraction of the limit:",
        _markdown(_by_length(planned)),
        "\n".join(f"- {note}" for note in planned.notes),
    ]
    return "\n\n".join(parts) + "\n"


def _stages(planned: StudyPlan) -> pd.DataFrame:
    groups = planned.table.groupby("stage", sort=False)
    summed = groups[["jobs", "gpu_hours", "tokens", "disk_gib"]].sum(min_count=1)
    hours = groups["hours"].agg(["min", "max"])
    lines = []
    for (stage, row), (low, high) in zip(summed.iterrows(), hours.to_numpy(), strict=True):
        each = _number(low) if low == high else f"{_number(low)} to {_number(high)}"
        lines.append(
            {
                "stage": stage,
                "jobs": f"{row.jobs:.0f}",
                "hours per job": "" if pd.isna(low) else each,
                "GPU-hours": _number(row.gpu_hours),
                "million tokens": _number(row.tokens / 1e6),
                "disk, GiB": _number(row.disk_gib),
            }
        )
    return pd.DataFrame(lines)


def _memory(planned: StudyPlan) -> pd.DataFrame:
    names = ["weights", "gradients", "optimiser", "reference", "activations", "rollouts"]
    lines = []
    for engine, memory in planned.memory.items():
        parts = {name: _number(getattr(memory, name)) for name in names}
        answer = "yes" if fits(memory.total, planned.layout.gpu) else "no"
        lines.append(
            {
                "engine": engine,
                **parts,
                "total": _number(memory.total),
                "fits": answer,
                "largest micro_batch": str(planned.largest_micro_batch[engine] or "none"),
            }
        )
    return pd.DataFrame(lines)


def _by_length(planned: StudyPlan) -> pd.DataFrame:
    lines = []
    for fraction in sorted({*FRACTIONS, planned.assumed.completion_fraction}):
        other = plan(
            planned.study,
            planned.layout,
            replace(planned.assumed, completion_fraction=fraction, response_fraction=None),
        )
        by_stage = other.table.groupby("stage")["gpu_hours"].sum()
        stages = {
            name: _number(by_stage[name]) for name in ("train", "evaluate") if name in by_stage
        }
        lines.append({"fraction": f"{fraction:g}", **stages, "total": _number(other.gpu_hours)})
    return pd.DataFrame(lines)


def _number(value: float) -> str:
    """Return a number with three significant digits or all before the point; empty for NaN."""
    if pd.isna(value):
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _markdown(table: pd.DataFrame) -> str:
    """Return a table with columns padded to one width, so that it can also be read as text."""
    rows = [list(table.columns), *table.to_numpy().tolist()]
    widths = [max(len(row[i]) for row in rows) for i in range(len(table.columns))]
    lines = [
        "| " + " | ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) + " |"
        for row in rows
    ]
    rule = "| " + " | ".join("-" * w for w in widths) + " |"
    return "\n".join([lines[0], rule, *lines[1:]])


FORMATS = {"markdown": to_markdown, "csv": to_csv}
"""How a plan can be printed."""
