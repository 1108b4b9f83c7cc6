"""`tampo COMMAND` and `python -m tampo COMMAND`: one subcommand for each stage of the workflow."""

import os
import sys

from tampo.extras import remedy

NO_READER = 141
"""Exit code where the reader of the output left early, as `head` does: 128 and SIGPIPE, a shell's own."""


def run() -> int:
    """Run the command line; where its packages are missing, say what to install."""
    try:
        from tampo.cli import main
    except ModuleNotFoundError as error:
        print(f"error: {remedy(error)}", file=sys.stderr)
        return 2
    try:
        code = main()
        sys.stdout.flush()
    except BrokenPipeError:
        # What is still buffered has nowhere to go; the interpreter would complain of it at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return NO_READER
    return code


if __name__ == "__main__":
    sys.exit(run())
