"""A study in which runs diverged: no score is made up, no run vanishes, and everything says so."""

import json
import shutil

import pandas as pd
import pytest
from support.finished_study import STUDY, diverge, report, write_finished_study

from tampo.evidence.archive import is_archive, write_archive
from tampo.evidence.results_page.study import study_values
from tampo.evidence.verify import verify
from tampo.files import IncompleteResults, to_jsonl
from tampo.records.outcomes import Outcomes
from tampo.report.tables import show
from tampo.stages.aggregate import aggregate

COST = ["rollout_tokens", "seconds", "cpu_seconds", "gpu_seconds"]


def made(folder, *runs):
    results = write_finished_study(folder / STUDY.name)
    for run in runs:
        diverge(results, *run)
    aggregate(STUDY, results, results / "aggregate")
    report(STUDY, results, results / "report")
    return results


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    """One of two runs of `cold` diverged at step 1."""
    return made(tmp_path_factory.mktemp("one"), ("cold", 2))


@pytest.fixture(scope="module")
def every(tmp_path_factory):
    """Both runs of `cold` diverged, one of them in its first step."""
    runs = ("cold", 1, 0, "reward boxed_reward is infinite in 16 of 16 rollouts"), ("cold", 2)
    return made(tmp_path_factory.mktemp("every"), *runs)


def table(results, name="table1"):
    return pd.read_csv(results / "report" / f"{name}.csv").set_index(["method", "metric"])


def test_a_run_that_diverged_has_an_outcome_and_no_score(one):
    for name in ("scores", "problem_scores"):
        frame = pd.read_csv(one / "aggregate" / f"{name}.csv")
        assert frame[(frame.method == "cold") & (frame.seed == 2)].empty
        assert not frame[(frame.method == "cold") & (frame.seed == 1)].empty
    runs = pd.read_csv(one / "aggregate" / "runs.csv")
    assert runs[["method", "seed", "outcome", "step"]].to_numpy().tolist() == [
        ["cold", 1, "finished", 6],
        ["cold", 2, "diverged", 1],
        ["tampo", 1, "finished", 6],
        ["tampo", 2, "finished", 6],
    ]
    (row,) = runs[runs.outcome == "diverged"].to_dict("records")
    # One step of 4 rollouts: 40 tokens, 2 s, 1.5 s of the processor, no GPU.
    assert [row[name] for name in ("reason", *COST)] == ["loss is nan", 40, 2.0, 1.5, 0.0]
    assert runs[runs.outcome == "finished"][["reason", *COST]].isna().all(axis=None)


def test_without_a_divergence_nothing_is_added(finished_study):
    assert not (finished_study / "aggregate" / "runs.csv").exists()
    for path in (finished_study / "report").rglob("*.*"):
        if path.suffix in (".csv", ".md", ".tex", ".html"):
            assert "diverged" not in path.read_text()


def test_runs_csv_goes_when_no_run_diverges_any_more(tmp_path):
    results = made(tmp_path, ("cold", 2))
    shutil.rmtree(results / "train")
    shutil.rmtree(results / "evaluate")
    shutil.rmtree(results / "model")
    write_finished_study(results)
    assert not (results / "aggregate" / "runs.csv").exists()


def test_tables_count_aloud(one):
    csv = table(one)
    assert csv.loc["cold", "diverged"].tolist() == ["1 of 2 runs"] * 2
    assert csv.loc[["base", "tampo"], "diverged"].isna().all()
    assert csv["num_seeds"].tolist() == [2, 2, 1, 1, 2, 2]
    # `cold` with seed 1 answers every other problem of 4 and of 3, with its first sample of two.
    assert csv.loc[("cold", "pass@2"), "average"] == pytest.approx(
        100 * (1 / 2 + 1 / 3) / 2, abs=0.01
    )
    note = "Diverged, and without scores: cold: 1 of 2 runs diverged."
    reason = "cold, seed 2, at step 1: loss is nan."
    for name in ("table1.md", "table1.tex", "table2.md"):
        text = (one / "report" / name).read_text()
        assert note in text and reason in text and "1 of 2 runs" in text
    assert "1 of 2 runs" in show(one / "report" / "table1.csv")


def test_a_method_without_a_finished_run_keeps_its_rows(every):
    csv = table(every)
    assert csv.loc["cold", "diverged"].tolist() == ["2 of 2 runs"] * 2
    assert csv.loc["cold"].drop(columns=["diverged", "num_seeds"]).isna().all(axis=None)
    assert csv.loc["cold", "num_seeds"].tolist() == [0, 0]
    markdown = (every / "report" / "table1.md").read_text()
    (row, _) = [line for line in markdown.splitlines() if line.startswith("| cold")]
    assert [cell.strip() for cell in row.split("|")[3:6]] == ["–", "–", "–"]
    assert "nan" not in (every / "report" / "table1.tex").read_text().replace("loss is nan", "")
    robust = pd.read_csv(every / "report" / "robust.csv").set_index("method")
    assert robust.loc["cold", ["iqm", "improvement"]].isna().all()
    assert (robust.loc["cold", "num_seeds"], robust.loc["cold", "diverged"]) == (0, "2 of 2 runs")


