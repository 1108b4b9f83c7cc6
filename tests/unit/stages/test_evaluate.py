"""Stage `evaluate`: real lm-eval, a micro model; counts, resume, invariance, refusals."""

import json
import shutil
import signal
import subprocess
import sys
from collections import Counter
from statistics import fmean, stdev

import pytest
from safetensors.torch import load_file, save_file
from support.needs import need
from support.paths import ROOT
from support.studies import micro_study
from transformers import AutoTokenizer

from tampo.files import FolderInUse, read_jsonl, sha256_of, sole_writer
from tampo.problems.problem_sets import load_problems
from tampo.problems.prompts import Prompt, messages
from tampo.records.outcomes import write_marker
from tampo.records.run_json import Divergence
from tampo.sampling.partial import PartialResponses, Response
from tampo.seeds import derive
from tampo.stages.evaluate import evaluate
from tampo.study.study import StudyError

BENCHMARKS = [
    {"name": "sums", "samples": 2, "limit": 7},
    {"name": "counts", "samples": 3, "limit": 4},
]


def study(benchmarks=BENCHMARKS, **changes):
    return micro_study(benchmarks=benchmarks, **changes)


def silent(line):
    pass


@pytest.fixture(scope="module")
def finished(model, tmp_path_factory):
    out = tmp_path_factory.mktemp("finished")
    lines = []
    evaluate(study(), "base", 1, model, out, lines.append)
    (out / "progress.txt").write_text("\n".join(lines))
    return out


@pytest.fixture(scope="module")
def record(finished):
    return json.loads((finished / "run.json").read_text())


def all_bytes(out):
    return {b["name"]: (out / f"{b['name']}.jsonl").read_bytes() for b in BENCHMARKS}


def responses(out, name):
    return [response for row in read_jsonl(out / f"{name}.jsonl") for response in row["responses"]]


@pytest.mark.parametrize("benchmark", BENCHMARKS, ids=lambda b: b["name"])
def test_one_line_per_problem_with_all_responses(model, finished, benchmark):
    rows = read_jsonl(finished / f"{benchmark['name']}.jsonl")
    problems = load_problems(benchmark["name"], limit=benchmark["limit"])
    assert [(r["id"], r["answer"]) for r in rows] == [(p["id"], p["answer"]) for p in problems]
    tokenizer = AutoTokenizer.from_pretrained(model)
    assert [r["prompt"] for r in rows] == [
        tokenizer.apply_chat_template(
            messages(Prompt(), p["problem"]), tokenize=False, add_generation_prompt=True
        )
        for p in problems
    ]
    for row in rows:
        assert len(row["responses"]) == benchmark["samples"]
        for response in row["responses"]:
            assert set(response) == {
                "response",
                "extracted",
                "outcome",
                "rule",
                "finish",
                "tokens",
            }


def test_samples_of_a_problem_differ(finished):
    texts = [r["response"] for r in responses(finished, "sums")]
    assert len(set(texts)) > len(texts) // 2


def test_tokens_and_finish_fit_the_limit(finished):
    found = responses(finished, "sums") + responses(finished, "counts")
    assert all(1 <= r["tokens"] <= 12 for r in found)
    assert all(r["tokens"] == 12 for r in found if r["finish"] == "length")
    assert {r["finish"] for r in found} == {"stop", "length"}


def test_truncated_means_length_limited_without_a_box(finished):
    found = responses(finished, "sums") + responses(finished, "counts")
    for response in found:
        cut_off = response["finish"] == "length" and response["extracted"] is None
        assert (response["outcome"] == "truncated") == cut_off
    assert any(response["outcome"] == "truncated" for response in found)


@pytest.mark.parametrize("benchmark", BENCHMARKS, ids=lambda b: b["name"])
def test_the_record_counts_what_the_file_holds(finished, record, benchmark):
    entry = record["benchmarks"][benchmark["name"]]
    rows = read_jsonl(finished / f"{benchmark['name']}.jsonl")
    outcomes = Counter(r["outcome"] for r in responses(finished, benchmark["name"]))
    total = benchmark["limit"] * benchmark["samples"]
    assert {k: v for k, v in entry["outcomes"].items() if v} == outcomes
    assert sum(entry["outcomes"].values()) == total
    assert entry["truncation_rate"] == pytest.approx(outcomes["truncated"] / total)
    assert entry["pass@1"]["value"] == pytest.approx(outcomes["correct"] / total)
    found = responses(finished, benchmark["name"])
    assert entry["tokens"]["responses"] == sum(r["tokens"] for r in found)
    assert entry["tokens"]["prompts"] == sum(len(r["prompt"]) for r in rows)
    assert (entry["problems"], entry["samples"]) == (benchmark["limit"], benchmark["samples"])
    assert entry["version"] == 1.0
    assert entry["data"]["generated"] == benchmark["name"]
    assert len(entry["data"]["sha256"]) == 64


