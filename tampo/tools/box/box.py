"""The side of a machine without network: unpack a study that was packed, run it, collect what came out.

`python -m tampo box pack` puts this file, `parts.py` and `layout.py` beside the parts. They need
Python 3.11 or newer and nothing else:

    python box.py unpack --parts DIR --into BOX     as often as parts arrive; names those that are missing
    python box.py run --into BOX [--minutes M]      train and evaluate; called again, it continues
    python box.py collect --into BOX --out DIR      what the finished runs left, without weights

Exit codes: 2 a mistake in what was asked, 3 parts missing or damaged, 75 stopped in time and to be called
again, 1 a run failed.
"""

from __future__ import annotations

import argparse
import fcntl
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from site import getsitepackages
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tampo import layout
    from tampo.tools.box.parts import (
        MIB,
        BoxError,
        PartReader,
        find_parts,
        read_manifest,
        say,
        write_parts,
    )
else:
    import layout
    from parts import MIB, BoxError, PartReader, find_parts, read_manifest, say, write_parts

PACKED = "packed.json"
"""The manifest in the unpacked folder; written last, so a folder without it is not whole."""
PROBLEMS, WHEELS, ENVIRONMENT = "problems", "wheels", "env"
STOPS = (signal.SIGTERM, signal.SIGUSR1)
AGAIN = 10
"""Seconds after which jobs that are still there are told again to stop."""


class Stopped(BoxError):
    """The time was up before every run had finished; the same command continues."""

    code = 75


def unpack(parts: Sequence[Path], into: Path) -> None:
    """Unpack a study into `into` once all of its parts are there and whole."""
    manifest = read_manifest(parts, "study")
    if (into / PACKED).is_file():
        if json.loads((into / PACKED).read_text(encoding="utf-8")) == manifest:
            say(f"{into} holds all of this already")
            return
        raise BoxError(f"{into} holds another study or another packing of it; name a new folder")
    say(f"checking {len(manifest['parts'])} parts, {manifest['bytes'] / MIB:.0f} MiB")
    paths = find_parts(parts, manifest)
    say(f"unpacking into {into}")
    into.mkdir(parents=True, exist_ok=True)
    stream = io.BufferedReader(PartReader(paths), MIB)
    with stream, tarfile.open(fileobj=stream, mode="r|") as tar:
        # Older releases of 3.11 have no filters; these parts have the checksums of what was packed.
        if hasattr(tarfile, "data_filter"):
            tar.extractall(into, filter="data")
        else:
            tar.extractall(into)
    text = json.dumps(manifest, indent=2) + "\n"
    (into / PACKED).write_text(text, encoding="utf-8")
    say(f"study {manifest['study']}: {len(manifest['runs'])} runs; next: box.py run --into {into}")


def read_packed(into: Path) -> dict[str, Any]:
    """Return the manifest of an unpacked study."""
    if not (into / PACKED).is_file():
        raise BoxError(f"{into} holds no unpacked study (no {PACKED}); box.py unpack comes first")
    return json.loads((into / PACKED).read_text(encoding="utf-8"))


def chosen_runs(
    packed: dict[str, Any], methods: Sequence[str], seeds: Sequence[int]
) -> list[dict[str, Any]]:
    """Return the runs of the given methods and seeds; all, where none are given."""
    for option, key, wanted in (("--method", "method", methods), ("--seed", "seed", seeds)):
        known = list(dict.fromkeys(run[key] for run in packed["runs"]))
        for value in wanted:
            if value not in known:
                allowed = ", ".join(map(str, known))
                raise BoxError(f"{option}: the study has no {value!r}; allowed: {allowed}")
    return [
        run
        for run in packed["runs"]
        if run["method"] in (methods or [run["method"]]) and run["seed"] in (seeds or [run["seed"]])
    ]


def folder_of(stage: str, run: dict[str, Any]) -> str:
    """Return how results, logs and times of a run are filed."""
    return layout.job_name(stage, run["method"], run["seed"])


def name_of(run: dict[str, Any]) -> str:
    """Return `method/seedN`, by which a run is named to people."""
    return f"{run['method']}/{layout.seed_name(run['seed'])}"


def is_finished(results: Path, run: dict[str, Any]) -> bool:
    """Return whether a run was trained, where its method is, and evaluated."""
    return all((results / folder_of(s, run) / layout.RUN_JSON).is_file() for s in stages_of(run))


