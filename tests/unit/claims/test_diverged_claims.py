"""Claims where runs diverged: on the seeds that are left, never more than those allow, and said."""

import dataclasses

import pandas as pd
import pytest
from support.claim_inputs import ALL, claims_study, scored

from tampo.claims.scores import beats_schedules_at_one, beats_uniform
from tampo.claims.training import likelihood_is_unimodal, takes_no_longer
from tampo.layout import RUN_COLUMNS
from tampo.records.outcomes import Outcomes

STUDY = claims_study()
AHEAD = dict.fromkeys(ALL, 0.0) | {"five": 0.05}
SEEDS = (1, 2, 3, 4, 5)


def outcomes(diverged):
    """Return the outcomes of all trained methods; those of `diverged` ended at step 7."""
    rows = [
        {"method": method, "seed": seed, "outcome": "finished", "step": 40}
        | (
            {"outcome": "diverged", "step": 7, "reason": "loss is nan"}
            if (method, seed) in diverged
            else {}
        )
        for method in ALL[1:]
        for seed in SEEDS
    ]
    return Outcomes(pd.DataFrame(rows, columns=RUN_COLUMNS))


def without(diverged, effects=AHEAD):
    """Return scores in which the runs of `diverged` are missing because they diverged."""
    found = scored(effects)

    def left(table):
        runs = zip(table["method"], table["seed"], strict=True)
        return table[[run not in diverged for run in runs]]

    return dataclasses.replace(
        found,
        scores=left(found.scores),
        problem_scores=left(found.problem_scores),
        outcomes=outcomes(diverged),
    )


def runs(method, *seeds):
    return {(method, seed) for seed in seeds}


def test_pairs_are_compared_on_the_seeds_that_both_finished():
    judged = beats_schedules_at_one(STUDY, without(runs("two", 4) | runs("five", 5)))
    assert judged.verdict == "supported"
    assert "five: 1 of 5 runs diverged; two: 1 of 5 runs diverged" in judged.detail
    assert "five less two is over the 3 seeds that both finished" in judged.detail
    assert "five less four is over the 4 seeds that both finished" in judged.detail


def test_the_difference_is_that_of_the_common_seeds():
    """Seed by seed by hand: the mean over the seeds that both have."""
    found = without(runs("any", 2, 3))
    scores = found.scores[found.scores.metric == "pass@1"]
    by_seed = scores.groupby(["method", "seed"])["value"].mean().unstack()
    expected = (by_seed.loc["five"] - by_seed.loc["any"])[[1, 4, 5]].mean()
    assert beats_uniform(STUDY, found).estimate == pytest.approx(100 * expected)


def test_one_seed_in_common_decides_nothing():
    judged = beats_schedules_at_one(STUDY, without(runs("two", 1, 2, 3, 4)))
    assert judged.verdict == "undecided"
    assert "a comparison on one seed decides nothing" in judged.detail
    assert "five less two is over the 1 seed that both finished" in judged.detail
    alone = beats_uniform(STUDY, without(runs("any", 1, 2) | runs("five", 3, 4)))
    assert alone.verdict == "undecided"
    assert "one run per method: how runs vary is unknown" in alone.detail


def test_a_lost_comparison_on_one_seed_contradicts_nothing_but_another_may():
    worse = AHEAD | {"two": 0.1}
    assert (
        beats_schedules_at_one(STUDY, without(runs("two", 1, 2, 3, 4), worse)).verdict
        == "undecided"
    )
    both = AHEAD | {"two": 0.1, "three": 0.1}
    judged = beats_schedules_at_one(STUDY, without(runs("two", 1, 2, 3, 4), both))
    assert judged.verdict == "contradicted"


def test_a_rival_that_always_diverged_is_not_beaten():
    judged = beats_schedules_at_one(STUDY, without(runs("four", *SEEDS)))
    assert judged.verdict == "undecided"
    assert "four: 5 of 5 runs diverged" in judged.detail
    assert "five less four: no seed that both finished" in judged.detail
    nobody = beats_uniform(STUDY, without(runs("any", *SEEDS)))
    assert nobody.verdict == "not tested here"
    assert nobody.detail == "no seed that two methods finished; any: 5 of 5 runs diverged"
    apart = beats_uniform(STUDY, without(runs("any", 1, 2) | runs("five", 3, 4, 5)))
    assert apart.verdict == "not tested here"


def test_without_a_divergence_a_missing_seed_is_a_fault():
    found = without(runs("any", 2))
    with pytest.raises(ValueError, match=r"any, pass@1, sums: other seeds or problems"):
        beats_uniform(STUDY, dataclasses.replace(found, outcomes=Outcomes()))


def timed(seconds, diverged):
    rows = [
        {"method": method, "seed": seed, "step": 0, "seconds": value, "tokens": 10}
        for method, values in seconds.items()
        for seed, value in enumerate(values, start=1)
    ]
    empty = pd.DataFrame()
    found = scored({"five": 0.0})
    return dataclasses.replace(
        found, scores=empty, steps=pd.DataFrame(rows), outcomes=outcomes(diverged)
    )


def test_a_run_that_ended_early_took_no_less_time():
    """Seed 3 of TAMPO diverged after a tenth of the time: it must not make TAMPO look fast."""
    seconds = {"five": (10.0, 12.0, 1.0), "two": (10.0, 12.0, 11.0), "three": (10.0, 12.0, 11.0)}
    judged = takes_no_longer(STUDY, timed(seconds, runs("five", 3)))
    assert (judged.estimate, judged.verdict) == (pytest.approx(1.0), "supported")
    assert judged.detail.endswith("without runs that diverged (five: 1 of 5 runs diverged)")
    assert "two: 11.0 s" in judged.detail
    gone = takes_no_longer(STUDY, timed(seconds, runs("two", *SEEDS)))
    assert (gone.verdict, gone.detail) == ("not tested here", "two: 5 of 5 runs diverged")


def test_trajectories_of_runs_that_diverged_are_no_evidence():
    rows = [
        {"method": "two", "seed": seed, "trajectories": 400, "unimodal": 400 - (seed == 2)}
        for seed in (1, 2)
    ]
    found = dataclasses.replace(
        scored({"two": 0.0}), unimodality=pd.DataFrame(rows), outcomes=outcomes(runs("two", 2))
    )
    judged = likelihood_is_unimodal(STUDY, found)
    assert judged.estimate == 1.0
    assert judged.detail == (
        "400 of 400 trajectories of 1 runs have one peak; without runs that diverged "
        "(two: 1 of 5 runs diverged)"
    )