def test_the_record_holds_provenance_and_lm_evals_own_results(record):
    assert record["stage"] == "evaluate"
    assert record["arguments"]["seed"] == 1
    assert record["checkpoint"]["stage"] == "model"
    assert record["lm_eval"]["results"]["sums"]["pass@1_stderr,all"] >= 0
    assert record["lm_eval"]["versions"] == {"sums": 1.0, "counts": 1.0}


def test_standard_errors_are_over_problems(finished, record):
    rows = read_jsonl(finished / "sums.jsonl")
    scores = record["lm_eval"]["results"]["sums"]
    for metric, outcome in (("pass@1", "correct"), ("truncated", "truncated")):
        fractions = [fmean(r["outcome"] == outcome for r in row["responses"]) for row in rows]
        expected = stdev(fractions) / len(fractions) ** 0.5
        assert scores[f"{metric}_stderr,all"] == pytest.approx(expected)
    assert expected > 0
    assert record["benchmarks"]["sums"]["pass@1"]["stderr"] == scores["pass@1_stderr,all"]


def test_nothing_is_left_of_the_partial_responses(finished):
    assert {p.name for p in finished.iterdir()} == {
        "sums.jsonl",
        "counts.jsonl",
        "run.json",
        "progress.txt",
    }


def test_progress_is_reported_after_every_chunk(finished):
    lines = (finished / "progress.txt").read_text().splitlines()
    # 4 chunks of 2 problems hold the first 7, 2 chunks the first 4.
    assert [line.partition(":")[0] for line in lines] == ["sums"] * 4 + ["counts"] * 2


def test_neither_limit_nor_choice_of_benchmarks_changes_a_response(model, finished, tmp_path):
    # 3 problems cut a chunk of 2; the finished run had `counts` after `sums` and 4 problems.
    evaluate(study([{**BENCHMARKS[1], "limit": 3}]), "base", 1, model, tmp_path, silent)
    few = read_jsonl(tmp_path / "counts.jsonl")
    assert few == read_jsonl(finished / "counts.jsonl")[:3]


def test_another_seed_gives_other_responses(model, finished, tmp_path):
    evaluate(study([BENCHMARKS[0]]), "base", 2, model, tmp_path, silent)
    pairs = list(zip(responses(tmp_path, "sums"), responses(finished, "sums"), strict=True))
    assert sum(a["response"] != b["response"] for a, b in pairs) > len(pairs) // 2


EVALUATION_STOPPING_AFTER = """
import sys, time
from pathlib import Path
from support.studies import micro_study
from tampo.stages.evaluate import evaluate

chunks = 0
def progress(line):
    global chunks
    chunks += 1
    if chunks == int(sys.argv[3]):
        print("now", flush=True)
        time.sleep(600)

study = micro_study(benchmarks={benchmarks!r})
evaluate(study, "base", 1, Path(sys.argv[1]), Path(sys.argv[2]), progress)
"""


@pytest.mark.slow
def test_a_killed_evaluation_ends_with_the_same_bytes(model, finished, tmp_path):
    chunks = 3  # of the 4 of the first benchmark
    code = EVALUATION_STOPPING_AFTER.format(benchmarks=BENCHMARKS)
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(model), str(tmp_path), str(chunks)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=ROOT,
        env={"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}", "PATH": "", "OMP_NUM_THREADS": "1"},
    )
    try:
        assert process.stdout.readline() == b"now\n"
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
    assert not list(tmp_path.glob("*.json*"))
    # What a kill in the middle of a write leaves behind.
    with (tmp_path / ".partial" / "sums.jsonl").open("ab") as file:
        file.write(b'{"chunk": 3, "problems": [[{"text": "')
    lines = []
    evaluate(study(), "base", 1, model, tmp_path, lines.append)
    assert all_bytes(tmp_path) == all_bytes(finished)
    sampled = [line for line in lines if "problems" in line]
    assert len(sampled) == 6 - chunks
    assert any("already sampled" in line for line in lines)


def test_a_partial_of_other_settings_is_discarded(model, tmp_path):
    class Stop(Exception):
        pass

    def stop(line):
        raise Stop

    one = [{"name": "counts", "samples": 2, "limit": 2}]
    with pytest.raises(Stop):
        evaluate(study(one, evaluation={"temperature": 0.5}), "base", 1, model, tmp_path, stop)
    assert (tmp_path / ".partial" / "counts.jsonl").is_file()
    lines = []
    evaluate(study(one), "base", 1, model, tmp_path, lines.append)
    assert any("discarded, it was made under other evaluation" in line for line in lines)
    assert not any("already sampled" in line for line in lines)


