"""The README's first screen follows from the shipped evidence: sentence, figure, reason."""

import importlib.util
import re
import xml.etree.ElementTree as ET

import pandas as pd
import pytest
from support.paths import ROOT

from tampo.evidence.archive import restored
from tampo.report.outcome import outcome
from tampo.study.study import load_study

SPEC = importlib.util.spec_from_file_location("first_screen", ROOT / "docs" / "first_screen.py")
first_screen = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(first_screen)
README = first_screen.README.read_text()
RESULTS = (ROOT / "docs" / "results.md").read_text()
REPORT = first_screen.EVIDENCE / "report"
STUDY = load_study(REPORT / "study.yaml")


def test_the_outcome_is_what_the_evidence_gives():
    assert first_screen.with_outcome(README) == README, "run `make readme`"


def test_readme_results_and_page_open_with_the_same_sentence_and_figure():
    sentence = outcome(STUDY, pd.read_csv(REPORT / "claims.csv"))
    assert f"**{sentence}**" in README
    assert RESULTS.index(f"**{sentence}**") < RESULTS.index("### What was run")
    for text in (README, RESULTS[: RESULTS.index("### What was run")]):
        assert re.search(
            r"!\[[^]]+\]\([a-z/]*evidence/settle/report/figures/differences\.svg\)", text
        )
    with restored(first_screen.EVIDENCE, {}) as plain:
        page = (plain.folder / "report" / "report.html").read_text()
    assert f"<h1>{sentence.replace(chr(39), '&#39;')}</h1>" in page


def test_the_figure_loads_nothing_and_is_small():
    text = (REPORT / "figures" / "differences.svg").read_text()
    references = ET.fromstring(text).iter("{http://www.w3.org/2000/svg}image")
    assert list(references) == [] and "<script" not in text
    assert len(text) < 100_000


def test_a_readme_without_markers_is_refused():
    with pytest.raises(ValueError, match="must be in it"):
        first_screen.with_outcome(README.replace(first_screen.END, ""))


def test_the_expected_numbers_of_tiny_are_those_of_the_evidence():
    table = pd.read_csv(ROOT / "docs" / "evidence" / "tiny" / "report" / "table1.csv")
    average = table[table["metric"] == "pass@1"].set_index("method")["average"].round()
    base, trained = average["base"], average.drop("base")
    expected = f"from {base:.0f} % to between {trained.min():.0f} and {trained.max():.0f} %"
    assert expected in (ROOT / "docs" / "studies.md").read_text().replace("\n", " ")
