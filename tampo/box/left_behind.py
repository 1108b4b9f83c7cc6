"""What received runs left on the box: weights, which their run.json lists and nobody sent."""

from __future__ import annotations

import json
from pathlib import Path

from tampo.artefacts import write_json

RECEIVED = "received.json"
"""Below the results of a study: `{"train/tampo/seed1": {"checkpoint/model.safetensors": sha256}}`."""


def read_left_behind(results: Path) -> dict[str, dict[str, str]]:
    """Return the checksums of files left behind by folder of a run; empty where nothing was received.

    Args:
        results: `results/{study}`.
    """
    path = results / RECEIVED
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def note_left_behind(results: Path, folders: dict[str, dict[str, str]]) -> None:
    """Add what was left behind of runs received just now."""
    noted = read_left_behind(results) | folders
    write_json(results / RECEIVED, dict(sorted(noted.items())))
