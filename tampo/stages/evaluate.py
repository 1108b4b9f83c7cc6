"""Evaluation stage: samples and grades all benchmarks of a study with one checkpoint.

lm-eval runs our task documents (`tampo/tasks`) on a model of `tampo/sampling`. Every response is
sampled from a stream named by seed, benchmark, problem and repeat, in chunks whose shape follows
from the benchmark alone, and is on disk before the next chunk begins.
"""

from __future__ import annotations

import json
import logging
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lm_eval
import torch
import transformers
from transformers import AutoTokenizer, GenerationConfig, PreTrainedTokenizerBase

from tampo import layout
from tampo.files import sha256_of, sole_writer, to_jsonl, write_atomically
from tampo.grading import GRADER_VERSION
from tampo.models.precision import require_gpus, require_precision
from tampo.models.suitability import require_tokenizer
from tampo.problems import prompts
from tampo.problems.problem_sets import fingerprint, load_problems, source
from tampo.records import provenance
from tampo.records.origins import made_by, origin_of, require_identity, weights_sha256
from tampo.records.outcomes import divergence_of
from tampo.records.run_json import BenchmarkEntry, Divergence, EvaluateRun, Origin, Refused
from tampo.sampling.chunked import ChunkedGeneration, Plan
from tampo.sampling.partial import PartialResponses
from tampo.study.settings import Benchmark
from tampo.study.study import Study
from tampo.tasks.loading import load_tasks

FILTER = "all"
"""Name of the task documents' filter, which lm-eval appends to the names of metrics."""


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def evaluate(
    study: Study,
    method: str,
    seed: int,
    checkpoint: Path,
    out: Path,
    progress: Callable[[str], None] = _to_stderr,
) -> None:
    """Write `{benchmark}.jsonl` for every benchmark of the study, and `run.json`, to `out`.

    A killed evaluation continues from its finished chunks and ends with the same bytes. A run that
    diverged has nothing to evaluate: run.json says that it was refused, and the files of responses
    are empty.

    Args:
        study: the study; its benchmarks, prompt and evaluation settings are used.
        method: name of the method that made the checkpoint.
        seed: base seed of the run that made it; responses derive theirs from it.
        checkpoint: folder of weights and tokenizer.
        out: output folder.
        progress: called with one line of text after every chunk.

    Raises:
        FileNotFoundError: the checkpoint or its `run.json` is missing.
        StudyError: the checkpoint is another run's, or its tokenizer cannot render the prompt.
        FolderInUse: another process is evaluating into `out`.
        ValueError: a benchmark has no task document, a prompt is too long for the model, the GPU
            lacks the precision, or lm-eval changed a prompt or lost a response.
    """
    started = time.time()
    study.method(method)
    require_gpus("resources.evaluate.gpus", study.resources.evaluate.gpus)
    require_precision("evaluation.precision", study.evaluation.precision)
    checkpoint, out = Path(checkpoint), Path(out)
    arguments = {
        "method": method,
        "seed": seed,
        "checkpoint": str(checkpoint),
        "evaluation": study.evaluation.model_dump(mode="json"),
        "prompt": study.prompt.model_dump(mode="json"),
    }
    if (diverged := divergence_of(checkpoint)) is not None:
        progress(f"{method}, seed {seed}: not evaluated, the run {diverged}")
        _refuse(study, checkpoint, diverged, arguments, started, out)
        return
    origin = origin_of(checkpoint)
    require_identity(checkpoint, study, method, seed)
    with sole_writer(out / layout.PARTIAL):
        _evaluate(study, seed, checkpoint, origin, arguments, started, out, progress)
        shutil.rmtree(out / layout.PARTIAL)


