"""Where a checkpoint comes from, and which it is."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from tampo import layout
from tampo.files import checksums, sha256_of
from tampo.records.run_json import read_any_run


def origin_of(checkpoint: Path) -> dict[str, Any]:
    """Return what the run.json of a checkpoint says of its making.

    Raises:
        FileNotFoundError: there are no weights, or nothing says where they come from.
    """
    if not (checkpoint / "config.json").is_file():
        raise FileNotFoundError(f"{checkpoint}: no checkpoint here (config.json is missing)")
    return made_by(checkpoint)


def made_by(checkpoint: Path) -> dict[str, Any]:
    """Return checksum and stage of the run.json in a folder of weights, or beside it.

    Raises:
        FileNotFoundError: there is none.
    """
    places = [checkpoint / layout.RUN_JSON, checkpoint.parent / layout.RUN_JSON]
    place = next((p for p in places if p.is_file()), None)
    if place is None:
        raise FileNotFoundError(
            f"{checkpoint}: a checkpoint of unknown origin is not evaluated; "
            f"its run.json is neither in it nor beside it"
        )
    return {"run_json_sha256": sha256_of(place), "stage": read_any_run(place).stage}


def weights_sha256(checkpoint: Path) -> str:
    """Return the checksum of the checksums of a checkpoint's files."""
    files = {
        name: digest for name, digest in checksums(checkpoint).items() if name != layout.RUN_JSON
    }
    return hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()
