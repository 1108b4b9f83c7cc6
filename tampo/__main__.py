"""`tampo COMMAND` and `python -m tampo COMMAND`: one subcommand for each stage of the workflow."""

import os
import select
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
        if _has_reader():
            raise
        # What is still buffered has nowhere to go; the interpreter would complain of it at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return NO_READER
    return code


def _has_reader() -> bool:
    """Return whether the output can still be written; another pipe that broke is a failure."""
    pipe = select.poll()
    pipe.register(sys.stdout, 0)
    # Asked for nothing, it reports errors alone: that the other end is closed.
    return not pipe.poll(0)


if __name__ == "__main__":
    sys.exit(run())
