"""What a study says about TAMPO against its baselines, worded by intervals alone.

A difference has a direction only where its interval excludes 0. Differences, intervals and power are
those of `tampo.statistics.paired` and `tampo.statistics.power`, from the draws that the verdicts of
`claims.csv` rest on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import pandas as pd

from tampo import layout
from tampo.claims.roles import Roles, roles
from tampo.layout import AVERAGE
from tampo.report.page.sections import model_name
from tampo.report.rounding import number, points
from tampo.statistics.paired import PairedDifference, pair_generator, paired_differences
from tampo.statistics.permutation_tests import holm
from tampo.statistics.power import POWER, study_detectable
from tampo.statistics.score_arrays import Runs, in_common, score_arrays
from tampo.study.study import Study

Word = Literal["is better than", "is worse than", "is not significantly different from"]
BETTER, WORSE, NEITHER = WORDS = get_args(Word)
"""How one method compares with another. The last does not mean that they are equal."""
CONTROLS = {
    "uniform": "uniform draws",
    "replay": "replay of its temperatures",
    "shuffled": "shuffled advantages",
}
"""Roles that vary the temperature without learning it from the run, and their names."""


@dataclass(frozen=True)
class Comparison:
    """TAMPO minus one baseline, in one metric, averaged over benchmarks."""

    baseline: str
    kind: str
    """What the baseline is, in words."""
    found: PairedDifference
    adjusted: float
    """p-value after Holm's adjustment over the baselines of the metric."""

    @property
    def word(self) -> Word:
        """How TAMPO compares with the baseline, by the interval."""
        if self.found.low > 0:
            return BETTER
        return WORSE if self.found.high < 0 else NEITHER

    @property
    def numbers(self) -> str:
        """The difference and its interval, in percentage points."""
        found = self.found
        ends = f"[{points(100 * found.low)}, {points(100 * found.high)}]"
        return f"{points(100 * found.difference)} {ends}"


def baselines(parts: Roles) -> list[tuple[str, str]]:
    """Return name and kind of every method that TAMPO is compared with."""
    named = [(name, "fixed temperature") for name in parts.fixed]
    named += [(name, "rising linear schedule") for name in parts.linear]
    controls = [(getattr(parts, part), kind) for part, kind in CONTROLS.items()]
    return named + [(name, kind) for name, kind in controls if name]


def comparisons(
    study: Study, problem_scores: pd.DataFrame, k: int, diverged: Runs = ()
) -> list[Comparison]:
    """Return TAMPO against every baseline in Pass@k; none where the study has no TAMPO.

    A baseline is compared on the seeds that both finished, and left out where there are fewer than two
    because runs diverged.
    """
    parts = roles(study)
    against = baselines(parts)
    if not parts.tampo or not against:
        return []
    metric, settings = layout.pass_at(k), study.statistics
    rows = [(name, metric) for name in (parts.tampo, *(name for name, _ in against))]
    arrays = score_arrays(problem_scores, rows, [b.name for b in study.benchmarks], diverged)
    pairs = {
        name: in_common(arrays[rows[0]], arrays[name, metric])
        for name, _ in against
        if rows[0] in arrays and (name, metric) in arrays
    }
    if diverged:
        pairs = {name: pair for name, pair in pairs.items() if len(pair[0].seeds) > 1}
        against = [other for other in against if other[0] in pairs]
    found = [
        paired_differences(*pairs[name], settings, pair_generator(settings, metric))
        for name, _ in against
    ]
    differences = [difference[AVERAGE] for difference in found]
    adjusted = holm([difference.p_value for difference in differences])
    return [
        Comparison(*baseline, difference, p)
        for baseline, difference, p in zip(against, differences, adjusted, strict=True)
    ]


def comparison_table(found: dict[int, list[Comparison]]) -> pd.DataFrame:
    """Return comparisons by k as text: one row per baseline; difference and p-values for each k."""
    table: dict[str, list[str]] = {}
    for k, compared in found.items():
        table |= {"TAMPO against": [c.baseline for c in compared], "is": [c.kind for c in compared]}
        table[f"Pass@{k}, points"] = [c.numbers for c in compared]
        table[f"p@{k}"] = [number(c.found.p_value) for c in compared]
        table[f"Holm@{k}"] = [number(c.adjusted) for c in compared]
    return pd.DataFrame(table)


