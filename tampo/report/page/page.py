"""The page, filled in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import jinja2
import pandas as pd
from markupsafe import Markup, escape

from tampo.claims.mechanism import Question
from tampo.records.outcomes import Outcomes
from tampo.records.run_records import (
    RunRecord,
    cost_by_method,
    data_sources,
    environments,
    irregularities,
    outcome_counts,
)
from tampo.report.figures import FigureKind
from tampo.report.outcome import claim_lines, limits, outcome, why
from tampo.report.page import sections
from tampo.report.page.samples import MOST_CHARACTERS, SampleChoice
from tampo.report.tables import labelled
from tampo.statistics.ranking import RULE, Marks
from tampo.study.departures import SOURCES
from tampo.study.study import Study, Table

TEMPLATES = Path(__file__).parent / "templates"
SECTIONS = (
    ("claims", "Claims"),
    ("why", "Why"),
    ("tables", "Tables"),
    ("figures", "Figures"),
    ("samples", "Responses"),
    ("cost", "Measured cost"),
    ("failures", "What went wrong"),
    ("departures", "Departures from the paper"),
    ("provenance", "Provenance"),
)


FIRST_FIGURE = "differences"
"""The figure beside the verdicts, at the top of the page."""


@dataclass(frozen=True)
class ShownTable:
    """A table of the study as the page shows it."""

    table: Table
    text: pd.DataFrame
    """Cells, published numbers beside ours."""
    marks: Marks
    headings: dict[int, str]
    """Group of methods that begins at a row, by row number."""


@dataclass(frozen=True)
class Contents:
    """Everything that the page shows."""

    study: Study
    records: list[RunRecord]
    scores: pd.DataFrame
    """`scores.csv`."""
    planned: pd.DataFrame
    """Measured against planned training cost."""
    plan_note: str
    """A sentence on it."""
    claims: pd.DataFrame
    """Rows of `tampo.claims.claims_table`."""
    why: list[Question] | str
    """What TAMPO's logs say, or why nothing."""
    tables: list[ShownTable]
    compared: pd.DataFrame
    """Rows of `tampo.claims.comparisons.comparison_table`."""
    robust: pd.DataFrame | None
    """Rows of `robust_scores.robust_table`; None where the study has no TAMPO or no base model."""
    figures: dict[str, FigureKind]
    """The figures that were drawn, by name."""
    skipped: dict[str, str]
    """Why each other figure, by title, was not drawn."""
    figure_folder: Path | None
    """Holds `{name}.svg` of every figure; None leaves the images empty."""
    samples: SampleChoice
    outcomes: Outcomes
    """How the training runs ended."""
    departures: pd.DataFrame
    our_choices: pd.DataFrame
    departures_note: str
    checksums: dict[str, str]
    """SHA-256 of what the page was made from, by path below the study's results."""


def render(contents: Contents) -> str:
    """Return the page as HTML."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["code"] = with_code
    return environment.get_template("report.html.j2").render(**_values(contents))


def with_code(text: str) -> Markup:
    """Return plain text as HTML in which what stands in backticks is code."""
    return Markup(re.sub("`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def _values(contents: Contents) -> dict:
    study, records = contents.study, contents.records
    figures = [
        {
            "name": name,
            "title": kind.title,
            "caption": kind.caption,
            "spoken": kind.caption.replace("`", ""),
            "source": sections.image(contents.figure_folder, name),
        }
        for name, kind in contents.figures.items()
    ]
    return {
        "study": study,
        "css": _source("report.css"),
        "script": _source("explorer.js"),
        "sections": SECTIONS,
        "facts": sections.facts(study, records),
        "outcome": outcome(study, contents.claims),
        "lines": claim_lines(contents.claims),
        "limits": limits(study, contents.claims),
        "tally": sections.tally(contents.claims),
        "claims": sections.claim_rows(contents.claims, study),
        "why": sections.why_grid(contents.why) if isinstance(contents.why, list) else None,
        "why_sentence": why(contents.why) if isinstance(contents.why, list) else "",
        "why_not": contents.why if isinstance(contents.why, str) else "",
        "table_note": _table_note(study),
        "diverged": contents.outcomes.note(study.trained_methods),
        "diverged_cost": sections.diverged_cost(contents.outcomes),
        "tables": [_table(shown) for shown in contents.tables],
        "compared": sections.comparison_grids(contents.compared, study),
        "robust": None if contents.robust is None else sections.robust_grid(contents.robust, study),
        "first_figure": next((f for f in figures if f["name"] == FIRST_FIGURE), None),
        "figures": [figure for figure in figures if figure["name"] != FIRST_FIGURE],
        "skipped": contents.skipped,
        "samples": contents.samples.as_json(study),
        "samples_total": contents.samples.total,
        "most_characters": MOST_CHARACTERS,
        "cost": sections.grid(labelled(cost_by_method(study, contents.scores), study)),
        "planned": sections.grid(labelled(contents.planned, study)),
        "plan_note": contents.plan_note,
        "outcomes": sections.grid(labelled(outcome_counts(study, contents.scores), study)),
        "irregularities": irregularities(records),
        "departures": sections.grid(contents.departures),
        "our_choices": sections.grid(contents.our_choices),
        "departures_note": contents.departures_note,
        "source_tags": ", ".join(f"{tag}: {meaning}" for tag, meaning in SOURCES.items()),
        "environments": environments(records),
        "model": sections.grid(sections.model_rows(study, records)),
        "data": sections.grid(data_sources(records)),
        "runs": sections.grid(sections.run_rows(records)),
        "checksums": sections.grid(
            pd.DataFrame(list(contents.checksums.items()), columns=["file", "sha256"])
        ),
    }


def _source(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


def _table_note(study: Study) -> str:
    return (
        f"Percent: mean over training seeds, and in brackets the "
        f"{100 * study.statistics.confidence:g} % interval over seeds and problems. {RULE}"
    )


def _table(shown: ShownTable) -> dict:
    name = shown.table.name
    return {
        "name": name,
        "title": f"{_numbered(name)}: {shown.table.title}",
        "caption": f"{name}.csv, .md and .tex hold the same numbers",
        "columns": list(shown.text.columns),
        "rows": sections.score_cells(shown.text, shown.marks),
        "headings": shown.headings,
    }


def _numbered(name: str) -> str:
    """Return `table1` as `Table 1`; other names as they are, capitalised."""
    return re.sub(r"(?<=[a-z])(?=\d)", " ", name.replace("_", " ")).capitalize()
