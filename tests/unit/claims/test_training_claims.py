"""Claims about training: every verdict where it is known to be right, by hand."""

import pandas as pd
import pytest
from support.claim_inputs import claims_study

from tampo.claims import ClaimInputs
from tampo.claims.training import (
    likelihood_is_unimodal,
    optimal_temperatures_differ,
    probability_of_higher,
    takes_no_longer,
    temperature_falls,
)

EMPTY = pd.DataFrame()
STUDY = claims_study()


def inputs(**tables):
    frames = {name: pd.DataFrame(rows) for name, rows in tables.items()}
    return ClaimInputs(EMPTY, EMPTY, **frames)


def timed(tampo, fixed=(10.0, 12.0, 11.0)):
    """Two steps per run; the two fixed temperatures take the same time."""
    rows = []
    for method, seconds in (("five", tampo), ("two", fixed), ("three", fixed)):
        for seed, total in enumerate(seconds, start=1):
            rows += [
                {"method": method, "seed": seed, "step": step, "seconds": part, "tokens": 100}
                for step, part in enumerate((0.25 * total, 0.75 * total))
            ]
    return inputs(steps=rows)


def test_equal_times_take_no_longer():
    judged = takes_no_longer(STUDY, timed((10.0, 12.0, 11.0)))
    assert judged.verdict == "supported"
    assert (judged.estimate, judged.low, judged.high) == pytest.approx((1, 1, 1))
    assert "five: 11.0 s and 200 tokens per run" in judged.detail


def test_times_are_compared_seed_by_seed_on_a_logarithmic_scale():
    judged = takes_no_longer(STUDY, timed((20.0, 6.0, 11.0)))
    # Ratios 2, 1/2 and 1: their logarithms have mean 0 and standard error ln 2 / sqrt(3).
    assert judged.estimate == pytest.approx(1)
    assert judged.high == pytest.approx(2 ** (4.302653 / 3**0.5), rel=1e-6)
    assert judged.verdict == "undecided"


def test_longer_training_contradicts_and_five_percent_does_not():
    assert takes_no_longer(STUDY, timed((15.0, 18.1, 16.4))).verdict == "contradicted"
    assert takes_no_longer(STUDY, timed((10.3, 12.36, 11.33))).verdict == "supported"


def test_without_times_or_with_one_run_nothing_is_tested():
    assert takes_no_longer(STUDY, ClaimInputs(EMPTY, EMPTY)).detail == "there is no steps.csv"
    judged = takes_no_longer(STUDY, timed((10.0,), fixed=(10.0,)))
    assert judged.verdict == "not tested here"
    assert judged.detail.startswith("one run per method")
    judged = takes_no_longer(STUDY, timed((10.0, 11.0)))
    assert judged.detail == "steps.csv lacks seeds of some methods"


def peaks(*runs):
    return inputs(
        unimodality=[
            {"method": "five", "seed": seed, "trajectories": seen, "unimodal": single}
            for seed, (seen, single) in enumerate(runs, start=1)
        ]
    )


@pytest.mark.parametrize(
    ("runs", "verdict"),
    [
        (((500, 500), (500, 500)), "theorem"),
        (((500, 500), (500, 499)), "contradicted"),
        (((0, 0),), "not tested here"),
    ],
)
def test_unimodality(runs, verdict):
    assert likelihood_is_unimodal(STUDY, peaks(*runs)).verdict == verdict


def test_trajectories_with_two_peaks_are_counted_and_located():
    judged = likelihood_is_unimodal(STUDY, peaks((500, 500), (500, 480)))
    assert judged.estimate == pytest.approx(0.98)
    assert judged.detail == (
        "980 of 1000 trajectories of 2 runs have one peak; others in five seed 2"
    )


def counts(sign_counts):
    return pd.DataFrame(sign_counts, columns=["temperature", "count"])


def test_probability_of_higher_by_hand():
    first, second = counts([(0.6, 1), (0.9, 1)]), counts([(0.9, 3), (1.2, 1)])
    # Pairs: 0.6 is below all 4; 0.9 ties with 3 and is below 1.
    assert probability_of_higher(first, second) == pytest.approx(0.5 * 3 / 8)
    assert probability_of_higher(second, first) == pytest.approx(1 - 1.5 / 8)


def optimal(*fractions, by_method=None):
    """Runs in which a fraction of 1000 good trajectories peak at 0.7, and half of the bad ones."""
    rows = []
    for method in ("two", "three"):
        for seed, fraction in enumerate((by_method or {}).get(method, fractions), start=1):
            for sign, low in (("positive", round(1000 * fraction)), ("negative", 500)):
                rows += [
                    {"method": method, "seed": seed, "sign": sign, "temperature": t, "count": n}
                    for t, n in ((0.7, low), (1.1, 1000 - low))
                ]
    return inputs(optimal_temperatures=rows)