def test_a_models_own_generation_config_takes_no_part(model, finished, tmp_path):
    checkpoint = shutil.copytree(model, tmp_path / "checkpoint")
    path = checkpoint / "generation_config.json"
    config = json.loads(path.read_text())
    path.write_text(
        json.dumps(
            {**config, "do_sample": True, "top_k": 1, "repetition_penalty": 5.0, "temperature": 9.0}
        )
    )
    evaluate(study([BENCHMARKS[1]]), "base", 1, checkpoint, tmp_path / "out", silent)
    assert (tmp_path / "out/counts.jsonl").read_bytes() == (finished / "counts.jsonl").read_bytes()


def test_the_record_of_a_checkpoint_may_lie_beside_it(model, finished, tmp_path):
    checkpoint = shutil.copytree(model, tmp_path / "seed1" / "checkpoint")
    (checkpoint / "run.json").rename(tmp_path / "seed1" / "run.json")
    evaluate(study([BENCHMARKS[1]]), "base", 1, checkpoint, tmp_path / "out", silent)
    assert (tmp_path / "out/counts.jsonl").read_bytes() == (finished / "counts.jsonl").read_bytes()


@pytest.mark.parametrize(
    ("method", "seed", "named"),
    [
        ("cold", 1, "made by method 'tampo', seed 1 .* not evaluated as method 'cold', seed 1"),
        ("tampo", 2, "made by method 'tampo', seed 1 .* not evaluated as method 'tampo', seed 2"),
        ("base", 1, "made by method 'tampo', seed 1 .* not evaluated as method 'base', seed 1"),
    ],
)
def test_a_checkpoint_is_not_evaluated_as_another(trained, tmp_path, method, seed, named):
    with pytest.raises(StudyError, match=named):
        evaluate(study(), method, seed, trained / "checkpoint", tmp_path / "out", silent)
    assert not (tmp_path / "out").exists()


def test_a_base_model_is_not_evaluated_as_a_trained_method(model, tmp_path):
    with pytest.raises(StudyError, match="a base model, which is not evaluated as method 'tampo'"):
        evaluate(study(), "tampo", 1, model, tmp_path / "out", silent)


def test_a_checkpoint_of_another_study_or_with_other_files_is_refused(trained, tmp_path):
    run = shutil.copytree(trained, tmp_path / "run")
    record = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(record | {"study": "theirs"}))
    with pytest.raises(StudyError, match="seed 1 of study 'theirs'; it is not evaluated as"):
        evaluate(study(), "tampo", 1, run / "checkpoint", tmp_path / "out", silent)
    (run / "run.json").write_text(json.dumps(record))
    weights = run / "checkpoint" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    with pytest.raises(
        StudyError, match=r"model\.safetensors: not the file that the run's run\.json"
    ):
        evaluate(study(), "tampo", 1, run / "checkpoint", tmp_path / "out", silent)


def test_two_processes_do_not_evaluate_into_one_folder(model, tmp_path):
    with (
        sole_writer(tmp_path / "out" / ".partial"),
        pytest.raises(FolderInUse, match="another process is writing it"),
    ):
        evaluate(study(), "base", 1, model, tmp_path / "out", silent)


def test_a_checkpoint_without_its_record_is_refused(model, tmp_path):
    checkpoint = shutil.copytree(model, tmp_path / "seed1" / "checkpoint")
    (checkpoint / "run.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"unknown origin.*run\.json"):
        evaluate(study(), "base", 1, checkpoint, tmp_path / "out", silent)
    assert not (tmp_path / "out").exists()


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"config\.json is missing"):
        evaluate(study(), "base", 1, tmp_path, tmp_path / "out", silent)