def test_the_page_says_it_where_scores_stand_and_under_what_went_wrong(one, every):
    page = (one / "report" / "report.html").read_text()
    for section in ("tables", "figures", "failures"):
        text = page.partition(f'<section id="{section}"')[2].partition("</section>")[0]
        assert "cold: 1 of 2 runs diverged" in text
    assert "train/cold/seed2: diverged at step 1: loss is nan; not evaluated." in page
    assert "which took 2 s of training and 40 rollout tokens more" in page
    page = (every / "report" / "report.html").read_text()
    assert "<strong>Diverged: cold: 2 of 2 runs diverged.</strong>" in page
    assert ">nan<" not in page


def test_claims_rest_on_what_finished_and_say_so(one, every):
    claims = pd.read_csv(one / "report" / "claims.csv").set_index("id")
    assert claims.loc["C7", "detail"].endswith("runs that diverged (cold: 1 of 2 runs diverged)")
    assert claims.loc["C6", "verdict"] == "not tested here"
    assert claims.loc["C6", "detail"] == (
        "one run per method: how runs vary is unknown; without runs that diverged "
        "(cold: 1 of 2 runs diverged)"
    )
    claims = pd.read_csv(every / "report" / "claims.csv").set_index("id")
    assert claims.loc["C6", "detail"] == claims.loc["C8", "detail"] == "cold: 2 of 2 runs diverged"


def test_figures_mark_the_run(one, every):
    for results, steps in ((one, {2: 1}), (every, {1: 0, 2: 1})):
        for name in ("temperatures", "learning_curves", "truncation"):
            data = pd.read_csv(results / "report" / "figures" / f"{name}.csv")
            marked = data[data.diverged]
            assert dict(zip(marked.seed, marked.step, strict=True)) == steps
            assert (results / "report" / "figures" / f"{name}.svg").is_file()
    deltas = pd.read_csv(one / "report" / "figures" / "benchmark_deltas.csv").set_index("method")
    assert set(deltas.loc["cold", "diverged"]) == {"1 of 2 runs"}
    assert set(deltas.loc["cold", "num_seeds"]) == {1}
    deltas = pd.read_csv(every / "report" / "figures" / "benchmark_deltas.csv").set_index("method")
    assert deltas.loc["cold", "difference"].isna().all()
    costs = pd.read_csv(every / "report" / "figures" / "cost_accuracy.csv")
    assert costs.method.tolist() == ["base", "tampo"]


def test_such_a_study_verifies_and_is_packed_without_a_loss(one, every, tmp_path):
    for results in (one, every):
        found = verify(results, progress=lambda _: None)
        assert not found.mismatches
        assert found.checked["outcomes of training"] == 4
        out = tmp_path / results.parent.name
        write_archive(results, out, {})
        assert is_archive(out)
        assert (out / "train" / "cold" / "seed2" / "checkpoint" / "diverged.json.xz").is_file()
        found = verify(out, progress=lambda _: None)
        assert not found.mismatches
        values = study_values(out, tmp_path / "page.md")
        assert "Runs that diverged have no scores" in values["paragraph"]
        assert any("diverged at step 1" in line for line in values["irregularities"])


def tamper_evaluation(results):
    other = json.loads((results / "evaluate/tampo/seed2/run.json").read_text())
    (results / "evaluate/cold/seed2/run.json").write_text(json.dumps(other))


def tamper_responses(results):
    source = (results / "evaluate/tampo/seed2/sums.jsonl").read_text()
    (results / "evaluate/cold/seed2/sums.jsonl").write_text(source)


def tamper_checkpoint(results):
    (results / "train/cold/seed2/checkpoint/model.safetensors").write_text("weights")


def tamper_marker(results):
    text = json.dumps({"step": 4, "what": "loss is nan"})
    (results / "train/cold/seed2/checkpoint/diverged.json").write_text(text)


def tamper_steps(results):
    rows = [{"step": step} for step in range(3)]
    (results / "train/cold/seed2/steps.jsonl").write_text(to_jsonl(rows))


def tamper_record(results):
    path = results / "train/cold/seed2/run.json"
    record = json.loads(path.read_text())
    del record["diverged"]
    path.write_text(json.dumps(record))


@pytest.mark.parametrize(
    ("tamper", "what"),
    [
        (tamper_evaluation, "scores a run that diverged at step 1: loss is nan"),
        (tamper_responses, "holds responses, but the evaluation was refused"),
        (tamper_checkpoint, "holds model.safetensors; the run diverged at step 1"),
        (tamper_marker, "the run diverged at step 1: loss is nan, as its run.json says"),
        (tamper_steps, "not the 1 steps before the run diverged at step 1"),
        (tamper_record, "the run finished, as its run.json says"),
    ],
)
def test_files_that_disagree_on_a_divergence_are_refused_by_name(one, tmp_path, tamper, what):
    results = tmp_path / STUDY.name
    shutil.copytree(one, results)
    tamper(results)
    with pytest.raises(IncompleteResults, match=what):
        aggregate(STUDY, results, results / "aggregate")
    assert any(
        what in str(mismatch) for mismatch in verify(results, progress=lambda _: None).mismatches
    )


def test_an_evaluation_that_is_refused_has_to_be_there(one, tmp_path):
    results = tmp_path / STUDY.name
    shutil.copytree(one, results)
    (results / "evaluate/cold/seed2/maxima.jsonl").unlink()
    with pytest.raises(IncompleteResults, match=r"cold/seed2/maxima\.jsonl: missing"):
        aggregate(STUDY, results, results / "aggregate")


def test_outcomes_without_a_table_are_all_finished():
    nothing = Outcomes()
    assert (nothing.diverged, nothing.counted("cold"), nothing.sentences()) == (frozenset(), "", [])
    assert not nothing.all_diverged("cold")
