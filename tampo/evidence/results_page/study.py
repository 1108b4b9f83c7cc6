"""What one study contributes to the page of results, read from its evidence."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from tampo import layout
from tampo.claims import ClaimInputs
from tampo.claims.claim_inputs import NotTested
from tampo.claims.comparisons import REFERENCE
from tampo.claims.learning import learning_rows
from tampo.claims.mechanism import questions
from tampo.evidence.archive import SHOWN_FIGURES, SUMS, restored, stored_name
from tampo.evidence.results_page.against import comparison_table, comparisons, paragraph
from tampo.files import sha256_of
from tampo.layout import HIGH, LOW, METHOD
from tampo.records.outcomes import Outcomes
from tampo.records.run_json import EvaluateRun
from tampo.records.run_records import (
    RunRecord,
    cost_by_method,
    environments,
    irregularities,
    read_records,
)
from tampo.report.figures import FIGURES
from tampo.report.outcome import outcome, verdict_counts, why
from tampo.report.page.page import FIRST_FIGURE
from tampo.report.page.sections import (
    claim_rows,
    comparison_grids,
    facts,
    robust_grid,
    tally,
    why_grid,
)
from tampo.report.rounding import duration, moment, number
from tampo.report.tables import labelled, to_markdown
from tampo.study.study import Study, StudyError, load_study


def study_values(folder: Path, page: Path) -> dict[str, Any]:
    """Return the values of one study for the template.

    Args:
        folder: evidence of the study.
        page: where the page will lie; links are relative to it.

    Raises:
        StudyError: the folder is no evidence, or is not what its `SHA256SUMS` says.
    """
    if not (folder / SUMS).is_file():
        raise StudyError(f"{folder}: no evidence: no {SUMS}; `python -m tampo evidence` makes it")
    # Nothing on the page depends on the text of a problem.
    with restored(folder, {}) as plain:
        if plain.faults:
            raise StudyError("\n".join(map(str, plain.faults)))
        study = load_study(plain.folder / layout.REPORT / layout.STUDY_COPY)
        records = read_records(study, plain.folder)
        tables = ClaimInputs.read(plain.folder / layout.AGGREGATE)
        diverged = tables.outcomes.diverged
        learned = learning_rows(study, plain.folder, diverged)
    found = {
        k: comparisons(study, tables.problem_scores, k, diverged) for k in study.evaluation.pass_k
    }
    compared = pd.read_csv(
        folder / layout.REPORT / layout.COMPARISONS, dtype={METHOD: str, REFERENCE: str}
    )
    claims = pd.read_csv(folder / layout.REPORT / layout.CLAIMS, dtype={"against": str})
    figures = _figures(folder)
    title, table = _table(folder / layout.REPORT / f"{layout.TABLE1_NAME}.md")
    return {
        "name": study.name,
        "description": study.description,
        "folder": folder,
        "link": _linker(folder, page),
        "sums": sha256_of(folder / SUMS),
        "facts": [*facts(study, records), ("Last run ended", _ended(records))],
        "environments": environments(records),
        "irregularities": irregularities(records),
        "needs_data": any("file" in source for source in _data(records)),
        "title": title,
        "table": table,
        "other_tables": [table.name for table in study.tables if table.name != "table1"],
        "paragraph": paragraph(study, found) + _left_out(study, tables.outcomes),
        "against": to_markdown(comparison_table(found)) if any(found.values()) else "",
        "figures": [figure for figure in figures if figure["name"] != FIRST_FIGURE],
        **_claims(claims, study),
        "outcome": outcome(study, claims),
        "counts": verdict_counts(claims),
        "first_figure": next((f for f in figures if f["name"] == FIRST_FIGURE), None),
        "compared": {
            caption: to_markdown(pd.DataFrame(table["rows"], columns=table["columns"]))
            for caption, table in comparison_grids(compared, study).items()
        },
        "robust": _robust(folder / layout.REPORT / layout.ROBUST, study),
        "cost": _cost(study, tables.scores),
        "why": _why(study, tables),
        "learning": to_markdown(_learning(learned)) if len(learned) else "",
        "learned": _learned(study, learned),
        "confidence": f"{100 * study.statistics.confidence:g} %",
    }


def _why(study: Study, tables: ClaimInputs) -> str:
    """Return what TAMPO's logs say as a table, or in a sentence why nothing."""
    try:
        rows = questions(study, tables)
    except NotTested as reason:
        return f"Not shown: {reason}.\n"
    grid = why_grid(rows)
    return f"{why(rows)}\n\n" + to_markdown(pd.DataFrame(grid["rows"], columns=grid["columns"]))


def _left_out(study: Study, outcomes: Outcomes) -> str:
    note = outcomes.note(study.trained_methods)
    return f" Runs that diverged have no scores and are left out ({note})." if note else ""


def _linker(folder: Path, page: Path) -> Callable[[str], str]:
    base = Path(os.path.relpath(folder, page.parent))
    return lambda name: (base / stored_name(Path(name))).as_posix()


