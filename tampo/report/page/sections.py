"""What the sections of the report show, as plain values for the template."""

from __future__ import annotations

import base64
import math
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from tampo import layout
from tampo.claims import VERDICTS
from tampo.claims.mechanism import Question
from tampo.claims.verdicts import RunMean
from tampo.layout import AVERAGE, BENCHMARK, METHOD, METRIC, NUM_SEEDS
from tampo.records.outcomes import Outcomes
from tampo.records.run_json import ModelRun, TrainRun
from tampo.records.run_records import RunRecord, hours
from tampo.report.rounding import (
    compared_text,
    duration,
    estimate_text,
    looks_text,
    moment,
    number,
)
from tampo.study.model_settings import FolderModel, HubModel, PackageModel
from tampo.study.study import Method, Study

OVERLAP_ALLOWED = "Training problems may be benchmark problems"
"""Said wherever scores stand of a study that allows it; the study's reason follows."""
SHORT = 12
"""Characters of a checksum that a table shows."""


def grid(table: pd.DataFrame) -> dict[str, Any]:
    """Return a table as its columns and rows of text."""
    rows = [[_text(value) for value in row] for row in table.itertuples(index=False)]
    return {"columns": [str(name).replace("_", " ") for name in table.columns], "rows": rows}


def _text(value: Any) -> str:
    if isinstance(value, float):
        return "–" if math.isnan(value) else number(value)
    return f"{value:,}" if isinstance(value, int) else str(value)


def facts(study: Study, records: list[RunRecord]) -> list[tuple[str, str]]:
    """Return what was run, as terms and values."""
    training = study.training
    started = sorted(record.run.started for record in records)
    return [
        ("Base model", model_name(study)),
        (
            "Training",
            f"GRPO on {training.problems}, {training.steps} steps of {training.prompts_per_step} "
            f"prompts with {training.group_size} rollouts",
        ),
        ("Methods", ", ".join(_named(method) for method in study.methods)),
        ("Training seeds", ", ".join(map(str, study.seeds))),
        ("Benchmarks", _benchmarks(study)),
        (
            "Evaluation",
            f"temperature {study.evaluation.temperature:g}, top-p {study.evaluation.top_p:g}, "
            f"at most {study.evaluation.max_tokens} tokens",
        ),
        (
            "Time",
            f"{duration(hours(records))} by the clock, start-up included, in {len(records)} runs; "
            f"{duration(hours(records, 'cpu'))} of processor time",
        ),
        ("Runs started", f"{moment(started[0])} to {moment(started[-1])}"),
        *_overlap(study, records),
    ]


def _named(method: Method) -> str:
    """Return a method's label with its name, by which files know it."""
    return f"{method.label} ({method.name})" if method.label else method.name


def _overlap(study: Study, records: list[RunRecord]) -> list[tuple[str, str]]:
    """Return why training problems may be benchmark problems, and how many are; nothing else."""
    if study.allow_overlap is None:
        return []
    runs = [record.run for record in records if isinstance(record.run, TrainRun)]
    found = {
        f"{name} with {benchmark}: " + ", ".join(f"{n} {kind}" for kind, n in kinds.items())
        for run in runs
        if run.overlap is not None
        for name, benchmarks in run.overlap.found.items()
        for benchmark, kinds in benchmarks.items()
    }
    counted = "; ".join(sorted(found)) or "no match was counted"
    return [(OVERLAP_ALLOWED, f"{study.allow_overlap} ({counted})")]


def _benchmarks(study: Study) -> str:
    """Return names and sizes, the sizes once where all benchmarks share them."""
    sizes = {
        b.name: f"{f'{b.limit} problems' if b.limit else 'all problems'}, {b.samples} responses each"
        for b in study.benchmarks
    }
    if len(set(sizes.values())) == 1:
        return f"{', '.join(sizes)}: {next(iter(sizes.values()))}"
    return "; ".join(f"{name}: {size}" for name, size in sizes.items())


def model_name(study: Study) -> str:
    """Return the base model's name and revision, and its SFT cold start if it has one."""
    if (cold_start := study.cold_start) is None:
        return _source_name(study)
    return (
        f"{_source_name(study)}, SFT cold start on solutions of {cold_start.problems}: "
        f"{cold_start.steps} steps of {cold_start.batch_size}"
    )


def _source_name(study: Study) -> str:
    model = study.model
    if isinstance(model, HubModel):
        return f"{model.repository} at {model.revision[:SHORT]}"
    if isinstance(model, PackageModel):
        return f"{Path(model.file).name} of {model.requirement}"
    if isinstance(model, FolderModel):
        return f"{Path(model.path).name} with checksum {model.sha256[:SHORT]}"
    return f"pretrained here on arithmetic, seed {model.seed}"


def comparison_grids(compared: pd.DataFrame, study: Study) -> dict[str, dict[str, Any]]:
    """Return a grid of methods by metrics for each reference of `comparisons.csv`, by its caption."""
    averages = compared[compared[BENCHMARK] == AVERAGE]
    grids = {}
    for (reference, role), rows in averages.groupby(["reference", "reference_is"], sort=False):
        names = dict.fromkeys(rows[METHOD])
        table: dict[str, list[str]] = {"method": [study.method(name).title for name in names]}
        for metric, of_metric in rows.groupby(METRIC, sort=False):
            table[str(metric)] = [compared_text(row) for row in of_metric.to_dict("records")]
            table[f"Holm p, {metric}"] = [_text(float(p)) for p in of_metric["holm_p"]]
        table["seeds"] = [str(n) for n in rows.drop_duplicates(METHOD)[NUM_SEEDS]]
        grids[f"{study.method(str(reference)).title}: {role}"] = grid(pd.DataFrame(table))
    return grids


