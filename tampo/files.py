"""Files that appear whole or not at all, and their checksums."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any


class IncompleteResults(ValueError):
    """Runs are missing or incomplete; the message names all of them."""


COMPRESSED = ".xz"
"""Ends the names of files that evidence keeps compressed."""


def plain_or_packed(path: Path) -> Path:
    """Return a file of results as it lies: itself, or compressed as evidence keeps it."""
    packed = path.with_name(path.name + COMPRESSED)
    return packed if packed.is_file() and not path.is_file() else path


@contextmanager
def written_whole(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it onto `path` when the block succeeds.

    The file is flushed to disk before the rename, so a crash leaves the old file or the new one.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        # mkstemp makes private files; results are meant to be read by the group too.
        temporary.chmod(0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_atomically(path: str | Path, content: str | bytes) -> None:
    """Write `content` to `path` so that the file appears whole or not at all."""
    data = content.encode() if isinstance(content, str) else content
    with written_whole(path) as temporary:
        temporary.write_bytes(data)


def write_json(path: str | Path, value: Any) -> None:
    """Write `value` as indented JSON with a final newline; NaN is refused (it is not JSON)."""
    write_atomically(
        path, json.dumps(value, indent=2, allow_nan=False, ensure_ascii=False, default=str) + "\n"
    )


@contextmanager
def directory_written_whole(path: str | Path) -> Iterator[Path]:
    """Yield a temporary directory beside `path`; swap it in for `path` when the block succeeds."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
    try:
        yield temporary
        # As above: safetensors are written for their owner alone, but results are for the group.
        for inside in (temporary, *temporary.rglob("*")):
            inside.chmod(0o755 if inside.is_dir() else 0o644)
        if path.exists():
            shutil.rmtree(path)
        temporary.replace(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def sha256_of(path: str | Path) -> str:
    """Return the hexadecimal SHA-256 of a file's bytes."""
    digest = hashlib.sha256()
    with Path(path).open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def checksums(root: str | Path) -> dict[str, str]:
    """Return `{relative path: sha256}` of every file below `root`, sorted, dot files left out."""
    root = Path(root)
    return {
        str(path.relative_to(root)): sha256_of(path)
        for path in sorted(root.rglob("*"))
        if path.is_file() and not any(p.startswith(".") for p in path.relative_to(root).parts)
    }


def read_jsonl(path: str | Path) -> list[dict]:
    """Read a JSON-lines file; a malformed line is an error that names the file and the line."""
    rows = []
    with Path(path).open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                rows.append(json.loads(line))
            except json.JSONDecodeError as error:
                raise ValueError(f"{path}:{number}: not JSON: {error.msg}") from error
    return rows


def to_jsonl(rows: Sequence[Any]) -> str:
    """Render rows as JSON lines, one compact object per line; NaN is refused."""
    return "".join(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in rows)


LOCK = "lock"
"""In a folder that one process at a time may write."""


class FolderInUse(ValueError):
    """Another process is writing the folder."""


@contextmanager
def sole_writer(folder: Path) -> Iterator[None]:
    """Be the only process of this machine that writes `folder`, which is made if missing.

    The operating system lets go of the lock however the process ends.

    Raises:
        FolderInUse: another process has it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = try_lock(folder / LOCK)
    if lock is None:
        raise FolderInUse(f"{folder}: another process is writing it; wait for that one, or stop it")
    with lock:
        yield


def try_lock(path: Path) -> IO[str] | None:
    """Return a file, made if missing, that this process alone has locked until it is closed; else None."""
    path.touch(mode=0o666)
    file = path.open()
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file