def test_a_run_that_diverged_is_refused_and_nothing_is_sampled(trained, tmp_path):
    run, out = tmp_path / "run", tmp_path / "out"
    run.mkdir()
    found = {"step": 3, "what": "loss is nan"}
    record = json.loads((trained / "run.json").read_text()) | {"diverged": found}
    (run / "run.json").write_text(json.dumps(record))
    (run / "checkpoint").mkdir()
    write_marker(run / "checkpoint", Divergence(**found))
    # What an earlier evaluation left must not be taken for one of this run.
    (out / ".partial").mkdir(parents=True)
    (out / "sums.jsonl").write_text("{}\n")
    lines = []
    evaluate(study(), "tampo", 1, run / "checkpoint", out, lines.append)
    assert lines == ["tampo, seed 1: not evaluated, the run diverged at step 3: loss is nan"]
    assert {path.name for path in out.iterdir()} == {"sums.jsonl", "counts.jsonl", "run.json"}
    assert all((out / f"{b['name']}.jsonl").read_bytes() == b"" for b in BENCHMARKS)
    record = json.loads((out / "run.json").read_text())
    assert record["refused"]["diverged"] == found
    assert (record["benchmarks"], record["lm_eval"]) == ({}, {})
    assert record["refused"]["files"]["sums.jsonl"] == sha256_of(out / "sums.jsonl")
    # Weights that somebody put there change nothing: the run says that it has none.
    shutil.rmtree(run / "checkpoint")
    shutil.copytree(trained / "checkpoint", run / "checkpoint")
    evaluate(study(), "tampo", 1, run / "checkpoint", tmp_path / "again", silent)
    assert json.loads((tmp_path / "again" / "run.json").read_text())["refused"]


def test_a_model_that_answers_nan_is_an_error_and_no_score(model, tmp_path):
    broken = tmp_path / "model"
    shutil.copytree(model, broken)
    weights = load_file(broken / "model.safetensors")
    save_file(
        {name: value * 1e25 for name, value in weights.items()},
        broken / "model.safetensors",
        {"format": "pt"},
    )
    with pytest.raises(ValueError, match="log-probabilities of the model are NaN or infinite"):
        evaluate(study(), "base", 1, broken, tmp_path / "out", silent)
    assert not (tmp_path / "out" / "run.json").exists()


def test_a_response_longer_than_the_model_is_refused(model, tmp_path):
    long = study(evaluation={"max_tokens": 127})
    with pytest.raises(ValueError, match=r"evaluation\.max_tokens: 127 .* 128 positions"):
        evaluate(long, "base", 1, model, tmp_path / "out", silent)


def chunk(*texts):
    return [[Response(text, "stop", 3) for text in texts]]


def test_partial_responses_survive_as_they_were(tmp_path):
    path = tmp_path / "p.jsonl"
    stored = PartialResponses(path, {"seed": 1})
    stored.add(0, chunk("a", "b\nc\u2028"))
    stored.add(2, [[Response("", "length", 12)]])
    read = PartialResponses(path, {"seed": 1})
    assert 0 in read and 1 not in read and 2 in read
    assert read[0] == [["a", "b\nc\u2028"]]
    assert (read[2][0][0].finish, read[2][0][0].tokens) == ("length", 12)


@pytest.mark.parametrize("torn", [b'{"chunk": 1, "pro', b"\x00\x00\x00\n", b'{"chunk": 1}'])
def test_a_torn_last_line_is_dropped(tmp_path, torn):
    path = tmp_path / "p.jsonl"
    PartialResponses(path, {"seed": 1}).add(0, chunk("a"))
    whole = path.read_bytes()
    path.write_bytes(whole + torn)
    stored = PartialResponses(path, {"seed": 1})
    assert path.read_bytes() == whole
    stored.add(1, chunk("b"))
    assert PartialResponses(path, {"seed": 1})[1] == [["b"]]


def test_partial_responses_of_another_identity_are_discarded(tmp_path):
    path, lines = tmp_path / "p.jsonl", []
    PartialResponses(path, {"seed": 1, "samples": 8}).add(0, chunk("a"))
    assert 0 not in PartialResponses(path, {"seed": 2, "samples": 8}, lines.append)
    assert lines == [f"{path}: discarded, it was made under other seed"]


def test_a_file_torn_in_its_first_line_starts_over(tmp_path):
    path = tmp_path / "p.jsonl"
    path.write_bytes(b'{"identi')
    stored = PartialResponses(path, {"seed": 1})
    assert 0 not in stored
    assert [json.loads(line) for line in path.read_text().splitlines()] == [
        {"identity": {"seed": 1}}
    ]


def test_vllm_requests_set_every_sampling_field():
    need("vllm")
    from tampo.sampling.vllm import sampling_params

    settings = study().evaluation
    params = sampling_params(settings, derive(1, "evaluate", "sums", "id", 0), [2, 5])
    assert (params.temperature, params.top_p) == (settings.temperature, settings.top_p)
    assert (params.top_k, params.min_p, params.repetition_penalty) == (0, 0.0, 1.0)
    assert (params.n, params.max_tokens, params.stop_token_ids) == (1, settings.max_tokens, [2, 5])
    assert params.seed == derive(1, "evaluate", "sums", "id", 0)
