"""`tampo COMMAND` and `python -m tampo COMMAND`: one subcommand for each stage of the workflow."""

import sys

from tampo.extras import remedy


def run() -> int:
    """Run the command line; where its packages are missing, say what to install."""
    try:
        from tampo.cli import main
    except ModuleNotFoundError as error:
        print(f"error: {remedy(error)}", file=sys.stderr)
        return 2
    return main()


if __name__ == "__main__":
    sys.exit(run())
