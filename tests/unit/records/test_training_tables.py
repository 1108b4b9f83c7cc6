"""Training tables: rows follow from the logs of the runs, and incomplete runs are refused by name."""

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from support.run_json import write_run_json
from support.studies import micro_study

from tampo.files import IncompleteResults
from tampo.layout import TRAINING_TABLES
from tampo.records.training_tables import (
    DIP_TOLERANCE,
    dips,
    training_tables,
    write_training_tables,
)

STUDY = micro_study(training={"steps": 2})
CANDIDATES = (0.8, 1.0, 1.2)
# (step, row, advantage, log-likelihood under 0.8, 1.0 and 1.2)
TRAJECTORIES = [
    (0, 0, 1.0, [-1.0, -0.9, -0.95]),  # positive, best at 1.0
    (0, 1, -1.0, [-2.0, -1.9, -1.8]),  # negative, best at 1.2
    (0, 2, 0.0, [-0.5, -0.5, -0.6]),  # zero, a tie: best at 0.8
    (1, 0, 0.5, [-0.1, -0.2, -0.3]),  # positive, best at 0.8
    (1, 1, 2.0, [-0.7, -0.8, -0.6]),  # positive, best at 1.2, two peaks: dips by 0.1
    (1, 2, 0.25, [-0.4, -0.4 - 5e-6, -0.4 + 1e-6]),  # positive, best at 1.2, dips by rounding
]


def step_line(step, **changes):
    line = {
        "step": step,
        "temperature": 0.7,
        "reward": 0.25,
        "tokens": 40,
        "seconds": {"generate": 0.5, "reward": 0.125, "total": 2.0},
    }
    return line | changes


def write_run(results, method, seed, *, steps=None, policy=None, trajectories=TRAJECTORIES):
    folder = results / "train" / method / f"seed{seed}"
    folder.mkdir(parents=True)
    steps = [step_line(0), step_line(1)] if steps is None else steps
    policy = [{"step": 0}, {"step": 1}] if policy is None else policy
    for name, lines in (("steps.jsonl", steps), ("policy.jsonl", policy)):
        (folder / name).write_text("".join(json.dumps(line) + "\n" for line in lines))
    step, row, advantage, curves = zip(*trajectories, strict=True)
    # Out of order on purpose: the temperatures are sorted as numbers, not as text or by position.
    columns = {"step": step, "row": row, "problem_id": ["p"] * len(row), "advantage": advantage}
    for k in (2, 0, 1):
        columns[f"log_likelihood_{CANDIDATES[k]:g}"] = [curve[k] for curve in curves]
    pq.write_table(pa.table(columns), folder / "trajectories.parquet")
    write_run_json(folder, "train")
    return folder


DISTRIBUTIONS = [
    {"step": 0, "candidates": [0.8, 1.2], "probabilities": [0.25, 0.75]},
    {"step": 1, "candidates": [0.8, 1.2], "probabilities": [1.0, 0.0]},
]


@pytest.fixture
def results(tmp_path):
    for seed in (1, 2):
        write_run(tmp_path, "cold", seed)
        write_run(tmp_path, "tampo", seed, policy=DISTRIBUTIONS)
    return tmp_path


def test_steps_are_flat_with_total_seconds_and_their_parts(results):
    steps = training_tables(STUDY, results)["steps"]
    assert list(steps.columns[: len(TRAINING_TABLES["steps"])]) == TRAINING_TABLES["steps"]
    assert list(steps["method"]) == ["cold"] * 4 + ["tampo"] * 4
    assert list(steps["seed"][:4]) == [1, 1, 2, 2]
    first = steps.iloc[0]
    assert (first["seconds"], first["seconds_generate"], first["seconds_reward"]) == (2, 0.5, 0.125)
    assert first["tokens"] == 40
    assert steps["kl"].isna().all(), "a number that no run logged is empty, not 0"


def test_a_number_that_only_some_runs_log_is_a_column_empty_for_the_others(tmp_path):
    for seed in (1, 2):
        write_run(tmp_path, "cold", seed, steps=[step_line(0, coefficient=3.0), step_line(1)])
        write_run(tmp_path, "tampo", seed)
    steps = training_tables(STUDY, tmp_path)["steps"]
    cold = steps[steps["method"] == "cold"]
    assert cold["coefficient"].tolist()[0] == 3.0
    assert steps["coefficient"].isna().sum() == 6


def test_policy_has_one_row_per_candidate_where_a_distribution_is_published(results):
    policy = training_tables(STUDY, results)["policy"]
    assert set(policy["method"]) == {"tampo"}
    one = policy[policy["seed"] == 1]
    assert one[["step", "candidate", "probability"]].values.tolist() == [
        [0, 0.8, 0.25],
        [0, 1.2, 0.75],
        [1, 0.8, 1.0],
        [1, 1.2, 0.0],
    ]


