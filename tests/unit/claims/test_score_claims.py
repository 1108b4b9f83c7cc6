"""Claims about scores: every verdict where it is known to be right, *undecided* included."""

import pandas as pd
import pytest
from support.claim_inputs import ALL, claims_study, scored

from tampo.claims import VERDICTS, Claim, claims_table
from tampo.claims.roles import roles
from tampo.claims.scores import (
    beats_grpo_on_ecqa,
    beats_replay,
    beats_schedules_at_eight,
    beats_schedules_at_one,
    beats_shuffled,
    beats_uniform,
    best_alpha,
    best_top_p,
)
from tampo.claims.verdicts import Level, all_positive
from tampo.layout import CLAIM_COLUMNS

EQUAL = dict.fromkeys(ALL, 0.0)
AHEAD = EQUAL | {"five": 0.05}


def test_roles_follow_from_policies_and_settings():
    found = roles(claims_study())
    assert (found.base, found.tampo, found.fixed) == ("one", "five", ["two", "three"])
    assert (found.linear, found.uniform, found.replay) == (["four"], "any", "yoked")
    assert found.alphas == {0.05: "five", 0.01: "low", 0.1: "high"}
    assert found.top_ps == {0.7: "five", 0.0: "greedy", 0.5: "half", 0.9: "most"}
    assert found.shuffled == "deaf"


def test_methods_with_other_settings_have_no_role():
    methods = [
        {"name": "base", "policy": "untrained"},
        {"name": "tampo", "policy": "tampo", "settings": {"normalisation": "softmax"}},
        {
            "name": "grpo",
            "policy": "fixed",
            "settings": {"temperature": 1.0},
            "training": {"logprob_temperature": "one"},
        },
        {"name": "linear", "policy": "linear", "settings": {"start": 1.5, "end": 0.9}},
    ]
    tables = [{"name": "table1", "title": "All", "methods": ["base"]}]
    study = claims_study(methods=methods, tables=tables)
    found = roles(study)
    assert (found.tampo, found.fixed, found.linear, found.alphas) == (None, [], [], {})
    judged = beats_schedules_at_one(study, scored({"base": 0.0}))
    assert judged.verdict == "not tested here"
    assert judged.detail == (
        "the study has no TAMPO with the paper's settings, no fixed temperature, "
        "no rising linear schedule"
    )


def test_a_method_ahead_of_all_is_supported_by_as_much_as_it_is():
    judged = beats_schedules_at_one(claims_study(), scored(AHEAD))
    assert judged.verdict == "supported"
    assert judged.estimate == pytest.approx(5, abs=1)
    assert 0 < judged.low < judged.estimate < judged.high
    assert (judged.id, judged.unit, judged.published) == ("C1", "points", "1.7 or 1.2")
    assert beats_schedules_at_eight(claims_study(), scored(AHEAD)).verdict == "supported"


def test_one_better_baseline_contradicts():
    judged = beats_schedules_at_one(claims_study(), scored(AHEAD | {"four": 0.1}))
    assert judged.verdict == "contradicted"
    assert judged.estimate == pytest.approx(-5, abs=1)
    assert judged.high < 0


def test_equal_methods_are_undecided():
    judged = beats_schedules_at_one(claims_study(), scored(EQUAL))
    assert judged.verdict == "undecided"
    assert judged.low < 0 < judged.high


def test_lucky_runs_hide_what_steady_ones_show():
    small = EQUAL | {"five": 0.02}
    assert beats_schedules_at_one(claims_study(), scored(small)).verdict == "supported"
    judged = beats_schedules_at_one(claims_study(), scored(small, luck=0.05))
    assert judged.verdict == "undecided"


def test_one_run_per_method_decides_nothing_however_large_the_difference():
    study = claims_study(without=("yoked",), seeds=[1])
    judged = beats_schedules_at_one(study, scored(EQUAL | {"five": 0.3}, seeds=1))
    assert judged.verdict == "undecided"
    assert judged.low > 0
    assert "one run per method" in judged.detail


def test_detail_names_every_comparison_its_tests_and_the_power():
    detail = beats_schedules_at_one(claims_study(), scored(AHEAD)).detail
    for baseline in ("two", "three", "four"):
        assert f"five minus {baseline}: +" in detail
    assert "Holm" in detail
    assert "permutation of runs 0.00794 (at least 0.0079)" in detail
    assert "points with 80 % power" in detail


def test_missing_scores_are_named():
    scores = {name: 0.0 for name in ALL if name != "four"}
    judged = beats_schedules_at_one(claims_study(), scored(scores))
    assert (judged.verdict, judged.detail) == (
        "not tested here",
        "there are no pass@1 scores of four",
    )
    study = claims_study(evaluation={"pass_k": [1]})
    judged = beats_schedules_at_eight(study, scored(EQUAL))
    assert judged.detail == "the study does not report Pass@8"


@pytest.mark.parametrize(
    ("effects", "verdict"),
    [
        ({"five": 0.05}, "supported"),
        ({"high": 0.05}, "contradicted"),
        ({"five": 0.05, "high": 0.05}, "undecided"),
        # Another method's score is no matter of this claim.
        ({"five": 0.05, "two": 0.2}, "supported"),
    ],
)
def test_best_alpha(effects, verdict):
    assert best_alpha(claims_study(), scored(EQUAL | effects)).verdict == verdict


