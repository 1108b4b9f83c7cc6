"""A page of the documentation followed to the letter: its files are written, its commands are run."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path


def files_of(page: str) -> list[tuple[str, str]]:
    """Return name and content of every file that the page has one write."""
    pattern = r"^File `([^`]+)`:\n\n```\w*\n(.*?)^```"
    return re.findall(pattern, page, re.MULTILINE | re.DOTALL)


def write_files(project: Path, page: str) -> None:
    """Write every file of the page below a copy of the project."""
    for name, content in files_of(page):
        (project / name).parent.mkdir(exist_ok=True)
        (project / name).write_text(content)


def commands_of(page: str) -> list[str]:
    """Return every command that the page has one type."""
    blocks = re.findall(r"^```sh\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


def follow(project, command):
    """Run a command of the page as inside the environment that it asks for."""
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        # The copy's package and not the checkout's, as in a clone of one's own.
        "PYTHONPATH": str(project),
    }
    return subprocess.run(
        shlex.split(command), cwd=project, env=environment, capture_output=True, text=True
    )