def test_optimal_temperatures_are_counted_by_sign_over_the_whole_grid(results):
    table = training_tables(STUDY, results)["optimal_temperatures"]
    one = table[(table["method"] == "cold") & (table["seed"] == 1)]
    counts = one.set_index(["sign", "temperature"])["count"].to_dict()
    assert counts == {
        ("positive", 0.8): 1,
        ("positive", 1.0): 1,
        ("positive", 1.2): 2,
        ("negative", 0.8): 0,
        ("negative", 1.0): 0,
        ("negative", 1.2): 1,
        ("zero", 0.8): 1,
        ("zero", 1.0): 0,
        ("zero", 1.2): 0,
    }


def test_one_peak_up_to_rounding(results):
    row = training_tables(STUDY, results)["unimodality"].iloc[0]
    assert (row["trajectories"], row["unimodal"]) == (6, 5)
    assert row["largest_dip"] == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("curve", "dip"),
    [
        ([1, 2, 3], 0),
        ([3, 2, 1], 0),
        ([1, 3, 2], 0),
        ([2, 2, 2], 0),
        ([5], 0),
        ([1, 0, 3], 1),  # falls by 1 before the peak
        ([3, 0, 2], 2),  # rises by 2 after it
        ([0, 1, 0.5, 0.75, 0.25, 3], 0.75),  # two small falls that add up from 1 to 0.25
    ],
)
def test_a_dip_is_the_largest_departure_from_one_peak(curve, dip):
    assert dips(np.array([curve], dtype=float)).tolist() == [dip]


@given(
    arrays(float, st.tuples(st.integers(1, 4), st.integers(1, 8)), elements=st.floats(-9, 0)),
)
def test_concave_curves_have_no_dip_and_dips_are_those_of_the_mirrored_curve(curves):
    concave = np.minimum.accumulate(curves, axis=1).cumsum(axis=1)
    assert (dips(concave) <= DIP_TOLERANCE).all()
    distinct = curves + 1e-3 * np.arange(curves.shape[1]) ** 2  # a unique peak, mostly
    if all(len(set(row)) == len(row) for row in distinct.tolist()):
        np.testing.assert_allclose(dips(distinct), dips(distinct[:, ::-1]))


def test_curves_are_the_first_middle_and_last_trajectory_of_each_sign(results):
    table = training_tables(STUDY, results)["likelihood_curves"]
    one = table[(table["method"] == "cold") & (table["seed"] == 1)]
    chosen = one.drop_duplicates(["sign", "step", "row"])[["sign", "step", "row"]]
    # Positive: (0,0), (1,0), (1,1), (1,2): places 0, 4 // 2 = 2 and 3. The others occur once.
    assert chosen.values.tolist() == [
        ["positive", 0, 0],
        ["positive", 1, 1],
        ["positive", 1, 2],
        ["negative", 0, 1],
        ["zero", 0, 2],
    ]
    first = one[(one["sign"] == "positive") & (one["step"] == 0)]
    assert first["temperature"].tolist() == list(CANDIDATES)
    assert first["log_likelihood"].tolist() == [-1.0, -0.9, -0.95]


def test_every_missing_or_short_run_is_named_in_one_error(results):
    (results / "train" / "cold" / "seed1" / "run.json").unlink()
    (results / "train" / "cold" / "seed2" / "steps.jsonl").write_text(
        json.dumps(step_line(0)) + "\n"
    )
    (results / "train" / "tampo" / "seed2" / "trajectories.parquet").unlink()
    with pytest.raises(IncompleteResults) as error:
        training_tables(STUDY, results)
    message = str(error.value)
    assert "cold/seed1/run.json: missing" in message
    assert "cold/seed2/steps.jsonl: 1 lines are not the steps 0 to 1" in message
    assert "tampo/seed2/trajectories.parquet: missing" in message
    assert "tampo/seed1" not in message


def test_numbers_that_are_not_finite_are_refused_and_counted(tmp_path):
    bad = [*TRAJECTORIES[:-1], (1, 2, 0.25, [-0.4, float("nan"), -0.4])]
    for method in ("cold", "tampo"):
        for seed in (1, 2):
            write_run(tmp_path, method, seed, trajectories=bad)
    with pytest.raises(IncompleteResults, match=r"log_likelihood_1 is not finite in 1 of 6 rows"):
        training_tables(STUDY, tmp_path)


def test_tables_are_written_whole_the_same_bytes_again_or_not_at_all(results, tmp_path):
    out = tmp_path / "out"
    write_training_tables(STUDY, results, out)
    first = {path.name: path.read_bytes() for path in out.iterdir()}
    assert set(first) == {f"{name}.csv" for name in TRAINING_TABLES}
    write_training_tables(STUDY, results, out)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == first
    (results / "train" / "cold" / "seed1" / "run.json").unlink()
    with pytest.raises(IncompleteResults):
        write_training_tables(STUDY, results, tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_a_study_without_trained_methods_has_empty_tables_with_their_columns(tmp_path):
    study = micro_study(
        methods=[{"name": "base", "policy": "untrained"}],
        tables=[{"name": "table1", "title": "All", "methods": ["base"]}],
    )
    tables = training_tables(study, tmp_path)
    assert {name: list(table.columns) for name, table in tables.items()} == TRAINING_TABLES
    assert all(isinstance(table, pd.DataFrame) and table.empty for table in tables.values())
