"""What a training run writes as it goes: steps, the temperature policy's view of them, and trajectories.

Lines are appended during the run, so that it can be watched. A run that was killed is rewound to its
last checkpoint before it continues: lines after it are dropped, so none is doubled or lost.
"""

from __future__ import annotations

import json
import math
import os
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tampo import layout
from tampo.files import read_jsonl, to_jsonl, write_atomically, written_whole
from tampo.layout import STEP


class RunLog:
    """Append-only log of one run, in a folder of its own.

    Args:
        folder: where the growing files live; created if missing.
        trajectories_every: trajectories are kept of the rollout batches whose step it divides; None
            keeps none.
    """

    def __init__(self, folder: Path, trajectories_every: int | None = 1) -> None:
        self.folder = folder
        self._trajectories_every = trajectories_every
        self._parts = folder / "trajectories"
        (folder if trajectories_every is None else self._parts).mkdir(parents=True, exist_ok=True)
        self._waiting: list[pa.Table] = []

    def step(self, record: dict[str, Any]) -> None:
        """Append one optimiser step; `record["step"]` is 0-based."""
        self._append(layout.STEPS_LOG, record)

    def policy(self, record: dict[str, Any]) -> None:
        """Append what the policy saw and did at one rollout batch."""
        self._append(layout.POLICY_LOG, record)

    def trajectories(self, columns: dict[str, list]) -> None:
        """Take the trajectories of one rollout batch, one row each; `flush` writes those that are kept."""
        every = self._trajectories_every
        if every is not None and columns[STEP][0] % every == 0:
            self._waiting.append(pa.table(columns))

    def flush(self, step: int) -> None:
        """Write the waiting trajectories; called before the checkpoint after `step` steps."""
        if self._waiting:
            with written_whole(self._parts / f"{step:020d}.parquet") as temporary:
                pq.write_table(pa.concat_tables(self._waiting), temporary)
            self._waiting.clear()

    def rewind(self, step: int) -> None:
        """Drop everything that belongs to step `step` or later."""
        for name in (layout.STEPS_LOG, layout.POLICY_LOG):
            path = self.folder / name
            if path.exists():
                kept = [row for row in _whole_lines(path) if row[STEP] < step]
                write_atomically(path, to_jsonl(kept))
        for part in self._parts.glob("*.parquet"):
            if int(part.stem) > step:
                part.unlink()
        self._waiting = [table for table in self._waiting if table[STEP][0].as_py() < step]

    def publish(self, out: Path, empty: pa.Table | None = None) -> None:
        """Write the finished files to `out`, each whole.

        Args:
            empty: trajectories of a run that ended before it had any.
        """
        self.flush(sys.maxsize)
        for name in (layout.STEPS_LOG, layout.POLICY_LOG):
            path = self.folder / name
            write_atomically(out / name, to_jsonl(read_jsonl(path)) if path.exists() else "")
        tables = [pq.read_table(part) for part in sorted(self._parts.glob("*.parquet"))]
        if not tables and empty is not None:
            tables = [empty]
        with written_whole(out / layout.TRAJECTORIES) as temporary:
            pq.write_table(pa.concat_tables(tables), temporary, compression="zstd")

    def _append(self, name: str, record: dict[str, Any]) -> None:
        line = json.dumps(without_nan(record), allow_nan=False) + "\n"
        with (self.folder / name).open("a", encoding="utf-8") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())


def without_nan(value: Any) -> Any:
    """Return `value` with NaN and infinities as None: JSON has no word for them."""
    if isinstance(value, dict):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _whole_lines(path: Path) -> list[dict[str, Any]]:
    """Read the lines that were written to their end; a kill can leave a torn last one."""
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
        if not line.endswith("\n"):
            break
        rows.append(json.loads(line))
    return rows
