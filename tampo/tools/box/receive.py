"""Receive finished runs from a box: check them against the study and the checksums, then file them.

Everything is checked before anything is moved, so that a refusal leaves the results as they were.
"""

from __future__ import annotations

import filecmp
import gzip
import io
import os
import shutil
import tarfile
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath

from tampo import layout
from tampo.files import sha256_of
from tampo.records.run_json import AnyRun, EvaluateRun, TrainRun, read_any_run
from tampo.records.run_records import weight_files
from tampo.study.study import UNTRAINED, Study
from tampo.tools.box.agreement import disagreements
from tampo.tools.box.manifest import Collected, Run, read_collected
from tampo.tools.box.parts import MANIFEST, MIB, BoxError, PartReader, PartsError, find_parts, say

JOB_FOLDERS = (str(layout.LOGS), str(layout.TIMINGS))
"""Beside the results: output and times of the jobs, filed like the runs."""
LIBRARY_FILES = "config.json"
"""End of the names of the model's files that say which library wrote them: they may differ."""


@dataclass(frozen=True)
class Received:
    """One folder that came: the base model, or one stage of a run."""

    stage: str
    method: str | None
    seed: int | None
    folder: Path
    """Where it lies for now."""
    run: AnyRun
    """Its run.json."""

    @property
    def name(self) -> str:
        """Path below the results of the study."""
        return layout.job_name(self.stage, self.method, self.seed)


def receive(parts: Path, study: Study, results: Path, *, replace: bool = False) -> None:
    """File the runs in `parts` below `results/{study}`, as if they had been made here.

    Args:
        parts: folder of what `box.py collect` wrote.
        study: the study as this checkout has it.
        results: folder of results; logs and times of the jobs go beside it.
        replace: whether runs may take the place of others with the same method and seed.

    Raises:
        PartsError: parts are missing or damaged.
        BoxError: a run is not the study's, is damaged, or would replace another one.
    """
    manifest = read_collected(parts)
    if manifest.study != study.name:
        raise BoxError(
            f"{parts / MANIFEST}: study: must be {study.name!r} (got {manifest.study!r})"
        )
    say(f"checking {len(manifest.parts)} parts, {manifest.bytes / MIB:.1f} MiB")
    paths = find_parts([parts], manifest.model_dump())
    results.mkdir(parents=True, exist_ok=True)
    # Beside their later place, so that moving them is renaming.
    with tempfile.TemporaryDirectory(prefix=".receiving-", dir=results) as temporary:
        scratch = Path(temporary)
        _unpack(paths, scratch, study.name)
        say(f"checking {len(manifest.runs)} runs")
        arrived = _checked(scratch / layout.RESULTS / study.name, study, manifest)
        own = results / study.name
        new = _without_those_here(arrived, own, replace)
        _file(new, own)
        _file_jobs(scratch, [item.name for item in new], study.name, results.parent)
    source = manifest.source
    dirty = ", with files that differ from it" if source.dirty else ""
    say(f"made from commit {source.commit}{dirty}")
    say(f"{own}: {len(new)} folders received, {len(arrived) - len(new)} were here already")


def _unpack(parts: Sequence[Path], folder: Path, study: str) -> None:
    """Write the files of a stream below `folder`; anything but results and logs is refused."""
    allowed = [(str(layout.RESULTS), study), *((name, study) for name in JOB_FOLDERS)]
    stream = io.BufferedReader(PartReader(parts), MIB)
    try:
        with gzip.GzipFile(fileobj=stream) as plain, tarfile.open(fileobj=plain, mode="r|") as tar:
            for member in tar:
                path = PurePosixPath(member.name)
                inside = path.parts[:2] in allowed and ".." not in path.parts
                content = tar.extractfile(member) if member.isfile() and inside else None
                if content is None:
                    raise BoxError(f"{member.name}: only results and logs of {study} may come back")
                target = folder / path
                target.parent.mkdir(parents=True, exist_ok=True)
                with target.open("wb") as file:
                    shutil.copyfileobj(content, file)
    except (tarfile.TarError, OSError, EOFError) as error:
        raise PartsError(
            f"the parts are whole, but hold no archive that can be read: {error}"
        ) from error


def _checked(folder: Path, study: Study, manifest: Collected) -> list[Received]:
    """Return everything that came; BoxError names every fault."""
    faults = list(_unknown_runs(study, manifest.runs))
    if faults:
        raise BoxError("\n".join(faults))
    wanted: list[tuple[str, str | None, int | None]] = [(layout.MODEL, None, None)]
    for named in manifest.runs:
        stages = (layout.TRAIN, layout.EVALUATE) if named.trained else (layout.EVALUATE,)
        wanted += [(stage, named.method, named.seed) for stage in stages]
    arrived = []
    for stage, method, seed in wanted:
        place = folder / layout.job_name(stage, method, seed)
        name = place.relative_to(folder)
        try:
            run = read_any_run(place / layout.RUN_JSON)
        except (OSError, ValueError) as error:
            faults.append(f"{name}/{layout.RUN_JSON}: cannot be read: {error}")
            continue
        found = disagreements(study, method, seed, run)
        faults += [f"{name}: {line}" for line in found]
        listed = _listed(study, run)
        # Weights may stay on the box: only training and sampling read them.
        weights = weight_files(name / layout.RUN_JSON, listed)
        came = {n: d for n, d in listed.items() if n not in weights or (place / n).exists()}
        faults += _file_faults(place, name, came)
        arrived.append(Received(stage, method, seed, place, run))
    faults += _strangers(arrived)
    if faults:
        raise BoxError("\n".join([f"these are not runs of {study.name} as it is here:", *faults]))
    return arrived