def stages_of(run: dict[str, Any]) -> tuple[str, ...]:
    """Return the stages that a run goes through."""
    return (layout.TRAIN, layout.EVALUATE) if run["trained"] else (layout.EVALUATE,)


def run_study(
    into: Path,
    cores: int | None,
    minutes: float | None,
    methods: Sequence[str],
    seeds: Sequence[int],
) -> int:
    """Train and evaluate the chosen runs; return the exit code.

    Raises:
        Stopped: `minutes` were over, or a stop signal came, before all had finished.
    """
    deadline = None if minutes is None else time.monotonic() + 60 * minutes
    packed = read_packed(into)
    study, runs = packed["study"], chosen_runs(packed, methods, seeds)
    own = layout.RESULTS / study
    targets = [str(own / folder_of(layout.EVALUATE, run) / layout.RUN_JSON) for run in runs]
    with _only_one(into) as lock:
        command = [str(_python(into, packed)), "-m", "snakemake", *targets]
        command += ["--cores", "all" if cores is None else str(cores)]
        # `_only_one` is the lock here; Snakemake's own would outlive a kill. A failed run keeps no other
        # from being made while the machine is here.
        command += ["--nolock", "--keep-going"]
        command += ["--config", f"study={study}", f"data_dir={PROBLEMS}"]
        say(f"{len(runs)} runs: {' '.join(command)}")
        code, stopped = _until(deadline, command, into, lock)
    results = into / own
    open_runs = [name_of(run) for run in runs if not is_finished(results, run)]
    say(f"{len(runs) - len(open_runs)} of {len(runs)} runs have finished")
    if stopped and open_runs:
        text = f"stopped ahead of the end; unfinished: {', '.join(open_runs)}; the same command continues"
        raise Stopped(text)
    return 1 if open_runs or (code and not stopped) else 0


def _until(deadline: float | None, command: list[str], into: Path, lock: int) -> tuple[int, bool]:
    """Run `command` until it ends; return its exit code and whether it was asked to end before.

    At the deadline, or when this process is told to end, SIGTERM keeps Snakemake from starting more
    jobs, and SIGUSR1, which it passes on, lets training save a checkpoint.
    """
    asked: list[int] = []
    before = {s: signal.signal(s, lambda number, _: asked.append(number)) for s in STOPS}
    process = subprocess.Popen(command, cwd=into, env=_offline(into), pass_fds=[lock])
    told = None
    try:
        while process.poll() is None:
            now = time.monotonic()
            if told is None and (asked or (deadline is not None and now >= deadline)):
                say(
                    "time is up: training saves a checkpoint, evaluation keeps its finished batches"
                )
                process.send_signal(signal.SIGTERM)
                # Not at once: signals that wait together are taken in the order of their numbers.
                told = now - AGAIN + 1
            # Again and again: a job may have started just after the signal was passed on.
            if told is not None and now - told >= AGAIN:
                process.send_signal(signal.SIGUSR1)
                told = now
            time.sleep(0.2)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return process.returncode, told is not None


@contextmanager
def _only_one(into: Path) -> Iterator[int]:
    """Refuse to run twice in one folder; yield the lock, which Snakemake holds too.

    It ends with the processes, however they end.
    """
    with (into / ".running").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BoxError(f"{into}: another `box.py run` is at work here") from None
        yield file.fileno()


def _offline(into: Path) -> dict[str, str]:
    """Return the environment of a run: everything comes out of the folder, nothing from a network."""
    offline = {name: "1" for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "PIP_NO_INDEX")}
    return {**os.environ, **offline, "PIP_FIND_LINKS": str((into / WHEELS).resolve())}


def _python(into: Path, packed: dict[str, Any]) -> Path:
    """Return the interpreter of the run: this one, or that of an environment made from the wheels."""
    if packed["wheels"] == "none":
        return Path(sys.executable)
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    if here != packed["python"]:
        raise BoxError(f"python: the wheels are for {packed['python']}, this is {here}")
    python = (into / ENVIRONMENT / "bin" / "python").absolute()
    ready = into / ENVIRONMENT / "ready"
    if not ready.is_file():
        say("making an environment from the wheels")
        # Some systems' Python lacks what venv would install pip from; pip's own wheel is packed.
        venv = [sys.executable, "-m", "venv", "--clear", "--without-pip"]
        subprocess.run([*venv, str(into / ENVIRONMENT)], check=True)
        if packed["system_packages"]:
            # Not --system-site-packages: where this interpreter is itself one of an environment, that
            # would show the packages of the Python below it.
            (site,) = (into / ENVIRONMENT / "lib").glob("python*/site-packages")
            (site / "box.pth").write_text("".join(f"{path}\n" for path in getsitepackages()))
        wheels = sorted((into / WHEELS).glob("*.whl"))
        pip = next(wheel for wheel in wheels if wheel.name.startswith("pip-"))
        named = [str(into / WHEELS / name) for name in packed["installed"]]
        # What the box has of a packed wheel is of another version, or would not have been packed.
        options = ["--no-index", "--no-deps", "--ignore-installed"]
        subprocess.run([str(python), f"{pip}/pip", "install", *options, *named], check=True)
        ready.touch()
    return python


