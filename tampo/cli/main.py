"""The command line: the groups of subcommands, and how a failure is told."""

from __future__ import annotations

import argparse
import logging
import sys

from tampo import __version__
from tampo.cli.options import Parser, add_command
from tampo.cli.result_commands import add_result_commands
from tampo.cli.stage_commands import add_stage_commands
from tampo.cli.study_commands import add_study_commands
from tampo.cli.tool_commands import add_tool_commands
from tampo.files import FolderInUse
from tampo.study.study import StudyError
from tampo.temperature.guarded_policy import PolicyFault
from tampo.tools.box.parts import BoxError
from tampo.training.stop_signals import EXIT_CODE, Stopped, tell_launcher


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="tampo",
        description="Benchmark of rollout temperature policies for GRPO: the stages of the workflow.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    add_stage_commands(commands)
    add_study_commands(commands)
    add_result_commands(commands)
    add_tool_commands(commands)
    completion = add_command(
        commands, "completion", _completion, "print the completion script of a shell"
    )
    completion.add_argument("shell", choices=("bash", "zsh", "tcsh"), help="the shell")
    return parser


def _completion(args: argparse.Namespace) -> None:
    import shtab

    print(shtab.complete(_parser(), args.shell))


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
    except (StudyError, FolderInUse) as error:
        return _failed(error, 2)
    except BoxError as error:
        return _failed(error, error.code)
    except Stopped as error:
        tell_launcher()
        return _failed(error, EXIT_CODE)
    except PolicyFault as error:
        # What the user's own code raised is told whole; the last line says where.
        if error.__cause__ is not None:
            logging.exception("tampo %s failed", args.command)
        return _failed(error, 1)
    except (ValueError, FileNotFoundError) as error:
        logging.exception("tampo %s failed", args.command)
        return _failed(error, 1)


def _failed(error: Exception, code: int) -> int:
    """Print the reason last, where the reader of a job's log looks first; return `code`.

    The line is one write: the processes of a run share a log.
    """
    sys.stderr.write(f"error: {error}\n")
    return code
