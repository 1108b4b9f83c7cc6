"""A study on a box that has run, made without a model; and the script that runs there."""

import atexit
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from support.finished_study import STUDY, write_finished_study

from tampo.files import checksums, sha256_of, write_json
from tampo.tools.box.pack import SCRIPTS, runs_of

BOX = Path(tempfile.mkdtemp(prefix="box-scripts-")) / "box.py"
"""The script as it lies on the box: beside the others that travel with it."""
for _script in SCRIPTS:
    shutil.copyfile(_script, BOX.with_name(_script.name))
atexit.register(shutil.rmtree, BOX.parent, ignore_errors=True)
WEIGHTS = b"weights, which stay where they are"


def box(*words, script=BOX, **options):
    """Run a command of box.py as a box does: one file beside another, no package."""
    command = [sys.executable, str(script), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, **options)


def unpacked(folder, **changes):
    """Write the manifest of `STUDY` to `folder` as `box.py unpack` leaves it; return the folder."""
    packed = {
        "study": STUDY.name,
        "source": {"commit": "c" * 40, "dirty": False},
        "runs": runs_of(STUDY),
        "wheels": "none",
        **changes,
    }
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "packed.json", packed)
    return folder


def finished_box(folder):
    """Return a folder in which every run of `STUDY` has finished."""
    results = write_finished_study(unpacked(folder) / "results" / STUDY.name)
    update(results / "model", arguments={"model": STUDY.model.model_dump()})
    for method in STUDY.methods:
        for seed in STUDY.seeds:
            origin = results / "model"
            if method.name in STUDY.trained_methods:
                origin = results / "train" / method.name / f"seed{seed}"
                _write_training(origin, method.name, seed)
            _complete_evaluation(results, method.name, seed, origin)
    for stage in ("train", "evaluate"):
        log = folder / "logs" / STUDY.name / stage / "tampo" / "seed1.log"
        log.parent.mkdir(parents=True)
        log.write_text(f"{stage} said this\n")
    return folder


def update(folder, **changes):
    """Change keys of a run.json."""
    record = json.loads((folder / "run.json").read_text())
    write_json(folder / "run.json", record | changes)


def _write_training(folder, method, seed):
    # Of a size that shows in what is sent.
    (folder / "checkpoint" / "model.safetensors").write_bytes(WEIGHTS)
    record = folder / "run.json"
    content = json.loads(record.read_text())
    record.unlink()
    content["arguments"] = {
        "method": STUDY.method(method).model_dump(),
        "seed": seed,
        "training": STUDY.training_of(method).model_dump(),
    }
    write_json(record, content | {"files": checksums(folder)})


def _complete_evaluation(results, method, seed, origin):
    folder = results / "evaluate" / method / f"seed{seed}"
    entries = json.loads((folder / "run.json").read_text())["benchmarks"]
    for benchmark in STUDY.benchmarks:
        entries[benchmark.name]["samples"] = benchmark.samples
    arguments = {
        "method": method,
        "seed": seed,
        "evaluation": STUDY.evaluation.model_dump(mode="json"),
        "prompt": STUDY.prompt.model_dump(mode="json"),
    }
    checkpoint = {"sha256": "0" * 64, "run_json_sha256": sha256_of(origin / "run.json")}
    checkpoint["stage"] = json.loads((origin / "run.json").read_text())["stage"]
    update(folder, arguments=arguments, benchmarks=entries, checkpoint=checkpoint)
