"""Why TAMPO scores as it does: credit, preference and direction, by hand from a few logged steps."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from support.claim_inputs import ALL, claims_study, scored

from tampo.claims.claim_inputs import NotTested
from tampo.claims.mechanism import (
    best_fixed,
    credit_beats_null,
    moves_toward_best,
    preferences,
    questions,
)
from tampo.records.policy_tables import credit_rows, policy_rows
from tampo.report.outcome import why

CANDIDATES = [0.9, 1.2, 1.5]
STUDY = claims_study()
# Forty steps, four of warm-up: quarters are steps 4 to 12 and 31 to 39.
SEEDS, STEPS = range(1, 6), range(40)
# Two: T = 0.9; three: T = 1.5, the better one.
SCORES = scored(dict.fromkeys(ALL, 0.0) | {"three": 0.1})


def logged(p_value, slope, likeliest):
    """Tables of TAMPO (`five`): p-value, slope and likeliest candidate as functions of seed and step."""
    runs = [(seed, step) for seed in SEEDS for step in STEPS]
    keys = [{"method": "five", "seed": seed, "step": step} for seed, step in runs]
    credit = [
        key | {"credit_p": p_value(*run), "slope": slope(*run)}
        for key, run in zip(keys, runs, strict=True)
    ]
    policy = [
        key | {"candidate": c, "probability": 0.5 if c == likeliest(*run) else 0.25}
        for key, run in zip(keys, runs, strict=True)
        for c in CANDIDATES
    ]
    steps = [key | {"temperature": 1.2} for key in keys]
    tables = {"credit": credit, "policy": policy, "steps": steps}
    return dataclasses.replace(SCORES, **{n: pd.DataFrame(rows) for n, rows in tables.items()})


def informative(seed, step):
    return 0.01 if (seed + step) % 3 else 0.9


LEARNS = logged(informative, lambda *_: 1.0, lambda _, step: 0.9 if step < 20 else 1.5)


def test_credit_beyond_its_shuffles_in_two_of_three_steps_is_supported():
    judged = credit_beats_null(STUDY, LEARNS)
    assert judged.verdict == "supported"
    assert judged.estimate == pytest.approx(2 / 3)


def test_credit_that_is_noise_is_contradicted_and_a_little_more_undecided():
    # 1, 2, 1, 2 and 3 of the 36 steps after warm-up: 1.8 on average, which is what chance gives.
    hits = dict(zip(SEEDS, (1, 2, 1, 2, 3), strict=True))
    noise = logged(
        lambda seed, step: 0.01 if 0 <= step - 4 < hits[seed] else 0.9,
        lambda *_: 1.0,
        lambda *_: 0.9,
    )
    judged = credit_beats_null(STUDY, noise)
    assert judged.estimate == pytest.approx(1.8 / 36)
    assert judged.verdict == "contradicted" and judged.high < 0.1
    some = logged(
        lambda seed, step: 0.01 if seed < 3 and step % 2 else 0.9, lambda *_: 1.0, lambda *_: 0.9
    )
    assert credit_beats_null(STUDY, some).verdict == "undecided"


def test_warm_up_does_not_count():
    late = logged(lambda _, step: 0.01 if step < 4 else 0.9, lambda *_: 1.0, lambda *_: 0.9)
    assert credit_beats_null(STUDY, late).estimate == 0


def test_the_likeliest_candidate_comes_nearer_to_the_best_fixed_temperature():
    assert best_fixed(STUDY, SCORES) == ("three", 1.5)
    judged = moves_toward_best(STUDY, LEARNS)
    # From 0.9 to 1.5.
    assert (judged.verdict, judged.against) == ("supported", "three")
    assert judged.estimate == pytest.approx(0.6)
    away = logged(informative, lambda *_: 1.0, lambda _, step: 1.5 if step < 20 else 0.9)
    assert moves_toward_best(STUDY, away).verdict == "contradicted"


def test_preferences_are_the_likeliest_candidates():
    table = pd.DataFrame(
        {
            "seed": 1,
            "step": [0, 0, 1, 1],
            "candidate": [0.9, 1.5] * 2,
            "probability": [0.6, 0.4, 0.3, 0.7],
        }
    )
    assert preferences(table)["temperature"].tolist() == [0.9, 1.5]


def test_the_table_has_four_answers():
    rows = {row.asked.split()[0] + row.what: row for row in questions(STUDY, LEARNS)}
    credit, entropy, likeliest, slopes = rows.values()
    assert credit.first.mean == pytest.approx(2 / 3, abs=0.1) and credit.against == 0.05
    assert entropy.first.mean == pytest.approx(
        -(0.5 * np.log(0.5) + 0.5 * np.log(0.25)) / np.log(3)
    )
    assert (likeliest.first.mean, likeliest.last.mean, likeliest.against) == (0.9, 1.5, 1.5)
    # The score rises from 0.9 to 1.5, and so does the credit in every step.
    assert (slopes.first.mean, slopes.last.mean) == (1.0, 1.0)
    falling = logged(informative, lambda *_: -1.0, lambda *_: 0.9)
    assert questions(STUDY, falling)[-1].first.mean == 0.0


def test_the_sentence_says_which_way_the_intervals_lie():
    text = why(questions(STUDY, LEARNS))
    assert text.startswith("The temperature credit is more than noise throughout; ")
    assert (
        "0.90 and then 1.50, is first below, then not significantly different from "
        "the best fixed temperature (1.5)" in text
    )
    assert text.endswith("the credit points with them.")


def test_credit_that_fades_is_said_to_be_noise_at_last():
    fading = logged(
        lambda seed, step: informative(seed, step) if step < 20 else 0.9,
        lambda *_: 1.0,
        lambda *_: 0.9,
    )
    start = "The temperature credit is more than noise at first and not distinguishable from noise at last;"
    assert why(questions(STUDY, fading)).startswith(start)


def test_without_credit_nothing_is_said():
    with pytest.raises(NotTested, match=r"no credit\.csv"):
        questions(STUDY, dataclasses.replace(LEARNS, credit=None))
    assert (
        credit_beats_null(STUDY, dataclasses.replace(LEARNS, credit=None)).verdict
        == "not tested here"
    )


def test_rows_of_the_log_by_hand():
    line = {"step": 3, "candidates": [0.8, 1.0, 1.2], "signal": [0.1, 0.2, 0.5], "p_value": 0.04}
    line["probabilities"] = [0.2, 0.3, 0.5]
    (row,) = credit_rows([line, {"step": 4, "temperature": 1.0}])
    # Centred temperatures -0.2, 0, 0.2: (-0.02 + 0.1) / 0.08.
    assert row == {"step": 3, "credit_p": 0.04, "slope": pytest.approx(1.0)}
    assert [r["probability"] for r in policy_rows([line])] == [0.2, 0.3, 0.5]
    with pytest.raises(ValueError):
        policy_rows([line | {"probabilities": [1.0]}])
