"""What a verdict would take: seeds and hours for each claim about scores, from the results so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from tampo import layout
from tampo.claims import ClaimInputs
from tampo.claims.claim import DECIDED
from tampo.claims.claim_inputs import NotTested
from tampo.claims.contests import CONTESTS, Contest, contest
from tampo.layout import (
    AVERAGE,
    BENCHMARK,
    EVALUATION,
    GPU_SECONDS,
    METHOD,
    METRIC,
    SECONDS,
    TRAINING,
    VALUE,
)
from tampo.report.rounding import duration, points
from tampo.report.tables import aligned
from tampo.spelling import nearest
from tampo.statistics.paired import pair_generator, paired_differences
from tampo.statistics.power import POWER, detectable_difference, error_after, seeds_needed
from tampo.statistics.score_arrays import in_common, score_arrays
from tampo.statistics.sequential import look_levels
from tampo.study.study import UNTRAINED, Study, StudyError, load_study

SECONDS_PER_HOUR = 3600
MOST = 1000
"""Seeds beyond which a number is of no use."""


def deciding(results: Path, named: Sequence[str], difference: float | None = None) -> str:
    """Return what it would take to decide claims, as aligned text.

    Args:
        results: a study's results, reported, or evidence.
        named: ids of claims about scores; none is all of them.
        difference: true difference in points to plan for; None is what was measured.

    Raises:
        StudyError: an unknown claim, or results that were not reported.
    """
    stored = results / layout.REPORT / layout.STUDY_COPY
    if not stored.is_file():
        raise StudyError(f"{results} holds no report: no {stored}")
    if unknown := [name for name in named if name not in CONTESTS]:
        guess = nearest(unknown[0], list(CONTESTS))
        raise StudyError(
            f"--decide: no claim about scores {unknown[0]!r}{guess}; there are {', '.join(CONTESTS)}"
        )
    if difference is not None and difference <= 0:
        raise StudyError(f"--difference: {difference:g}; it must be above 0")
    study, inputs = load_study(stored), ClaimInputs.read(results / layout.AGGREGATE)
    claims = pd.read_csv(results / layout.REPORT / layout.CLAIMS)
    verdicts = dict(zip(claims["id"], claims["verdict"], strict=True))
    rows = [_row(study, inputs, name, verdicts[name], difference) for name in (named or CONTESTS)]
    level = _level(study, 1)
    looks = study.statistics.looks
    last = f", at the last of its looks, after {looks[-1]} seeds," if looks else ""
    size = "that was measured" if difference is None else f"of {difference:g} points"
    return (
        f"{aligned(pd.DataFrame(rows))}\n\n{len(study.seeds)} seeds so far. Seeds in all that find a true "
        f"difference {size} with {100 * POWER:.0f} % power in a test at {level:.3g}{last} divided by "
        "the claim's comparisons; hours are those of the seeds still missing, of the claim's methods, at "
        "the times measured."
    )


def _row(
    study: Study, inputs: ClaimInputs, name: str, verdict: str, difference: float | None
) -> dict[str, str]:
    """Return one line of the table."""
    row = dict.fromkeys(
        (
            "claim",
            "verdict",
            "nearest",
            "difference",
            "smallest found",
            "seeds",
            "hours",
            "GPU-hours",
        ),
        "–",
    ) | {"claim": name, "verdict": verdict}
    try:
        compared = contest(name, study)
        parts = _parts(study, inputs, compared)
    except NotTested as reason:
        return row | {"nearest": str(reason)}
    level = _level(study, len(parts))
    wanted = None if difference is None else difference / 100
    needed = {
        pair: seeds_needed(wanted or part.mean, part.runs, part.problems, level, most=MOST)
        for pair, part in parts.items()
    }
    pair = min(parts, key=lambda pair: parts[pair].mean)
    # One that is behind contradicts the claim; all have to be ahead to support it.
    counts = [needed[pair]] if parts[pair].mean < 0 or wanted else list(needed.values())
    row |= {"nearest": study.method(pair[1]).title, "difference": points(100 * parts[pair].mean)}
    row["smallest found"] = f"{100 * _smallest(parts[pair], _last(study), level):.1f}"
    if verdict in DECIDED and wanted is None:
        return row | {"seeds": "decided"}
    if None in counts:
        return row | {"seeds": f"over {MOST:,}"}
    seeds = max(count for count in counts if count is not None)
    more = max(0, seeds - len(study.seeds))
    hours, gpu_hours = _hours(study, inputs, compared)
    return row | {
        "seeds": f"{seeds}",
        "hours": duration(more * hours) if more else "0",
        "GPU-hours": f"{more * gpu_hours:.1f}" if gpu_hours else "–",
    }


@dataclass(frozen=True)
class _Part:
    """One paired difference and where its error comes from, as fractions."""

    mean: float
    runs: float
    """Standard deviation over seeds."""
    problems: float
    """Standard error that is due to the problems."""


def _parts(study: Study, inputs: ClaimInputs, compared: Contest) -> dict[tuple[str, str], _Part]:
    """Return the comparisons of a claim by pair.

    Raises:
        NotTested: fewer than two seeds, or scores that are missing.
    """
    metric = layout.pass_at(compared.k)
    if compared.k not in study.evaluation.pass_k:
        raise NotTested(f"the study does not report {metric}")
    names = list(dict.fromkeys(name for pair in compared.pairs for name in pair))
    benchmarks = list(compared.benchmarks or [b.name for b in study.benchmarks])
    arrays = score_arrays(
        inputs.problem_scores, [(n, metric) for n in names], benchmarks, inputs.outcomes.diverged
    )
    found = {}
    for first, second in compared.pairs:
        if (first, metric) not in arrays or (second, metric) not in arrays:
            raise NotTested(f"no scores of {first} or {second}")
        pair = in_common(arrays[first, metric], arrays[second, metric])
        if len(pair[0].seeds) < 2:
            raise NotTested("how runs vary is unknown before the second seed")
        settings = study.statistics
        whole = paired_differences(*pair, settings, pair_generator(settings, metric))[AVERAGE]
        means = np.mean([(pair[0][b] - pair[1][b]).mean(axis=1) for b in benchmarks], axis=0)
        runs = float(means.std(ddof=1))
        left = whole.standard_error**2 - runs**2 / len(means)
        found[first, second] = _Part(whole.difference, runs, float(np.sqrt(max(0.0, left))))
    return found


def _level(study: Study, comparisons: int) -> float:
    """Return the level of one of a claim's comparisons at the study's last look."""
    level = (1 - study.statistics.confidence) / comparisons
    looks = study.statistics.looks
    return look_levels(level, tuple(looks))[-1] if looks else level


def _last(study: Study) -> int:
    """Return the seeds of the study's last look, or those that it has."""
    return study.statistics.looks[-1] if study.statistics.looks else len(study.seeds)


def _smallest(part: _Part, seeds: int, level: float) -> float:
    """Return the smallest difference that so many seeds find."""
    return detectable_difference(*error_after(seeds, part.runs, part.problems), 1 - level)


def _hours(study: Study, inputs: ClaimInputs, compared: Contest) -> tuple[float, float]:
    """Return hours and GPU-hours of one more seed of a claim's methods."""
    names = {name for pair in compared.pairs for name in pair}
    trained = [m.name for m in study.methods if m.name in names and m.policy != UNTRAINED]
    scores = inputs.scores[inputs.scores[METHOD].isin(trained)]
    runs = scores[scores[BENCHMARK].isin([TRAINING, EVALUATION])]

    def total(metric: str) -> float:
        own = runs[runs[METRIC] == metric]
        return float(own.groupby([METHOD, BENCHMARK])[VALUE].mean().sum()) / SECONDS_PER_HOUR

    return total(SECONDS), total(GPU_SECONDS)
