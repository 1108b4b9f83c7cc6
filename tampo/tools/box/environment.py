"""The wheels that an environment is made from on a machine without network."""

from __future__ import annotations

import importlib.metadata
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path

from tampo.tools.box.parts import BoxError, say

HERE = f"{sys.version_info.major}.{sys.version_info.minor}"
STUDY = ("train", "eval", "workflow")
EXTRAS = {"cpu": STUDY, "gpu": (*STUDY, "gpu")}
"""Extras of the project that each kind of environment needs."""


def make_wheels(
    root: Path, kind: str, folder: Path, box_has: Path | None, box_python: str | None
) -> list[str]:
    """Write the wheels of the project's pinned requirements to `folder`; return their names.

    Args:
        root: folder of pyproject.toml.
        kind: a key of `EXTRAS`.
        box_has: what `pip list --format=freeze` prints on the box; those packages stay out, in any version.
        box_python: Python of the box, `3.12`; another one than this only together with `box_has`.

    Raises:
        BoxError: the arguments contradict each other, or pip fails.
    """
    if box_python not in (None, HERE) and box_has is None:
        raise BoxError(
            f"--box-python: wheels of a whole environment are made for the Python that packs, {HERE} "
            f"(got {box_python!r}); pack with that one, or say what the box has by --box-has"
        )
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"]]
    for extra in EXTRAS[kind]:
        wanted += project["optional-dependencies"][extra]
    # The box may have nothing to install wheels with; pip's own wheel can install itself.
    own_pip = f"pip=={importlib.metadata.version('pip')}"
    folder.mkdir(parents=True, exist_ok=True)
    if box_has is None:
        _pip("wheel", "--wheel-dir", str(folder), own_pip, *wanted)
    else:
        lines = box_has.read_text(encoding="utf-8").splitlines()
        pins = missing(resolved(wanted, folder), lines)
        say(f"{len(pins)} packages are missing on the box: {', '.join(pins) or 'none'}")
        _pip("wheel", "--no-deps", "--wheel-dir", str(folder), own_pip, *pins)
        if box_python not in (None, HERE):
            _for_another_python(folder, box_python)
    return sorted(path.name for path in folder.glob("*.whl"))


def resolved(requirements: Sequence[str], scratch: Path) -> list[str]:
    """Return `name==version` of everything that pip would install for `requirements`."""
    report = scratch / "report.json"
    _pip("install", "--dry-run", "--ignore-installed", "--report", str(report), *requirements)
    packages = json.loads(report.read_text(encoding="utf-8"))["install"]
    report.unlink()
    return sorted(f"{p['metadata']['name']}=={p['metadata']['version']}" for p in packages)


def missing(pins: Iterable[str], frozen: Iterable[str]) -> list[str]:
    """Return the pins, `name==version`, of packages that no line of `pip list --format=freeze` names."""
    names = (re.match(r"[A-Za-z0-9][\w.\-]*", line) for line in frozen)
    there = {_canonical(name[0]) for name in names if name}
    return [pin for pin in pins if _canonical(pin.partition("==")[0]) not in there]


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _for_another_python(folder: Path, version: str) -> None:
    """Replace the wheels that are for this Python only by those for Python `version`."""
    pins = []
    for wheel in sorted(folder.glob("*.whl")):
        name, release, *_, python, abi, _ = wheel.stem.split("-")
        if (python.startswith("cp3") and abi != "abi3") or re.fullmatch(r"py3\d+", python):
            pins.append(f"{name}=={release}")
            wheel.unlink()
    if pins:
        target = ["--only-binary=:all:", "--python-version", version]
        _pip("download", "--no-deps", *target, "--dest", str(folder), *pins)


def _pip(*arguments: str) -> None:
    """Run pip, which prints what it does; BoxError where it fails."""
    command = [sys.executable, "-m", "pip", arguments[0], "--disable-pip-version-check"]
    # What a command prints is for people; standard output is for results.
    done = subprocess.run([*command, *arguments[1:]], stdout=sys.stderr)
    if done.returncode:
        raise BoxError(f"--wheels: pip {arguments[0]} ended with {done.returncode}, see above")