def paragraph(study: Study, found: dict[int, list[Comparison]]) -> str:
    """Return what the study says about TAMPO, in one paragraph.

    Args:
        study: what was compared.
        found: `comparisons` by k, ascending; the first decides the words on controls and power.
    """
    parts = roles(study)
    if not parts.tampo:
        return "The study has no TAMPO with the paper's settings, so it says nothing about it."
    if not any(found.values()):
        return "The study has nothing to compare TAMPO with, so it says nothing about it."
    first = next(iter(found.values()))
    sentences = [_verdict(parts.tampo, k, compared) for k, compared in found.items()]
    sentences += [_tally(study, compared, k) for k, compared in found.items()]
    sentences += [_controls(parts, first), _power(study, first, next(iter(found)))]
    sentences.append(
        f"All of this holds for one base model ({model_name(study)}) after {study.training.steps} steps "
        "of training, and for nothing else."
    )
    return " ".join(sentences)


def _verdict(tampo: str, k: int, compared: Sequence[Comparison]) -> str:
    clauses = []
    for word in WORDS:
        named = [f"`{c.baseline}` ({c.numbers} points)" for c in compared if c.word == word]
        if named:
            reason = ", where the interval includes 0" if word == NEITHER else ""
            clauses.append(f"{word} that of {_listed(named)}{reason}")
    return f"Pass@{k} of `{tampo}`, averaged over benchmarks, {'; '.join(clauses)}."


def _tally(study: Study, compared: Sequence[Comparison], k: int) -> str:
    confidence = study.statistics.confidence
    apart = sum(c.word != NEITHER for c in compared)
    if not apart:
        return f"In Pass@{k}, no significant difference: every {100 * confidence:g} % interval includes 0."
    kept = sum(c.adjusted <= 1 - confidence for c in compared)
    return (
        f"In Pass@{k}, {apart} of {len(compared)} {100 * confidence:g} % intervals "
        f"{'excludes' if apart == 1 else 'exclude'} 0; "
        f"after Holm's adjustment for {len(compared)} comparisons {kept or 'none'} of the differences "
        f"{'remains' if kept <= 1 else 'remain'} significant at p ≤ {1 - confidence:.2g}."
    )


def _controls(parts: Roles, compared: Sequence[Comparison]) -> str:
    """Return what follows for learning the temperature rather than only varying it."""
    absent = [kind for part, kind in CONTROLS.items() if not getattr(parts, part)]
    there = [c for c in compared if c.kind in CONTROLS.values()]
    lack = f"The study has no {_listed(absent, 'or')}" if absent else ""
    if not there:
        return f"{lack}: it cannot separate learning the temperature from only varying it."
    names = _listed([f"`{c.baseline}`" for c in there])
    beaten = [f"`{c.baseline}`" for c in there if c.found.low > 0]
    text = f"Of the controls that vary the temperature without learning it ({names}), it is better than "
    if not beaten:
        text += "none: nothing here shows that learning the temperature matters."
    elif len(beaten) == len(there):
        text += "every one, which is evidence for learning it."
    else:
        text += f"{_listed(beaten)} only."
    return f"{text} {lack}." if lack else text


def _power(study: Study, compared: Sequence[Comparison], k: int) -> str:
    differences = [c.found for c in compared]
    if differences[0].runs < 2:
        return (
            "With one run per method, how runs vary is unknown, and intervals cover problems only."
        )
    least = study_detectable(differences, study.statistics.confidence)
    return (
        f"With {differences[0].runs} runs per method and these problems, a single comparison detects a true "
        f"difference in Pass@{k} of {100 * least:.1f} points with {100 * POWER:.0f} % power; smaller "
        "ones mostly go undetected."
    )


def _listed(names: Sequence[str], last: str = "and") -> str:
    *others, final = names
    return f"{', '.join(others)} {last} {final}" if others else final
