"""Subcommands about results: verify, pack, show them, and grade one answer."""

from __future__ import annotations

import argparse
from pathlib import Path

from tampo import layout
from tampo.cli.options import Commands, add_command, add_data_dir, study_file
from tampo.spelling import nearest
from tampo.study.references import DEFAULT_STUDY
from tampo.study.study import StudyError


def _verify(args: argparse.Namespace) -> int:
    from tampo.evidence.verify import verify

    study = None if args.study is None else study_file(args.study)
    found = verify(args.results, study, args.data_dir)
    print(found.text())
    return 1 if found.mismatches else 0


def _evidence(args: argparse.Namespace) -> None:
    from tampo.evidence.extend import extend_evidence
    from tampo.evidence.pack import make_evidence, size

    out = args.out or args.extend
    if args.extend is not None:
        found = extend_evidence(args.extend, args.results, out, args.data_dir)
    elif out is None:
        raise StudyError("--out DIR or --extend DIR is needed: where the evidence goes")
    else:
        found = make_evidence(args.results, out, args.data_dir, again=args.again)
    print(found.text())
    print(f"{out}: {size(out)}")


def _results(args: argparse.Namespace) -> None:
    from tampo.evidence.results_page import write_results

    write_results(args.evidence, args.out)


def _show(args: argparse.Namespace) -> None:
    from tampo.report.tables import show

    if not args.table.is_file():
        tables = sorted(str(path) for path in args.table.parent.glob("*.csv"))
        there = f"there: {', '.join(tables)}" if tables else f"no table in {args.table.parent}/"
        raise StudyError(f"no file {args.table}{nearest(str(args.table), tables)}; {there}")
    print(show(args.table))


def _compare(args: argparse.Namespace) -> None:
    from tampo.report.comparing import compare

    print(compare(args.first, args.second, args.results or layout.RESULTS / args.study))


def _grade(args: argparse.Namespace) -> int:
    from tampo.grading import grade
    from tampo.grading.explain import explain

    rule = {
        "tolerance": args.tolerance,
        "unit": args.unit,
        "multiple": args.multiple,
        "problem": args.problem,
    }
    if args.explain:
        text = explain(args.answer, args.gold, **rule)
    else:
        boxed = args.answer if "\\boxed" in args.answer else f"\\boxed{{{args.answer}}}"
        graded = grade(boxed, args.gold, **rule)
        text = f"{graded.outcome} ({graded.rule})"
    print(text)
    return 0 if "correct" in text.split("\n")[0] else 1


def add_result_commands(commands: Commands) -> None:
    """Add verify, evidence, results, show and grade."""
    verify = add_command(
        commands,
        "verify",
        _verify,
        "verify results: grade all responses again and recompute the report",
    )
    verify.add_argument(
        "--study", metavar="STUDY", help="name or file of a study (default: the report's copy)"
    )
    evidence = add_command(
        commands, "evidence", _evidence, "verify a finished study and pack it without weights"
    )
    evidence.add_argument(
        "--out", type=Path, metavar="DIR", help="output folder (with --extend: default that one)"
    )
    evidence.add_argument(
        "--extend",
        type=Path,
        metavar="DIR",
        help="evidence of the same study that the new seeds of these results join",
    )
    evidence.add_argument(
        "--again", action="store_true", help="for evidence: remake tables and report first"
    )
    for command in (verify, evidence):
        command.add_argument(
            "results", type=Path, metavar="DIR", help="a study's results, or evidence"
        )
        add_data_dir(command)
    results = add_command(commands, "results", _results, "write the page of results from evidence")
    results.add_argument(
        "evidence", nargs="+", type=Path, metavar="DIR", help="evidence of a study"
    )
    results.add_argument("--out", required=True, type=Path, metavar="FILE", help="Markdown page")
    add_command(commands, "show", _show, "print a table").add_argument(
        "table", type=Path, metavar="CSV", help="a table of a report"
    )
    compared = add_command(
        commands, "compare", _compare, "paired difference of two methods of a study, with intervals"
    )
    compared.add_argument("first", metavar="METHOD", help="a method of the study")
    compared.add_argument("second", metavar="REFERENCE", help="the method it is compared with")
    compared.add_argument(
        "--study", default=DEFAULT_STUDY, metavar="NAME", help=f"default: {DEFAULT_STUDY}"
    )
    compared.add_argument(
        "--results",
        type=Path,
        metavar="DIR",
        help="a study's results, or evidence (default: the study's)",
    )
    graded = add_command(commands, "grade", _grade, "grade one answer and say by which rule")
    graded.add_argument("answer", metavar="ANSWER", help="an answer, or a response with its box")
    graded.add_argument(
        "--gold", required=True, action="append", metavar="GOLD", help="repeat for each accepted"
    )
    graded.add_argument("--tolerance", metavar="X", help="absolute, in the unit of the gold")
    graded.add_argument("--unit", help="the unit that the problem asks for")
    graded.add_argument("--multiple", action="store_true", help="the gold lists several values")
    graded.add_argument("--problem", metavar="TEXT", help="its text; names the things it counts")
    graded.add_argument("--explain", action="store_true", help="show how both sides are read")
