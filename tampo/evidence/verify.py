"""Verification: does everything that a study reports follow from the responses on disk?

Four questions, each answered for every file below `results/{study}`:

- Checksums: are the files those that run.json and checksums.json list?
- Grading: does grading a stored response again give the stored answer and outcome?
- Tables: does aggregating the stored runs again give the stored tables?
- Report: do those tables give the stored tables, verdicts, figure data and page?

Nothing is repaired and nothing below the results is written. Results may lack weights, all of a run or
none: nothing that is reported is computed from them. Evidence (`tampo.evidence.archive`) is unpacked first.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tampo import layout
from tampo.evidence.archive import is_archive, restored
from tampo.evidence.findings import Mismatch, Verification, compare
from tampo.evidence.withheld import problem_texts
from tampo.files import sha256_of
from tampo.grading import UNDECIDED
from tampo.layout import TOKENS
from tampo.problems.problem_sets import fingerprint, load_problems
from tampo.records.origins import identity_faults
from tampo.records.outcomes import disagreements
from tampo.records.run_json import EvaluateRun, read_any_run, read_run
from tampo.records.run_records import has_weights, record_paths, weight_files
from tampo.stages.aggregate import aggregate
from tampo.stages.report import report
from tampo.study.references import References
from tampo.study.settings import Benchmark
from tampo.study.study import Study, load_study
from tampo.tools.plan.measured import against_plan

DRAWN = (".svg", ".png")
"""Files that another version of the drawing library may write differently: checksums alone."""


def to_stderr(line: str) -> None:
    """Print a line of progress."""
    print(line, file=sys.stderr, flush=True)


def verify(
    results: Path,
    study: Path | None = None,
    data_dir: str | None = None,
    references: References | None = None,
    progress: Callable[[str], None] = to_stderr,
) -> Verification:
    """Check everything below `results` against everything it was made from.

    Args:
        results: `results/{study}`, finished, or the evidence that was made of it.
        study: study file; by default the copy that the report stage stored.
        data_dir: folder of problem sets, where they are not to come from the hub.
        references: what the study is compared with.
        progress: called with a line of text as parts are done.

    Raises:
        StudyError: there is no study file, or it is not valid.
        FileNotFoundError: the problem sets are not available.
    """
    stored = study or results / layout.REPORT / layout.STUDY_COPY
    # Where problem sets lie is no part of what was reported: it serves to grade, nothing else.
    content, grading = load_study(stored), load_study(stored, data_dir)
    found = Verification()
    references = references or References()
    if not is_archive(results):
        _check(content, grading, results, references, found, progress)
        return found
    progress("unpacking")
    with restored(results, problem_texts(grading)) as plain:
        found.checked["files of the evidence"] = plain.files
        found.mismatches += plain.faults
        inside = Verification(found.checked)
        _check(content, grading, plain.folder, references, inside, progress)
        found.mismatches += [plain.outside(mismatch) for mismatch in inside.mismatches]
        found.undecided += [plain.outside(mismatch) for mismatch in inside.undecided]
    found.without_weights = inside.without_weights
    return found


def _check(
    study: Study,
    grading: Study,
    results: Path,
    references: References,
    found: Verification,
    progress: Callable[[str], None],
) -> None:
    progress("checksums")
    _check_records(study, results, found)
    _check_listed(results, found)
    _check_outcomes(study, results, found)
    _check_identity(study, results, found)
    for benchmark in study.benchmarks:
        _check_grading(grading, benchmark, results, found, progress)
    progress("tables, verdicts and figures")
    _check_derived(study, results, references, found)


def _check_records(study: Study, results: Path, found: Verification) -> None:
    """Compare the files of every run with the checksums in its run.json."""
    for path, _, _ in record_paths(study):
        record_path = results / path
        if not record_path.is_file():
            found.fail(record_path, None, "missing")
            continue
        try:
            listed = read_any_run(record_path).checksums
        except ValueError as error:
            found.fail(record_path, None, str(error).removeprefix(f"{record_path}: "))
            continue
        found.checked["run records"] += 1
        weights = weight_files(path, listed)
        if weights and not has_weights(results, path):
            found.without_weights += 1
            for name in weights:
                del listed[name]
        for name, digest in listed.items():
            _check_file(record_path.parent / name, digest, layout.RUN_JSON, found)


def _check_listed(results: Path, found: Verification) -> None:
    """Compare the report, and what it was made from, with checksums.json."""
    place = results / layout.REPORT / layout.CHECKSUMS
    if not place.is_file():
        found.fail(place, None, "missing")
        return
    listed = json.loads(place.read_text(encoding="utf-8"))
    for name, digest in listed["made_from"].items():
        _check_file(results / name, digest, layout.CHECKSUMS, found)
    for name, digest in listed["report"].items():
        _check_file(place.parent / name, digest, layout.CHECKSUMS, found)
    for path in sorted(place.parent.rglob("*")):
        name = str(path.relative_to(place.parent))
        hidden = path.name.startswith(".")
        if path.is_file() and not hidden and name not in (*listed["report"], layout.CHECKSUMS):
            found.fail(path, None, f"not in {layout.CHECKSUMS}")


def _check_outcomes(study: Study, results: Path, found: Verification) -> None:
    """Ask of every training run whether weights, logs and evaluation agree on how it ended."""
    for method in study.trained_methods:
        for seed in study.seeds:
            try:
                for path, what in disagreements(results, method, seed):
                    found.fail(path, None, what)
            except ValueError:
                # A run.json that cannot be read was named with the checksums.
                continue
            found.checked["outcomes of training"] += 1


def _check_identity(study: Study, results: Path, found: Verification) -> None:
    """Ask of every run whether it is the one that its folder is named after."""
    for method in study.methods:
        for seed in study.seeds:
            try:
                for path, what in identity_faults(study, results, method.name, seed):
                    found.fail(path, None, what)
            except ValueError:
                # A run.json that cannot be read was named with the checksums.
                continue


def _check_file(path: Path, digest: str, where: str, found: Verification) -> None:
    found.checked["checksums"] += 1
    if not path.is_file():
        found.fail(path, None, f"missing, but listed in {where}")
    elif (actual := sha256_of(path)) != digest:
        found.fail(path, None, f"checksum {actual[:12]}…, {where} has {digest[:12]}…")


def _check_grading(
    study: Study,
    benchmark: Benchmark,
    results: Path,
    found: Verification,
    progress: Callable[[str], None],
) -> None:
    """Grade every response to one benchmark again, by the code that graded it first."""
    from tampo.tasks.benchmark import load

    data = fingerprint(load_problems(benchmark.name, study.data_dir))
    documents = load(
        benchmark.name,
        study.data_dir,
        benchmark.limit,
        benchmark.samples,
        study.evaluation.pass_k,
        study.prompt.model_dump(),
    )["test"]
    by_id = {document["id"]: document for document in documents}
    for method in [m.name for m in study.methods]:
        for seed in study.seeds:
            folder = layout.evaluate_folder(results, method, seed)
            progress(f"grading {benchmark.name}, {method}, seed {seed}")
            _check_data(folder / layout.RUN_JSON, benchmark.name, data, found)
            path = folder / layout.samples_file(benchmark.name)
            for number, row in _lines(path, found):
                _check_row(path, number, row, by_id, found)


def _check_data(path: Path, benchmark: str, data: str, found: Verification) -> None:
    if path.is_file():
        run = read_run(path, EvaluateRun)
        if run.refused is not None:
            return
        entry = run.benchmarks.get(benchmark)
        recorded = entry.data["sha256"] if entry else "none"
        if recorded != data:
            found.fail(path, None, f"{benchmark}: problems {recorded[:12]}…, here {data[:12]}…")


def _lines(path: Path, found: Verification) -> Iterator[tuple[int, dict[str, Any]]]:
    if not path.is_file():
        found.fail(path, None, "missing")
        return
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            try:
                yield number, json.loads(line)
            except json.JSONDecodeError as error:
                found.fail(path, number, f"not JSON: {error.msg}")


def _check_row(
    path: Path,
    number: int,
    row: dict[str, Any],
    documents: dict[str, dict[str, Any]],
    found: Verification,
) -> None:
    from tampo.sampling.partial import Response
    from tampo.tasks.benchmark import process_results

    document = documents.get(row["id"])
    if document is None:
        found.fail(path, number, f"problem {row['id']!r} is not in the benchmark")
        return
    if row["answer"] != document["answer"]:
        found.fail(path, number, f"answer {row['answer']}, the benchmark has {document['answer']}")
    stored = row["responses"]
    texts = [Response(r["response"], r["finish"], r[TOKENS]) for r in stored]
    try:
        graded = process_results(document, [texts])["responses"]
    except ValueError as error:
        found.fail(path, number, str(error))
        return
    for sample, (before, now) in enumerate(zip(stored, graded, strict=True)):
        found.checked["responses graded again"] += 1
        for key in ("extracted", "outcome"):
            if before[key] != now[key]:
                what = f"response {sample}: {key} {before[key]!r}, graded again {now[key]!r}"
                what += f" by the rule {now['rule']!r}"
                undecided = key == "outcome" and {before[key], now[key]} & set(UNDECIDED)
                group = found.undecided if undecided else found.mismatches
                group.append(Mismatch(path, number, what))


def _check_derived(
    study: Study, results: Path, references: References, found: Verification
) -> None:
    """Aggregate and report again, in a temporary folder, and compare with what is stored."""
    with tempfile.TemporaryDirectory() as temporary:
        again = Path(temporary) / results.resolve().name
        again.mkdir()
        for stage in (layout.MODEL, layout.TRAIN, layout.EVALUATE):
            (again / stage).symlink_to((results / stage).resolve())
        try:
            aggregate(study, again, again / layout.AGGREGATE)
            report(
                study,
                again,
                again / layout.REPORT,
                references,
                against_plan=against_plan,
                draw=False,
            )
        except (ValueError, KeyError, FileNotFoundError) as error:
            text = str(error).replace(str(again), str(results))
            found.fail(results, None, f"cannot be aggregated and reported again: {text}")
            return
        for folder in (layout.AGGREGATE, layout.REPORT):
            for path in sorted((again / folder).rglob("*")):
                if path.is_file() and path.suffix not in DRAWN and path.name != layout.CHECKSUMS:
                    found.checked["derived files"] += 1
                    compare(results / path.relative_to(again), path, found)
