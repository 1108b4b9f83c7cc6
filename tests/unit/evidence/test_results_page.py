"""The page of results: made from evidence alone, linked, and worded by its numbers."""

import re
import shutil

import pandas as pd
import pytest
from support.claim_inputs import ALL, claims_study, scored
from support.finished_study import STUDY
from support.studies import micro_study

from tampo.claims import claims_table
from tampo.cli import main
from tampo.evidence.results_page import results_page
from tampo.evidence.results_page.against import comparison_table, comparisons, paragraph
from tampo.evidence.results_page.study import _learned
from tampo.files import sha256_of

BASELINES = ["two", "three", "four", "any", "yoked", "deaf"]
"""Of `claim_evidence`: two fixed temperatures, the linear schedule, and the three controls."""


@pytest.fixture(scope="module")
def folder(evidence, tmp_path_factory):
    """A project with the evidence in its place, and the page that was made of it."""
    root = tmp_path_factory.mktemp("project")
    shutil.copytree(evidence, root / "docs" / "evidence" / STUDY.name)
    words = ["results", str(root / "docs" / "evidence" / STUDY.name)]
    assert main([*words, "--out", str(root / "docs" / "results.md")]) == 0
    return root / "docs"


@pytest.fixture(scope="module")
def page(folder):
    return (folder / "results.md").read_text()


def test_the_same_evidence_gives_the_same_page(folder, page):
    place = folder / "evidence" / STUDY.name
    assert results_page([place], folder / "results.md") == page


def test_every_link_leads_somewhere(folder, page):
    links = re.findall(r"\]\(([^)]+)\)", page)
    assert f"evidence/{STUDY.name}/report/figures/temperatures.svg" in links
    assert [link for link in links if not (folder / link).is_file()] == []


def test_it_says_what_was_run_when_on_what_and_how(folder, page):
    for text in (
        f"## Study `{STUDY.name}`\n\n**",
        f"### What was run\n\n{STUDY.description}\n",
        "- Runs started: 2026-01-02 03:04 UTC to 2026-01-02 03:04 UTC",
        "- Last run ended: 2026-01-02 03:04 UTC",
        "- 11 runs on CPU, 2 cores, 2 GiB, no GPU; tampo 0.1.0, commit `" + "c" * 40,
        "Python 3.12.0, torch 2.0, pandas 3.0",
        f"snakemake results/table1.csv --config study={STUDY.name}\n",
        f"python -m tampo verify {folder / 'evidence' / STUDY.name}\n",
        f"`{sha256_of(folder / 'evidence' / STUDY.name / 'SHA256SUMS')}`",
        "This study does not reproduce the paper",
    ):
        assert text in page


def test_tables_are_those_of_the_report(folder, page):
    table = (folder / "evidence" / STUDY.name / "report" / "table1.md").read_text()
    assert all(line in page for line in table.splitlines() if line.startswith("| "))
    claims = pd.read_csv(folder / "evidence" / STUDY.name / "report" / "claims.csv")
    for row in claims.itertuples():
        assert re.search(rf"^\| {row.id}: .* \| {row.verdict} +\|", page, re.MULTILINE)
    assert "the study has no uniform draws" in page and "[table2](" in page


def test_it_says_what_was_learned_and_what_follows_for_tampo(page):
    assert "The reward of plain GRPO's rollouts is not shown to have changed with `cold`." in page
    row = r"^\| cold +\| 4 +\| 0\.500 \[0\.500, 0\.500\] \| .* \| 0 of 2 +\| 1 +\| 1 +\|$"
    assert re.search(row, page, re.MULTILINE)
    assert "Pass@1 of `tampo`, averaged over benchmarks, is better than that of `cold` (+" in page
    assert "it cannot separate learning the temperature from only varying it." in page


def test_two_studies_follow_each_other(folder, page):
    place = folder / "evidence" / STUDY.name
    both = results_page([place, place], folder / "results.md")
    assert both.count(f"## Study `{STUDY.name}`") == 2 and "What the studies" in both


def test_results_that_are_no_evidence_are_refused(finished_study, tmp_path, capsys):
    assert main(["results", str(finished_study), "--out", str(tmp_path / "page.md")]) == 2
    assert f"{finished_study}: no evidence: no SHA256SUMS" in capsys.readouterr().err
    assert not (tmp_path / "page.md").exists()


def test_evidence_that_was_changed_is_refused(evidence, tmp_path, capsys):
    folder = shutil.copytree(evidence, tmp_path / STUDY.name)
    (folder / "report" / "claims.csv").write_text("id\n")
    assert main(["results", str(folder), "--out", str(tmp_path / "page.md")]) == 2
    assert f"{folder / 'report' / 'claims.csv'}: checksum" in capsys.readouterr().err


