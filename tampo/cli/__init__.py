"""The command line: one subcommand per stage, and a few to look around."""

from tampo.cli.main import main

__all__ = ["main"]
