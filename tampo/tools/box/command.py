"""Command line of `python -m tampo box`."""

from __future__ import annotations

import argparse
from pathlib import Path

from tampo.study.study import load_study


def _pack(args: argparse.Namespace) -> None:
    from tampo.tools.box.pack import Environment, pack

    environment = Environment(args.wheels, args.box_has, args.box_python)
    study = load_study(args.study, args.data_dir)
    pack(study, args.study, args.out, args.part_mib, environment, args.results)


def _receive(args: argparse.Namespace) -> None:
    from tampo.tools.box.receive import receive

    receive(args.parts, load_study(args.study), args.results, replace=args.replace)


def add_box_commands(box: argparse.ArgumentParser) -> None:
    """Add `pack` and `receive` to the parser of `box`."""
    commands = box.add_subparsers(dest="box_command", required=True, metavar="COMMAND")
    text = "pack what a machine without network needs to run a study"
    pack = commands.add_parser("pack", help=text, description=text)
    pack.set_defaults(run=_pack)
    text = "add finished runs that came from a box to the results"
    receive = commands.add_parser("receive", help=text, description=text)
    receive.set_defaults(run=_receive)
    receive.add_argument("parts", type=Path, metavar="DIR", help="what box.py collect wrote")
    for command in (pack, receive):
        command.add_argument(
            "--study", required=True, type=Path, metavar="FILE", help="study file (YAML)"
        )
        command.add_argument(
            "--results",
            type=Path,
            default=Path("results"),
            metavar="DIR",
            help="folder of results (default: results)",
        )
    pack.add_argument(
        "--data-dir", metavar="DIR", help="read problem sets from canonical JSONL here"
    )
    pack.add_argument("--out", required=True, type=Path, metavar="DIR", help="output folder")
    pack.add_argument(
        "--part-mib", type=float, default=60, metavar="M", help="largest part (default: 60)"
    )
    pack.add_argument(
        "--wheels",
        choices=["cpu", "gpu", "none"],
        default="gpu",
        help="environment to pack; none if the box has the packages (default: gpu)",
    )
    pack.add_argument(
        "--box-has",
        type=Path,
        metavar="FILE",
        help="output of `pip list --format=freeze` on the box: packages to leave out",
    )
    pack.add_argument("--box-python", metavar="X.Y", help="Python of the box, with --box-has")
    receive.add_argument(
        "--replace", action="store_true", help="replace other runs of the same method and seed"
    )