def claim_rows(claims: pd.DataFrame, study: Study) -> list[dict[str, str]]:
    """Return the rows of `claims.csv` as text: numbers rounded, intervals in brackets, methods' labels."""
    rows = []
    for claim in claims.to_dict("records"):
        row = {str(name): "" if pd.isna(value) else str(value) for name, value in claim.items()}
        row |= {"estimate": estimate_text(claim), "looks": looks_text(claim)}
        if row["against"]:
            row["against"] = study.method(row["against"]).title
        rows.append(row)
    return rows


def why_grid(rows: list[Question]) -> dict[str, Any]:
    """Return what TAMPO's logs say, in the first and in the last quarter of its steps."""

    def cell(found: RunMean) -> str:
        return f"{found.mean:.2f} [{found.low:.2f}, {found.high:.2f}]".replace(
            "-", "\N{MINUS SIGN}"
        )

    columns = ["asked of TAMPO's runs", "first quarter", "last quarter", "hold it against"]
    return {
        "columns": columns,
        "rows": [
            [row.asked, cell(row.first), cell(row.last), f"{row.against:g}: {row.what}"]
            for row in rows
        ],
    }


def robust_grid(robust: pd.DataFrame, study: Study) -> dict[str, Any]:
    """Return the rows of `robust.csv` as text, intervals in brackets."""

    def cell(row: Mapping[Hashable, Any], name: str) -> str:
        if math.isnan(row[name]):
            return "–"
        low, high = number(row[f"{name}_low"]), number(row[f"{name}_high"])
        return f"{number(row[name])} [{low}, {high}]"

    reference = study.method(robust["reference"].iloc[0]).title
    columns = [METHOD, "interquartile mean of gains", f"probability of beating {reference}"]
    rows = [
        [study.method(row[METHOD]).title, cell(row, "iqm"), cell(row, "improvement")]
        for row in robust.to_dict("records")
    ]
    if layout.DIVERGED in robust:
        columns.append(layout.DIVERGED)
        for row, count in zip(rows, robust[layout.DIVERGED].fillna(""), strict=True):
            row.append(str(count))
    return {"columns": columns, "rows": rows}


def diverged_cost(outcomes: Outcomes) -> str:
    """Return what the runs took that diverged, which other costs leave out; empty without any."""
    if not outcomes.diverged:
        return ""
    tokens, seconds = outcomes.spent()
    return (
        f"Without runs that diverged, which took {duration(seconds / 3600)} of training and "
        f"{number(tokens)} rollout tokens more."
    )


def tally(claims: pd.DataFrame) -> list[tuple[str, int]]:
    """Return each verdict and how many claims have it."""
    return [(verdict, int((claims["verdict"] == verdict).sum())) for verdict in VERDICTS]


def score_cells(
    text: pd.DataFrame, marks: Mapping[tuple[int, str], str]
) -> list[list[dict[str, str]]]:
    """Return a readable table as cells: text, interval, mark, kind (`published` or empty)."""
    rows = []
    for index, row in enumerate(text.itertuples(index=False)):
        cells = []
        for name, value in zip(text.columns, row, strict=True):
            score, bracket, interval = str(value).partition(" [")
            cells.append(
                {
                    "text": score,
                    "interval": f"[{interval}" if bracket else "",
                    "mark": marks.get((index, name), ""),
                    "kind": "published" if name.startswith(layout.PUBLISHED_PREFIX) else "",
                }
            )
        rows.append(cells)
    return rows


def image(folder: Path | None, name: str) -> str:
    """Return the SVG file of a figure as the source of an image; empty without a folder.

    Two figures in one document would share ids; as images they cannot get into each other's way.
    """
    content = (folder / f"{name}.svg").read_bytes() if folder else b""
    return "data:image/svg+xml;base64," + base64.b64encode(content).decode()


def run_rows(records: list[RunRecord]) -> pd.DataFrame:
    """Return one row per run: where it lies, when and how long it ran, on what, its checksum."""
    return pd.DataFrame(
        {
            "run": str(record.path.parent),
            "started": moment(record.run.started),
            "wall s": record.run.seconds.wall,
            "CPU s": record.run.seconds.cpu,
            "peak MiB": record.run.peak_memory_mib,
            "commit": (record.run.source.commit or "unknown")[:SHORT],
            layout.RUN_JSON: record.sha256[:SHORT],
        }
        for record in records
    )


def model_rows(study: Study, records: list[RunRecord]) -> pd.DataFrame:
    """Return the base model as terms and values: source, revision, parameters, checksums."""
    run = next(record.run for record in records if isinstance(record.run, ModelRun))
    source = {
        key: value
        for key, value in study.model.model_dump(mode="json").items()
        if key != "settings"
    }
    rows = [*source.items(), ("parameters", run.parameters)]
    rows += [(name, digest) for name, digest in run.files.items() if name.endswith(".safetensors")]
    return pd.DataFrame(rows, columns=["what", "value"])