def _evaluate(
    study: Study,
    seed: int,
    checkpoint: Path,
    origin: dict[str, Any],
    arguments: dict[str, Any],
    started: float,
    out: Path,
    progress: Callable[[str], None],
) -> None:
    """Sample and grade every benchmark; write the responses and run.json."""
    identity = _identity(study, seed, checkpoint)
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    require_tokenizer(tokenizer, study.prompt)
    plans = {}
    for benchmark in study.benchmarks:
        plans[benchmark.name] = _plan(study, benchmark, seed, tokenizer, out, identity, progress)
    with _threads(study.evaluation.cpu_threads), _quiet_lm_eval():
        model = _model(study, checkpoint, tokenizer, plans)
        model.plans, model.progress = plans, progress
        # Not `simple_evaluate`: it seeds global generators and lists the machine's packages.
        results = lm_eval.evaluate(
            lm=model,
            task_dict={"tasks": load_tasks(study)},
            system_instruction=study.prompt.system,
            apply_chat_template=True,
            fewshot_as_multiturn=True,
            log_samples=True,
            # Standard errors of means are in closed form; 0 would switch them off as well.
            bootstrap_iters=1,
        )
    EvaluateRun(
        **provenance.collect("evaluate", arguments, started),
        grader=GRADER_VERSION,
        checkpoint=Origin(sha256=identity["checkpoint"], **origin),
        benchmarks={
            benchmark.name: _write(study, benchmark, plans[benchmark.name], results, out)
            for benchmark in study.benchmarks
        },
        lm_eval=_plain(results),
    ).write(out)


def _refuse(
    study: Study,
    checkpoint: Path,
    diverged: Divergence,
    arguments: dict[str, Any],
    started: float,
    out: Path,
) -> None:
    """Write the run.json of an evaluation that was not made, beside files without responses."""
    names = [layout.samples_file(benchmark.name) for benchmark in study.benchmarks]
    for name in names:
        write_atomically(out / name, "")
    shutil.rmtree(out / layout.PARTIAL, ignore_errors=True)
    EvaluateRun(
        **provenance.collect("evaluate", arguments, started),
        checkpoint=Origin(sha256=weights_sha256(checkpoint), **made_by(checkpoint)),
        benchmarks={},
        lm_eval={},
        refused=Refused(diverged=diverged, files={name: sha256_of(out / name) for name in names}),
    ).write(out)


def _identity(study: Study, seed: int, checkpoint: Path) -> dict[str, Any]:
    """Return everything besides the benchmark that determines a response: settings, weights and software."""
    settings = study.evaluation.model_dump(mode="json")
    del settings["pass_k"], settings["budgets"]
    return {
        "seed": seed,
        "checkpoint": weights_sha256(checkpoint),
        "evaluation": settings,
        "prompt": study.prompt.model_dump(mode="json"),
        "packages": {
            name: version
            for name, version in provenance.versions().items()
            if name in ("torch", "transformers", "vllm", "numpy")
        },
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
    }


