"""Print the project's pinned dependencies, one per line, with those of the extras that are named.

python envs/requirements.py pyproject.toml [EXTRA ...]
"""

import sys
import tomllib
from pathlib import Path


def requirements(pyproject: str, extras: list[str]) -> list[str]:
    """Return the requirement lines of a pyproject.toml; an unknown extra is a KeyError."""
    project = tomllib.loads(Path(pyproject).read_text(encoding="utf-8"))["project"]
    optional = project["optional-dependencies"]
    return [*project["dependencies"], *(line for extra in extras for line in optional[extra])]


if __name__ == "__main__":
    print(*requirements(sys.argv[1], sys.argv[2:]), sep="\n")