def collect(
    into: Path, out: Path, part_mib: float, methods: Sequence[str], seeds: Sequence[int]
) -> None:
    """Write what the finished runs left, weights apart, as parts; name the unfinished ones."""
    packed = read_packed(into)
    study, runs = packed["study"], chosen_runs(packed, methods, seeds)
    finished = [run for run in runs if is_finished(into / layout.RESULTS / study, run)]
    for run in runs:
        if run not in finished:
            say(f"unfinished: {name_of(run)}{_last_words(into, study, run)}")
    if not finished:
        raise BoxError(f"none of {len(runs)} runs has finished; there is nothing to collect")
    contents = {"kind": "results", "study": study, "source": packed["source"], "runs": finished}
    members = dict(sorted(_evidence(into, study, finished)))
    manifest = write_parts(out, members.items(), part_mib, contents, compress=True)
    say(f"{len(finished)} of {len(runs)} runs: {len(members)} files, {manifest['bytes']} bytes")


def _evidence(into: Path, study: str, runs: Sequence[dict[str, Any]]) -> Iterator[tuple[str, Path]]:
    """Yield name and path of everything that results follow from, and logs and times of the jobs."""
    own = layout.RESULTS / study
    model = own / layout.MODEL / layout.RUN_JSON
    yield str(model), into / model
    jobs = [layout.MODEL]
    for run in runs:
        for job in (folder_of(stage, run) for stage in stages_of(run)):
            jobs.append(job)
            # Weights lie in a folder of their own; nothing else of a run has folders.
            for path in (into / own / job).iterdir():
                if path.is_file() and not path.name.startswith("."):
                    yield str(own / job / path.name), path
    for job in jobs:
        for name in (layout.log_file(study, job), layout.timing_file(study, job)):
            if (into / name).is_file():
                yield str(name), into / name


def _last_words(into: Path, study: str, run: dict[str, Any]) -> str:
    """Return the last line of the log that a run's last job left, or nothing."""
    for stage in (layout.EVALUATE, layout.TRAIN):
        path = into / layout.log_file(study, folder_of(stage, run))
        if path.is_file() and (lines := path.read_text(errors="replace").split("\n")[:-1]):
            return f" ({stage}: {lines[-1]})"
    return ""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="box.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, text: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument("--into", required=True, type=Path, metavar="DIR", help="the study")
        return command

    add("unpack", "unpack a study once all its parts are here").add_argument(
        "--parts", required=True, type=Path, nargs="+", metavar="DIR", help="folders of the parts"
    )
    run = add("run", "train and evaluate, or continue")
    run.add_argument("--cores", type=int, metavar="N", help="CPU cores to use (default: all)")
    run.add_argument("--minutes", type=float, metavar="M", help="save and stop after M minutes")
    gather = add("collect", "pack the finished runs, without weights")
    gather.add_argument("--out", required=True, type=Path, metavar="DIR", help="output folder")
    gather.add_argument("--part-mib", type=float, default=60, metavar="M", help="default: 60")
    for command in (run, gather):
        command.add_argument("--method", nargs="+", default=[], help="only these methods")
        command.add_argument("--seed", nargs="+", type=int, default=[], help="only these seeds")
    return parser


def main() -> int:
    """Run one command and return the exit code."""
    args = _parser().parse_args()
    try:
        if args.command == "unpack":
            unpack(args.parts, args.into)
        elif args.command == "run":
            return run_study(args.into, args.cores, args.minutes, args.method, args.seed)
        else:
            collect(args.into, args.out, args.part_mib, args.method, args.seed)
    except BoxError as error:
        say(f"error: {error}")
        return error.code
    except subprocess.CalledProcessError as error:
        say(f"error: ended with {error.returncode}: {' '.join(map(str, error.cmd))}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
