"""One tar stream as parts that travel one by one: written, found, checked and read again.

Standard library alone: this file travels with `box.py`, which imports it from beside itself.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import sys
import tarfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

FORMAT = 1
MANIFEST = "manifest.json"
DATED = 315_532_800
"""Time of every packed file, 1 January 1980: the same content gives the same parts. Zip has no earlier."""
MIB = 1 << 20


class BoxError(ValueError):
    """Something that keeps a command from doing its work; the message says what and what would help."""

    code = 2


class PartsError(BoxError):
    """Parts are missing or damaged; the message names every one."""

    code = 3


class PartWriter(io.RawIOBase):
    """A byte stream that is cut into files `part-0000`, `part-0001`, ... of at most `size` bytes."""

    def __init__(self, folder: Path, size: int) -> None:
        self.parts: list[dict[str, Any]] = []
        self._folder, self._size = folder, size
        self._file: io.BufferedWriter | None = None
        self._digest = hashlib.sha256()

    def writable(self) -> bool:
        """Return True: this stream is written."""
        return True

    def write(self, data: Any) -> int:
        """Append `data`, beginning new parts as the current one is full."""
        view = memoryview(data).cast("B")
        written = 0
        while written < len(view):
            if self._file is None:
                name = f"part-{len(self.parts):04d}"
                self.parts.append({"name": name, "size": 0})
                self._file, self._digest = (self._folder / name).open("wb"), hashlib.sha256()
            part = self.parts[-1]
            piece = view[written : written + self._size - part["size"]]
            self._file.write(piece)
            self._digest.update(piece)
            part["size"] += len(piece)
            written += len(piece)
            if part["size"] == self._size:
                self._end_part()
        return written

    def close(self) -> None:
        """End the last part."""
        self._end_part()
        super().close()

    def _end_part(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
            part = self.parts[-1]
            part["sha256"] = self._digest.hexdigest()
            say(f"{part['name']}: {part['size'] / MIB:.1f} MiB")


class PartReader(io.RawIOBase):
    """The byte stream that parts were cut from."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self._paths = iter(paths)
        self._file: io.BufferedReader | None = None

    def readable(self) -> bool:
        """Return True: this stream is read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill `buffer` from the current part, or the next one; 0 is the end of the last."""
        while True:
            if self._file is None:
                path = next(self._paths, None)
                if path is None:
                    return 0
                self._file = path.open("rb")
            if count := self._file.readinto(buffer):
                return count
            self._file.close()
            self._file = None


def say(text: str) -> None:
    """Print a line of progress."""
    print(text, file=sys.stderr, flush=True)


def part_bytes(part_mib: float) -> int:
    """Return the size of a part in bytes; BoxError where there is none."""
    size = int(part_mib * MIB)
    if size < 1:
        raise BoxError(f"--part-mib: {part_mib:g} is no size of a part; it must be greater than 0")
    return size


def write_parts(
    folder: Path,
    members: Iterable[tuple[str, Path | bytes]],
    part_mib: float,
    contents: dict[str, Any],
    *,
    compress: bool = False,
) -> dict[str, Any]:
    """Write `members`, (name, file or content), as parts with a manifest; return the manifest.

    Parts of an earlier call in `folder` are removed first.
    """
    size = part_bytes(part_mib)
    folder.mkdir(parents=True, exist_ok=True)
    for old in (folder / MANIFEST, *folder.glob("part-*")):
        old.unlink(missing_ok=True)
    with PartWriter(folder, size) as stream:
        if compress:
            # Without a name and a date in its header, the same content gives the same bytes.
            with gzip.GzipFile("", "wb", fileobj=stream, mtime=0) as packed:
                _write_tar(packed, members)
        else:
            _write_tar(stream, members)
    total = sum(part["size"] for part in stream.parts)
    manifest = {"format": FORMAT, **contents, "bytes": total, "parts": stream.parts}
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    return manifest


def _write_tar(stream: Any, members: Iterable[tuple[str, Path | bytes]]) -> None:
    with tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT) as tar:
        for name, source in members:
            info = tarfile.TarInfo(name)
            info.mtime = DATED
            if isinstance(source, bytes):
                info.size = len(source)
                tar.addfile(info, io.BytesIO(source))
            elif source.is_symlink():
                info.type, info.linkname = tarfile.SYMTYPE, os.readlink(source)
                tar.addfile(info)
            else:
                status = source.stat()
                info.size = status.st_size
                info.mode = 0o755 if status.st_mode & 0o100 else 0o644
                with source.open("rb") as file:
                    tar.addfile(info, file)


def read_manifest(folders: Sequence[Path], kind: str) -> dict[str, Any]:
    """Return the manifest that lies in one of `folders`; it must be of `kind`, `study` or `results`."""
    path = next((f / MANIFEST for f in folders if (f / MANIFEST).is_file()), None)
    if path is None:
        raise PartsError(f"missing: {MANIFEST}, in {', '.join(map(str, folders))}")
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise PartsError(f"damaged: {path} is not JSON ({error})") from None
    for key, wanted in (("format", FORMAT), ("kind", kind)):
        if manifest.get(key) != wanted:
            raise BoxError(f"{path}: {key}: must be {wanted!r} (got {manifest.get(key)!r})")
    return manifest


def find_parts(folders: Sequence[Path], manifest: dict[str, Any]) -> list[Path]:
    """Return the file of every part, in order; PartsError names each that is missing or damaged."""
    found, faults = [], []
    for part in manifest["parts"]:
        paths = [f / part["name"] for f in folders if (f / part["name"]).is_file()]
        whole = next((path for path in paths if _is_whole(path, part)), None)
        if whole is not None:
            found.append(whole)
        else:
            faults.append(f"damaged: {paths[0]}" if paths else f"missing: {part['name']}")
    if faults:
        count = f"{len(faults)} of {len(manifest['parts'])} parts are not here"
        raise PartsError("\n".join([count, *faults]))
    return found


def _is_whole(path: Path, part: dict[str, Any]) -> bool:
    if path.stat().st_size != part["size"]:
        return False
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(MIB):
            digest.update(block)
    return digest.hexdigest() == part["sha256"]
