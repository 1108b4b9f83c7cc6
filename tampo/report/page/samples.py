"""The stored responses that the report shows: a bounded choice, the same every time.

A study may hold millions of responses and a page may not. Responses are sorted into groups of one
benchmark, method and outcome and dealt out one from each group in turn until the limit is reached:
rare outcomes are all there, common ones are cut, and the page says how many there are of each. A group
gives the first samples of its problems before second ones, from all seeds.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tampo import layout
from tampo.files import read_jsonl
from tampo.grading import OUTCOMES
from tampo.study.study import Study

MOST_RESPONSES = 2000
"""Responses embedded in a report."""
MOST_CHARACTERS = 3000
"""Characters of a response; of a longer one the beginning and the end are kept."""


@dataclass(frozen=True)
class SampleChoice:
    """Responses for the explorer, ready for JSON."""

    problems: list[dict[str, Any]]
    """benchmark, index, id, prompt, answer of every problem that a chosen response belongs to."""
    responses: list[dict[str, Any]]
    """problem (index into `problems`), method, seed, sample, outcome, finish, tokens, extracted,
    response, cut (characters left out), rule (absent where a grader before version 2 graded)."""
    total: int
    """Responses that the study holds."""
    counts: list[dict[str, Any]]
    """benchmark, method, outcome, total, shown: of each group that has any response."""

    def as_json(self, study: Study) -> dict[str, Any]:
        """Return what the page's script reads."""
        return {
            "benchmarks": [benchmark.name for benchmark in study.benchmarks],
            "methods": [method.name for method in study.methods],
            "outcomes": list(OUTCOMES),
            "problems": self.problems,
            "responses": self.responses,
            "counts": self.counts,
        }


def choose_samples(
    study: Study, results: Path, most: int = MOST_RESPONSES, characters: int = MOST_CHARACTERS
) -> SampleChoice:
    """Read every stored response of a study and choose those to show.

    Args:
        study: gives the order of benchmarks, methods and seeds.
        results: `results/{study}`.
        most: responses at most.
        characters: characters of a response at most.
    """
    # Two passes over the files: only what is shown is held in memory.
    sizes: dict[tuple[str, str, str], int] = {}
    for key, _, _ in _responses(study, results):
        sizes[key] = sizes.get(key, 0) + 1
    groups = sorted(sizes, key=lambda key: _order(study, key))
    quota = _deal([sizes[group] for group in groups], most)
    quotas = dict(zip(groups, quota, strict=True))
    chosen: dict[tuple[str, str, str], list[tuple]] = {group: [] for group in groups}
    for key, problem, response in _responses(study, results):
        rank = (response["sample"], problem["index"], study.seeds.index(response["seed"]))
        # The last of those chosen so far is on top of the heap, and gives way.
        entry = (*(-place for place in rank), problem, response)
        if len(chosen[key]) < quotas[key]:
            heapq.heappush(chosen[key], entry)
        elif quotas[key]:
            heapq.heappushpop(chosen[key], entry)
    problems: dict[tuple[str, str], dict[str, Any]] = {}
    responses = []
    for group in groups:
        for *_, problem, response in sorted(
            chosen[group], key=lambda entry: entry[:3], reverse=True
        ):
            problems.setdefault((problem["benchmark"], problem["id"]), problem)
            responses.append(response | _shortened(response["response"], characters))
    ordered = sorted(
        problems.values(), key=lambda p: (_benchmark_order(study, p["benchmark"]), p["index"])
    )
    index = {(problem["benchmark"], problem["id"]): i for i, problem in enumerate(ordered)}
    for response in responses:
        response["problem"] = index[response.pop("benchmark"), response.pop("id")]
    counts = [
        dict(zip(("benchmark", "method", "outcome"), group, strict=True))
        | {"total": sizes[group], "shown": quotas[group]}
        for group in groups
    ]
    return SampleChoice(ordered, responses, sum(sizes.values()), counts)


def _responses(
    study: Study, results: Path
) -> Iterator[tuple[tuple[str, str, str], dict[str, Any], dict[str, Any]]]:
    """Yield group, problem and response, in the order of the files; seeds vary slowest."""
    for seed in study.seeds:
        for method in [m.name for m in study.methods]:
            for benchmark in [b.name for b in study.benchmarks]:
                path = layout.evaluate_folder(results, method, seed) / f"{benchmark}.jsonl"
                for index, row in enumerate(read_jsonl(path)):
                    problem = {key: row[key] for key in ("id", "prompt", "answer")}
                    problem |= {"benchmark": benchmark, "index": index}
                    for sample, response in enumerate(row["responses"]):
                        place = {"benchmark": benchmark, "id": row["id"], "method": method}
                        place |= {"seed": seed, "sample": sample}
                        yield (benchmark, method, response["outcome"]), problem, place | response


def _deal(sizes: list[int], most: int) -> list[int]:
    """Return how many of each group are taken if one is taken from each in turn, `most` in all."""
    taken = [0] * len(sizes)
    while (remaining := most - sum(taken)) > 0:
        hungry = [i for i, size in enumerate(sizes) if taken[i] < size]
        if not hungry:
            break
        rounds = min(sizes[i] - taken[i] for i in hungry)
        rounds = min(rounds, remaining // len(hungry))
        if rounds:
            for i in hungry:
                taken[i] += rounds
        else:
            for i in hungry[:remaining]:
                taken[i] += 1
    return taken


def _order(study: Study, key: tuple[str, str, str]) -> tuple[int, int, int]:
    benchmark, method, outcome = key
    methods = [m.name for m in study.methods]
    return _benchmark_order(study, benchmark), methods.index(method), OUTCOMES.index(outcome)


def _benchmark_order(study: Study, name: str) -> int:
    return [benchmark.name for benchmark in study.benchmarks].index(name)


def _shortened(text: str, characters: int) -> dict[str, Any]:
    """Return a response's text, cut in its middle where it is too long, and what was cut."""
    cut = len(text) - characters
    if cut <= 0:
        return {"response": text, "cut": 0}
    # The answer is at the end: keep more of that part.
    head = characters // 3
    tail = characters - head
    return {"response": f"{text[:head]} […] {text[-tail:]}", "cut": cut}
