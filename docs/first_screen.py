"""Writes the README's outcome from the evidence of the study `settle`.

`make readme` runs it; tests/docs/test_first_screen.py fails where the README no longer follows.
"""

from __future__ import annotations

import os
from pathlib import Path

from tampo.evidence.results_page.study import study_values
from tampo.files import write_atomically
from tampo.study.study import load_study

ROOT = Path(__file__).resolve().parent.parent
EVIDENCE = ROOT / "docs" / "evidence" / "settle"
README = ROOT / "README.md"
BEGIN, END = "<!-- outcome: written by `make readme` -->\n", "<!-- end of outcome -->\n"


def outcome_text() -> str:
    """Return the outcome of the study, its figure and why, as Markdown."""
    values = study_values(EVIDENCE, README)
    study = load_study(EVIDENCE / "report" / "study.yaml")
    figure = values["first_figure"]
    path = EVIDENCE / "report" / "figures" / f"{figure['name']}.svg"
    sentence = values["why"].partition("\n")[0]
    return (
        f"**{values['outcome']}**\n\n"
        f"![{figure['title']}]({os.path.relpath(path, ROOT)})\n\n"
        f"Study `{study.name}`: 0.4 M parameters, arithmetic, {len(study.seeds)} seeds; 95 % intervals. "
        f"{values['counts']} Why: {sentence[0].lower()}{sentence[1:]} "
        "[All numbers](docs/results.md).\n"
    )


def with_outcome(text: str) -> str:
    """Return the README with a fresh outcome between its markers."""
    before, _, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"{README}: the lines {BEGIN!r} and {END!r} must be in it")
    return f"{before}{BEGIN}\n{outcome_text()}\n{END}{after}"


if __name__ == "__main__":
    write_atomically(README, with_outcome(README.read_text(encoding="utf-8")))
    print(f"written: the outcome in {README.relative_to(ROOT)}")
