"""A verdict on every claim of the paper, and the test behind it.

`claims_table(study, inputs)` judges claims C1 to C9 and X1 to X5, which the paper did not make, by the
tables of one study: *supported*, *contradicted*, *undecided*, *theorem* or *not tested here*. Which
method has which role follows from policies and settings (`tampo.claims.roles`), never from names.
"""

from __future__ import annotations

import dataclasses

import pandas as pd

from tampo import layout
from tampo.claims.claim import VERDICTS, Claim, Verdict
from tampo.claims.claim_inputs import ClaimInputs
from tampo.claims.mechanism import credit_beats_null, moves_toward_best
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
from tampo.claims.training import (
    likelihood_is_unimodal,
    optimal_temperatures_differ,
    takes_no_longer,
    temperature_falls,
)
from tampo.claims.verdicts import Judge
from tampo.study.study import Study

CLAIMS: tuple[Judge, ...] = (
    beats_schedules_at_one,
    beats_schedules_at_eight,
    best_alpha,
    best_top_p,
    beats_grpo_on_ecqa,
    takes_no_longer,
    likelihood_is_unimodal,
    optimal_temperatures_differ,
    temperature_falls,
    beats_uniform,
    beats_replay,
    beats_shuffled,
    credit_beats_null,
    moves_toward_best,
)
"""The claims in order, each a function of a study and its tables."""


def claims_table(study: Study, inputs: ClaimInputs) -> pd.DataFrame:
    """Return one row per claim.

    Returns:
        `layout.CLAIM_COLUMNS`; estimate, low and high are NaN where nothing was tested, `published` is text
        and None where the paper gives no number, `looks*` where the study declares none.
    """
    rows = [dataclasses.asdict(judge(study, inputs)) for judge in CLAIMS]
    table = pd.DataFrame(rows, columns=layout.CLAIM_COLUMNS)
    numbers = ["estimate", layout.LOW, layout.HIGH, "looks_low", "looks_high"]
    return table.astype(dict.fromkeys(numbers, float))


__all__ = ["CLAIMS", "VERDICTS", "Claim", "ClaimInputs", "Verdict", "claims_table"]
