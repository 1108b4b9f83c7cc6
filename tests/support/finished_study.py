"""A finished study on disk, made without a model: what the stages before the report leave behind.

TAMPO answers everything correctly, the base model nothing, and `cold` every other time. Responses are
graded by the task documents' own code, so that grading them again gives the same.
"""

import json
import shutil
from functools import partial
from pathlib import Path

import pyarrow.parquet as pq
from support.run_json import write_run_json
from support.studies import micro_study, write_training_run

from tampo import layout
from tampo.files import checksums, sha256_of, to_jsonl
from tampo.problems.problem_sets import fingerprint, load_problems
from tampo.records.outcomes import write_marker
from tampo.records.run_json import Divergence, ModelRun, Refused, read_run
from tampo.sampling.partial import Response
from tampo.stages import report as report_stage
from tampo.stages.aggregate import aggregate
from tampo.study.study import Study
from tampo.tasks.benchmark import load, process_results
from tampo.tools.plan.measured import against_plan
from tampo.training.rollout_batch import no_trajectories

STUDY = micro_study(
    benchmarks=[
        {"name": "sums", "samples": 2, "limit": 4},
        {"name": "maxima", "samples": 2, "limit": 3},
    ],
    statistics={"resamples": 400},
    tables=[
        {"name": "table1", "title": "All", "methods": ["base", "cold", "tampo"]},
        {"name": "table2", "title": "Two", "methods": ["tampo", "cold"]},
    ],
)
HOSTILE = "</script><script>document.title = 'taken over'</script> & <b>bold</b>"
"""A response that would break out of a page that does not escape it."""


report = partial(report_stage.report, against_plan=against_plan)
"""The report stage, handed what the command line hands it."""


def with_seeds(*seeds: int) -> Study:
    """Return `STUDY` with other seeds."""
    return Study(**STUDY.model_dump(mode="json") | {"seeds": list(seeds)})


def write_finished_study(results: Path, study: Study = STUDY) -> Path:
    """Write a study, `STUDY` up to its seeds, below `results`, aggregated; return `results`."""
    _write_model(results / "model")
    for method in study.trained_methods:
        for seed in study.seeds:
            folder = write_training_run(results, method, seed, study.training.steps)
            (folder / "run.json").unlink()
            (folder / "checkpoint").mkdir()
            for name in ("model.safetensors", "config.json"):
                (folder / "checkpoint" / name).write_text(f"{name} of {method}, {seed}")
            write_run_json(
                folder,
                "train",
                arguments={"method": {"name": method}, "seed": seed},
                study=study.name,
                base_model=read_run(results / "model" / "run.json", ModelRun).files,
                files=checksums(folder),
            )
    for method in [m.name for m in study.methods]:
        for seed in study.seeds:
            _write_evaluation(results, method, seed)
    aggregate(study, results, results / "aggregate")
    return results


def _write_model(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"weights")
    write_run_json(folder, "model", files=checksums(folder))


def _write_evaluation(results: Path, method: str, seed: int) -> None:
    folder = layout.evaluate_folder(results, method, seed)
    folder.mkdir(parents=True)
    entries = {}
    for benchmark in STUDY.benchmarks:
        documents = load(benchmark.name, None, benchmark.limit, benchmark.samples, (1, 2))["test"]
        rows = []
        for index, document in enumerate(documents):
            texts = _texts(method, seed, index, document["answer"][0])
            graded = process_results(document, [texts])["responses"]
            row = {"id": document["id"], "prompt": document["user"], "answer": document["answer"]}
            rows.append(row | {"responses": graded})
        path = folder / f"{benchmark.name}.jsonl"
        path.write_text(to_jsonl(rows))
        entries[benchmark.name] = {
            "version": 1.0,
            "problems": len(rows),
            "data": {
                "generated": benchmark.name,
                "sha256": fingerprint(load_problems(benchmark.name)),
            },
            "file_sha256": sha256_of(path),
        }
    made = layout.train_folder(results, method, seed)
    made = made if made.is_dir() else results / "model"
    write_run_json(
        folder,
        "evaluate",
        arguments={"method": method, "seed": seed},
        checkpoint={
            "sha256": "0" * 64,
            "run_json_sha256": sha256_of(made / "run.json"),
            "stage": made.name if made.name == "model" else "train",
        },
        benchmarks=entries,
    )


def _texts(method: str, seed: int, index: int, gold: str) -> list[Response]:
    right, wrong = rf"\boxed{{{gold}}}", rf"\boxed{{{int(gold) + 1}}}"
    first = {"base": wrong, "cold": right if index % 2 else wrong, "tampo": right}[method]
    if method == "base" and seed == 1 and index == 0:
        return [Response(HOSTILE, "stop", 9), Response("1+", "length", 12)]
    return [Response(first, "stop", 5), Response(right if method == "tampo" else wrong, "stop", 5)]


def edit_line(path: Path, number: int, change) -> None:
    """Apply `change` to the object in line `number` (from 1) of a JSON-lines file."""
    lines = path.read_text().splitlines(keepends=True)
    row = json.loads(lines[number - 1])
    change(row)
    lines[number - 1] = to_jsonl([row])
    path.write_text("".join(lines))


def diverge(
    results: Path, method: str, seed: int, step: int = 1, what: str = "loss is nan"
) -> None:
    """Make a run of the finished study one that diverged, with an evaluation that was refused."""
    found = Divergence(step=step, what=what)
    run = layout.train_folder(results, method, seed)
    shutil.rmtree(run)
    write_training_run(results, method, seed, step)
    (run / "run.json").unlink()
    if step == 0:
        pq.write_table(no_trajectories((0.8, 1.0)), run / "trajectories.parquet")
    (run / "checkpoint").mkdir()
    write_marker(run / "checkpoint", found)
    (run / "checkpoint" / ".snakemake_timestamp").touch()
    said = {"arguments": {"method": {"name": method}, "seed": seed}}
    write_run_json(run, "train", **said, diverged=found, files=checksums(run))
    evaluated = layout.evaluate_folder(results, method, seed)
    names = [layout.samples_file(benchmark.name) for benchmark in STUDY.benchmarks]
    for name in names:
        (evaluated / name).write_text("")
    refused = Refused(diverged=found, files={name: sha256_of(evaluated / name) for name in names})
    origin = {"sha256": "0" * 64, "run_json_sha256": sha256_of(run / "run.json"), "stage": "train"}
    said = {"arguments": {"method": method, "seed": seed}}
    write_run_json(evaluated, "evaluate", **said, checkpoint=origin, refused=refused)
