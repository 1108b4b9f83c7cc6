"""Subcommands about studies and temperature policies: validate one, try one, list what there is."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from tampo import layout
from tampo.cli.options import Commands, add_command, add_data_dir, study_file, study_of
from tampo.study.model_settings import FolderModel
from tampo.study.references import DEFAULT_STUDY
from tampo.study.study import StudyError, load_study

SHOWN_STEPS, SHOWN_TEMPERATURES = 12, 10
"""Of a tried policy: the steps that are printed, and the temperatures of a step where it has several."""


def _check(args: argparse.Namespace) -> None:
    from tampo.study.contamination import contamination
    from tampo.study.policy_check import check_policies

    study = study_of(args)
    if isinstance(study.model, FolderModel):
        from tampo.records.origins import require_folder

        require_folder(study.model)
    shared = contamination(study, hub=False)
    for line in shared.lines():
        print(line)
    if shared.unread and study.data_dir is None:
        print(
            "  name a folder of problem sets with --data-dir to compare them; training always does"
        )
    try:
        shared.refuse(study)
        check_policies(study)
    except StudyError as error:
        raise StudyError(f"{args.study}: {error}") from error
    for name in study.trained_methods:
        training = study.training_of(name)
        if not training.learns:
            print(
                f"note: {name}: the learning rate is 0 in every one of its {training.steps} steps, as in "
                "the first of any warm-up; its weights will be those of the base model"
            )
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
    from tampo.temperature.guarded_policy import PolicyFault
    from tampo.temperature.registry import policy_class, policy_settings

    try:
        settings = json.loads(args.settings)
    except json.JSONDecodeError as error:
        raise StudyError(f"--settings: not JSON: {error} (got {args.settings!r})") from None
    if not isinstance(settings, dict):
        raise StudyError(f"--settings: must be a JSON object (got {args.settings!r})")
    try:
        policy_settings(args.policy, settings)
    except PolicyFault:
        raise
    except ValidationError as error:
        kind = policy_class(args.policy).Settings
        raise StudyError(explain(error, kind, "--settings")) from None
    except ValueError as error:
        raise StudyError(str(error)) from None
    path = trial(args.policy, settings)
    print(f"{args.policy}: first temperatures of {len(path)} simulated steps")
    for step, drawn in enumerate(path[:SHOWN_STEPS]):
        for temperatures in np.atleast_2d(drawn).tolist():
            more = " ..." if len(temperatures) > SHOWN_TEMPERATURES else ""
            shown = " ".join(f"{t:.3f}" for t in temperatures[:SHOWN_TEMPERATURES])
            print(f"{step:4d}  {shown}{more}")


def _status(args: argparse.Namespace) -> int:
    from tampo.workflow.status import FAILED, jobs, report_lines, watch

    study = load_study(study_file(args.study))
    results, here = layout.RESULTS / study.name, Path()
    if args.watch is not None:
        try:
            watch(study, results, here, args.watch)
        except KeyboardInterrupt:
            return 0
    found = jobs(study, results, here)
    print("\n".join(report_lines(study, found)))
    return 1 if any(job.state == FAILED for job in found) else 0


def add_study_commands(commands: Commands) -> None:
    """Add status, check, schema and policies."""
    status = add_command(
        commands, "status", _status, "what the jobs of a study are doing, and how long they take"
    )
    status.add_argument(
        "study", nargs="?", default=DEFAULT_STUDY, metavar="STUDY", help="name or file of a study"
    )
    status.add_argument(
        "--watch",
        nargs="?",
        type=float,
        const=2.0,
        metavar="SECONDS",
        help="print it again every 2 or so many seconds, until all is done",
    )
    check = add_command(
        commands, "check", _check, "validate a study, and what it trains on against its benchmarks"
    )
    check.add_argument("study", metavar="STUDY", help="name or file of a study")
    add_data_dir(check)
    add_command(commands, "schema", _schema, "print the JSON schema of study files")
    policies = add_command(commands, "policies", _policies, "list temperature policies, or try one")
    policies.add_argument(
        "policy", nargs="?", metavar="NAME", help="policy to try, or path/to/file.py:Class"
    )
    policies.add_argument(
        "--settings", default="{}", metavar="JSON", help="settings of the policy (default: {})"
    )
