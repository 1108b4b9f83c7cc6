"""The report stage: every file of the contract, the right numbers in them, reproducible byte for byte."""

import html
import json
import re
import shutil

import pandas as pd
import pytest
from support.finished_study import HOSTILE, STUDY, report

from tampo.files import checksums, sha256_of
from tampo.report.figures import FIGURES
from tampo.report.outcome import outcome
from tampo.report.page.page import with_code
from tampo.report.rounding import number
from tampo.study.references import References
from tampo.study.study import load_study


@pytest.fixture
def results(finished_study, tmp_path):
    return shutil.copytree(finished_study, tmp_path / STUDY.name)


def page(results):
    return (results / "report" / "report.html").read_text()


def section(results, name):
    return re.search(rf'<section id="{name}".*?</section>', page(results), re.DOTALL)[0]


def test_the_report_is_complete(finished_study):
    found = {
        str(path.relative_to(finished_study / "report"))
        for path in finished_study.rglob("report/**/*.*")
    }
    expected = {f"{table.name}.{form}" for table in STUDY.tables for form in ("csv", "md", "tex")}
    expected |= {
        "claims.csv",
        "comparisons.csv",
        "robust.csv",
        "report.html",
        "study.yaml",
        "checksums.json",
    }
    figures = {name for name in found if name.startswith("figures/")}
    assert found - figures == expected
    drawn = {name.removeprefix("figures/").rpartition(".")[0] for name in figures}
    assert {"temperatures", "benchmark_deltas", "cost_accuracy"} <= drawn <= set(FIGURES)
    assert figures == {f"figures/{n}.{form}" for n in drawn for form in ("svg", "png", "csv")}


def test_the_same_results_make_the_same_bytes(results):
    before = checksums(results)
    shutil.rmtree(results / "report")
    report(STUDY, results, results / "report")
    assert checksums(results) == before


def test_the_stored_study_is_the_study(finished_study):
    assert load_study(finished_study / "report" / "study.yaml") == STUDY


def test_a_reason_to_train_on_benchmark_problems_stands_beside_every_score(results):
    assert "benchmark problems" not in page(results)
    reason = "to measure what leakage is worth"
    run = results / "train" / "tampo" / "seed1"
    found = {"arithmetic-train": {"sums": {"equal": 3, "near": 1}}}
    record = json.loads((run / "run.json").read_text())
    record["overlap"] = {"found": found, "not_read": []}
    (run / "run.json").write_text(json.dumps(record))
    report(STUDY.model_copy(update={"allow_overlap": reason}), results, results / "report")
    assert f"{reason} (arithmetic-train with sums: 3 equal, 1 near)" in page(results)
    for table in STUDY.tables:
        for form in ("md", "tex"):
            text = (results / "report" / f"{table.name}.{form}").read_text()
            assert f"Training problems may be benchmark problems: {reason}" in text
    assert load_study(results / "report" / "study.yaml").allow_overlap == reason


def test_checksums_cover_what_was_made_and_what_it_was_made_from(finished_study):
    listed = json.loads((finished_study / "report" / "checksums.json").read_text())
    made = checksums(finished_study / "report")
    del made["checksums.json"]
    assert listed["report"] == made
    assert {"aggregate/scores.csv", "aggregate/steps.csv", "model/run.json"} <= set(
        listed["made_from"]
    )
    assert len([p for p in listed["made_from"] if p.startswith("evaluate/")]) == 3 * 2 * (2 + 1)
    for path, digest in listed["made_from"].items():
        assert sha256_of(finished_study / path) == digest


def test_tables_show_marks_only_where_the_difference_is_clear(finished_study):
    text = (finished_study / "report" / "table1.md").read_text()
    cells = {
        tuple(line.split("|")[i].strip() for i in (1, 2)): line.split("|")[3].strip()
        for line in text.splitlines()
        if line.startswith("| ")
    }
    assert cells["tampo", "pass@1"].startswith("**100.0** [")
    # 2 of 4 and 1 of 3 problems half right against none: a quarter and a sixth on average.
    assert cells["cold", "pass@1"].startswith(("20.8 [", "_20.8_ ["))
    assert cells["base", "pass@1"].startswith("0.0 [")
    latex = (finished_study / "report" / "table1.tex").read_text()
    assert r"\textbf{100.0}" in latex and r"\toprule" in latex


def test_a_study_that_is_no_reproduction_says_so(finished_study):
    text = (finished_study / "report" / "table1.md").read_text()
    assert "This study does not reproduce the paper" in text
    assert "published_" not in text
    assert "training.steps" in section(finished_study, "departures")


def test_published_numbers_are_shown_beside_ours_and_not_in_our_csv(results, tmp_path):
    published, studies = tmp_path / "published", tmp_path / "studies"
    (published / STUDY.name).mkdir(parents=True)
    numbers = "method,metric,average,sums,source\ntampo,pass@1,12.34,,P\n"
    (published / STUDY.name / "table1.csv").write_text(numbers)
    studies.mkdir()
    shutil.copy(results / "report" / "study.yaml", studies / f"{STUDY.name}.yaml")
    before = (results / "report" / "table1.csv").read_bytes()
    references = References(published, studies)
    report(STUDY, results, results / "report", references, draw=False)
    assert (results / "report" / "table1.csv").read_bytes() == before
    assert (results / "report" / "published_table1.csv").read_text() == numbers
    assert "Nothing here was" in (results / "report" / "published_table1.md").read_text()
    for form in ("md", "tex"):
        assert "12.34" in (results / "report" / f"table1.{form}").read_text()
    text = (results / "report" / "table1.md").read_text()
    assert "published_average" in text and "published_sums" in text and "published_source" in text
    assert "published_maxima" not in text
    assert "No setting differs" in text


