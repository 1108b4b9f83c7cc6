"""Where Triton, torch and vLLM keep what they compile: on this node.

By default it is below the user's home. On a cluster that is one network folder, where jobs of many nodes
write the same files at once.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import MutableMapping
from pathlib import Path

from tampo.study.study import StudyError

CACHES = {
    "TRITON_CACHE_DIR": "triton",
    "TORCHINDUCTOR_CACHE_DIR": "inductor",
    "VLLM_CACHE_ROOT": "vllm",
}
"""Variables that name the caches, and our folders for them."""


def keep_on_this_node(environment: MutableMapping[str, str] = os.environ) -> Path:
    """Name a folder of this node for every cache that the user has not placed, and return it.

    Jobs of one node have it in common, so a kernel is compiled once per node.

    Raises:
        StudyError: the folder belongs to somebody else, who could put code there for us to load.
    """
    folder = Path(tempfile.gettempdir()) / f"tampo-compiled-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
        raise StudyError(
            f"{folder}: not a folder that you alone can write to; set TMPDIR to one that is, or "
            f"{', '.join(CACHES)}"
        )
    for variable, name in CACHES.items():
        environment.setdefault(variable, str(folder / name))
    return folder