def _unknown_runs(study: Study, runs: Sequence[Run]) -> Iterator[str]:
    methods = {method.name: method.policy != UNTRAINED for method in study.methods}
    for run in runs:
        if run.method not in methods:
            yield f"methods: {run.method!r} there; allowed here: {', '.join(methods)}"
        elif run.trained != methods[run.method]:
            kinds = {True: "trained", False: "the base model"}
            yield f"methods.{run.method}: {kinds[run.trained]} there, {kinds[not run.trained]} here"
        if run.seed not in study.seeds:
            yield f"seeds: {run.seed} there; allowed here: {', '.join(map(str, study.seeds))}"


def _listed(study: Study, run: AnyRun) -> dict[str, str | None]:
    """Return the checksum of every file of a folder; None where a file is needed and not listed."""
    listed = run.checksums
    if isinstance(run, EvaluateRun):
        names = [layout.samples_file(benchmark.name) for benchmark in study.benchmarks]
        return {name: listed.get(name) for name in names}
    needed = dict.fromkeys(layout.TRAINING_LOGS) if isinstance(run, TrainRun) else {}
    return needed | listed


def _file_faults(folder: Path, name: Path, listed: dict[str, str | None]) -> Iterator[str]:
    for file, digest in listed.items():
        path = folder / file
        if not path.is_file():
            yield f"{name}/{file}: did not come"
        elif sha256_of(path) != digest:
            yield f"{name}/{file}: has another checksum than its run.json says"


def _strangers(arrived: Sequence[Received]) -> Iterator[str]:
    """Name every evaluation that is of other weights than those of the run that came with it."""
    trained = {(a.method, a.seed): a for a in arrived if a.stage in (layout.MODEL, layout.TRAIN)}
    for item in arrived:
        if not isinstance(item.run, EvaluateRun):
            continue
        origin = trained.get((item.method, item.seed)) or trained.get((None, None))
        stated = item.run.checkpoint.run_json_sha256
        if origin is not None and stated != sha256_of(origin.folder / layout.RUN_JSON):
            yield f"{item.name}: evaluates other weights than those of {origin.name}"


def _without_those_here(arrived: list[Received], own: Path, replace: bool) -> list[Received]:
    """Return what is not here yet; BoxError names every other run in the way."""
    new, others = [], []
    for item in arrived:
        here = own / item.name
        if not here.exists():
            new.append(item)
        elif item.stage == layout.MODEL:
            _same_model(item, here)
        elif not _same(item.folder, here):
            new.append(item)
            others.append(str(here))
    if others and not replace:
        raise BoxError(
            "\n".join(["other runs are here; --replace puts these in their place:", *others])
        )
    return new


def _same(arrived: Path, here: Path) -> bool:
    """Return whether every file that came is here already."""
    names = [path.name for path in arrived.iterdir()]
    return not any(filecmp.cmpfiles(arrived, here, names, shallow=False)[1:])


def _same_model(item: Received, here: Path) -> None:
    """Refuse runs of another base model: in one study they would be compared as if it were one."""
    try:
        files = read_any_run(here / layout.RUN_JSON).checksums
    except (OSError, ValueError):
        raise BoxError(f"{here} is no finished base model; move it away first") from None
    there = item.run.checksums
    for name in sorted({*files, *there}):
        if not name.endswith(LIBRARY_FILES) and files.get(name) != there.get(name):
            raise BoxError(
                f"{here}: {name} is another than that of the box; runs of two base models do not "
                "belong into one study: move the results here away, or the runs"
            )


def _file(arrived: Sequence[Received], own: Path) -> None:
    """Move what came to its place, dated so that Snakemake sees nothing older than what it needs."""
    now = time.time()
    for item in arrived:
        target = own / item.name
        if target.exists():
            shutil.rmtree(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        item.folder.replace(target)
        # The model was there before any run, also before those that came earlier.
        date = min(now, _ended(item.run)) if item.stage == layout.MODEL else now
        for path in (*target.iterdir(), target):
            os.utime(path, (date, date))


def _ended(run: AnyRun) -> float:
    return datetime.fromisoformat(run.started).timestamp() + run.seconds.wall


def _file_jobs(scratch: Path, names: Sequence[str], study: str, root: Path) -> None:
    """Move logs and times of the received jobs beside the results."""
    for kind in JOB_FOLDERS:
        for name in names:
            for path in (scratch / kind / study / name).parent.glob(
                f"{PurePosixPath(name).name}.*"
            ):
                target = root / path.relative_to(scratch)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.move(path, target)
