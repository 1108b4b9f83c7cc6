"""What a study says of TAMPO against its rivals, worded by intervals and nothing else.

A difference has a direction only where its interval leaves out zero. Differences, intervals and power are
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
from tampo.report.page.sections import model_name, number
from tampo.statistics.paired import PairedDifference, pair_generator, paired_differences
from tampo.statistics.permutation_tests import holm
from tampo.statistics.power import POWER, study_detectable
from tampo.statistics.score_arrays import Runs, in_common, score_arrays
from tampo.study.study import Study

Word = Literal["is better than", "is worse than", "cannot be told from"]
BETTER, WORSE, NEITHER = WORDS = get_args(Word)
"""How one method does against another. The last is no finding of equality: both may be true."""
CONTROLS = {
    "uniform": "uniform draws",
    "replay": "replay of its temperatures",
    "shuffled": "shuffled advantages",
}
"""Parts (of `Roles`) that vary the temperature without learning it from the run, and their names."""


@dataclass(frozen=True)
class Comparison:
    """TAMPO less one rival, in one metric, averaged over benchmarks."""

    rival: str
    kind: str
    """What the rival is, in words."""
    found: PairedDifference
    adjusted: float
    """p-value after Holm's adjustment over the rivals of the metric."""

    @property
    def word(self) -> Word:
        """How TAMPO does against the rival, as far as the interval can tell."""
        if self.found.low > 0:
            return BETTER
        return WORSE if self.found.high < 0 else NEITHER

    @property
    def numbers(self) -> str:
        """The difference and its interval, in points of percent."""
        found = self.found
        return f"{points(found.difference)} [{points(found.low)}, {points(found.high)}]"


def points(share: float) -> str:
    """Return a signed share as points of percent."""
    return f"{100 * share:+.1f}".replace("-", "\N{MINUS SIGN}")


def rivals(parts: Roles) -> list[tuple[str, str]]:
    """Return name and kind of every method that TAMPO is compared with."""
    named = [(name, "fixed temperature") for name in parts.fixed]
    named += [(name, "rising linear schedule") for name in parts.linear]
    controls = [(getattr(parts, part), kind) for part, kind in CONTROLS.items()]
    return named + [(name, kind) for name, kind in controls if name]


def comparisons(
    study: Study, problem_scores: pd.DataFrame, k: int, diverged: Runs = ()
) -> list[Comparison]:
    """Return TAMPO against every rival in Pass@k; none where the study has no TAMPO.

    A rival is compared on the seeds that both finished, and left out where there are fewer than two
    because runs diverged.
    """
    parts = roles(study)
    against = rivals(parts)
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
        against = [rival for rival in against if rival[0] in pairs]
    found = [
        paired_differences(*pairs[name], settings, pair_generator(settings, metric))
        for name, _ in against
    ]
    differences = [difference[AVERAGE] for difference in found]
    adjusted = holm([difference.p_value for difference in differences])
    return [
        Comparison(*rival, difference, p)
        for rival, difference, p in zip(against, differences, adjusted, strict=True)
    ]


def comparison_table(found: dict[int, list[Comparison]]) -> pd.DataFrame:
    """Return comparisons by k as text: a row a rival, difference, p-values for each k."""
    table: dict[str, list[str]] = {}
    for k, compared in found.items():
        table |= {"TAMPO against": [c.rival for c in compared], "is": [c.kind for c in compared]}
        table[f"Pass@{k}, points"] = [c.numbers for c in compared]
        table[f"p@{k}"] = [number(c.found.p_value) for c in compared]
        table[f"Holm@{k}"] = [number(c.adjusted) for c in compared]
    return pd.DataFrame(table)


def paragraph(study: Study, found: dict[int, list[Comparison]]) -> str:
    """Return what the study says of TAMPO, in one paragraph.

    Args:
        study: what was compared.
        found: `comparisons` by k, ascending; the first decides the words on controls and power.
    """
    parts = roles(study)
    if not parts.tampo:
        return "The study has no TAMPO with the paper's settings, so it says nothing of it."
    if not any(found.values()):
        return "The study has nothing to set TAMPO beside, so it says nothing of it."
    first = next(iter(found.values()))
    sentences = [_verdict(parts.tampo, k, compared) for k, compared in found.items()]
    sentences += [_tally(study, compared, k) for k, compared in found.items()]
    sentences += [_controls(parts, first), _power(study, first, next(iter(found)))]
    sentences.append(
        f"All of this is about one base model ({model_name(study)}) after {study.training.steps} steps "
        "of training, and about nothing else."
    )
    return " ".join(sentences)


def _verdict(tampo: str, k: int, compared: Sequence[Comparison]) -> str:
    clauses = []
    for word in WORDS:
        named = [f"`{c.rival}` ({c.numbers} points)" for c in compared if c.word == word]
        if named:
            reason = ", where the interval holds zero" if word == NEITHER else ""
            clauses.append(f"{word} that of {_listed(named)}{reason}")
    return f"Pass@{k} of `{tampo}`, averaged over benchmarks, {'; '.join(clauses)}."


def _tally(study: Study, compared: Sequence[Comparison], k: int) -> str:
    confidence = study.statistics.confidence
    apart = sum(c.word != NEITHER for c in compared)
    if not apart:
        return f"In Pass@{k} no {100 * confidence:g} % interval leaves out zero: nothing is shown."
    kept = sum(c.adjusted <= 1 - confidence for c in compared)
    return (
        f"In Pass@{k} {apart} of {len(compared)} intervals of {100 * confidence:g} % "
        f"{'leaves' if apart == 1 else 'leave'} out zero; "
        f"after Holm's adjustment for {len(compared)} comparisons {kept or 'none'} of the differences "
        f"{'remains' if kept <= 1 else 'remain'} at p ≤ {1 - confidence:.2g}."
    )


def _controls(parts: Roles, compared: Sequence[Comparison]) -> str:
    """Return what follows for learning the temperature, as against only varying it."""
    absent = [kind for part, kind in CONTROLS.items() if not getattr(parts, part)]
    there = [c for c in compared if c.kind in CONTROLS.values()]
    lack = f"The study has no {_listed(absent, 'or')}" if absent else ""
    if not there:
        return f"{lack}: it cannot tell learning the temperature from only varying it."
    names = _listed([f"`{c.rival}`" for c in there])
    beaten = [f"`{c.rival}`" for c in there if c.found.low > 0]
    text = f"Of the controls that vary the temperature without learning it ({names}), it is better than "
    if not beaten:
        text += "none: nothing here says that learning the temperature is what matters."
    elif len(beaten) == len(there):
        text += "every one, which speaks for learning it."
    else:
        text += f"{_listed(beaten)} alone."
    return f"{text} {lack}." if lack else text


def _power(study: Study, compared: Sequence[Comparison], k: int) -> str:
    differences = [c.found for c in compared]
    if differences[0].runs < 2:
        return "With one run a method it is unknown how runs vary, and intervals speak of problems alone."
    least = study_detectable(differences, study.statistics.confidence)
    return (
        f"With {differences[0].runs} runs a method and these problems, a single comparison finds a true "
        f"difference in Pass@{k} of {100 * least:.1f} points with {100 * POWER:.0f} % power; smaller "
        "ones mostly go unseen."
    )


def _listed(names: Sequence[str], last: str = "and") -> str:
    *others, final = names
    return f"{', '.join(others)} {last} {final}" if others else final