def _plan(
    study: Study,
    benchmark: Benchmark,
    seed: int,
    tokenizer: PreTrainedTokenizerBase,
    out: Path,
    identity: dict[str, Any],
    progress: Callable[[str], None],
) -> Plan:
    problems = load_problems(benchmark.name, study.data_dir)
    data_sha256 = fingerprint(problems)
    size = study.evaluation.problems_per_batch
    if benchmark.limit is not None:
        # Up to the end of the last chunk, so that a limit never changes the shape of a batch.
        problems = problems[: -(-benchmark.limit // size) * size]
    turns = [prompts.messages(study.prompt, problem["problem"]) for problem in problems]
    texts = [prompts.rendered(turn, tokenizer) for turn in turns]
    identity = {**identity, "problems": data_sha256, "samples": benchmark.samples}
    return Plan(
        benchmark=benchmark.name,
        data_sha256=data_sha256,
        ids=[problem["id"] for problem in problems],
        prompts=texts,
        prompt_ids=[tokenizer.encode(text, add_special_tokens=False) for text in texts],
        samples=benchmark.samples,
        chunk_size=size,
        seed=seed,
        partial=PartialResponses(
            out / layout.PARTIAL / layout.samples_file(benchmark.name), identity, progress
        ),
    )


def _model(
    study: Study, checkpoint: Path, tokenizer: PreTrainedTokenizerBase, plans: dict[str, Plan]
) -> ChunkedGeneration:
    config = transformers.AutoConfig.from_pretrained(checkpoint)
    longest = {len(ids): name for name, plan in plans.items() for ids in plan.prompt_ids}
    needed = max(longest) + study.evaluation.max_tokens
    room = getattr(config, "max_position_embeddings", needed)
    if needed > room:
        raise ValueError(
            f"evaluation.max_tokens: {study.evaluation.max_tokens} response tokens after a prompt "
            f"of {max(longest)} ({longest[max(longest)]}) exceed the model's {room} positions; "
            f"at most {room - max(longest)} are allowed"
        )
    ends = eos_token_ids(checkpoint, tokenizer)
    if study.evaluation.backend == "vllm":
        from tampo.sampling.vllm import VllmModel

        return VllmModel(checkpoint, study.evaluation, ends, min(room, -(-needed // 1024) * 1024))
    from tampo.sampling.hf import TransformersModel

    return TransformersModel(checkpoint, study.evaluation, ends)


def eos_token_ids(checkpoint: Path, tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Return every token that ends a response: the tokenizer's and those the model declares.

    It is the rule TRL trains by.
    """
    declared = GenerationConfig.from_pretrained(checkpoint).eos_token_id
    declared = [] if declared is None else [declared] if isinstance(declared, int) else declared
    return list(dict.fromkeys([tokenizer.eos_token_id, *declared]))


def _write(
    study: Study, benchmark: Benchmark, plan: Plan, results: dict[str, Any], out: Path
) -> BenchmarkEntry:
    """Write a benchmark's responses; return its entry of run.json."""
    samples = sorted(results["samples"][benchmark.name], key=lambda sample: sample["doc_id"])
    rows = []
    for sample in samples:
        if len(sample["responses"]) != benchmark.samples:
            raise ValueError(
                f"{benchmark.name} {sample['doc']['id']}: {len(sample['responses'])} graded "
                f"responses, {benchmark.samples} were asked for"
            )
        rows.append(
            {
                "id": sample["doc"]["id"],
                "prompt": sample["arguments"][0][0],
                "answer": sample["doc"]["answer"],
                "responses": sample["responses"],
            }
        )
    write_atomically(out / layout.samples_file(benchmark.name), to_jsonl(rows))
    scores = results["results"][benchmark.name]
    responses = [response for row in rows for response in row["responses"]]
    prompt_tokens = sum(len(plan.prompt_ids[sample["doc_id"]]) for sample in samples)
    return BenchmarkEntry(
        version=results["versions"][benchmark.name],
        problems=len(rows),
        samples=benchmark.samples,
        outcomes=scores[f"responses,{FILTER}"],
        truncation_rate=scores[f"truncated,{FILTER}"],
        **{
            layout.pass_at(k): {
                "value": scores[f"{layout.pass_at(k)},{FILTER}"],
                "stderr": _number(scores[f"{layout.pass_at(k)}_stderr,{FILTER}"]),
            }
            for k in study.evaluation.pass_k
        },
        tokens={
            "prompts": prompt_tokens,
            "responses": sum(response["tokens"] for response in responses),
        },
        data={**source(benchmark.name, study.data_dir), "sha256": plan.data_sha256},
        file_sha256=sha256_of(out / layout.samples_file(benchmark.name)),
    )


def _number(value: float | str) -> float | None:
    # lm-eval says "N/A" where one problem gives no standard error.
    return None if isinstance(value, str) else value


def _plain(results: dict[str, Any]) -> dict[str, Any]:
    """Return lm-eval's own results without samples and the code of the tasks."""
    kept = ("results", "versions", "n-shot", "higher_is_better", "n-samples")
    return json.loads(json.dumps({key: results[key] for key in kept}, default=str))


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _quiet_lm_eval() -> Iterator[None]:
    # Its warnings are addressed to users of its own command line.
    logger = logging.getLogger("lm_eval")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)
