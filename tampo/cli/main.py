"""Command line: one subcommand per stage, and a few for inspection.

Stage modules are imported when their subcommand runs, so that `--help` and `check` answer at once.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Callable
from pathlib import Path

from tampo import __version__
from tampo.study.study import Study, StudyError, load_study
from tampo.tools.box.command import add_box_commands
from tampo.tools.box.parts import BoxError
from tampo.training.stop_signals import EXIT_CODE, Stopped


def _model(args: argparse.Namespace) -> None:
    from tampo.stages.light_transformers import import_light_transformers

    import_light_transformers()
    from tampo.stages.model import make_model

    make_model(_study(args), args.out)


def _train(args: argparse.Namespace) -> None:
    from tampo.training.launch import launch

    study = _study(args)
    launch(study.resources.train, study.training_of(args.method), args.words)

    from tampo.stages.light_transformers import import_light_transformers

    import_light_transformers()
    from tampo.stages.train import train

    train(study, args.method, args.seed, args.model, args.out, args.recorded)


def _prefetch(args: argparse.Namespace) -> None:
    from tampo.stages.prefetch import prefetch

    prefetch(_study(args), args.out)


def _evaluate(args: argparse.Namespace) -> None:
    from tampo.stages.light_transformers import import_light_transformers

    import_light_transformers()
    from tampo.stages.evaluate import evaluate

    evaluate(_study(args), args.method, args.seed, args.checkpoint, args.out)


def _aggregate(args: argparse.Namespace) -> None:
    from tampo.stages.aggregate import aggregate

    aggregate(_study(args), args.results, args.out)


def _report(args: argparse.Namespace) -> None:
    from tampo.stages.report import report
    from tampo.tools.plan.measured import against_plan

    report(_study(args), args.results, args.out, against_plan=against_plan)


def _verify(args: argparse.Namespace) -> int:
    from tampo.evidence.verify import verify

    found = verify(args.results, args.study, args.data_dir)
    print(found.text())
    return 1 if found.mismatches else 0


def _evidence(args: argparse.Namespace) -> None:
    from tampo.evidence.pack import make_evidence, size

    print(make_evidence(args.results, args.out, args.data_dir, again=args.again).text())
    print(f"{args.out}: {size(args.out)}")


def _results(args: argparse.Namespace) -> None:
    from tampo.evidence.results_page import write_results

    write_results(args.evidence, args.out)


def _show(args: argparse.Namespace) -> None:
    from tampo.report.tables import show

    print(show(args.table))


def _check(args: argparse.Namespace) -> None:
    study = _study(args)
    runs = len(study.trained_methods) * len(study.seeds)
    print(
        f"{args.study}: study {study.name!r} is valid: {len(study.methods)} methods, "
        f"{len(study.seeds)} seeds, {runs} training runs, {len(study.benchmarks)} benchmarks"
    )


def _schema(_: argparse.Namespace) -> None:
    from tampo.study.study import schema

    print(json.dumps(schema(), indent=2, ensure_ascii=False))


def _policies(args: argparse.Namespace) -> None:
    import inspect

    from tampo.temperature.registry import REGISTRY, policy_class

    if args.policy is not None:
        _try_policy(args)
        return
    width = max(map(len, REGISTRY)) + 2
    for name in sorted(REGISTRY):
        module = inspect.getmodule(policy_class(name))
        text = inspect.getdoc(module) or ""
        source = text.partition("Source:")[2].split("\n\n")[0]
        print(f"{name:<{width}}{text.splitlines()[0]}\n{'':<{width}}{' '.join(source.split())}")


def _try_policy(args: argparse.Namespace) -> None:
    from pydantic import ValidationError

    from tampo.study.validation import explain
    from tampo.temperature.contract import trial
    from tampo.temperature.registry import policy_class

    try:
        settings = json.loads(args.settings)
    except json.JSONDecodeError as error:
        raise StudyError(f"--settings: not JSON: {error} (got {args.settings!r})") from None
    cls = policy_class(args.policy)
    try:
        cls.Settings(**settings)
    except ValidationError as error:
        raise StudyError(explain(error, cls.Settings, "--settings")) from None
    path = trial(args.policy, settings)
    print(f"{args.policy}: temperatures of {len(path)} simulated steps")
    for step, drawn in enumerate(path):
        temperatures = drawn if isinstance(drawn, list) else [drawn]
        print(f"{step:4d}  {' '.join(f'{t:.3f}' for t in temperatures)}")


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


def _bench(args: argparse.Namespace) -> None:
    from tampo.tools.bench.run import bench

    bench(args.out, args.page, args.rounds, args.threads)


def _plan(args: argparse.Namespace) -> None:
    from tampo.tools.plan.cost_model import Assumptions
    from tampo.tools.plan.hardware import GPUS
    from tampo.tools.plan.rendering import render
    from tampo.tools.plan.study_plan import Layout, plan

    if args.gpu not in GPUS:
        raise StudyError(f"--gpu: unknown {args.gpu!r}; known: {', '.join(GPUS)}")
    named = Path(args.study)
    file = named if named.suffix else Path("workflow", "studies", f"{named}.yaml")
    assumed = Assumptions(args.completion_fraction, args.response_fraction, args.prompt_tokens)
    study = load_study(file)
    layout = Layout.of(study, GPUS[args.gpu], args.gpus, args.engine)
    print(render(plan(study, layout, assumed), args.format), end="")


def _study(args: argparse.Namespace) -> Study:
    return load_study(args.study, getattr(args, "data_dir", None))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tampo",
        description="Benchmark of rollout temperature policies for GRPO: the stages of the workflow.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, run: Callable | None, text: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(run=run)
        return command

    def stage(name: str, run: Callable, text: str, *, data: bool) -> argparse.ArgumentParser:
        command = add(name, run, text)
        command.add_argument("--study", required=True, metavar="FILE", help="study file (YAML)")
        if data:
            command.add_argument(
                "--data-dir", metavar="DIR", help="read problem sets from canonical JSONL here"
            )
        command.add_argument("--out", required=True, type=Path, metavar="DIR", help="output folder")
        return command

    stage("model", _model, "make the base model of a study", data=True)
    stage("prefetch", _prefetch, "store the problem sets of a study as files", data=True)
    train = stage("train", _train, "train one method with one seed", data=True)
    train.add_argument("--model", required=True, type=Path, metavar="DIR", help="base model")
    train.add_argument(
        "--recorded", type=Path, metavar="FILE", help="steps.jsonl of the run to replay"
    )
    evaluate = stage("evaluate", _evaluate, "sample and grade all benchmarks", data=True)
    evaluate.add_argument("--checkpoint", required=True, type=Path, metavar="DIR")
    for command in (train, evaluate):
        command.add_argument("--method", required=True, help="method of the study")
        command.add_argument("--seed", required=True, type=int, help="base seed of the run")
    aggregate = stage("aggregate", _aggregate, "compute scores from stored samples", data=False)
    report = stage("report", _report, "make tables, figures and the page", data=False)
    for command in (aggregate, report):
        command.add_argument("--results", required=True, type=Path, metavar="DIR")

    add("check", _check, "validate a study file").add_argument("study", metavar="FILE")
    plan = add("plan", _plan, "estimate what a study will cost")
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
    plan.add_argument("--format", choices=["markdown", "csv"], default="markdown")
    verify = add(
        "verify", _verify, "verify results: grade all responses again and recompute the report"
    )
    verify.add_argument(
        "--study", type=Path, metavar="FILE", help="study file (default: the report's copy)"
    )
    evidence = add("evidence", _evidence, "verify a finished study and pack it without weights")
    evidence.add_argument("--out", required=True, type=Path, metavar="DIR", help="output folder")
    evidence.add_argument(
        "--again", action="store_true", help="for evidence: remake tables and report first"
    )
    for command in (verify, evidence):
        command.add_argument(
            "results", type=Path, metavar="DIR", help="a study's results, or evidence"
        )
        command.add_argument(
            "--data-dir", metavar="DIR", help="read problem sets from canonical JSONL here"
        )
    results = add("results", _results, "write the page of results from evidence")
    results.add_argument(
        "evidence", nargs="+", type=Path, metavar="DIR", help="evidence of a study"
    )
    results.add_argument("--out", required=True, type=Path, metavar="FILE", help="Markdown page")
    add("show", _show, "print a table").add_argument("table", type=Path, metavar="CSV")
    add("schema", _schema, "print the JSON schema of study files")
    policies = add("policies", _policies, "list temperature policies, or try one")
    policies.add_argument(
        "policy", nargs="?", metavar="NAME", help="policy to try, or path/to/file.py:Class"
    )
    policies.add_argument(
        "--settings", default="{}", metavar="JSON", help="settings of the policy (default: {})"
    )
    graded = add("grade", _grade, "grade one answer and say by which rule")
    graded.add_argument("answer", metavar="ANSWER", help="an answer, or a response with its box")
    graded.add_argument(
        "--gold", required=True, action="append", metavar="GOLD", help="repeat for each accepted"
    )
    graded.add_argument("--tolerance", metavar="X", help="absolute, in the unit of the gold")
    graded.add_argument("--unit", help="the unit that the problem asks for")
    graded.add_argument("--multiple", action="store_true", help="the gold lists several values")
    graded.add_argument("--problem", metavar="TEXT", help="its text; names the things it counts")
    graded.add_argument("--explain", action="store_true", help="show how both sides are read")
    box = add("box", None, "run a study on a machine without network: pack, run, receive")
    add_box_commands(box)
    measure = add("bench", _bench, "time TAMPO's step, the fused head and rollouts")
    measure.add_argument("--out", required=True, type=Path, metavar="DIR")
    measure.add_argument("--page", type=Path, metavar="FILE", help="also write a Markdown page")
    measure.add_argument(
        "--rounds", type=int, default=9, help="alternating repetitions (default: 9)"
    )
    measure.add_argument("--threads", type=int, default=2, help="CPU threads (default: 2)")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run one subcommand and return the process's exit code.

    2 is an invalid request, 3 missing or damaged parts, 75 an end by a stop signal: run the same command to
    continue.
    """
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    args = _parser().parse_args(argv)
    args.words = sys.argv[1:] if argv is None else argv
    try:
        return args.run(args) or 0
    except StudyError as error:
        return _failed(error, 2)
    except BoxError as error:
        return _failed(error, error.code)
    except Stopped as error:
        return _failed(error, EXIT_CODE)
    except (ValueError, FileNotFoundError) as error:
        logging.exception("tampo %s failed", args.command)
        return _failed(error, 1)


def _failed(error: Exception, code: int) -> int:
    """Print the reason last, where the reader of a job's log looks first; return `code`.

    The line is one write: the processes of a run share a log.
    """
    sys.stderr.write(f"error: {error}\n")
    return code
