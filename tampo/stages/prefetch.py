"""Stage `prefetch`: the problem sets of a study as canonical JSON lines, for machines without network.

The folder is what a study's `data_dir` names, so that a later run reads it instead of the hub.
"""

from __future__ import annotations

import logging
import time
from pathlib import Path

from tampo.files import (
    checksums,
    directory_written_whole,
    to_jsonl,
    write_atomically,
)
from tampo.problems.catalogue import CATALOGUE, Hub, Part
from tampo.problems.problem_sets import load_problems, source
from tampo.records import provenance
from tampo.records.run_json import PrefetchRun
from tampo.study.study import Study

logger = logging.getLogger(__name__)


def prefetch(study: Study, out: Path) -> None:
    """Write every problem set that a study reads to `out`, whole or not at all.

    Generated sets come with the package and are not written. run.json says where each set came
    from, with its revision.

    Raises:
        ProblemSetError: a set cannot be read, or is not what the catalogue says.
    """
    started = time.time()
    names = {study.training_of(method).problems for method in study.trained_methods}
    names |= {benchmark.name for benchmark in study.benchmarks}
    names |= set() if study.cold_start is None else {study.cold_start.problems}
    names = {s.whole if isinstance(s := CATALOGUE[name].source, Part) else name for name in names}
    files = {name: s.file for name in names if isinstance(s := CATALOGUE[name].source, Hub)}
    stored = sorted(files)
    with directory_written_whole(out) as folder:
        for name in stored:
            problems = load_problems(name, study.data_dir)
            write_atomically(folder / files[name], to_jsonl(problems))
            logger.info("%s: %d problems", name, len(problems))
        sources = {name: source(name, study.data_dir) for name in stored}
        record = provenance.collect("prefetch", {"sources": sources}, started)
        PrefetchRun(**record, files=checksums(folder)).write(folder)
