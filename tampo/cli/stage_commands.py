"""One subcommand per stage. Each imports its stage when it is called, so that `--help` answers at once."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from tampo.cli.options import Commands, Run, add_command, add_data_dir, add_out, study_of
from tampo.training.trackers import TRACKERS, VARIABLE, reporting
from tampo.workflow.devices import own_gpus


def _model(args: argparse.Namespace) -> None:
    from tampo.stages.light_transformers import import_light_transformers

    import_light_transformers()
    from tampo.stages.model import make_model

    study = study_of(args)
    with own_gpus("resources.model.gpus", study.resources.model.gpus):
        make_model(study, args.out)


def _train(args: argparse.Namespace) -> int | None:
    from tampo.training.launch import launch

    study = study_of(args)
    with own_gpus("resources.train.gpus", study.resources.train.gpus):
        code = launch(study.resources.train, study.training_of(args.method), args.words)
        if code is not None:
            return code

        from tampo.stages.light_transformers import import_light_transformers

        # Before the libraries that read a tracker's places when they are imported.
        told = reporting(args.tracker, study.name, args.method, args.seed)
        import_light_transformers()
        from tampo.stages.train import train

        train(study, args.method, args.seed, args.model, args.out, args.recorded, told)
        return None


def _prefetch(args: argparse.Namespace) -> None:
    from tampo.stages.prefetch import prefetch

    prefetch(study_of(args), args.out)


def _evaluate(args: argparse.Namespace) -> None:
    from tampo.stages.light_transformers import import_light_transformers

    import_light_transformers()
    from tampo.stages.evaluate import evaluate

    study = study_of(args)
    with own_gpus("resources.evaluate.gpus", study.resources.evaluate.gpus):
        evaluate(study, args.method, args.seed, args.checkpoint, args.out)


def _aggregate(args: argparse.Namespace) -> None:
    from tampo.stages.aggregate import aggregate

    aggregate(study_of(args), args.results, args.out)


def _report(args: argparse.Namespace) -> None:
    from tampo.stages.report import report
    from tampo.tools.plan.measured import against_plan

    report(study_of(args), args.results, args.out, against_plan=against_plan)


def _stage(
    commands: Commands, name: str, run: Run, text: str, *, data: bool
) -> argparse.ArgumentParser:
    command = add_command(commands, name, run, text)
    command.add_argument("--study", required=True, metavar="STUDY", help="name or file of a study")
    if data:
        add_data_dir(command)
    add_out(command)
    return command


def add_stage_commands(commands: Commands) -> None:
    """Add model, prefetch, train, evaluate, aggregate and report."""
    _stage(commands, "model", _model, "make the base model of a study", data=True)
    _stage(commands, "prefetch", _prefetch, "store the problem sets of a study as files", data=True)
    train = _stage(commands, "train", _train, "train one method with one seed", data=True)
    train.add_argument("--model", required=True, type=Path, metavar="DIR", help="base model")
    train.add_argument(
        "--recorded", type=Path, metavar="FILE", help="steps.jsonl of the run to replay"
    )
    train.add_argument(
        "--tracker",
        default=os.environ.get(VARIABLE),
        metavar="NAME",
        help=f"report steps to {', '.join(TRACKERS)} as they come (default: ${VARIABLE}, or none)",
    )
    evaluate = _stage(commands, "evaluate", _evaluate, "sample and grade all benchmarks", data=True)
    evaluate.add_argument(
        "--checkpoint", required=True, type=Path, metavar="DIR", help="the weights to evaluate"
    )
    for command in (train, evaluate):
        command.add_argument("--method", required=True, help="method of the study")
        command.add_argument("--seed", required=True, type=int, help="base seed of the run")
    aggregate = _stage(
        commands, "aggregate", _aggregate, "compute scores from stored samples", data=False
    )
    report = _stage(commands, "report", _report, "make tables, figures and the page", data=False)
    for command in (aggregate, report):
        command.add_argument(
            "--results", required=True, type=Path, metavar="DIR", help="results of the study"
        )
