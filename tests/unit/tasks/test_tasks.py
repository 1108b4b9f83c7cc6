"""Task documents in the real lm-eval: they load, are versioned, prompt and count as they should."""

import json
import re
from types import SimpleNamespace

import lm_eval
import pytest
from lm_eval.api.model import LM
from lm_eval.tasks import TaskManager
from support.studies import micro_study

from tampo.models.pretrain import build_tokenizer
from tampo.problems.catalogue import CATALOGUE, Generated, benchmarks
from tampo.problems.problem_sets import load_problems
from tampo.problems.prompts import Prompt, messages
from tampo.sampling.partial import Response
from tampo.study.settings import Benchmark, Evaluation
from tampo.tasks import TASKS, benchmark
from tampo.tasks.loading import load_tasks

FIVE = {"aime24": 30, "math500": 500, "amc23": 40, "minerva": 272, "olympiadbench": 675}
BENCHMARKS = benchmarks()
GENERATED = [name for name in BENCHMARKS if isinstance(CATALOGUE[name].source, Generated)]


@pytest.fixture(scope="module")
def manager():
    return TaskManager(include_path=str(TASKS), include_defaults=False)


def test_every_benchmark_has_one_document(manager):
    assert set(manager.all_tasks) == set(BENCHMARKS)
    assert {path.stem for path in TASKS.glob("*.yaml")} == {*BENCHMARKS, "_base"}


@pytest.mark.parametrize("name", BENCHMARKS)
def test_documents_are_versioned_and_load_their_own_problems(manager, name):
    config = manager.task_index[name].cfg
    assert config["metadata"]["version"] == 1.0
    assert config["dataset_kwargs"] == {"problems": name}


@pytest.mark.parametrize("name", BENCHMARKS)
def test_the_readme_states_version_and_size(name):
    rows = re.findall(r"^\| `(\S+)` \| (\S+) \| (\d+) \|", (TASKS / "README.md").read_text(), re.M)
    assert (name, "1.0", str(CATALOGUE[name].count)) in rows


def test_defaults_of_the_documents_are_those_of_the_settings(manager):
    config = manager.task_index["sums"].cfg
    settings = Evaluation()
    assert config["repeats"] == benchmark.SAMPLES == Benchmark(name="sums").samples
    assert config["generation_kwargs"] == {
        "until": [],
        "do_sample": True,
        "temperature": settings.temperature,
        "top_p": settings.top_p,
        "max_gen_toks": settings.max_tokens,
    }
    metrics = [entry["metric"] for entry in config["metric_list"]]
    assert metrics == [*(f"pass@{k}" for k in settings.pass_k), "truncated", "responses"]


@pytest.mark.parametrize("name", FIVE)
def test_real_benchmarks_build_the_prompt_of_training(data_dir, name):
    prompt = Prompt(user="{problem}\nBox the answer as \\boxed{}.")
    study = micro_study(
        data_dir=str(data_dir),
        prompt=prompt.model_dump(),
        benchmarks=[{"name": name, "samples": 3}],
    )
    task = load_tasks(study)[name]
    tokenizer = build_tokenizer()

    def render(turns, add_generation_prompt=True):
        return tokenizer.apply_chat_template(
            turns, tokenize=False, add_generation_prompt=add_generation_prompt
        )

    task.build_all_requests(
        apply_chat_template=True, fewshot_as_multiturn=True, chat_template=render
    )
    problems = load_problems(name, data_dir)
    assert len(task.instances) == FIVE[name] == len(problems)
    for instance, problem in zip(task.instances, problems, strict=True):
        assert instance.args[0] == render(messages(prompt, problem["problem"]))
        assert instance.args[1]["until"] == []
        assert instance.repeats == 3


def test_a_study_sets_sampling_repeats_limit_and_metrics():
    study = micro_study(
        benchmarks=[{"name": "sums", "samples": 4, "limit": 3}, {"name": "counts", "samples": 5}],
        evaluation={"temperature": 0.9, "top_p": 0.5, "max_tokens": 7, "pass_k": [1, 2, 4]},
    )
    tasks = list(load_tasks(study).values())
    assert [t.config.task for t in tasks] == ["sums", "counts"]
    assert [t.config.repeats for t in tasks] == [4, 5]
    assert [len(t.eval_docs) for t in tasks] == [3, CATALOGUE["counts"].count]
    for task in tasks:
        assert task.config.generation_kwargs == {
            "until": [],
            "do_sample": True,
            "temperature": 0.9,
            "top_p": 0.5,
            "max_gen_toks": 7,
        }
        assert list(task.aggregation()) == ["pass@1", "pass@2", "pass@4", "truncated", "responses"]
        assert task.VERSION == 1.0