def test_the_page_opens_with_the_outcome_its_figure_and_a_line_for_each_tested_claim(
    finished_study,
):
    text = page(finished_study)
    claims = pd.read_csv(finished_study / "report" / "claims.csv")
    head = text[text.index("<header>") : text.index("</header>")]
    places = [head.index(mark) for mark in ("<h1>", 'id="figure-differences"', 'class="lines"')]
    assert places == sorted(places)
    assert outcome(STUDY, claims) in html.unescape(head)
    assert head.count('<li><span class="verdict') == claims["estimate"].notna().sum() > 0
    assert "What this does not show" in head and "Training seeds" not in head


def test_facts_and_every_claim_with_its_rule_follow(finished_study):
    text = page(finished_study)
    order = [text.index(f'<section id="{name}"') for name in ("claims", "tables", "figures")]
    assert order[0] < text.index("Training seeds") < order[1] < order[2]
    claims = pd.read_csv(finished_study / "report" / "claims.csv")
    assert len(claims)
    for claim in claims.itertuples():
        assert f'data-verdict="{claim.verdict}"' in text
    assert section(finished_study, "claims").count("<article") == len(claims)


def test_the_page_has_gains_and_chances_of_every_trained_method(finished_study):
    robust = pd.read_csv(finished_study / "report" / "robust.csv").set_index("method")
    assert list(robust.index) == STUDY.trained_methods
    # TAMPO beats itself half of the time, ties counted half.
    assert robust.loc["tampo", "improvement"] == 0.5
    assert robust["improvement"].between(0, 1).all()
    text = section(finished_study, "tables")
    assert (
        "Scores that no single benchmark decides" in text and "probability of beating tampo" in text
    )
    for method in robust.itertuples():
        assert f"{number(method.iqm)} [{number(method.iqm_low)}, " in text


def test_the_page_holds_every_figure_with_its_caption(finished_study):
    text = page(finished_study)
    drawn = {path.stem for path in (finished_study / "report" / "figures").glob("*.svg")}
    assert "differences" in drawn and 'id="figure-differences"' in text
    assert text.count('<img src="data:image/svg+xml;base64,') == len(drawn)
    assert text.count("alt=") == len(drawn) and 'alt=""' not in text
    for name in set(FIGURES) - drawn:
        assert f"<li>{FIGURES[name].title}: " in text


def test_the_page_shows_no_backticks_and_code_in_them_is_escaped(finished_study):
    text = page(finished_study)
    shown = re.sub(r"<script.*?</script>", "", text[text.index("<body>") :], flags=re.DOTALL)
    assert "`" not in re.sub("<[^>]+>", "", shown) and not re.search(r'alt="[^"]*`', shown)
    assert with_code("`a<b` & c") == "<code>a&lt;b</code> &amp; c"


def test_responses_are_escaped(finished_study):
    text = page(finished_study)
    assert HOSTILE not in text and "<b>bold</b>" not in text
    data = re.search(r'id="sample-data">(.*?)</script>', text, re.DOTALL)[1]
    responses = json.loads(data)["responses"]
    assert HOSTILE in [response["response"] for response in responses]
    # All of 3 methods, 2 seeds, 4 + 3 problems and 2 samples fit in.
    assert len(responses) == 3 * 2 * 7 * 2


def test_the_page_loads_nothing(finished_study):
    addresses = re.findall(r'(?:src|href)="([^"]*)"', page(finished_study))
    assert addresses and all(a.startswith(("#", "data:")) for a in addresses)
    assert "@import" not in page(finished_study) and "url(" not in page(finished_study)


def test_failures_are_counted_by_method(finished_study):
    row = re.search(
        r'<th scope="row">base</th>(.*?)</tr>', section(finished_study, "failures"), re.DOTALL
    )
    numbers = re.findall(r">([\d,]+)<", row[1])
    # responses, correct, wrong, unparseable, timeout, error, truncated: in each of two benchmarks
    # the first problem of seed 1 has one response without an answer and one truncated.
    assert numbers == ["28", "0", "24", "2", "0", "0", "2"]


def test_irregular_runs_are_named(results):
    path = results / "train" / "tampo" / "seed1" / "run.json"
    run = json.loads(path.read_text())
    run |= {"resumed_from": "checkpoint-3", "packages": {"torch": "2.1"}}
    run["problems_left_out"]["ids"] = ["a", "b"]
    run["source"]["dirty"] = True
    path.write_text(json.dumps(run))
    report(STUDY, results, results / "report", draw=False)
    text = section(results, "failures")
    assert "train/tampo/seed1: 2 training problems left out (prompt too long)." in text
    assert "train/tampo/seed1: interrupted and resumed from checkpoint-3." in text
    assert "1 of 11 runs came from files that differ from the commit." in text
    assert "The runs come from 2 sets of package versions." in text


def test_an_unfinished_run_is_named(results):
    (results / "train" / "cold" / "seed2" / "run.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"train/cold/seed2/run\.json"):
        report(STUDY, results, results / "report")


def test_a_missing_score_table_is_named(results):
    (results / "aggregate" / "problem_scores.csv").unlink()
    with pytest.raises(FileNotFoundError, match=r"problem_scores\.csv"):
        report(STUDY, results, results / "report")


def test_files_of_an_earlier_report_do_not_survive(results):
    fewer = STUDY.model_copy(update={"tables": STUDY.tables[:1]})
    (results / "report" / "notes.txt").write_text("not the report's")
    report(fewer, results, results / "report", draw=False)
    assert not (results / "report" / "table2.csv").exists()
    assert (results / "report" / "notes.txt").exists()
