"""Two methods of a study side by side, for a terminal."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from tampo import layout
from tampo.files import plain_or_packed
from tampo.layout import BENCHMARK, METRIC, PROBLEM
from tampo.records.outcomes import Outcomes
from tampo.report.rounding import compared_text, number
from tampo.report.tables import aligned
from tampo.spelling import nearest
from tampo.statistics.paired import difference_table
from tampo.study.study import StudyError, load_study


def compare(first: str, second: str, results: Path) -> str:
    """Return the paired difference of two methods in every metric and benchmark, as aligned text.

    Args:
        first, second: names of methods; the difference is first minus second.
        results: a study's results, or evidence.

    Raises:
        StudyError: an unknown method, or results that were not reported.
    """
    stored = results / layout.REPORT / layout.STUDY_COPY
    if not stored.is_file():
        raise StudyError(f"{results} holds no report: no {stored}")
    study = load_study(stored)
    names = [method.name for method in study.methods]
    for name in (first, second):
        if name not in names:
            guess = nearest(name, names)
            raise StudyError(f"unknown method {name!r}{guess}; methods: {', '.join(names)}")
    folder = results / layout.AGGREGATE
    scores = pd.read_csv(plain_or_packed(folder / layout.PROBLEM_SCORES), dtype={PROBLEM: str})
    diverged = Outcomes.read(folder).diverged
    metrics = study.evaluation.pass_metrics
    table = difference_table(scores, [(first, second)], metrics, study.statistics, diverged)
    for column in ("difference", layout.LOW, layout.HIGH):
        table[column] *= 100
    text = pd.DataFrame(
        {
            METRIC: table[METRIC],
            BENCHMARK: table[BENCHMARK],
            f"{first} - {second}": [compared_text(row) for row in table.to_dict("records")],
            "p": [number(p) for p in table["p_value"]],
            "seeds": [str(n) for n in table[layout.NUM_SEEDS]],
        }
    )
    kind = f"{100 * study.statistics.confidence:g} % interval over runs and problems"
    return f"{aligned(text)}\n\nPercentage points, {kind}; p is of this one comparison."
