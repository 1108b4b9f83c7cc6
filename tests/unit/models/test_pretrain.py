"""Pretraining of the tiny base model: text, loss, determinism, what it leaves on disk."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError
from transformers import AutoModelForCausalLM, AutoTokenizer

from tampo.files import checksums
from tampo.grading import grade_record
from tampo.models.pretrain import (
    IGNORED,
    Batch,
    build_tokenizer,
    draw_batches,
    draw_text,
    encode,
    pretrain,
    weighted_loss,
)
from tampo.problems.arithmetic import BOX, FAMILIES, completion, generate, split_of
from tampo.study.model_settings import PretrainSettings, StrategyShares

MICRO = PretrainSettings(
    hidden_size=16,
    num_layers=1,
    num_heads=2,
    intermediate_size=32,
    steps=4,
    batch_size=6,
    warmup_steps=1,
    progress_every=3,
)
STRATEGIES = ("worked", "guess", "junk")


def silent(_: str) -> None:
    """Take no notice of progress."""


@pytest.fixture(scope="module")
def tokenizer():
    return build_tokenizer()


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    pretrain(MICRO, folder, 0, silent)
    return folder


# Tokenizer and chat template -------------------------------------------------------------------------


def test_every_text_survives_the_tokenizer(tokenizer):
    rng = random.Random(0)
    for name in FAMILIES:
        for record in generate(name, 20, seed=0):
            for strategy in STRATEGIES:
                text = completion(name, record["problem"], strategy, 0.5, rng)
                ids = tokenizer(f"?{record['problem']}={text}")["input_ids"]
                assert tokenizer.decode(ids) == f"?{record['problem']}={text}"


def test_the_box_is_one_token_and_every_other_character_its_own(tokenizer):
    assert tokenizer.tokenize(r"(03\boxed{10}") == ["(", "0", "3", BOX, "1", "0", "}"]


def test_chat_template(tokenizer):
    question = [{"role": "user", "content": "3+5+2"}]
    answer = {"role": "assistant", "content": r"\boxed{10}"}
    text = tokenizer.apply_chat_template(question, add_generation_prompt=True, tokenize=False)
    assert text == "?3+5+2="
    text = tokenizer.apply_chat_template([*question, answer], tokenize=False)
    assert text == r"?3+5+2=\boxed{10}<eos>"


def test_chat_template_refuses_a_role_it_cannot_show(tokenizer):
    with pytest.raises(Exception, match="knows no role system"):
        tokenizer.apply_chat_template([{"role": "system", "content": "1"}])


def test_worked_solutions_fit_the_studies_length_limit(tokenizer):
    longest = 0
    for name in FAMILIES:
        for record in generate(name, 90, seed=2):
            text = completion(name, record["problem"], "worked", 0.5, random.Random(0))
            longest = max(longest, len(tokenizer(text + "<eos>")["input_ids"]))
    assert longest == 26


# Text and loss ---------------------------------------------------------------------------------------


def test_the_grader_reads_worked_solutions_as_correct_and_junk_as_unparseable():
    rng = random.Random(0)
    for name in FAMILIES:
        for record in generate(name, 12, seed=4):
            worked = completion(name, record["problem"], "worked", 0.5, rng)
            junk = completion(name, record["problem"], "junk", 0.5, rng)
            assert grade_record(worked, record).outcome == "correct"
            assert grade_record(junk, record).outcome == "unparseable"


def test_pretraining_never_shows_a_test_problem():
    rng = random.Random(0)
    assert {split_of(draw_text(MICRO, rng)[0]) for _ in range(500)} == {"train"}


def test_opening_weights_turn_practice_into_shares():
    settings = PretrainSettings(
        shares=StrategyShares(worked=0.1, guess=0.8, junk=0.1),
        practice=StrategyShares(worked=0.5, guess=0.3, junk=0.2),
    )
    rng = random.Random(0)
    total = dict.fromkeys(STRATEGIES, 0.0)
    for _ in range(4000):
        _, text, weight = draw_text(settings, rng)
        strategy = "worked" if text[0] == "(" else "guess" if text.startswith(BOX) else "junk"
        total[strategy] += weight / 4000
    assert total == pytest.approx({"worked": 0.1, "guess": 0.8, "junk": 0.1}, abs=0.06)


def test_encoded_texts_ask_for_the_completion_and_weigh_its_opening(tokenizer):
    batch = encode([("3+5", r"\boxed{8}", 0.25), ("3+5+2+1", "7", 2.0)], tokenizer)
    asked = [[t for t in row if t != IGNORED] for row in batch.labels.tolist()]
    assert [tokenizer.decode(row) for row in asked] == [r"\boxed{8}<eos>", "7<eos>"]
    assert batch.num_targets == 6
    assert batch.weights[0].tolist() == [1.0] * 5 + [0.25] + [1.0] * 5
    assert batch.weights[1, 9] == 2.0
    assert batch.ids[0, -2:].tolist() == [tokenizer.pad_token_id] * 2


def test_groups_of_similar_length_hold_all_texts(tokenizer):
    batches = draw_batches(MICRO, tokenizer, random.Random(0))
    assert [len(batch.ids) for batch in batches] == [2, 2, 2]
    widths = [batch.ids.shape[1] for batch in batches]
    assert widths == sorted(widths)


def test_weighted_loss_by_hand():
    # Two possible tokens; the first two positions predict with probabilities 1/2 and 3/4.
    logits = torch.tensor([[[0.0, 0.0], [0.0, torch.tensor(3.0).log()], [9.0, 0.0]]])
    batch = Batch(
        ids=torch.tensor([[0, 1, 1]]),
        labels=torch.tensor([[IGNORED, 1, 1]]),
        weights=torch.tensor([[7.0, 0.5, 1.0]]),
    )
    expected = 0.5 * torch.tensor(2.0).log() + torch.tensor(4 / 3).log()
    assert weighted_loss(logits, batch) == pytest.approx(expected.item())


def test_the_loss_falls(tmp_path):
    lines: list[str] = []
    settings = MICRO.model_copy(update={"steps": 40, "progress_every": 10})
    result = pretrain(settings, tmp_path, 0, lines.append)
    first, *_, last = (float(line.split()[-1]) for line in lines)
    assert len(lines) == 4
    assert last < 0.9 * first
    assert result["final_loss"] == pytest.approx(last, rel=0.2)


# Determinism and files -------------------------------------------------------------------------------


def test_same_seed_same_bytes_whatever_torch_did_before(saved, tmp_path):
    torch.manual_seed(123)
    random.seed(123)
    pretrain(MICRO, tmp_path, 0, silent)
    assert checksums(tmp_path) == checksums(saved)


def test_another_seed_another_model_and_the_same_tokenizer(saved, tmp_path):
    pretrain(MICRO, tmp_path, 1, silent)
    ours, theirs = checksums(saved), checksums(tmp_path)
    assert {file for file in ours if ours[file] != theirs[file]} == {"model.safetensors"}


def test_torch_is_left_as_it_was(tmp_path):
    before = torch.get_num_threads()
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    torch.set_num_threads(MICRO.cpu_threads + 1)
    try:
        pretrain(MICRO, tmp_path, 0, silent)
        assert torch.equal(torch.rand(3), expected)
        assert torch.get_num_threads() == MICRO.cpu_threads + 1
    finally:
        torch.set_num_threads(before)


def test_progress_every_few_steps_and_at_the_end(tmp_path):
    lines: list[str] = []
    pretrain(MICRO, tmp_path, 0, lines.append)
    assert [line.rpartition(" loss ")[0] for line in lines] == [
        "pretraining step 3/4",
        "pretraining step 4/4",
    ]


def test_what_is_saved_loads_and_filters_nothing(saved, tokenizer):
    loaded = AutoTokenizer.from_pretrained(saved)
    text = r"?3+5+2=(03,08,10\boxed{10}<eos>"
    assert loaded(text)["input_ids"] == tokenizer(text)["input_ids"]
    assert loaded.chat_template == tokenizer.chat_template
    assert loaded.decode(loaded(text)["input_ids"]) == text
    model = AutoModelForCausalLM.from_pretrained(saved)
    assert model.config.vocab_size == len(loaded)
    assert torch.isfinite(model(**loaded(text, return_tensors="pt")).logits).all()
    generation = json.loads((saved / "generation_config.json").read_text())
    assert (generation["temperature"], generation["top_k"], generation["top_p"]) == (1.0, 0, 1.0)
    assert generation["eos_token_id"] == loaded.eos_token_id
    assert not {"repetition_penalty", "min_p", "typical_p"} & generation.keys()


# Settings --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"hidden_size": 20, "num_heads": 4}, "hidden_size 20 must be an even multiple"),
        ({"shares": {"worked": 0.5, "guess": 0.2, "junk": 0.2}}, r"is 0\.9; the shares must sum"),
        ({"widht": 96}, "widht"),
        ({"steps": 0}, "steps"),
    ],
)
def test_bad_settings_are_named(settings, message):
    with pytest.raises(ValidationError, match=message):
        PretrainSettings.model_validate(settings)
