"""Aggregation: scores follow from stored samples alone, and incomplete runs are refused by name."""

import json

import pandas as pd
import pytest
from support.run_json import COMMON, write_run_json
from support.studies import micro_study, write_training_run

from tampo import layout
from tampo.files import IncompleteResults
from tampo.grading import OUTCOMES
from tampo.problems.catalogue import CATALOGUE
from tampo.records.cost import training_cost
from tampo.stages.aggregate import aggregate, parse_samples, problem_rows, score_rows
from tampo.study.settings import Benchmark

STUDY = micro_study(
    benchmarks=[{"name": "sums", "samples": 4, "limit": 3}],
    evaluation={"pass_k": [1, 2]},
)


def response(outcome, tokens=5, finish="stop"):
    return {
        "response": "...",
        "extracted": None,
        "outcome": outcome,
        "finish": finish,
        "tokens": tokens,
    }


def line(problem, correct, samples=4):
    outcomes = ["correct"] * correct + ["wrong"] * (samples - correct)
    return {
        "id": problem,
        "prompt": "",
        "answer": ["1"],
        "responses": list(map(response, outcomes)),
    }


def write_run(results, method, seed, lines):
    folder = layout.evaluate_folder(results, method, seed)
    folder.mkdir(parents=True)
    hardware = COMMON["hardware"] | {"gpus": ["a", "b"]}
    write_run_json(folder, "evaluate", seconds={"wall": 3.0, "cpu": 2.5}, hardware=hardware)
    (folder / "sums.jsonl").write_text("".join(json.dumps(row) + "\n" for row in lines))
    return folder


@pytest.fixture
def results(tmp_path):
    for method in ("base", "cold", "tampo"):
        for seed in (1, 2):
            lines = [line("a", 4), line("b", 1 if method == "base" else 2), line("c", seed - 1)]
            write_run(tmp_path, method, seed, lines)
            if method != "base":
                write_training_run(tmp_path, method, seed, STUDY.training.steps)
    return tmp_path


def scores_of(folder):
    table = pd.read_csv(folder / "scores.csv")
    return table.set_index(["method", "seed", "benchmark", "metric"])["value"].sort_index()


def test_pass_at_k_is_the_mean_over_problems_of_the_unbiased_estimate(results, tmp_path):
    aggregate(STUDY, results, tmp_path / "out")
    scores = scores_of(tmp_path / "out")
    # Four samples, 4, 1 and 0 right: pass@1 = (1 + 1/4 + 0) / 3.
    assert scores["base", 1, "sums", "pass@1"] == pytest.approx(1.25 / 3)
    # Pass@2 of one right in four: 1 - C(3,2)/C(4,2) = 1/2.
    assert scores["base", 1, "sums", "pass@2"] == pytest.approx(1.5 / 3)
    # Two right in four: 1 - C(2,2)/C(4,2) = 5/6; seed 2 also has one right of problem c.
    assert scores["cold", 2, "sums", "pass@2"] == pytest.approx((1 + 5 / 6 + 1 / 2) / 3)


def test_outcomes_length_limit_and_tokens_are_fractions_over_responses():
    responses = [
        response("correct", 2),
        response("error", 4, "length"),
        response("truncated", 6, "length"),
        response("timeout", 8),
    ]
    row = {"id": "a", "prompt": "", "answer": ["1"], "responses": responses}
    problems = parse_samples([row], Benchmark(name="sums", samples=4))
    found = {r["metric"]: (r["value"], r["n"]) for r in score_rows(problems, [1])}
    assert found == {
        "pass@1": (pytest.approx(0.25), 1),
        "correct": (0.25, 4),
        "wrong": (0.0, 4),
        "unparseable": (0.0, 4),
        "timeout": (0.25, 4),
        "error": (0.25, 4),
        "truncated": (0.25, 4),
        "length_limited": (0.5, 4),
        "tokens": (5.0, 4),
    }
    assert sum(found[outcome][0] for outcome in OUTCOMES) == 1


def test_per_problem_scores_average_to_the_score():
    problems = parse_samples(
        [line("a", 3), line("b", 0), line("c", 1)], Benchmark(name="sums", samples=4)
    )
    per_problem = [r["value"] for r in problem_rows(problems, [2])]
    (score,) = [r["value"] for r in score_rows(problems, [2]) if r["metric"] == "pass@2"]
    assert sum(per_problem) / 3 == pytest.approx(score)


