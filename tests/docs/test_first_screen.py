"""The README's first screen follows from the shipped evidence: its figure and its table."""

import importlib.util
import re
import xml.etree.ElementTree as ET

import pandas as pd
import pytest
from support.paths import ROOT

SPEC = importlib.util.spec_from_file_location("first_screen", ROOT / "docs" / "first_screen.py")
first_screen = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(first_screen)
README = first_screen.README.read_text()
OUTDATED = "run `make readme`"


def test_the_table_is_what_the_evidence_gives():
    assert first_screen.with_table(README) == README, OUTDATED


def test_the_figure_is_what_the_evidence_gives(tmp_path):
    first_screen.save_figure(tmp_path / "fresh.svg")
    committed = first_screen.FIGURE.read_text()
    assert (tmp_path / "fresh.svg").read_text() == committed, OUTDATED


def test_the_figure_loads_nothing_and_is_small():
    text = first_screen.FIGURE.read_text()
    references = ET.fromstring(text).iter("{http://www.w3.org/2000/svg}image")
    assert list(references) == [] and "<script" not in text
    assert len(text) < 100_000


def test_every_trained_method_has_a_row_and_a_colour():
    methods = set(first_screen.figure_table("temperatures")["method"])
    assert methods == set(first_screen.LINES)
    assert len({colour for _, colour, _ in first_screen.LINES.values()}) == len(methods)
    for label, *_ in first_screen.LINES.values():
        assert re.search(rf"^\| {re.escape(label)} \| [\d.]+ \[", README, re.MULTILINE)


def test_a_readme_without_markers_is_refused():
    with pytest.raises(ValueError, match="must be in it"):
        first_screen.with_table(README.replace(first_screen.END, ""))


def test_the_expected_numbers_of_tiny_are_those_of_the_evidence():
    table = pd.read_csv(first_screen.EVIDENCE / "report" / "table1.csv")
    average = table[table["metric"] == "pass@1"].set_index("method")["average"].round()
    base, trained = average["base"], average.drop("base")
    expected = f"from {base:.0f} % to between {trained.min():.0f} and {trained.max():.0f} %"
    assert expected in (ROOT / "docs" / "studies.md").read_text().replace("\n", " ")
