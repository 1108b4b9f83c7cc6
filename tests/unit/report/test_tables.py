"""Tables: right numbers in the right cells, reproducible byte for byte."""

import pandas as pd
import pytest
from support.paths import ROOT

from tampo.report.tables import readable, score_table, show, to_csv, to_markdown
from tampo.study.settings import Statistics
from tampo.study.study import load_study

SETTINGS = Statistics(resamples=200)
FRACTIONS = {
    ("one", 1): (1.0, 0.0),
    ("one", 2): (1.0, 0.5),
    ("two", 1): (0.5, 0.5),
    ("two", 2): (0, 1),
}


def score_tables(fractions=FRACTIONS):
    """Two methods, two seeds, two benchmarks `a` and `b`; `b` scores twice as well, at most 1."""
    scores, problems = [], []
    for (method, seed), values in fractions.items():
        for benchmark, factor in (("b", 2), ("a", 1)):
            values_here = [min(1, factor * value) for value in values]
            key = {"method": method, "seed": seed, "benchmark": benchmark, "metric": "pass@1"}
            scores.append(key | {"value": sum(values_here) / 2, "n": 2})
            problems += [
                key | {"problem": str(i), "value": value, "n": 4}
                for i, value in enumerate(values_here)
            ]
    return pd.DataFrame(scores), pd.DataFrame(problems)


@pytest.fixture
def table():
    return score_table(*score_tables(), ["two", "one"], ["pass@1"], SETTINGS)


def test_columns_and_rows_follow_the_contract(table):
    assert list(table.columns) == [
        *("method", "metric", "average", "average_low", "average_high"),
        *("b", "b_low", "b_high", "a", "a_low", "a_high", "num_seeds"),
    ]
    assert list(table["method"]) == ["two", "one"]
    assert list(table["num_seeds"]) == [2, 2]


def test_cells_are_percent_means_over_seeds(table):
    one = table.set_index("method").loc["one"]
    # Seed 1: (1 + 0) / 2, seed 2: (1 + 0.5) / 2 on a; on b twice the second problem.
    assert one["a"] == pytest.approx(62.5)
    assert one["b"] == pytest.approx(75.0)
    assert one["average"] == pytest.approx(68.75)
    assert one["a_low"] <= one["a"] <= one["a_high"]


def test_one_row_for_each_metric_of_a_method():
    scores, problems = score_tables()
    more = [frame.assign(metric="pass@4") for frame in (scores, problems)]
    scores, problems = pd.concat([scores, more[0]]), pd.concat([problems, more[1]])
    table = score_table(scores, problems, ["one", "two"], ["pass@1", "pass@4"], SETTINGS)
    rows = list(zip(table["method"], table["metric"], strict=True))
    assert rows == [("one", "pass@1"), ("one", "pass@4"), ("two", "pass@1"), ("two", "pass@4")]


def test_score_tables_that_disagree_are_refused():
    scores, problems = score_tables()
    scores.loc[0, "value"] += 0.01
    with pytest.raises(ValueError, match=r"one, pass@1, b: scores\.csv says .* aggregate again"):
        score_table(scores, problems, ["one", "two"], ["pass@1"], SETTINGS)


def test_a_missing_score_is_named_instead_of_left_out():
    scores, problems = score_tables()
    with pytest.raises(ValueError, match="no problem scores of three, pass@1, b"):
        score_table(scores, problems, ["one", "three"], ["pass@1"], SETTINGS)
    gap = problems[~((problems["method"] == "two") & (problems["problem"] == "1"))]
    gap = pd.concat([gap, problems[(problems["method"] == "two") & (problems["seed"] == 1)][1:2]])
    with pytest.raises(ValueError, match="two, pass@1, b: seeds differ in their problems"):
        score_table(scores, gap, ["two"], ["pass@1"], SETTINGS)


def test_csv_has_two_decimals_and_the_same_bytes(table):
    text = to_csv(table)
    assert text == to_csv(score_table(*score_tables(), ["two", "one"], ["pass@1"], SETTINGS))
    assert text.splitlines()[2].startswith("one,pass@1,68.75,")
    assert text.endswith(",2\n")


def test_readable_puts_the_interval_into_the_cell():
    table = pd.DataFrame({"method": ["x"], "a": [44.52], "a_low": [41.0], "a_high": [48.06]})
    assert readable(table).to_dict("list") == {"method": ["x"], "a": ["44.5 [41.0, 48.1]"]}
    assert to_markdown(readable(table)).splitlines() == [
        "| method | a                 |",
        "| ------ | ----------------- |",
        "| x      | 44.5 [41.0, 48.1] |",
    ]


def test_show_prints_any_csv(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("method,metric,average,source\nbase,pass@1,39.1,P\ngrpo,pass@1,,S\n")
    assert show(path).splitlines() == [
        "method  metric  average  source",
        "base    pass@1  39.1     P",
        "grpo    pass@1           S",
    ]


TRANSCRIBED = sorted((ROOT / "workflow" / "published" / "paper").glob("*.csv"))


@pytest.mark.parametrize("path", TRANSCRIBED, ids=lambda path: path.stem)
def test_published_tables_name_the_methods_and_benchmarks_of_their_study(path):
    paper = load_study(ROOT / "workflow" / "studies" / "paper.yaml")
    (table,) = [table for table in paper.tables if table.name == path.stem]
    rows = pd.read_csv(path)
    assert set(rows["method"]) <= set(table.methods)
    assert set(rows["metric"]) <= {"pass@1", "pass@8"}
    assert set(rows["source"]) <= {"P", "S"}
    benchmarks = set(rows.columns) - {"method", "metric", "average", "source"}
    assert benchmarks <= {benchmark.name for benchmark in paper.benchmarks}


@pytest.mark.parametrize("path", TRANSCRIBED[:2], ids=lambda path: path.stem)
def test_published_averages_are_those_of_their_benchmarks(path):
    # A transcription error in one cell would show here: averages are published to one decimal.
    rows = pd.read_csv(path).dropna()
    benchmarks = rows.drop(columns=["method", "metric", "average", "source"])
    assert rows["average"].tolist() == pytest.approx(benchmarks.mean(axis=1), abs=0.11)
