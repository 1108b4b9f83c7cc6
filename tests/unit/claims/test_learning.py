"""What was learned: windows and groups by hand, error rate and coverage by simulation."""

from itertools import combinations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.studies import micro_study

from tampo.claims.learning import COLUMNS, Windows, group_means, learning_rows, rise, windows
from tampo.seeds import generator
from tampo.study.settings import Statistics


def settings(resamples=2000):
    return Statistics(resamples=resamples)


def run(start, end):
    return Windows(np.array(start, dtype=float), np.array(end, dtype=float))


def test_groups_are_averaged_and_unscored_rollouts_left_out():
    nan = float("nan")
    rows = [(0, 0, 1.0), (0, 0, 0.0), (0, 1, nan), (0, 1, 1.0), (0, 2, nan), (1, 0, 0.25)]
    groups = group_means(pd.DataFrame(rows, columns=["step", "group", "reward"]))
    assert groups.values.tolist() == [[0, 0.5], [0, 1.0], [1, 0.25]]


@pytest.mark.parametrize(
    ("steps", "start", "end"),
    [(12, [0, 1, 2], [9, 10, 11]), (7, [0], [6]), (3, [0], [2]), (2, [0], [1])],
)
def test_windows_are_quarters_of_the_steps_and_one_at_least(steps, start, end):
    groups = pd.DataFrame({"step": range(steps), "reward": np.arange(steps, dtype=float)})
    found = windows(groups, steps)
    assert (found.start.tolist(), found.end.tolist()) == (start, end)


def test_a_run_too_short_for_two_windows_has_none():
    assert windows(pd.DataFrame({"step": [0], "reward": [1.0]}), 1) is None
    assert windows(pd.DataFrame({"step": [0, 1], "reward": [1.0, 1.0]}), 30) is None


def test_runs_are_weighted_equally_whatever_their_number_of_groups():
    found = rise([run([0, 1], [1, 1]), run([0] * 8, [1] * 8)], settings(), generator(0, "test"))
    assert (found.start[0], found.end[0], found.difference[0]) == (0.25, 1.0, 0.75)
    # Nothing varies in the ends, nor in the start of the second run.
    assert found.end == (1.0, 1.0, 1.0)
    assert found.start[1:] == (0.0, 0.5) and found.difference[1:] == (0.5, 1.0)


def test_a_certain_rise_has_no_width_and_the_smallest_p_value():
    found = rise([run([0] * 20, [1] * 20)], settings(), generator(0, "test"))
    assert found.difference == (1.0, 1.0, 1.0) and found.p_value == pytest.approx(1 / 2001)


def test_no_change_at_all_has_p_value_one():
    found = rise([run([0.5] * 9, [0.5] * 9)], settings(), generator(0, "test"))
    assert (found.difference, found.p_value) == ((0.0, 0.0, 0.0), 1.0)


def test_the_p_value_is_that_of_all_permutations_within_runs():
    runs = [run([0.1, 0.4, 0.2], [0.9, 0.3, 0.8]), run([0.6, 0.5], [0.7, 0.55])]

    def rises(one):
        values = np.concatenate([one.start, one.end])
        for chosen in combinations(range(len(values)), len(one.end)):
            end = values[list(chosen)]
            yield end.mean() - (values.sum() - end.sum()) / len(one.start)

    observed = np.mean([one.rise for one in runs])
    both = [(a + b) / 2 for a in rises(runs[0]) for b in rises(runs[1])]
    exact = np.mean([abs(value) >= observed - 1e-12 for value in both])
    found = rise(runs, settings(20_000), generator(0, "test"))
    assert found.p_value == pytest.approx(exact, abs=0.01)


def simulated(rng, groups, gain=0.0):
    """Three runs of different levels, groups of eight rollouts of problems that differ in difficulty."""
    runs = []
    for level in (0.2, 0.45, 0.6):
        parts = []
        for shift in (0.0, gain):
            mean = level + shift
            chance = rng.beta(6 * mean, 6 * (1 - mean), size=groups)
            parts.append(rng.binomial(8, chance) / 8)
        runs.append(Windows(*parts))
    return runs


def test_without_a_change_five_in_a_hundred_are_found():
    rng, trials = generator(1, "simulation"), 800
    p_values = [rise(simulated(rng, 24), settings(199), rng).p_value for _ in range(trials)]
    # Three standard errors of a proportion of 800.
    assert np.mean(np.array(p_values) <= 0.05) == pytest.approx(0.05, abs=0.023)
    assert np.mean(p_values) == pytest.approx(0.5, abs=0.035)


def test_the_interval_covers_the_true_rise():
    rng, trials, gain = generator(2, "simulation"), 600, 0.1
    found = [rise(simulated(rng, 24, gain), settings(400), rng).difference for _ in range(trials)]
    covered = np.mean([low <= gain <= high for _, low, high in found])
    assert 0.92 <= covered <= 0.97


def write_run(results, method, seed, rewards):
    """Write trajectories of one rollout per group, `rewards` [steps, groups]."""
    folder = results / "train" / method / f"seed{seed}"
    folder.mkdir(parents=True)
    rows = [(s, g, float(r)) for s, line in enumerate(rewards) for g, r in enumerate(line)]
    columns = zip(("step", "group", "reward"), zip(*rows, strict=True), strict=True)
    table = pa.table({name: list(values) for name, values in columns})
    pq.write_table(table, folder / "trajectories.parquet")


def test_fixed_temperatures_alone_are_shown(tmp_path):
    methods = [
        {"name": "base", "policy": "untrained"},
        {"name": "cold", "policy": "fixed", "settings": {"temperature": 0.7}},
        {"name": "hot", "policy": "fixed", "settings": {"temperature": 1.5}},
        {"name": "tampo", "policy": "tampo", "settings": {"warmup_steps": 1}},
    ]
    study = micro_study(methods=methods, training={"steps": 20})
    ramp = np.repeat(np.linspace(0, 0.95, 20)[:, None], 12, axis=1)
    for seed in study.seeds:
        write_run(tmp_path, "cold", seed, ramp)
        write_run(tmp_path, "hot", seed, np.full((20, 12), 0.25))
    table = learning_rows(study, tmp_path).set_index("method")
    assert ["method", *table.columns] == COLUMNS and list(table.index) == ["cold", "hot"]
    cold, hot = table.loc["cold"], table.loc["hot"]
    assert (cold["runs"], cold["groups"], cold["runs_up"]) == (2, 240, 2)
    assert (cold["start"], cold["end"]) == (pytest.approx(0.1), pytest.approx(0.85))
    assert cold["low"] <= cold["difference"] <= cold["high"]
    assert cold["p_value"] < 0.001 and cold["holm"] == 2 * cold["p_value"]
    assert (hot["difference"], hot["p_value"], hot["runs_up"]) == (0.0, 1.0, 0)


def test_a_study_without_fixed_temperatures_has_no_rows(tmp_path):
    methods = [
        {"name": "base", "policy": "untrained"},
        {"name": "tampo", "policy": "tampo", "settings": {"warmup_steps": 1}},
    ]
    tables = [{"name": "table1", "title": "All", "methods": ["tampo"]}]
    table = learning_rows(micro_study(methods=methods, tables=tables), tmp_path)
    assert table.empty and list(table.columns) == COLUMNS