def test_rows_are_in_the_studys_order_and_reproducible_byte_for_byte(results, tmp_path):
    aggregate(STUDY, results, tmp_path / "one")
    aggregate(STUDY, results, tmp_path / "two")
    table = pd.read_csv(tmp_path / "one" / "scores.csv")
    assert list(dict.fromkeys(table["method"])) == ["base", "cold", "tampo"]
    assert list(table["seed"][:20]) == [1] * 10 + [2] * 10
    assert list(dict.fromkeys(table["benchmark"])) == ["sums", "evaluation", "training"]
    for name in ("scores.csv", "problem_scores.csv"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_costs_are_listed_with_the_scores(results, tmp_path):
    """Six steps of 4 rollouts: 40 tokens, 2 s of wall clock, 1.5 s of processor, a quarter length-limited."""
    aggregate(STUDY, results, tmp_path / "out")
    scores = scores_of(tmp_path / "out")
    cost = scores["tampo", 1, "training"]
    assert cost.to_dict() == {
        "rollout_tokens": 240.0,
        "rollout_truncated": 0.25,
        "seconds": 12.0,
        "cpu_seconds": 9.0,
        "gpu_seconds": 0.0,
    }
    assert "training" not in scores["base", 1].index.get_level_values("benchmark")
    # Two GPUs held for 3 s.
    assert scores["base", 1, "evaluation"].to_dict() == {
        "seconds": 3.0,
        "cpu_seconds": 2.5,
        "gpu_seconds": 6.0,
    }


def test_gpu_seconds_are_those_of_all_processes(results):
    folder = results / "train" / "cold" / "seed1"
    hardware = COMMON["hardware"] | {"gpus": ["a"] * 4}
    write_run_json(folder, "train", processes=4, hardware=hardware)
    (cost,) = [row for row in training_cost(folder) if row["metric"] == "gpu_seconds"]
    assert cost["value"] == 4 * 12.0


def test_a_missing_training_run_is_named_and_nothing_is_written(results, tmp_path):
    (results / "train" / "cold" / "seed2" / "steps.jsonl").unlink()
    with pytest.raises(IncompleteResults, match=r"train/cold/seed2/steps\.jsonl: missing"):
        aggregate(STUDY, results, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_scores_keep_full_precision(results, tmp_path):
    aggregate(STUDY, results, tmp_path / "out")
    assert ",0.4166666666666667," in (tmp_path / "out" / "scores.csv").read_text()


def test_every_missing_run_is_named_and_nothing_is_written(results, tmp_path):
    (layout.evaluate_folder(results, "cold", 2) / "sums.jsonl").unlink()
    (layout.evaluate_folder(results, "tampo", 1) / "run.json").unlink()
    with pytest.raises(IncompleteResults) as caught:
        aggregate(STUDY, results, tmp_path / "out")
    message = str(caught.value)
    assert "evaluate/cold/seed2/sums.jsonl: missing" in message
    assert "evaluate/tampo/seed1/run.json: missing" in message
    assert "base" not in message
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ([line("a", 1), line("b", 1)], "2 problems, the study asks for 3"),
        ([line("a", 1), line("b", 1), line("b", 1)], "problem 'b' is duplicated"),
        (
            [line("a", 1), line("b", 1), line("c", 1, samples=3)],
            "problem 'c' has 3 responses, the study asks for 4",
        ),
        (
            [line("a", 1), line("b", 1), {**line("c", 0), "responses": [response("lost")] * 4}],
            "problem 'c' has outcome 'lost'; allowed: correct, wrong",
        ),
        ([line("a", 1), line("b", 1), {"id": "c"}], "a line has no key 'responses'"),
        ([line("a", 1), line("b", 1), line("d", 1)], "other problems than the first run"),
    ],
)
def test_an_incomplete_run_is_refused_with_its_file_and_reason(results, tmp_path, lines, reason):
    folder = layout.evaluate_folder(results, "tampo", 2)
    (folder / "sums.jsonl").write_text("".join(json.dumps(row) + "\n" for row in lines))
    with pytest.raises(IncompleteResults) as caught:
        aggregate(STUDY, results, tmp_path / "out")
    assert f"evaluate/tampo/seed2/sums.jsonl: {reason}" in str(caught.value)


def test_an_incomplete_line_is_named_by_file_and_line(results, tmp_path):
    path = layout.evaluate_folder(results, "base", 1) / "sums.jsonl"
    path.write_text(path.read_text()[:-30])
    with pytest.raises(IncompleteResults, match=r"sums\.jsonl:3: not JSON"):
        aggregate(STUDY, results, tmp_path / "out")


def test_without_a_limit_the_whole_set_must_have_been_sampled(results, tmp_path):
    study = micro_study(benchmarks=[{"name": "sums", "samples": 4}], evaluation={"pass_k": [1, 2]})
    whole = CATALOGUE["sums"].count
    with pytest.raises(IncompleteResults, match=f"3 problems, the study asks for {whole}"):
        aggregate(study, results, tmp_path / "out")
