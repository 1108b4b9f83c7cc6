"""Verdicts counted: one table of Markdown, one row of CSV for each part, kind and grader."""

from __future__ import annotations

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from tampo.tools.bench.grading.cases import Case
from tampo.tools.bench.grading.referee import Verdict

COLUMNS = (
    "part",
    "kind",
    "grader",
    "must_accept",
    "must_refuse",
    "false_refusals",
    "false_accepts",
    "errors",
    "seconds",
)


@dataclass
class Count:
    """What one grader did with one group of cases; an error is neither accepted nor refused."""

    must_accept: int = 0
    must_refuse: int = 0
    false_refusals: int = 0
    false_accepts: int = 0
    errors: int = 0
    seconds: float = 0.0
    reasons: Counter = field(default_factory=Counter)

    def add(self, case: Case, verdict: Verdict) -> None:
        """Count one verdict."""
        self.must_accept += case.right
        self.must_refuse += not case.right
        self.seconds += verdict.seconds
        if verdict.accepted is None:
            self.errors += 1
            self.reasons[verdict.error] += 1
        else:
            self.false_refusals += case.right and not verdict.accepted
            self.false_accepts += verdict.accepted and not case.right


Results = Iterable[tuple[Case, str, Verdict]]


def counted(results: Results, *, by_kind: bool) -> dict[tuple[str, ...], Count]:
    """Return counts by (part, grader), or by (part, kind, grader)."""
    counts: dict[tuple[str, ...], Count] = defaultdict(Count)
    for case, grader, verdict in results:
        key = (case.part, case.kind, grader) if by_kind else (case.part, grader)
        counts[key].add(case, verdict)
    return counts


def table(results: Results, graders: list[str], missing: dict[str, str]) -> str:
    """Return the comparison as a Markdown table, one row per part.

    A cell holds false accepts / false refusals / errors, then seconds for a thousand cases.

    Args:
        results: every verdict.
        graders: columns, in order.
        missing: parts without cases, and why.
    """
    results = list(results)
    counts = counted(results, by_kind=False)
    parts = list(dict.fromkeys(case.part for case, _, _ in results))
    lines = [
        f"| part | must be accepted | must be refused | {' | '.join(graders)} |",
        f"| --- | ---: | ---: |{' ---: |' * len(graders)}",
    ]
    for part in parts:
        cells = [_cell(counts[part, grader]) for grader in graders]
        one = counts[part, graders[0]]
        lines.append(f"| {part} | {one.must_accept} | {one.must_refuse} | {' | '.join(cells)} |")
    totals = [_total(counts[part, grader] for part in parts) for grader in graders]
    one = totals[0]
    cells = [f"**{_cell(total)}**" for total in totals]
    lines.append(f"| all | {one.must_accept} | {one.must_refuse} | {' | '.join(cells)} |")
    lines += [
        f"| {part} | {reason} |" + " |" * (1 + len(graders)) for part, reason in missing.items()
    ]
    return "\n".join(lines) + "\n"


def kinds_table(results: Results, graders: list[str]) -> str:
    """Return wrong verdicts (errors included) in percent by part and kind, as Markdown."""
    counts = counted(list(results), by_kind=True)
    parts = list(dict.fromkeys(part for part, _, _ in counts))
    groups = sorted(dict.fromkeys(key[:2] for key in counts), key=lambda key: parts.index(key[0]))
    lines = [
        f"| part | kind | cases | {' | '.join(graders)} |",
        f"| --- | --- | ---: |{' ---: |' * len(graders)}",
    ]
    for part, kind in groups:
        cells = []
        for grader in graders:
            count = counts[part, kind, grader]
            cases = count.must_accept + count.must_refuse
            failed = count.false_accepts + count.false_refusals + count.errors
            cells.append(f"{100 * failed / cases:.0f}")
        lines.append(f"| {part} | {kind} | {cases} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def csv_text(results: Results) -> str:
    """Return the counts by part, kind and grader as CSV with COLUMNS."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for key, count in counted(results, by_kind=True).items():
        numbers = [getattr(count, name) for name in COLUMNS[3:-1]]
        writer.writerow([*key, *numbers, f"{count.seconds:.3f}"])
    return text.getvalue()


def _cell(count: Count) -> str:
    cases = count.must_accept + count.must_refuse
    speed = 1000 * count.seconds / cases
    return f"{count.false_accepts} / {count.false_refusals} / {count.errors}; {speed:.0f} s"


def _total(counts: Iterable[Count]) -> Count:
    total = Count()
    for count in counts:
        for name in COLUMNS[3:]:
            setattr(total, name, getattr(total, name) + getattr(count, name))
    return total
