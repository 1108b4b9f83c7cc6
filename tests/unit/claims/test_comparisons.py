"""Every method against every reference."""

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError
from support.studies import micro_study

from tampo.claims.comparisons import BEST_FIXED, NAMED, TAMPO, UNIFORM, comparison_table, references
from tampo.statistics.permutation_tests import holm

METHODS = [
    {"name": "base", "policy": "untrained"},
    {"name": "cold", "policy": "fixed", "settings": {"temperature": 0.7}},
    {"name": "hot", "policy": "fixed", "settings": {"temperature": 1.4}},
    {"name": "tampo", "policy": "tampo"},
    {"name": "uniform", "policy": "uniform"},
    {"name": "mine", "policy": "cosine", "settings": {"start": 0.9, "end": 1.2}},
]
LEVEL = {"base": 0.2, "cold": 0.5, "hot": 0.4, "tampo": 0.55, "uniform": 0.5, "mine": 0.75}


def study_of(**changes):
    return micro_study(
        methods=METHODS,
        seeds=[1, 2, 3],
        tables=[{"name": "table1", "title": "T", "methods": ["mine"]}],
        **changes,
    )


def scores_of(study):
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        [
            {
                "method": method["name"],
                "seed": seed,
                "benchmark": benchmark.name,
                "problem": str(problem),
                "metric": metric,
                "value": float(np.clip(LEVEL[method["name"]] + rng.normal(0, 0.05), 0, 1)),
                "n": 8,
            }
            for method in METHODS
            for seed in study.seeds
            for benchmark in study.benchmarks
            for metric in study.evaluation.pass_metrics
            for problem in range(20)
        ]
    )


def test_a_method_of_the_users_own_is_compared_with_the_best_fixed_uniform_and_tampo():
    study = study_of()
    scores = scores_of(study)
    assert references(study, scores) == {"cold": BEST_FIXED, "uniform": UNIFORM, "tampo": TAMPO}
    table = comparison_table(study, scores)
    metric = study.evaluation.pass_metrics[0]
    average = table[(table.benchmark == "average") & (table.metric == metric)]
    assert len(average) == 3 * (len(METHODS) - 1)
    mine = average[average.method == "mine"].set_index("reference")
    assert mine.difference.to_dict() == pytest.approx(
        {"cold": 25, "uniform": 25, "tampo": 20}, abs=1.5
    )
    assert (mine.low > 0).all() and (mine.num_seeds == 3).all()
    family = average[average.reference == "tampo"]
    assert family.holm_p.tolist() == holm(family.p_value.tolist())
    assert table[table.benchmark != "average"].holm_p.isna().all()


def test_the_study_names_its_references():
    study = study_of(references=["mine"])
    assert references(study, scores_of(study)) == {"mine": NAMED}
    assert set(comparison_table(study, scores_of(study)).reference) == {"mine"}
    with pytest.raises(ValidationError, match="references: unknown 'nobody'"):
        study_of(references=["nobody"])


def test_a_method_without_a_finished_run_keeps_its_row():
    study = study_of()
    scores = scores_of(study)
    diverged = {("mine", seed) for seed in study.seeds}
    table = comparison_table(study, scores[scores.method != "mine"], diverged)
    mine = table[table.method == "mine"]
    assert len(mine) and mine.difference.isna().all() and (mine.num_seeds == 0).all()
    assert mine.holm_p.isna().all()
