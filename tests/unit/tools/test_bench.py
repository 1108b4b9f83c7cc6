"""The timings measure what they claim; times themselves are never asserted."""

import importlib.util
import re

import pytest
import torch
from transformers import Qwen2Config

from tampo.tools.bench import head, rollouts, startup, step
from tampo.tools.bench.run import _page

MICRO = Qwen2Config(
    vocab_size=16,
    hidden_size=16,
    intermediate_size=32,
    num_hidden_layers=1,
    num_attention_heads=2,
    num_key_value_heads=2,
    max_position_embeddings=32,
)


@pytest.fixture
def micro(monkeypatch):
    shape = step.Shape(
        MICRO, prompts=2, group_size=2, prompt_tokens=3, completion_tokens=5, micro_batch=2
    )
    monkeypatch.setitem(step.SHAPES, "micro", lambda: shape)
    monkeypatch.setitem(head.SHAPES, "micro", head.HeadShape(8, 16, 24))
    torch.set_num_threads(1)


def test_both_trainers_do_the_same_work(micro, tmp_path):
    shape = step.SHAPES["micro"]()
    lengths = {}
    for tampo in (False, True):
        trainer = step._trainer(shape, tmp_path / str(tampo), tampo=tampo)
        trainer.train()
        step.one_step(trainer, step._batches(trainer))
        buffered = trainer._buffered_inputs
        lengths[tampo] = [b["completion_mask"].sum(dim=1).tolist() for b in buffered]
    assert lengths[True] == lengths[False] == [[5, 5], [5, 5]]


def test_a_whole_timing_has_its_ratios_and_its_page(micro):
    messages = []
    steps = {"micro": step.step_ratio("micro", 2, messages.append)}
    heads = {"micro": head.head_times("micro", 2, messages.append)}
    assert steps["micro"]["tokens"] == 20
    assert steps["micro"]["ratio"] > 0
    assert heads["micro"]["shape"]["candidates"] == 10
    assert set(heads["micro"]["median_seconds"]) == {
        "trl_one_temperature",
        "tampo_fused",
        "separate_passes",
    }
    assert len(messages) == 2 + 3
    speed = {"micro": rollouts.rollout_speed("micro", 2, messages.append)}
    run = {
        "hardware": {"processor": "p", "gpus": []},
        "packages": {"torch": "1", "transformers": "2", "trl": "3"},
        "arguments": {"threads": 1, "rounds": 2},
        "source": {"commit": "c", "dirty": False},
    }
    parts = {"steps": steps, "heads": heads, "rollouts": speed, "run": run}
    page = _page({**parts, "startup_cpu_seconds": {"torch": 1.0, "train": 3.5}})
    assert "| train | 3.50 | 3.50 |" in page
    # One line for the step, one for the head, one for each way and for each roofline.
    assert page.count("| micro |") == 2 + len(speed["micro"]["ways"]) + 2


def test_start_up_counts_the_processor_time_of_a_fresh_interpreter():
    busy = "import time\nwhile time.process_time() < 0.5: pass"
    lines = []
    seconds = startup.startup_seconds(1, lines.append, {"torch": "pass", "busy": busy})
    assert 0.4 < seconds["busy"] - seconds["torch"] + 0.1 < 5
    assert len(lines) == 2
    assert startup.startup_table({"torch": 2.0, "busy": 5.0})[-1] == "| busy | 5.00 | 2.50 |"


def test_what_is_started_is_what_the_command_line_starts():
    """Every stage that the command line runs has its row; each row but the heavy ones is tried."""
    assert {"model", "train", "evaluate", "aggregate", "report"} <= set(startup.CODE)
    for name, text in startup.CODE.items():
        compile(text, name, "exec")
        for module in re.findall(r"tampo(?:\.\w+)+", text):
            assert importlib.util.find_spec(module), f"{name}: {module}"


def test_rollouts_are_compared_with_the_bandwidth_roofline(micro, monkeypatch):
    monkeypatch.setattr(rollouts, "_bandwidth", lambda _: 1e6)
    found = rollouts.rollout_speed("micro", 1, lambda _: None)
    assert found["tokens"] == 20
    # Embedding and head 16 x 16 each; the layer: attention 4 x 16 x 16 and 3 x 16 biases, feed-forward
    # 3 x 16 x 32, two norms; the last norm. Keys and values: 2 x 16 for 4 rows of 3 + 5/2 tokens.
    weights = 2 * 256 + 4 * 256 + 48 + 3 * 512 + 3 * 16
    numbers = weights + 4 * 5.5 * 32
    assert found["roofline"]["fp32"]["bytes_per_token_step"] == 4 * numbers
    assert found["roofline"]["bf16"]["seconds"] == pytest.approx(5 * 2 * numbers / 1e6)
    ours = found["ways"][rollouts.OURS]
    assert ours["fraction_of_roofline"] == pytest.approx(
        found["roofline"]["fp32"]["seconds"] / ours["seconds"]
    )
    assert found["ways"][rollouts.PLAIN]["over_plain"] == 1


def test_a_way_that_cannot_run_says_why(micro, monkeypatch):
    def broken(*_):
        raise RuntimeError("no such kernel\nhere")

    monkeypatch.setattr(rollouts, "_continuously", broken)
    found = rollouts.rollout_speed("micro", 1, lambda _: None)
    assert found["ways"]["continuous batching"] == {"failed": "RuntimeError: no such kernel"}


def test_the_heads_compared_compute_the_same(micro):
    generator = torch.Generator().manual_seed(0)
    hidden = torch.randn(8, 16, generator=generator)
    weight = torch.randn(24, 16, generator=generator)
    targets = torch.randint(24, (8,), generator=generator)
    fused = head.multi_temperature_log_prob(hidden, weight, None, targets, 1.0, None).log_probs
    torch.testing.assert_close(head._trl(hidden, weight, targets, 1.0), fused)
    torch.testing.assert_close(head._separate(hidden, weight, targets), fused)
