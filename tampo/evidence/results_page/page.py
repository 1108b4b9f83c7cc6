"""The template of the page of results, filled in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import jinja2

from tampo.evidence.results_page.study import study_values
from tampo.files import write_atomically

TEMPLATES = Path(__file__).parent / "templates"


def results_page(folders: Sequence[Path], page: Path) -> str:
    """Return the page of results as Markdown.

    Args:
        folders: evidence of the studies, in the order of the page.
        page: where it will lie.

    Raises:
        StudyError: a folder is no evidence.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        # Markdown: studies are this repository's own text, and brackets are meant.
        autoescape=False,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    values = [study_values(folder, page) for folder in folders]
    return environment.get_template("results.md.j2").render(
        studies=values, page=page.as_posix(), folders=[folder.as_posix() for folder in folders]
    )


def write_results(folders: Sequence[Path], page: Path) -> None:
    """Write the page of results of these studies."""
    write_atomically(page, results_page(folders, page))
