"""What run.json files say together: sums that can be checked by hand, and oddities by name."""

import pandas as pd
import pytest
from support.finished_study import STUDY
from support.run_json import run_json

from tampo.records.run_records import (
    RunRecord,
    cost_by_method,
    data_sources,
    environments,
    hours,
    irregularities,
    outcome_counts,
)


def run(path, stage="train", method="tampo", **changes):
    return RunRecord(path, method, 1, run_json(stage, **changes), "0" * 64)


def rows(method, seed, *values):
    return [
        {"method": method, "seed": seed, "benchmark": b, "metric": m, "value": v, "n": n}
        for b, m, v, n in values
    ]


SCORES = pd.DataFrame(
    rows(
        "tampo",
        1,
        ("sums", "tokens", 5.0, 8),
        ("sums", "length_limited", 0.25, 8),
        ("sums", "correct", 0.75, 8),
        ("sums", "wrong", 0.25, 8),
        ("maxima", "tokens", 10.0, 24),
        ("maxima", "length_limited", 0.0, 24),
        ("maxima", "correct", 1 / 3, 24),
        ("maxima", "truncated", 2 / 3, 24),
        ("training", "rollout_tokens", 100.0, 6),
        ("training", "rollout_truncated", 0.5, 10),
        ("training", "seconds", 1800.0, 1),
        ("training", "cpu_seconds", 3600.0, 1),
        ("training", "gpu_seconds", 0.0, 1),
        ("evaluation", "seconds", 360.0, 1),
    )
    + rows(
        "tampo",
        2,
        ("training", "rollout_tokens", 50.0, 6),
        ("training", "rollout_truncated", 0.0, 30),
        ("training", "seconds", 1800.0, 1),
    )
    + rows("base", 1, ("sums", "tokens", 2.0, 8), ("sums", "length_limited", 0.0, 8))
)


def test_costs_are_sums_over_seeds_and_fractions_over_counts():
    table = cost_by_method(STUDY, SCORES).set_index("method")
    tampo = table.loc["tampo"]
    assert tampo["training_hours"] == 1.0 and tampo["training_cpu_hours"] == 1.0
    assert tampo["training_gpu_hours"] == 0.0
    assert tampo["training_tokens"] == 150
    # 5 of 10 and 0 of 30 rollouts.
    assert tampo["training_truncated"] == pytest.approx(5 / 40)
    assert tampo["evaluation_hours"] == pytest.approx(0.1)
    assert tampo["evaluation_tokens"] == pytest.approx(5 * 8 + 10 * 24)
    assert tampo["evaluation_length_limited"] == pytest.approx(2 / 32)


def test_what_was_not_trained_has_no_training_cost():
    base = cost_by_method(STUDY, SCORES).set_index("method").loc["base"]
    assert base.filter(like="training").isna().all()
    assert base["evaluation_tokens"] == 16


def test_outcomes_are_whole_responses():
    scores = SCORES[SCORES["method"] == "tampo"]
    never = ("unparseable", "timeout", "error")
    extra = [("sums", outcome, 0.0, 8) for outcome in (*never, "truncated")]
    extra += [("maxima", outcome, 0.0, 24) for outcome in (*never, "wrong")]
    scores = pd.concat([scores, pd.DataFrame(rows("tampo", 1, *extra))])
    study = STUDY.model_copy(update={"methods": [STUDY.method("tampo")]})
    (counted,) = outcome_counts(study, scores).to_dict("records")
    assert counted == {
        "method": "tampo",
        "responses": 32,
        "correct": 6 + 8,
        "wrong": 2,
        "unparseable": 0,
        "timeout": 0,
        "error": 0,
        "truncated": 16,
    }


def test_hours_of_all_runs(tmp_path):
    assert hours([run(tmp_path), run(tmp_path)]) == pytest.approx(72 / 3600)
    assert hours([run(tmp_path)], "cpu") == pytest.approx(18 / 3600)


def test_runs_that_are_alike_give_nothing_to_say(tmp_path):
    assert irregularities([run(tmp_path), run(tmp_path)]) == []


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"resumed_from": "checkpoint-4"}, "run: interrupted and resumed from checkpoint-4."),
        ({"source": {"commit": None, "dirty": None}}, "1 of 2 runs do not know their commit."),
        ({"source": {"commit": "d" * 40, "dirty": False}}, "The runs come from 2 commits."),
        (
            {"source": {"commit": "c" * 40, "dirty": True}},
            "1 of 2 runs came from files that differ from the commit.",
        ),
    ],
)
def test_an_oddity_is_named(tmp_path, changes, sentence):
    odd = run(tmp_path.relative_to(tmp_path) / "run" / "run.json", **changes)
    assert sentence in irregularities([run(tmp_path), odd])


def test_runs_are_grouped_by_their_surroundings(tmp_path):
    gpu = {"processor": "CPU", "cores": 8, "memory_mib": 4096, "gpus": ["V100", "V100"]}
    groups = environments([run(tmp_path), run(tmp_path, hardware=gpu), run(tmp_path)])
    assert [(group["runs"], group["machine"]) for group in groups] == [
        (2, "CPU, 2 cores, 2 GiB, no GPU"),
        (1, "CPU, 8 cores, 4 GiB, 2 × V100"),
    ]
    assert groups[0]["packages"] == "torch 2.0, pandas 3.0"


def test_different_data_of_one_benchmark_are_two_rows(tmp_path):
    def entry(digest):
        data = {"repository": "a/b", "revision": "r", "sha256": digest}
        return {"sums": {"version": 1.0, "problems": 4, "data": data, "file_sha256": "0"}}

    records = [run(tmp_path, "evaluate", benchmarks=entry(digest)) for digest in ("1", "1", "2")]
    table = data_sources(records)
    assert table["sha256"].tolist() == ["1", "2"]
    assert table["source"].tolist() == ["repository a/b, revision r"] * 2
