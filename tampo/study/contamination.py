"""A study must not train on what it is tested on: its training problems, compared by content.

By name a study is checked when it is read (`tampo.study.study`), which costs nothing. By content, where
other names or a folder of problem sets hide the same problems, it is checked by `tampo check` and, again
and with what is read there, by every job that trains, before its model loads.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tampo.problems.catalogue import CATALOGUE, Hub, root
from tampo.problems.overlap import NEAR, OVERLAP, Match, find_overlap
from tampo.problems.problem_sets import ProblemSetError, load_problems
from tampo.study.study import Study, StudyError

logger = logging.getLogger(__name__)

SHOWN = 3
"""Examples of a message."""


@dataclass(frozen=True)
class Contamination:
    """What a study's training sets share with its benchmarks."""

    found: dict[str, list[Match]] = field(default_factory=dict)
    """Matches of each training set that was compared."""
    unread: dict[str, str] = field(default_factory=dict)
    """Why a problem set could not be read, by its name: what it shares is not known."""
    sizes: dict[str, int] = field(default_factory=dict)
    """Problems of each set that was read."""

    @property
    def overlap(self) -> list[tuple[str, Match]]:
        """Matches that count as training on a benchmark, each with its training set."""
        return [(s, m) for s, matches in self.found.items() for m in matches if m.kind != NEAR]

    def counts(self) -> dict[str, dict[str, dict[str, int]]]:
        """Return, by training set and benchmark, the number of matches of each kind."""
        return {
            name: {
                benchmark: dict(Counter(m.kind for m in matches if m.benchmark == benchmark))
                for benchmark in dict.fromkeys(match.benchmark for match in matches)
            }
            for name, matches in self.found.items()
        }

    def lines(self) -> Iterator[str]:
        """Yield a readable line for each training set and benchmark, with examples below it."""
        for name, matches in self.found.items():
            for benchmark in dict.fromkeys(match.benchmark for match in matches):
                here = [match for match in matches if match.benchmark == benchmark]
                yield f"overlap: {name} with {benchmark}: {_tally(here)}"
                yield from (f"  {_example(match)}" for match in here[:SHOWN])
                if len(here) > SHOWN:
                    yield f"  and {len(here) - SHOWN} more"
            if not matches:
                yield f"overlap: {name} with the benchmarks: none"
        for reason in dict.fromkeys(self.unread.values()):
            names = ", ".join(name for name, why in self.unread.items() if why == reason)
            yield f"overlap: not checked for {names}: {reason}"

    def refuse(self, study: Study) -> None:
        """Raise StudyError if there is overlap and the study does not say why it is allowed."""
        if not self.overlap or study.allow_overlap is not None:
            return
        training = self.overlap[0][0]
        key = next(key for key, name in study.training_sets.items() if name == training)
        matches = [match for name, match in self.overlap if name == training]
        problems = len({match.training for match in matches})
        benchmarks = ", ".join(dict.fromkeys(match.benchmark for match in matches))
        raise StudyError(
            f"{key}: {problems} of the {self.sizes[training]} problems of {training!r} are in "
            f"{benchmarks} ({_tally(matches)}): {'; '.join(map(_example, matches[:SHOWN]))}; a study "
            "never trains on what it is tested on; if it must, say why in allow_overlap, which the "
            "report repeats"
        )


def _tally(matches: Iterable[Match]) -> str:
    counts = Counter(match.kind for match in matches)
    return ", ".join(f"{counts[kind]} {kind}" for kind in (*OVERLAP, NEAR) if counts[kind])


def _example(match: Match) -> str:
    shared = f" ({100 * match.shared:.0f} %)" if match.shared < 1 else ""
    return f"{match.training} {match.kind} {match.problem}{shared}"


def contamination(
    study: Study, sets: Iterable[str] | None = None, *, hub: bool = True
) -> Contamination:
    """Compare the training sets of a study with the problems that it is evaluated on.

    Args:
        study: with the folder that problem sets are read from.
        sets: training sets to compare; None for all of the study's.
        hub: whether sets that would have to be downloaded are; if not, they count as unread.
    """
    reader = _Reader(study.data_dir, hub)
    benchmarks = {
        b.name: problems
        for b in study.benchmarks
        if (problems := reader.read(b.name, b.limit)) is not None
    }
    found = {}
    for name in dict.fromkeys(study.training_sets.values() if sets is None else sets):
        problems = reader.read(name)
        if problems is not None and benchmarks:
            held = sum(map(len, benchmarks.values()))
            logger.info("comparing %d training and %d benchmark problems", len(problems), held)
            found[name] = find_overlap(problems, benchmarks)
    return Contamination(found, reader.unread, reader.sizes)


def refuse_contaminated(study: Study, sets: Iterable[str]) -> Contamination:
    """Compare these training sets with the study's benchmarks before anything trains on them.

    Raises:
        StudyError: they overlap, and the study does not say why that is allowed.
    """
    result = contamination(study, sets)
    for line in result.lines():
        logger.info("%s", line)
    result.refuse(study)
    return result


class _Reader:
    """Reads problem sets and remembers which could not be read."""

    def __init__(self, data_dir: str | None, hub: bool) -> None:
        self.data_dir, self.hub = data_dir, hub
        self.unread: dict[str, str] = {}
        self.sizes: dict[str, int] = {}

    def read(self, name: str, limit: int | None = None) -> list[dict[str, Any]] | None:
        from_hub = self.data_dir is None and isinstance(CATALOGUE[root(name)].source, Hub)
        if from_hub and not self.hub:
            self.unread[name] = "to be read from the hub"
            return None
        try:
            problems = load_problems(name, self.data_dir, limit)
        except ProblemSetError as error:
            self.unread[name] = str(error)
            # Waiting for a hub that does not answer takes half a minute a set.
            self.hub = self.hub and not from_hub
            return None
        self.sizes[name] = len(problems)
        return problems
