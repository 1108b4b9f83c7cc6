"""Subcommands of the tools beside the workflow: plan, doctor, box, bench, rerun and acceptance."""

from __future__ import annotations

import argparse
from pathlib import Path

from tampo import layout
from tampo.cli.options import Commands, add_command, add_data_dir, study_file
from tampo.study.study import StudyError, load_study
from tampo.tools.box.command import add_box_commands


def _plan(args: argparse.Namespace) -> None:
    from tampo.tools.plan.cost_model import Assumptions
    from tampo.tools.plan.hardware import GPUS
    from tampo.tools.plan.rendering import render
    from tampo.tools.plan.study_plan import Layout, plan

    if args.decide is not None:
        from tampo.tools.plan.deciding import deciding

        name = load_study(study_file(args.study)).name
        print(deciding(args.results or layout.RESULTS / name, args.decide, args.difference))
        return
    if args.gpu not in GPUS:
        raise StudyError(f"--gpu: unknown {args.gpu!r}; known: {', '.join(GPUS)}")
    assumed = Assumptions(args.completion_fraction, args.response_fraction, args.prompt_tokens)
    study = load_study(study_file(args.study))
    machine = Layout.of(study, GPUS[args.gpu], args.gpus, args.engine)
    print(render(plan(study, machine, assumed), args.format), end="")


def _bench(args: argparse.Namespace) -> None:
    from tampo.tools.bench.run import bench

    bench(args.out, args.page, args.rounds, args.threads)


def _doctor(args: argparse.Namespace) -> int:
    from tampo.tools.doctor.gpus import gpu_findings, this_machine
    from tampo.tools.doctor.machine import machine_findings

    study = None if args.study is None else load_study(study_file(args.study), args.data_dir)
    findings = [*gpu_findings(study, this_machine()), *machine_findings(study, layout.RESULTS)]
    for finding in findings:
        print(finding)
    return 0 if all(finding.ok for finding in findings) else 1


def _rerun(args: argparse.Namespace) -> int:
    from tampo.tools.rerun import rerun

    lines, same = rerun(args.record)
    print("\n".join(lines))
    return 0 if same else 1


def _acceptance(args: argparse.Namespace) -> int:
    from tampo.tools.acceptance.run import acceptance

    return 0 if acceptance(args.out, args.only, args.rounds, args.threads) else 1


def add_tool_commands(commands: Commands) -> None:
    """Add plan, doctor, box, bench, rerun and acceptance."""
    plan = add_command(commands, "plan", _plan, "estimate what a study will cost")
    plan.add_argument("--study", required=True, metavar="STUDY", help="name or file of a study")
    plan.add_argument("--gpu", default="A100-80", metavar="GPU", help="default: A100-80")
    plan.add_argument(
        "--gpus", type=int, metavar="N", help="GPUs per training run (default: the study's)"
    )
    plan.add_argument("--engine", help="ddp, zero1 or zero2 (default: the study's)")
    plan.add_argument(
        "--completion-fraction",
        type=float,
        default=0.5,
        metavar="X",
        help="mean rollout length as a fraction of the limit (default: 0.5)",
    )
    plan.add_argument(
        "--response-fraction",
        type=float,
        metavar="X",
        help="mean response length as a fraction of the limit (default: the same)",
    )
    plan.add_argument(
        "--prompt-tokens",
        type=int,
        default=128,
        metavar="N",
        help="tokens per prompt (default: 128)",
    )
    plan.add_argument(
        "--format",
        choices=["markdown", "csv"],
        default="markdown",
        help="of the tables (default: markdown)",
    )
    plan.add_argument(
        "--decide",
        nargs="*",
        metavar="CLAIM",
        help="instead: seeds and hours until a verdict on these claims (default: all about scores)",
    )
    plan.add_argument(
        "--results",
        type=Path,
        metavar="DIR",
        help="with --decide: results so far, or evidence (default: the study's)",
    )
    plan.add_argument(
        "--difference",
        type=float,
        metavar="POINTS",
        help="with --decide: true difference to plan for (default: the measured one)",
    )
    doctor = add_command(
        commands,
        "doctor",
        _doctor,
        "what this machine lacks for a study, before anything is queued",
    )
    doctor.add_argument("study", nargs="?", metavar="STUDY", help="name or file of a study")
    add_data_dir(doctor)
    box = add_command(
        commands, "box", None, "run a study on a machine without network: pack, run, receive"
    )
    add_box_commands(box)
    measure = add_command(
        commands, "bench", _bench, "time TAMPO's step, the fused head and rollouts"
    )
    measure.add_argument("--out", required=True, type=Path, metavar="DIR", help="output folder")
    measure.add_argument("--page", type=Path, metavar="FILE", help="also write a Markdown page")
    measure.add_argument(
        "--rounds", type=int, default=9, help="alternating repetitions (default: 9)"
    )
    measure.add_argument("--threads", type=int, default=2, help="CPU threads (default: 2)")
    again = add_command(
        commands, "rerun", _rerun, "repeat one job from its run.json and compare what it writes"
    )
    again.add_argument("record", type=Path, metavar="RUN_JSON", help="run.json of the job")
    accept = add_command(
        commands,
        "acceptance",
        _acceptance,
        "check a machine: head, step, memory, resume, two methods",
    )
    accept.add_argument("--out", required=True, type=Path, metavar="DIR", help="output folder")
    accept.add_argument(
        "--only", nargs="+", default=[], metavar="CHECK", help="these checks only (default: all)"
    )
    accept.add_argument(
        "--rounds", type=int, default=5, help="alternating repetitions (default: 5)"
    )
    accept.add_argument("--threads", type=int, default=2, help="CPU threads (default: 2)")
