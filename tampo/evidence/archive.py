"""Evidence: a finished study as git keeps it, without weights and compressed.

The folder mirrors `results/{study}`. What a reader opens is there as it is: tables, verdicts, and the
drawings that the page of results shows. Everything else has `.xz` at the end of its name and unpacks to the
bytes whose checksum run.json or the report has. `SHA256SUMS` lists the files as they lie, for
`sha256sum --check`. Packing the same study again reproduces it byte for byte, given the same version of
liblzma. Problem texts of published sets are left out (`tampo.evidence.withheld`).
"""

from __future__ import annotations

import json
import lzma
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tampo import layout
from tampo.evidence.findings import Mismatch
from tampo.evidence.withheld import give_back, withhold
from tampo.files import COMPRESSED, checksums, directory_written_whole, sha256_of, write_atomically
from tampo.records.run_json import read_any_run
from tampo.records.run_records import weight_files
from tampo.study.study import StudyError

SUMS = "SHA256SUMS"
SHOWN_FIGURES = ("differences", "temperatures", "learning_curves")
"""Figures on the page of results; the report has all of them."""
OPENED = {Path(layout.REPORT, layout.FIGURES, f"{name}.svg") for name in SHOWN_FIGURES}
PRESET = 6 | lzma.PRESET_EXTREME
"""Beyond 6 only the window grows, and no file is larger than that of 6 (8 MiB)."""


@dataclass(frozen=True)
class Restored:
    """Evidence, unpacked."""

    folder: Path
    """Laid out as `results/{study}`."""
    origin: Path
    """Where the evidence lies."""
    files: int
    """How many files it has."""
    faults: list[Mismatch]
    """Where it is not what `SHA256SUMS` says, or cannot be unpacked."""

    def outside(self, mismatch: Mismatch) -> Mismatch:
        """Return a mismatch of the unpacked study as one of the evidence that it came from."""
        path = self.origin / stored_name(mismatch.path.relative_to(self.folder))
        what = mismatch.what.replace(str(self.folder), str(self.origin))
        return Mismatch(path, mismatch.line, what)


def stored_name(name: Path) -> Path:
    """Return the name in the evidence of a file of the results."""
    table = name.parts[:1] == (layout.REPORT,) and len(name.parts) == 2 and name.name != layout.PAGE
    # A compressed image would not be smaller.
    if table or name in OPENED or name.suffix == ".png" or name.name == SUMS or name == Path():
        return name
    return name.with_name(name.name + COMPRESSED)


def is_archive(folder: Path) -> bool:
    """Return whether a folder is evidence and not the results themselves."""
    return (folder / SUMS).is_file() or any(folder.rglob(f"*{COMPRESSED}"))


def contents(results: Path) -> list[Path]:
    """Return what belongs to the evidence of a finished study: all that is listed, but for weights.

    Raises:
        FileNotFoundError: there is no report, or a run.json that it was made from is missing.
    """
    listed = json.loads((results / layout.REPORT / layout.CHECKSUMS).read_text(encoding="utf-8"))
    names = [Path(name) for name in listed["made_from"]]
    for path in [name for name in names if name.name == layout.RUN_JSON]:
        files = read_any_run(results / path).checksums
        weights = weight_files(path, files)
        names += [path.parent / name for name in files if name not in weights]
    names += [Path(layout.REPORT, name) for name in (*listed["report"], layout.CHECKSUMS)]
    return sorted(set(names))


def write_archive(results: Path, out: Path, texts: Mapping[str, str]) -> None:
    """Write the evidence of a finished study to `out`, whole or not at all.

    Args:
        texts: of `problem_texts`: what is left out.

    Raises:
        StudyError: `out` holds something else than evidence, which would be lost.
    """
    if out.exists() and not (out / SUMS).is_file() and (out.is_file() or any(out.iterdir())):
        raise StudyError(f"--out {out}: it is there and no evidence; name a new folder or evidence")
    with directory_written_whole(out) as folder:
        for name in contents(results):
            target = folder / stored_name(name)
            target.parent.mkdir(parents=True, exist_ok=True)
            if target.suffix == COMPRESSED:
                content = withhold(name, (results / name).read_bytes(), texts)
                target.write_bytes(lzma.compress(content, preset=PRESET))
            else:
                shutil.copyfile(results / name, target)
        lines = [f"{digest}  {name}\n" for name, digest in checksums(folder).items()]
        write_atomically(folder / SUMS, "".join(lines))


@contextmanager
def restored(folder: Path, texts: Mapping[str, str]) -> Iterator[Restored]:
    """Yield evidence unpacked in a temporary folder, with what is wrong about it.

    Args:
        texts: of `problem_texts`; without them, prompts keep the ids of what was left out.
    """
    with tempfile.TemporaryDirectory() as temporary:
        plain = Path(temporary) / folder.resolve().name
        names = [name for name in checksums(folder) if name != SUMS]
        faults = _faults(folder, names)
        for name in names:
            target = plain / name.removesuffix(COMPRESSED)
            target.parent.mkdir(parents=True, exist_ok=True)
            if not name.endswith(COMPRESSED):
                shutil.copyfile(folder / name, target)
                continue
            try:
                content = lzma.decompress((folder / name).read_bytes())
                target.write_bytes(give_back(target.relative_to(plain), content, texts))
            except lzma.LZMAError as error:
                faults.append(Mismatch(folder / name, None, f"cannot be unpacked: {error}"))
        yield Restored(plain, folder, len(names), faults)


def _faults(folder: Path, names: list[str]) -> list[Mismatch]:
    """Compare the files of evidence with the list of their checksums."""
    place = folder / SUMS
    if not place.is_file():
        return [Mismatch(place, None, "missing")]
    listed, faults = {}, []
    for number, line in enumerate(place.read_text(encoding="utf-8").splitlines(), start=1):
        digest, _, name = line.partition("  ")
        listed[name] = digest
        if not (folder / name).is_file():
            faults.append(Mismatch(folder / name, None, f"missing, but listed in {SUMS}"))
        elif (actual := sha256_of(folder / name)) != digest:
            what = f"checksum {actual[:12]}…, line {number} of {SUMS} has {digest[:12]}…"
            faults.append(Mismatch(folder / name, None, what))
    faults += [
        Mismatch(folder / name, None, f"not in {SUMS}") for name in names if name not in listed
    ]
    return faults