def _table(path: Path) -> tuple[str, str]:
    """Return title, and table and notes, of a table's own page; the study is named elsewhere."""
    title, _, table = path.read_text(encoding="utf-8").split("\n\n", 2)
    return title.removeprefix("# "), table.rstrip("\n")


def _ended(records: list[RunRecord]) -> str:
    ends = [
        datetime.fromisoformat(record.run.started) + timedelta(seconds=record.run.seconds.wall)
        for record in records
    ]
    return moment(max(ends).isoformat())


def _data(records: list[RunRecord]) -> list[dict[str, Any]]:
    return [
        entry.data
        for record in records
        if isinstance(record.run, EvaluateRun)
        for entry in record.run.benchmarks.values()
    ]


def _figures(folder: Path) -> list[dict[str, str]]:
    return [
        {"name": name, "title": FIGURES[name].title, "caption": FIGURES[name].caption}
        for name in SHOWN_FIGURES
        if (folder / layout.REPORT / layout.FIGURES / f"{name}.svg").is_file()
    ]


def _claims(claims: pd.DataFrame, study: Study) -> dict[str, str | list[str]]:
    """Return the claims as a table, their counts, and what each rule saw of those it tested."""
    rows = [
        {
            "claim": f"{row['id']}: {row['claim']}",
            "verdict": row["verdict"],
            "estimate": _estimate(row) or row["detail"],
            "published": row["published"],
        }
        for row in claim_rows(claims, study)
    ]
    tested = claims[claims["estimate"].notna()]
    return {
        "claims": to_markdown(pd.DataFrame(rows)),
        "tally": ", ".join(f"{count} {verdict}" for verdict, count in tally(claims)),
        "details": [
            f"{i}: {detail}" for i, detail in zip(tested["id"], tested["detail"], strict=True)
        ],
    }


def _estimate(row: Mapping[str, str]) -> str:
    """Return estimate, interval, unit and what it is a difference to; empty where nothing was tested."""
    if not row["estimate"]:
        return ""
    against = f" against {row['against']}" if row["against"] else ""
    looks = f" (looks: {row['looks']})" if row["looks"] else ""
    return f"{row['estimate']}{against}{looks}"


def _robust(path: Path, study: Study) -> str:
    if not path.is_file():
        return ""
    grid = robust_grid(pd.read_csv(path, dtype={METHOD: str, "reference": str}), study)
    return to_markdown(pd.DataFrame(grid["rows"], columns=grid["columns"]))


def _cost(study: Study, scores: pd.DataFrame) -> str:
    costs = labelled(cost_by_method(study, scores), study)

    def column(name: str, text: Callable[[float], str]) -> list[str]:
        return ["–" if math.isnan(value) else text(float(value)) for value in costs[name]]

    def percent(fraction: float) -> str:
        return f"{100 * fraction:.1f} %"

    table: dict[str, pd.Series | list[str]] = {
        METHOD: costs[METHOD],
        "runs": costs["runs"].map(str),
    }
    table |= {
        "training": column("training_hours", duration),
        "CPU time of training": column("training_cpu_hours", duration),
        "GPU time of training": column("training_gpu_hours", duration),
        "rollout tokens": column("training_tokens", number),
        "rollouts length-limited": column("training_truncated", percent),
        "evaluation": column("evaluation_hours", duration),
        "response tokens": column("evaluation_tokens", number),
        "responses length-limited": column("evaluation_length_limited", percent),
    }
    return to_markdown(pd.DataFrame(table))


def _learning(learned: pd.DataFrame) -> pd.DataFrame:
    def interval(value: str, low: str, high: str) -> list[str]:
        cells = zip(learned[value], learned[low], learned[high], strict=True)
        signed = "+" if value == "difference" else ""
        text = (f"{v:{signed}.3f} [{a:{signed}.3f}, {b:{signed}.3f}]" for v, a, b in cells)
        return [cell.replace("-", "\N{MINUS SIGN}") for cell in text]

    pairs = zip(learned["runs_up"], learned["runs"], strict=True)
    return pd.DataFrame(
        {
            METHOD: learned[METHOD],
            "groups": learned["groups"].map(str),
            "first quarter": interval("start", "start_low", "start_high"),
            "last quarter": interval("end", "end_low", "end_high"),
            "difference": interval("difference", LOW, HIGH),
            "runs that rose": [f"{up} of {runs}" for up, runs in pairs],
            "p": learned["p_value"].map(number),
            "Holm": learned["holm"].map(number),
        }
    )


def _learned(study: Study, learned: pd.DataFrame) -> str:
    """Return one sentence on what fixed temperatures learned, by Holm's p-values."""
    if learned.empty:
        return "The study has no fixed temperature whose start and end can be compared."
    shown = learned["holm"] <= 1 - study.statistics.confidence
    up, down = (shown & (sign * learned["difference"] > 0) for sign in (1, -1))
    parts = [
        f"{verb} with {', '.join(f'`{name}`' for name in learned[METHOD][mask])}"
        for verb, mask in (("rose", up), ("fell", down), ("is not shown to have changed", ~shown))
        if mask.any()
    ]
    return f"The reward of plain GRPO's rollouts {'; it '.join(parts)}."
