"""The sentence that a page opens with says what the verdicts say, and no more."""

import pandas as pd
from support.claim_inputs import ALL, METHODS, claims_study, scored

from tampo.claims import claims_table
from tampo.report.outcome import claim_lines, limits, outcome, verdict_counts

EQUAL = dict.fromkeys(ALL, 0.0)
STUDY = claims_study()


def claims_of(effects, study=STUDY, **scores):
    return claims_table(study, scored(effects, **scores))


def test_verdicts_are_put_in_words():
    # Ahead of uniform draws, behind the schedule, alike the others.
    claims = claims_of(EQUAL | {"four": 0.1, "any": -0.1})
    row = claims.set_index("id").loc["C1"]
    assert outcome(STUDY, claims).startswith(
        f"TAMPO does not beat every fixed temperature and the linear schedule (−{-row.estimate:.1f} ["
    )
    text = outcome(STUDY, claims)
    assert "points against four); it beats uniform draws (+" in text
    assert text.endswith(
        "whether it beats the replayed temperatures of another of its runs or itself with shuffled "
        "advantages is undecided."
    )


def test_a_method_that_beats_all_has_one_clause():
    assert outcome(STUDY, claims_of(EQUAL | {"five": 0.2})).count("beats") == 1


def test_labels_are_used_where_the_study_has_them():
    methods = [m | {"label": "linear, rising"} if m["name"] == "four" else m for m in METHODS]
    study = claims_study(methods=methods)
    assert "against linear, rising)" in outcome(study, claims_of(EQUAL | {"four": 0.1}))


def test_a_study_without_tampo_says_nothing_about_it():
    study = claims_study(without=("five", "yoked"))
    claims = claims_table(
        study, scored({name: 0.0 for name in ALL if name not in ("five", "yoked")})
    )
    assert outcome(study, claims).endswith("so it says nothing about it.")


def test_claims_and_controls_are_counted_apart_and_named():
    claims = pd.DataFrame(
        {
            "id": ["C1", "C2", "C7", "X1"],
            "verdict": ["undecided", "undecided", "theorem", "supported"],
        }
    )
    assert verdict_counts(claims) == (
        "Of the paper's claims, 2 undecided (C1, C2), 1 theorem (C7); of ours, 1 supported (X1)."
    )


def test_lines_are_of_tested_claims_and_limits_name_the_others():
    claims = claims_of(EQUAL)
    lines = claim_lines(claims)
    assert [line.id for line in lines] == ["C1", "C2", "C3", "C4", "X1", "X2", "X3"]
    assert lines[0].estimate.endswith("] points")
    texts = limits(STUDY, claims)
    assert "after 40 steps, with 5 seeds" in texts[0]
    assert "C1, C2, C3, C4, X1, X2, X3" in texts[1] and "C5, C6, C7, C8, C9, X4, X5" in texts[2]
