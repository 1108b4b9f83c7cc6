"""The text of published problems, which evidence names but does not contain.

Published problem sets have licences of their own, so evidence has an id in the place of every problem
text, in prompts and on the report's page. Whoever has the problem set gets the stored bytes back, and with
them the checksums of run.json.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from jinja2.utils import htmlsafe_json_dumps

from tampo import layout
from tampo.files import to_jsonl
from tampo.layout import PROBLEM
from tampo.problems.catalogue import CATALOGUE, Generated
from tampo.problems.problem_sets import load_problems
from tampo.study.study import Study, StudyError


def problem_texts(study: Study) -> dict[str, str]:
    """Return the texts of the study's benchmarks by problem id; generated ones are our own.

    Raises:
        ProblemSetError: a set cannot be read.
    """
    return {
        problem["id"]: problem[PROBLEM]
        for benchmark in study.benchmarks
        if not isinstance(CATALOGUE[benchmark.name].source, Generated)
        for problem in load_problems(benchmark.name, study.data_dir, benchmark.limit)
    }


def withhold(name: Path, content: bytes, texts: Mapping[str, str]) -> bytes:
    """Return a file with ids in the place of problem texts.

    Raises:
        StudyError: the file could not be restored from what is left.
    """
    if not (texts and _may_hold(name)):
        return content
    text = content.decode()
    # A text may be part of another one, which has to go first.
    for key, problem in sorted(texts.items(), key=lambda item: (-len(item[1]), item[0])):
        text = text.replace(_encoded(name, problem), _place(key))
    if give_back(name, text.encode(), texts) != content:
        raise StudyError(f"{name}: the problems' texts cannot be taken out and put back")
    return text.encode()


def give_back(name: Path, content: bytes, texts: Mapping[str, str]) -> bytes:
    """Return a file as it was before `withhold`."""
    if not (texts and _may_hold(name)):
        return content
    text = content.decode()
    for key, problem in texts.items():
        text = text.replace(_place(key), _encoded(name, problem))
    return text.encode()


def _may_hold(name: Path) -> bool:
    return name.suffix == ".html" or (name.parts[0] == layout.EVALUATE and name.suffix == ".jsonl")


def _place(key: str) -> str:
    return f"[[problem {key}]]"


def _encoded(name: Path, problem: str) -> str:
    """Return a text as it appears inside a JSON string of the file."""
    if name.suffix == ".html":
        return str(htmlsafe_json_dumps(problem))[1:-1]
    return to_jsonl([problem])[1:-2]