@pytest.mark.parametrize(
    ("fractions", "verdict"),
    [
        ((0.90, 0.91, 0.89), "supported"),
        # A difference in the other direction counts, too.
        ((0.10, 0.11, 0.09), "supported"),
        ((0.50, 0.51, 0.49), "contradicted"),
        ((0.30, 0.50, 0.90), "undecided"),
    ],
)
def test_separation_of_likelihood_optimal_temperatures(fractions, verdict):
    assert optimal_temperatures_differ(STUDY, optimal(*fractions)).verdict == verdict


def test_the_separation_reported_is_the_weakest():
    fractions = {"two": (0.9, 0.91, 0.89), "three": (0.7, 0.71, 0.69)}
    judged = optimal_temperatures_differ(STUDY, optimal(by_method=fractions))
    # 0.7 of the good and 0.5 of the bad ones peak at the lower: above 0.15, equal 0.35 + 0.15.
    assert judged.estimate == pytest.approx(0.15 + 0.5 / 2)
    assert judged.verdict == "supported"
    assert "three: 0.400" in judged.detail
    mixed = optimal(by_method=fractions | {"three": (0.5, 0.51, 0.49)})
    assert optimal_temperatures_differ(STUDY, mixed).verdict == "contradicted"


def test_runs_without_both_signs_are_no_evidence():
    table = optimal(0.9, 0.9, 0.9).optimal_temperatures
    good = table[(table["sign"] == "positive") | (table["method"] == "two")]
    judged = optimal_temperatures_differ(
        STUDY, ClaimInputs(EMPTY, EMPTY, optimal_temperatures=good)
    )
    assert judged.verdict == "not tested here"
    assert judged.detail.startswith("three has 0 runs with trajectories of both signs")


def path(early, late, seeds=3):
    """Forty steps, four of them warm-up: nine after it at `early`, the last nine at `late`."""
    return inputs(
        steps=[
            {"method": "five", "seed": seed, "step": step}
            | {"temperature": 0.6 if step < 4 else early[seed] if step < 13 else late[seed]}
            for seed in range(seeds)
            for step in range(40)
        ]
    )


@pytest.mark.parametrize(
    ("early", "late", "verdict"),
    [
        ((1.30, 1.32, 1.28), (0.90, 0.95, 0.92), "supported"),
        ((1.30, 1.32, 1.28), (1.45, 1.44, 1.46), "contradicted"),
        ((0.80, 0.82, 0.79), (0.60, 0.61, 0.60), "contradicted"),
        ((1.00, 1.50, 0.70), (0.90, 1.20, 1.00), "undecided"),
    ],
)
def test_temperature_path(early, late, verdict):
    assert temperature_falls(STUDY, path(early, late)).verdict == verdict


def test_the_temperature_after_warm_up_by_hand():
    judged = temperature_falls(STUDY, path((1.2, 1.3, 1.4), (0.9, 1.0, 1.1)))
    # Standard error 0.1 / sqrt(3), t(0.975, 2) = 4.303.
    assert judged.estimate == pytest.approx(1.3)
    assert judged.low == pytest.approx(1.3 - 4.302653 * 0.1 / 3**0.5, abs=1e-6)
    assert "steps 4 to 12: 1.30, +0.25 from the candidates' mean 1.05" in judged.detail
    assert "last 9 steps: 1.00, a fall of +0.30" in judged.detail


def test_a_run_too_short_for_quarters_is_not_tested():
    short = claims_study(training={"steps": 4})
    judged = temperature_falls(short, path((1.3,) * 3, (0.9,) * 3))
    assert judged.detail == "3 steps after warm-up have no quarters"


def test_missing_columns_and_methods_are_named():
    steps = path((1.3,) * 3, (0.9,) * 3).steps
    judged = temperature_falls(
        STUDY, ClaimInputs(EMPTY, EMPTY, steps=steps.drop(columns="temperature"))
    )
    assert judged.detail == "steps.csv has no column temperature"
    judged = temperature_falls(STUDY, ClaimInputs(EMPTY, EMPTY, steps=steps.assign(method="two")))
    assert judged.detail == "steps.csv has no rows of five"


def test_evidence_is_read_from_its_folder(tmp_path):
    steps = path((1.3,) * 3, (0.9,) * 3).steps
    for name, table in (("scores", steps), ("problem_scores", steps), ("steps", steps)):
        table.to_csv(tmp_path / f"{name}.csv", index=False)
    found = ClaimInputs.read(tmp_path)
    pd.testing.assert_frame_equal(found.steps, steps)
    assert found.unimodality is None
    (tmp_path / "scores.csv").unlink()
    with pytest.raises(FileNotFoundError):
        ClaimInputs.read(tmp_path)