def said(study, inputs):
    found = {k: comparisons(study, inputs.problem_scores, k) for k in (1, 8)}
    return found, paragraph(study, found)


def test_comparisons_are_those_of_the_verdicts():
    study, inputs = claims_study(), scored(dict.fromkeys(ALL, 0.0) | {"five": 0.02})
    found, _ = said(study, inputs)
    assert [c.baseline for c in found[1]] == BASELINES
    claims = claims_table(study, inputs).set_index("id")
    for claim, baselines in (
        ("C1", BASELINES[:3]),
        ("X1", ["any"]),
        ("X2", ["yoked"]),
        ("X3", ["deaf"]),
    ):
        own = [c.found for c in found[1] if c.baseline in baselines]
        least = min(own, key=lambda difference: difference.difference)
        row = claims.loc[claim]
        assert [row["estimate"], row["low"], row["high"]] == pytest.approx(
            [100 * least.difference, 100 * least.low, 100 * least.high]
        )


@pytest.mark.parametrize(("effect", "word"), [(0.2, "better"), (-0.2, "worse")])
def test_a_difference_has_a_direction_where_its_interval_excludes_zero(effect, word):
    found, text = said(claims_study(), scored(dict.fromkeys(ALL, 0.0) | {"five": effect}))
    assert {c.word for k in (1, 8) for c in found[k]} == {f"is {word} than"}
    assert text.startswith(
        f"Pass@1 of `five`, averaged over benchmarks, is {word} than that of `two` ("
    )
    assert "significantly different" not in text
    assert "In Pass@1, 6 of 6 95 % intervals exclude 0; after Holm's adjustment" in text
    assert ("is evidence for learning it" in text) is (word == "better")
    assert ("it is better than none" in text) is (word == "worse")


def test_equal_methods_do_not_differ_significantly():
    found, text = said(claims_study(), scored(dict.fromkeys(ALL, 0.0), stream=3))
    assert {c.word for c in found[1]} == {"is not significantly different from"}
    assert "In Pass@1, no significant difference: every 95 % interval includes 0." in text
    assert "nothing here shows that learning the temperature matters" in text
    assert re.search(
        r"With 5 runs per method .* difference in Pass@1 of \d+\.\d points with 80 % power", text
    )
    assert text.endswith("after 40 steps of training, and for nothing else.")


def test_baselines_are_compared_one_by_one():
    effects = dict.fromkeys(ALL, 0.0) | {"five": 0.1, "two": 0.3, "any": 0.1, "four": 0.1}
    _, text = said(claims_study(), scored(effects, stream=3))
    first = text.partition(". ")[0]
    better, worse, neither = re.fullmatch(
        r".* is better than that of (.*); is worse than that of (.*); "
        r"is not significantly different from that of (.*), where the interval includes 0",
        first,
    ).groups()
    names = [re.findall(r"`(\w+)`", part) for part in (better, worse, neither)]
    assert names == [["three", "yoked", "deaf"], ["two"], ["four", "any"]]
    assert "(`any`, `yoked` and `deaf`), it is better than `yoked` and `deaf` only." in text


def test_a_study_without_controls_or_power_says_so():
    study = claims_study(without=("any", "yoked", "deaf"), seeds=[1])
    _, text = said(
        study, scored({name: 0.0 for name in ALL if name in "one two three four five"}, 1)
    )
    assert (
        "The study has no uniform draws, replay of its temperatures or shuffled advantages: "
        "it cannot separate" in text
    )
    assert "With one run per method, how runs vary is unknown" in text


def test_a_study_without_tampo_says_nothing_about_it():
    methods = [
        {"name": "base", "policy": "untrained"},
        {"name": "cold", "policy": "fixed", "settings": {"temperature": 0.7}},
    ]
    tables = [{"name": "table1", "title": "All", "methods": ["base", "cold"]}]
    study = micro_study(methods=methods, tables=tables)
    assert paragraph(study, {1: []}).startswith("The study has no TAMPO with the paper's settings")


def test_the_table_of_comparisons_has_one_row_per_baseline():
    found, _ = said(claims_study(), scored(dict.fromkeys(ALL, 0.0)))
    table = comparison_table(found)
    assert list(table["TAMPO against"]) == BASELINES
    assert list(table["is"])[1:4] == [
        "fixed temperature",
        "rising linear schedule",
        "uniform draws",
    ]
    assert {"Pass@1, points", "p@1", "Holm@1", "Pass@8, points"} <= set(table.columns)


def test_what_was_learned_is_said_by_method():
    learned = pd.DataFrame(
        {"method": ["a", "b", "c"], "difference": [0.2, -0.1, 0.01], "holm": [0.01, 0.02, 0.6]}
    )
    assert _learned(micro_study(), learned) == (
        "The reward of plain GRPO's rollouts rose with `a`; it fell with `b`; "
        "it is not shown to have changed with `c`."
    )
