"""Extending evidence: seeds that were run elsewhere join the evidence of the same study.

Only what another machine may differ in differs: the seeds, what jobs ask a scheduler for, where problem
sets lie. The rest of the study, the base model's weights and every package that can change a number have
to be the same. Each run keeps its own run.json, so who ran what where is in the extended evidence.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import yaml

from tampo import layout
from tampo.evidence.archive import is_archive, restored, write_archive
from tampo.evidence.findings import Verification
from tampo.evidence.pack import refuse_mismatches, report_again, require_finished
from tampo.evidence.verify import to_stderr, verify
from tampo.evidence.withheld import problem_texts
from tampo.records.run_json import ModelRun, read_any_run, read_run
from tampo.records.run_records import record_paths
from tampo.study.references import References
from tampo.study.study import Study, StudyError, load_study

OF_THE_MACHINE = ("seeds", "resources", "data_dir")
"""Keys of a study that may differ between those who run its seeds."""
FREE: dict[str, Any] = {
    **dict.fromkeys(OF_THE_MACHINE, True),
    "methods": {"__all__": {"label", "group"}},
}
"""The same, with what methods are called in tables and figures; as pydantic leaves keys out."""
CHANGES_NO_NUMBER = ("snakemake", "matplotlib")
"""Packages that plan and draw."""


def extend_evidence(
    evidence: Path,
    results: Path,
    out: Path,
    data_dir: str | None = None,
    references: References | None = None,
    progress: Callable[[str], None] = to_stderr,
) -> Verification:
    """Add the seeds of `results` that `evidence` lacks, and make its report anew.

    Both are verified before anything is written. Seeds that the evidence has already stay as they are.

    Args:
        evidence: evidence of a study.
        results: `results/{study}` of the same study with other seeds, or its evidence.
        out: receives the extended evidence; may be `evidence`.
        data_dir: folder of problem sets, where they are not to come from the hub.
        references: what the study is compared with.
        progress: called with a line of text as parts are done.

    Returns:
        What was checked of the extended evidence.

    Raises:
        StudyError: one of the two is not finished or does not verify, they are not of the same study,
            weights or packages, or there is no new seed.
    """
    if not is_archive(evidence):
        raise StudyError(f"--extend {evidence}: no evidence; `tampo evidence` makes it of results")
    for place in (evidence, results):
        require_finished(place)
    study, other = _stored(evidence), _stored(results)
    new = _new_seeds(study, other, evidence, results)
    texts = problem_texts(_stored(evidence, data_dir))
    with ExitStack() as stack:
        mine = stack.enter_context(restored(evidence, texts))
        refuse_mismatches(evidence, mine.faults)
        theirs = results
        if is_archive(results):
            unpacked = stack.enter_context(restored(results, texts))
            refuse_mismatches(results, unpacked.faults)
            theirs = unpacked.folder
        progress(f"verifying {results}")
        refuse_mismatches(results, verify(theirs, None, data_dir, references, progress).mismatches)
        _require_same_makers(study, mine.folder, other, theirs, results)
        for method in study.methods:
            for seed in new:
                _copy_run(theirs, mine.folder, method.name, seed)
        extended = _write_study(mine.folder, sorted({*study.seeds, *new}))
        report_again(extended, mine.folder, references)
        progress(f"verifying {evidence} with seeds {', '.join(map(str, new))}")
        found = verify(mine.folder, None, data_dir, references, progress)
        refuse_mismatches(evidence, [mine.outside(mismatch) for mismatch in found.mismatches])
        write_archive(mine.folder, out, texts)
    return found


def _stored(folder: Path, data_dir: str | None = None) -> Study:
    return load_study(folder / layout.REPORT / layout.STUDY_COPY, data_dir)


def _new_seeds(study: Study, other: Study, evidence: Path, results: Path) -> list[int]:
    before, now = (json.loads(each.model_dump_json(exclude=FREE)) for each in (study, other))
    differing = _differences(before, now)
    if differing:
        key, here, there = differing[0]
        raise StudyError(
            f"{results}: not the study of {evidence}: {key} is {there!r}, there {here!r}"
        )
    new = [seed for seed in other.seeds if seed not in study.seeds]
    if not new:
        raise StudyError(f"{results}: no new seed: {evidence} has {_listed(study.seeds)} already")
    return new


def _differences(before: Any, now: Any, key: str = "") -> list[tuple[str, Any, Any]]:
    """Return where two settings differ: dotted key, value before, value now."""
    if isinstance(before, dict) and isinstance(now, dict):
        names = sorted({*before, *now})
        parts = [_differences(before.get(n), now.get(n), f"{key}.{n}" if key else n) for n in names]
        return [found for part in parts for found in part]
    return [] if before == now else [(key, before, now)]


def _require_same_makers(
    study: Study, mine: Path, other: Study, theirs: Path, results: Path
) -> None:
    """Refuse runs that start from other weights, or that other versions of packages made."""
    model = Path(layout.MODEL, layout.RUN_JSON)
    before, now = (read_run(folder / model, ModelRun).files for folder in (mine, theirs))
    for name in sorted({*before, *now}):
        if before.get(name) != now.get(name):
            raise StudyError(
                f"{results}: another base model: checksum of {name} is {str(now.get(name))[:12]}…, "
                f"in the evidence {str(before.get(name))[:12]}…"
            )
    known = _packages(study, mine)
    for path, packages in _packages(other, theirs).items():
        like = next((p for p in known if p.parts[0] == path.parts[0]), None)
        if like is not None and (differing := _differences(known[like], packages)):
            name, here, there = differing[0]
            raise StudyError(f"{results / path}: {name} {there}, in the evidence {here}")


def _packages(study: Study, folder: Path) -> dict[Path, dict[str, str]]:
    """Return the versions behind each run, of this package and of those that can change a number."""
    found = {}
    for path, _, _ in record_paths(study):
        run = read_any_run(folder / path)
        versions = {"tampo": run.tampo} | run.packages
        found[path] = {n: v for n, v in versions.items() if n not in CHANGES_NO_NUMBER}
    return found


def _copy_run(source: Path, target: Path, method: str, seed: int) -> None:
    for folder_of in (layout.train_folder, layout.evaluate_folder):
        run = folder_of(source, method, seed)
        # A base model is evaluated and not trained.
        if run.is_dir():
            away = shutil.ignore_patterns(layout.CHECKPOINT, layout.RESUME)
            shutil.copytree(run, folder_of(target, method, seed), ignore=away)


def _write_study(folder: Path, seeds: list[int]) -> Study:
    """Give the stored study these seeds."""
    path = folder / layout.REPORT / layout.STUDY_COPY
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    path.write_text(yaml.safe_dump(content | {"seeds": seeds}, sort_keys=False), encoding="utf-8")
    return load_study(path)


def _listed(seeds: list[int]) -> str:
    return "seed " + ", ".join(map(str, seeds)) if len(seeds) == 1 else f"seeds {seeds}"
