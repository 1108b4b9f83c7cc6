"""Stage `report`: tables, figures, verdicts and one page to read, from what the runs left on disk.

Everything is a function of `results/{study}`: no clock, no machine, reproducible byte for byte. What is
written is listed with its checksum in `checksums.json`, together with what it was made from, and
the study is stored beside it, so that `python -m tampo verify` needs nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import yaml

from tampo import layout
from tampo.claims import ClaimInputs, claims_table
from tampo.claims.claim_inputs import NotTested
from tampo.claims.comparisons import comparison_table
from tampo.claims.mechanism import Question, questions
from tampo.claims.roles import roles
from tampo.files import checksums, sha256_of, write_atomically, write_json
from tampo.records.run_records import RunRecord, read_records, record_paths
from tampo.report.figures import FIGURES, write_figures
from tampo.report.latex import to_latex
from tampo.report.page import Contents, ShownTable, render
from tampo.report.page.samples import choose_samples
from tampo.report.page.sections import OVERLAP_ALLOWED
from tampo.report.published import LEGEND, beside
from tampo.report.tables import (
    diverged_note,
    group_headings,
    labelled,
    readable,
    score_table,
    to_csv,
    to_markdown,
)
from tampo.statistics.ranking import RULE, marks
from tampo.statistics.robust_scores import robust_table
from tampo.study.departures import SOURCES, departures, our_choices
from tampo.study.references import References
from tampo.study.study import Study, Table

AgainstPlan = Callable[[Study, list[RunRecord], pd.DataFrame | None], tuple[pd.DataFrame, str]]
"""Passed in, because planning is a tool outside the stages (`tampo.tools.plan.measured`)."""


def report(
    study: Study,
    results: Path,
    out: Path,
    references: References | None = None,
    *,
    against_plan: AgainstPlan,
    draw: bool = True,
) -> None:
    """Write the report of a finished and aggregated study.

    Args:
        study: names the tables, their rows and how intervals are made.
        results: `results/{study}`: aggregate tables, stored responses and run.json files.
        out: receives `{table}.csv`, `.md` and `.tex`; `published_{table}.csv` and `.md` of every
            transcribed table; `figures/`; `claims.csv`; `comparisons.csv`; `robust.csv` where the
            study has a base model and TAMPO; `report.html`; `study.yaml`; `checksums.json`. Files of
            an earlier report that are not written again are removed.
        references: published numbers and the published experiment.
        against_plan: compares measured with planned training cost: a table and a sentence.
        draw: whether figures are drawn. Without, their data alone are written and the page has
            empty images: what drawing adds is nothing that could be recomputed.

    Raises:
        FileNotFoundError: an aggregate table or a run.json is missing.
        ValueError: the score tables do not belong together.
    """
    references = references or References()
    inputs = ClaimInputs.read(results / layout.AGGREGATE)
    records = read_records(study, results)
    with _listed(study, results, out) as made_from:
        write_atomically(out / layout.STUDY_COPY, stored_study(study))
        tables = [_table(study, table, inputs, references, out) for table in study.tables]
        for path in references.tables_of(study):
            write_atomically(
                out / f"{layout.PUBLISHED_PREFIX}{path.name}", path.read_text(encoding="utf-8")
            )
            write_atomically(
                out / f"{layout.PUBLISHED_PREFIX}{path.stem}.md", _published_page(path)
            )
        skipped = write_figures(study, inputs, out / layout.FIGURES, draw=draw)
        claims = claims_table(study, inputs)
        write_atomically(out / layout.CLAIMS, claims.to_csv(index=False, lineterminator="\n"))
        compared = comparison_table(study, inputs.problem_scores, inputs.outcomes.diverged)
        write_atomically(
            out / layout.COMPARISONS, compared.to_csv(index=False, lineterminator="\n")
        )
        experiment = references.experiment_of(study)
        planned, plan_note = against_plan(study, records, inputs.steps)
        contents = Contents(
            study=study,
            records=records,
            scores=inputs.scores,
            planned=planned,
            plan_note=plan_note,
            claims=claims,
            why=_why(study, inputs),
            tables=tables,
            compared=compared,
            robust=_robust(study, inputs, out),
            figures={name: kind for name, kind in FIGURES.items() if name not in skipped},
            skipped={FIGURES[name].title: reason for name, reason in skipped.items()},
            figure_folder=out / layout.FIGURES if draw else None,
            samples=choose_samples(study, results),
            outcomes=inputs.outcomes,
            departures=departures(study, experiment),
            our_choices=our_choices(experiment),
            departures_note=_departures_note(study, references),
            checksums=made_from,
        )
        write_atomically(out / layout.PAGE, render(contents))


def stored_study(study: Study) -> str:
    """Return a study as the text of a study file, every default written out."""
    return yaml.safe_dump(study.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def sources(study: Study, results: Path) -> dict[str, str]:
    """Return the checksum of every file that a report is made from, by path below `results`."""
    paths = sorted(path.relative_to(results) for path in (results / layout.AGGREGATE).glob("*.csv"))
    for method in study.methods:
        for seed in study.seeds:
            folder = layout.evaluate_folder(results, method.name, seed).relative_to(results)
            paths += [
                folder / layout.samples_file(benchmark.name) for benchmark in study.benchmarks
            ]
    paths += [path for path, _, _ in record_paths(study)]
    return {str(path): sha256_of(results / path) for path in paths}


@contextmanager
def _listed(study: Study, results: Path, out: Path) -> Iterator[dict[str, str]]:
    """Remove an earlier report, yield the checksums of the sources, write checksums.json at the end."""
    listed = out / layout.CHECKSUMS
    if listed.is_file():
        for name in json.loads(listed.read_text(encoding="utf-8"))["report"]:
            (out / name).unlink(missing_ok=True)
        listed.unlink()
    made_from = sources(study, results)
    yield made_from
    write_json(listed, {"made_from": made_from, "report": checksums(out)})


def _table(
    study: Study, table: Table, inputs: ClaimInputs, references: References, out: Path
) -> ShownTable:
    """Write one table as CSV, Markdown and LaTeX; return its text beside the published numbers."""
    numbers = score_table(
        inputs.scores,
        inputs.problem_scores,
        table.methods,
        study.evaluation.pass_metrics,
        study.statistics,
        inputs.outcomes,
    )
    diverged = inputs.outcomes.diverged
    marked = marks(numbers, inputs.problem_scores, study.statistics, diverged)
    text = beside(readable(numbers), references.folder_of(study) / layout.table_file(table.name))
    headings = group_headings(text[layout.METHOD], study)
    text = labelled(text, study)
    notes = [_interval_note(study), RULE]
    if any(name.startswith(layout.PUBLISHED_PREFIX) for name in text.columns):
        notes.append(f"{LEGEND}. Published numbers are not computed with.")
    if note := diverged_note(inputs.outcomes, table.methods):
        notes.append(note)
    notes.append(_departures_note(study, references))
    if study.allow_overlap is not None:
        notes.append(f"{OVERLAP_ALLOWED}: {study.allow_overlap}")
    write_atomically(out / layout.table_file(table.name), to_csv(numbers))
    page = [f"# {table.title}", f"Study `{study.name}`: {study.description}"]
    page += [
        to_markdown(text, marked, headings).rstrip("\n"),
        *notes,
        _departure_list(study, references),
    ]
    write_atomically(out / f"{table.name}.md", "\n\n".join(filter(None, page)) + "\n")
    latex = to_latex(
        text,
        marked,
        caption=f"{table.title}. Study {study.name}: {study.description}",
        label=f"{study.name}-{table.name}",
        note=" ".join(notes),
        headings=headings,
    )
    write_atomically(out / f"{table.name}.tex", latex)
    return ShownTable(table, text, marked, headings)


def _why(study: Study, inputs: ClaimInputs) -> list[Question] | str:
    try:
        return questions(study, inputs)
    except NotTested as reason:
        return str(reason)


def _robust(study: Study, inputs: ClaimInputs, out: Path) -> pd.DataFrame | None:
    """Write scores that no single benchmark decides, of Pass@1 against TAMPO; None without either."""
    parts = roles(study)
    if not (parts.base and parts.tampo and 1 in study.evaluation.pass_k):
        return None
    table = robust_table(
        inputs.problem_scores,
        study.trained_methods,
        parts.base,
        parts.tampo,
        layout.pass_at(1),
        study.statistics,
        inputs.outcomes.diverged,
    )
    if inputs.outcomes.diverged:
        table[layout.DIVERGED] = [inputs.outcomes.fraction(m) for m in table[layout.METHOD]]
    write_atomically(out / layout.ROBUST, table.to_csv(index=False, lineterminator="\n"))
    return table


def _interval_note(study: Study) -> str:
    return (
        f"Percent, mean over seeds; in brackets, the {100 * study.statistics.confidence:g} % interval "
        f"over runs and problems ({study.statistics.resamples} resamples)."
    )


def _departures_note(study: Study, references: References) -> str:
    experiment = references.experiment_of(study)
    count = len(departures(study, experiment))
    if experiment.stem != study.name:
        return (
            f"This study does not reproduce the paper: {count} settings differ from the published "
            "experiment, so its scores cannot be compared with published ones."
        )
    if count:
        return f"{count} settings differ from the published experiment as {experiment} has it."
    return (
        f"No setting differs from {experiment}, where a tag at each value says how well it is known "
        "to be the paper's."
    )


def _departure_list(study: Study, references: References) -> str:
    """Return the departures of a reproduction and our choices, as a Markdown list."""
    experiment = references.experiment_of(study)
    if experiment.stem != study.name:
        return ""
    lines = [
        f"- `{row.key}`: {row.here}; published experiment: {row.published}"
        for row in departures(study, experiment).itertuples()
    ]
    chosen = our_choices(experiment)
    lines += [
        f"- `{key}` is {SOURCES['R']}" + (f": {note}" if note else "")
        for key, note in zip(chosen["key"], chosen["note"], strict=True)
    ]
    return "Departures and our choices:\n\n" + "\n".join(lines) if lines else ""


def _published_page(path: Path) -> str:
    content = pd.read_csv(path, dtype=str, keep_default_na=False)
    return (
        f"# Published numbers: {path.stem}\n\nTranscribed from arXiv 2602.11779. Nothing here was "
        f"measured by this project.\n\n{to_markdown(content)}\nPercent. {LEGEND}.\n"
    )