@pytest.mark.parametrize(
    ("effects", "verdict"),
    [
        ({"five": 0.1, "half": 0.05, "most": 0.05}, "supported"),
        ({"five": 0.1}, "undecided"),
        ({"five": 0.1, "greedy": 0.05}, "contradicted"),
        ({"most": 0.1, "half": 0.05, "five": 0.05}, "contradicted"),
    ],
)
def test_best_top_p_wants_greedy_last(effects, verdict):
    assert best_top_p(claims_study(), scored(EQUAL | effects)).verdict == verdict


def test_ablations_that_the_study_lacks_are_named():
    study = claims_study(without=("low", "greedy", "most"))
    assert best_alpha(study, scored(EQUAL)).detail == "the study has no TAMPO with α = 0.01"
    assert best_top_p(study, scored(EQUAL)).detail == "the study has no TAMPO with top-p = 0, 0.9"


@pytest.mark.parametrize(
    ("effects", "verdict"),
    [
        ({"five": 0.05}, "supported"),
        ({"five": 0.05, "one": 0.1}, "contradicted"),
        ({}, "undecided"),
    ],
)
def test_ecqa_is_judged_on_ecqa_alone(effects, verdict):
    inputs = scored(EQUAL | effects)
    opposite = scored(EQUAL | {name: -2 * effect for name, effect in effects.items()})
    problems = pd.concat(
        [
            inputs.problem_scores.query("benchmark == 'sums'").assign(benchmark="ecqa"),
            opposite.problem_scores.query("benchmark == 'counts'"),
        ]
    )
    benchmarks = [{"name": name, "samples": 8, "limit": 6} for name in ("ecqa", "counts")]
    study = claims_study(benchmarks=benchmarks)
    assert beats_grpo_on_ecqa(study, type(inputs)(problems, problems)).verdict == verdict
    judged = beats_grpo_on_ecqa(claims_study(), inputs)
    assert judged.detail == "the study has no benchmark ecqa"


@pytest.mark.parametrize(
    ("judge", "control"),
    [(beats_uniform, "any"), (beats_replay, "yoked"), (beats_shuffled, "deaf")],
)
def test_controls(judge, control):
    assert judge(claims_study(), scored(AHEAD)).verdict == "supported"
    assert judge(claims_study(), scored(EQUAL)).verdict == "undecided"
    assert judge(claims_study(), scored(AHEAD | {control: 0.1})).verdict == "contradicted"
    absent = judge(claims_study(without=(control,)), scored(AHEAD))
    assert absent.verdict == "not tested here"
    assert "the study has no " in absent.detail


def test_the_rule_of_conjunctions():
    # Holm of (0.01, 0.04): 0.02 and 0.04; of (0.03, 0.04): 0.06 and 0.06.
    assert all_positive([1, 1], [0.01, 0.04], Level(0.05)) == ("supported", [0.02, 0.04])
    assert all_positive([1, 1], [0.03, 0.04], Level(0.05))[0] == "undecided"
    assert all_positive([1, -1], [0.5, 0.01], Level(0.05))[0] == "contradicted"
    assert all_positive([1, -1], [0.01, 0.5], Level(0.05))[0] == "undecided"
    assert all_positive([0.0], [1.0], Level(0.05))[0] == "undecided"


def test_equal_methods_seldom_differ_significantly():
    study, trials = claims_study(statistics={"resamples": 200}, seeds=[1, 2, 3]), 150
    compared = dict.fromkeys(("two", "three", "four", "five"), 0.0)
    wrong = sum(
        beats_schedules_at_one(study, scored(compared, 3, luck=0.05, stream=trial)).verdict
        != "undecided"
        for trial in range(trials)
    )
    # 5 % nominal; twice its standard error over 150 trials is 3.6 points.
    assert wrong / trials <= 0.085


def test_table_has_every_claim_once_in_order_and_is_the_same_again():
    study, inputs = claims_study(), scored(AHEAD)
    table = claims_table(study, inputs)
    assert list(table.columns) == CLAIM_COLUMNS
    assert list(table["id"]) == [*(f"C{i}" for i in range(1, 10)), "X1", "X2", "X3", "X4", "X5"]
    assert set(table["verdict"]) <= set(VERDICTS)
    nothing = table[table["verdict"] == "not tested here"]
    assert list(nothing["id"]) == ["C5", "C6", "C7", "C8", "C9", "X4", "X5"]
    assert nothing[["estimate", "low", "high"]].isna().all(axis=None)
    assert (nothing["detail"] != "").all()
    assert (table["test"] != "").all()
    pd.testing.assert_frame_equal(table, claims_table(study, inputs))


def test_a_verdict_needs_its_numbers_and_a_known_name():
    with pytest.raises(ValueError, match="claim C1: supported without an estimate"):
        Claim("C1", "", "supported", "", "", "points")
    with pytest.raises(ValueError, match="claim C1: verdict 'maybe'; allowed: supported"):
        Claim("C1", "", "maybe", "", "", "points")


def test_what_the_intervals_leave_no_room_for_is_said():
    judged = beats_uniform(claims_study(), scored(EQUAL, luck=0.001))
    largest = max(-judged.low, judged.high)
    assert judged.verdict == "undecided" and largest < 2
    text = f"differences beyond {largest:.1f} points are ruled out"
    assert f"{text}, so the methods are equivalent within 2 points" in judged.detail
    apart = beats_uniform(claims_study(), scored(AHEAD)).detail
    assert "are ruled out" in apart and "equivalent" not in apart
