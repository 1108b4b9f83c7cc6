"""What the claims about scores compare: pairs of methods, the first of which is claimed to score higher."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tampo.claims.claim_inputs import NotTested
from tampo.claims.roles import roles
from tampo.study.study import Study

PUBLISHED_ALPHAS = (0.01, 0.10)
"""The α that 0.05 is compared with in the paper's Table 2 [P]."""
PUBLISHED_TOP_PS = (0.0, 0.5, 0.9)
"""The p that 0.7 is compared with in the paper's Table 3; 0 is greedy [P]."""
ECQA = "ecqa"

Pair = tuple[str, str]
"""Two methods, the first of which is claimed to score higher."""


@dataclass(frozen=True)
class Contest:
    """The comparisons of one claim."""

    pairs: list[Pair]
    k: int = 1
    """Of Pass@k."""
    benchmarks: tuple[str, ...] | None = None
    """None is all of the study's."""


def contest(identity: str, study: Study) -> Contest:
    """Return what a claim about scores compares in a study.

    Args:
        identity: id of the claim, one of `CONTESTS`.

    Raises:
        NotTested: the study lacks a method or benchmark of it.
    """
    return CONTESTS[identity](study)


def _schedules(study: Study, k: int) -> Contest:
    tampo, *baselines = roles(study).required("tampo", "fixed", "linear")
    return Contest(_against(tampo, baselines), k)


def _alphas(study: Study) -> Contest:
    parts = roles(study)
    (tampo,) = parts.required("tampo")
    return Contest(_against(tampo, _published(parts.alphas, PUBLISHED_ALPHAS, "α")))


def _top_ps(study: Study) -> Contest:
    parts = roles(study)
    (tampo,) = parts.required("tampo")
    greedy, *others = _published(parts.top_ps, PUBLISHED_TOP_PS, "top-p")
    return Contest([*_against(tampo, [greedy, *others]), *((other, greedy) for other in others)])


def _on_ecqa(study: Study) -> Contest:
    if ECQA not in [b.name for b in study.benchmarks]:
        raise NotTested(f"the study has no benchmark {ECQA}")
    tampo, *baselines = roles(study).required("tampo", "fixed", "base")
    return Contest(_against(tampo, baselines), benchmarks=(ECQA,))


def _control(study: Study, part: str) -> Contest:
    tampo, *baselines = roles(study).required("tampo", part)
    return Contest(_against(tampo, baselines))


def _against(method: str, baselines: Sequence[str]) -> list[Pair]:
    return [(method, baseline) for baseline in baselines]


def _published(found: dict[float, str], values: Sequence[float], name: str) -> list[str]:
    absent = [f"{value:g}" for value in values if value not in found]
    if absent:
        raise NotTested(f"the study has no TAMPO with {name} = {', '.join(absent)}")
    return [found[value] for value in values]


CONTESTS: dict[str, Callable[[Study], Contest]] = {
    "C1": lambda study: _schedules(study, 1),
    "C2": lambda study: _schedules(study, 8),
    "C3": _alphas,
    "C4": _top_ps,
    "C5": _on_ecqa,
    "X1": lambda study: _control(study, "uniform"),
    "X2": lambda study: _control(study, "replay"),
    "X3": lambda study: _control(study, "shuffled"),
}
"""The claims about scores, by id."""
