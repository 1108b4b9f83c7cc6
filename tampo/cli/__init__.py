"""The command line: one subcommand per stage, and a few for inspection."""

from tampo.cli.main import main

__all__ = ["main"]
