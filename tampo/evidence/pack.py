"""Making evidence: a study is packed only if it is finished and verifies.

`docs/evidence.md` says what evidence is for and what it holds, `tampo.evidence.archive` how it is stored.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from tampo import layout
from tampo.evidence.archive import is_archive, restored, write_archive
from tampo.evidence.findings import Mismatch, Verification
from tampo.evidence.verify import to_stderr, verify
from tampo.evidence.withheld import problem_texts
from tampo.stages.aggregate import aggregate
from tampo.stages.report import report
from tampo.study.references import References
from tampo.study.study import Study, StudyError, load_study
from tampo.tools.plan.measured import against_plan

MOST_NAMED = 5
"""Mismatches that a refusal names; `verify` names all."""


def make_evidence(
    results: Path,
    out: Path,
    data_dir: str | None = None,
    references: References | None = None,
    *,
    again: bool = False,
    progress: Callable[[str], None] = to_stderr,
) -> Verification:
    """Verify a finished study and write its evidence.

    Args:
        results: `results/{study}`, or evidence.
        out: receives the evidence; what was evidence there before is replaced.
        data_dir: folder of problem sets, where they are not to come from the hub.
        references: what the study is compared with.
        again: of evidence only: remake tables, figures, verdicts and page first. They follow from
            the stored responses and from this version of the project, and may have changed with it.
        progress: called with a line of text as parts are done.

    Returns:
        What was checked.

    Raises:
        StudyError: the study is not finished or does not verify, or `out` holds something else.
    """
    require_finished(results)
    if again and not is_archive(results):
        raise StudyError(f"--again: {results} is no evidence; the workflow makes its report again")
    texts = problem_texts(load_study(results / layout.REPORT / layout.STUDY_COPY, data_dir))
    with ExitStack() as stack:
        source, place = results, _same
        if is_archive(results):
            plain = stack.enter_context(restored(results, texts))
            refuse_mismatches(results, plain.faults)
            source, place = plain.folder, plain.outside
        if again:
            study = load_study(source / layout.REPORT / layout.STUDY_COPY)
            report_again(study, source, references)
        found = verify(source, None, data_dir, references, progress)
        refuse_mismatches(results, [place(mismatch) for mismatch in found.mismatches])
        write_archive(source, out, texts)
    return found


def size(out: Path) -> str:
    """Return how much evidence there is, in words."""
    sizes = [path.stat().st_size for path in out.rglob("*") if path.is_file()]
    return f"{len(sizes)} files, {sum(sizes) / 1e6:.1f} MB"


def _same(mismatch: Mismatch) -> Mismatch:
    return mismatch


def require_finished(results: Path) -> None:
    """Refuse a folder without a whole report."""
    if not (results / layout.REPORT / layout.CHECKSUMS).is_file():
        raise StudyError(
            f"{results}: not finished: no {layout.REPORT}/{layout.CHECKSUMS}; "
            f"{layout.RESULTS}/{{study}} or evidence is needed"
        )


def report_again(study: Study, results: Path, references: References | None) -> None:
    """Make tables, figures, verdicts and page of unpacked evidence from its runs."""
    aggregate(study, results, results / layout.AGGREGATE)
    report(study, results, results / layout.REPORT, references, against_plan=against_plan)


def refuse_mismatches(results: Path, mismatches: list[Mismatch]) -> None:
    """Refuse what does not verify, naming the first few mismatches."""
    if mismatches:
        named = "\n".join(str(mismatch) for mismatch in mismatches[:MOST_NAMED])
        raise StudyError(f"{results}: does not verify, {len(mismatches)} mismatches:\n{named}")