def test_a_training_set_has_no_document():
    study = SimpleNamespace(
        benchmarks=[Benchmark(name="open-s1")], evaluation=Evaluation(), problem_sets={}
    )
    with pytest.raises(ValueError, match="no task document for open-s1; there are aime24"):
        load_tasks(study)


class FixedAnswer(LM):
    """A model of lm-eval's own kind: plain texts come back, and they are always the same."""

    def __init__(self, answer):
        super().__init__()
        self.response = f"It is \\boxed{{{answer}}}."

    def generate_until(self, requests, disable_tqdm=False):
        return [self.response for _ in requests]

    def loglikelihood(self, requests):
        raise AssertionError("a generation task asks for no likelihoods")

    loglikelihood_rolling = loglikelihood


def test_documents_run_by_themselves_in_plain_lm_eval(manager):
    [answer] = load_problems("sums", limit=1)[0]["answer"]
    results = lm_eval.simple_evaluate(
        model=FixedAnswer(answer), tasks=GENERATED, task_manager=manager, limit=8, bootstrap_iters=1
    )
    for name in GENERATED:
        scores = results["results"][name]
        solved = sum(problem["answer"] == [answer] for problem in load_problems(name, limit=8))
        assert solved > 0 or name != "sums"
        assert scores["pass@1,all"] == scores["pass@8,all"] == solved / 8
        assert scores["truncated,all"] == 0
        assert scores["responses,all"] == {
            "correct": 8 * solved,
            "wrong": 8 * (8 - solved),
            "unparseable": 0,
            "timeout": 0,
            "error": 0,
            "truncated": 0,
        }


def document(samples, pass_k=(1, 2), **changes):
    record = {"id": "p", "problem": "1+1", "answer": ["2"], "answer_type": "exact", **changes}
    return {
        "id": record["id"],
        "record": json.dumps(record),
        "samples": samples,
        "pass_k": list(pass_k),
    }


def test_outcomes_of_hand_made_responses():
    responses = [
        Response(r"\boxed{2}", "stop", 5),
        Response(r"\boxed{2} and on and on", "length", 9),  # cut off after it had answered
        Response(r"\boxed{3}", "stop", 5),
        Response("two", "stop", 1),
        Response(r"so it is \boxed{2", "length", 9),  # cut off inside the box
    ]
    metrics = benchmark.process_results(document(5), [responses])
    graded = metrics.pop("responses")
    assert [r["outcome"] for r in graded] == [
        "correct",
        "correct",
        "wrong",
        "unparseable",
        "truncated",
    ]
    assert [r["extracted"] for r in graded] == ["2", "2", "3", None, None]
    assert [r["finish"] for r in graded] == ["stop", "length", "stop", "stop", "length"]
    assert [r["tokens"] for r in graded] == [5, 9, 5, 1, 9]
    # Of the 10 pairs, 3 hold no correct response.
    assert metrics == pytest.approx({"pass@1": 2 / 5, "pass@2": 7 / 10, "truncated": 1 / 5})


def test_lost_repeats_are_an_error():
    with pytest.raises(ValueError, match="p: 2 responses, 3 were asked for"):
        benchmark.process_results(document(3), [["a", "b"]])
    # What lm-eval's default filter leaves is one text, which has a length as well.
    with pytest.raises(ValueError, match="p: 1 responses, 3 were asked for"):
        benchmark.process_results(document(3), ["abc"])


def test_filter_keeps_all_repeats():
    assert benchmark.keep_all(iter([["a", "b"], ["c", "d"]]), None) == [["a", "b"], ["c", "d"]]


def test_outcomes_are_counted_over_problems():
    problems = [[{"outcome": "correct"}, {"outcome": "wrong"}], [{"outcome": "correct"}]]
    assert benchmark.count_outcomes(problems) == {
        "correct": 2,
        "wrong": 1,
        "unparseable": 0,
        "timeout": 0,
        "error": 0,
        "truncated": 0,
    }
