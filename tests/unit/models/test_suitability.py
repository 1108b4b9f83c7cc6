"""A model that cannot be trained or evaluated as asked is refused with its reason, before anything runs."""

import json
import shutil
from datetime import datetime

import pytest
import torch
from support.studies import micro_study
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    GenerationConfig,
    GPT2Config,
    GPT2LMHeadModel,
)

from tampo.files import read_jsonl
from tampo.models.chat_template import freeze_date
from tampo.models.suitability import require_adaptable, require_positions, require_tokenizer
from tampo.problems.prompts import Prompt
from tampo.sampling import sampler
from tampo.stages.evaluate import eos_token_ids
from tampo.stages.train import train
from tampo.study.settings import Evaluation, Lora, Training
from tampo.study.study import StudyError
from tampo.training.scoring import needs_positions

DAY = datetime(2026, 3, 9)
TURNS = [{"role": "user", "content": "1 + 1"}]


@pytest.fixture
def tokenizer(model):
    return AutoTokenizer.from_pretrained(model)


@pytest.fixture
def copied(model, tmp_path):
    return shutil.copytree(model, tmp_path / "model")


def test_no_end_of_sequence(tokenizer):
    tokenizer.eos_token = None
    with pytest.raises(StudyError, match="names no end-of-sequence token"):
        require_tokenizer(tokenizer, Prompt())


def test_no_chat_template(tokenizer):
    tokenizer.chat_template = None
    with pytest.raises(StudyError, match="has no chat template"):
        require_tokenizer(tokenizer, Prompt())


def test_a_template_without_a_system_turn(tokenizer):
    require_tokenizer(tokenizer, Prompt())
    with pytest.raises(
        StudyError, match=r"prompt\.system: .*refuses it: .*leave prompt\.system out"
    ):
        require_tokenizer(tokenizer, Prompt(system="Reason."))


@pytest.mark.parametrize(
    ("rollout", "response", "named"),
    [(100, 12, r"training\.max_completion_tokens: 100"), (12, 64, r"evaluation\.max_tokens: 64")],
)
def test_too_few_positions(rollout, response, named):
    config = GPT2Config(n_positions=64)
    training = Training(problems="arithmetic-train", max_completion_tokens=rollout)
    with pytest.raises(StudyError, match=named + r" tokens .* exceed the model's 64 positions"):
        require_positions(config, 20, training, Evaluation(max_tokens=response))
    fitting = training.model_copy(update={"max_completion_tokens": 44})
    require_positions(config, 20, fitting, Evaluation(max_tokens=63))


def test_a_run_on_too_few_positions_ends_before_its_first_step(copied, tmp_path):
    config = json.loads((copied / "config.json").read_text())
    (copied / "config.json").write_text(json.dumps(config | {"max_position_embeddings": 16}))
    with pytest.raises(StudyError, match=r"max_completion_tokens: 12 .* 16 positions"):
        train(micro_study(), "tampo", 1, copied, tmp_path / "run")


@pytest.mark.parametrize("target", ["embed_tokens", "model.embed_tokens", "lm_head"])
def test_adapters_on_a_tied_weight(model, target):
    loaded = AutoModelForCausalLM.from_pretrained(model)
    assert loaded.config.tie_word_embeddings
    with pytest.raises(StudyError, match=f"target_modules: '{target}' is tied"):
        require_adaptable(loaded, Lora(target_modules=["q_proj", target]))
    require_adaptable(loaded, Lora(target_modules=["q_proj", "v_proj"]))
    require_adaptable(loaded, Lora())


@pytest.mark.parametrize("lora", [None, {"rank": 2, "alpha": 4}])
def test_every_end_of_sequence_is_kept(copied, tokenizer, tmp_path, lora):
    ends = [tokenizer.eos_token_id, 5]
    GenerationConfig(eos_token_id=ends, pad_token_id=tokenizer.pad_token_id).save_pretrained(copied)
    study = micro_study(training={"steps": 2, "lora": lora})
    train(study, "tampo", 1, copied, tmp_path / "run")
    assert eos_token_ids(tmp_path / "run" / "checkpoint", tokenizer) == ends


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_learned_positions_and_dropout_train_as_they_should(model, tokenizer, tmp_path, dropout):
    """GPT-2: prompts of several lengths are padded on the left, and its dropout is not in the loss."""
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=len(tokenizer), n_positions=64, n_embd=32, n_layer=2, n_head=2,
        resid_pdrop=dropout, embd_pdrop=dropout, attn_pdrop=dropout,
        eos_token_id=tokenizer.eos_token_id, bos_token_id=None, pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    folder = shutil.copytree(model, tmp_path / "gpt2")
    gpt2 = GPT2LMHeadModel(config)
    gpt2.save_pretrained(folder)
    assert needs_positions(gpt2)
    assert not needs_positions(AutoModelForCausalLM.from_pretrained(model))
    train(micro_study(training={"steps": 3}), "tampo", 1, folder, tmp_path / "run")
    steps = read_jsonl(tmp_path / "run" / "steps.jsonl")
    assert max(step["sampler_gap_max"] for step in steps) < 1e-4


def test_the_positions_of_a_padded_row_are_those_of_the_row_alone(tokenizer):
    torch.manual_seed(0)
    gpt2 = GPT2LMHeadModel(
        GPT2Config(vocab_size=32, n_positions=64, n_embd=32, n_layer=2, n_head=2)
    )
    prompts = [[3, 4, 5, 6, 7, 8], [3, 9]]
    noise = torch.rand(2, 4, generator=torch.Generator().manual_seed(1))

    def sampled(rows):
        return sampler.generate(
            gpt2.eval(), [prompts[row] for row in rows], max_new_tokens=4,
            temperatures=torch.tensor(1.0), uniforms=noise[rows], eos_token_ids=[31], pad_token_id=0,
        ).token_ids  # fmt: skip

    assert sampled([0, 1]) == [*sampled([0]), *sampled([1])]


@pytest.mark.parametrize(
    ("template", "rendered"),
    [
        ("Today: {{ strftime_now('%d %b %Y') }}", "Today: 09 Mar 2026"),
        ('{% set d = strftime_now("%Y-%m-%d") %}{{ d }}', "2026-03-09"),
        ("{% if strftime_now is defined %}{{ strftime_now( '%Y' ) }}{% endif %}", "2026"),
        ("{{ strftime_now('%d\\n') }}", "09\n"),
    ],
)
def test_a_date_in_a_template_is_written_once(tokenizer, template, rendered):
    tokenizer.chat_template = template
    assert freeze_date(tokenizer, DAY)
    assert tokenizer.apply_chat_template(TURNS, tokenize=False) == rendered
    assert not freeze_date(tokenizer, datetime(2027, 1, 1))


def test_a_template_without_a_date_stays(tokenizer):
    before = tokenizer.chat_template
    assert not freeze_date(tokenizer, DAY)
    assert tokenizer.chat_template == before


def test_a_date_of_a_computed_form_is_refused(tokenizer):
    tokenizer.chat_template = "{{ strftime_now(form) }}"
    with pytest.raises(StudyError, match="calls strftime_now with more than a text"):
        freeze_date(tokenizer, DAY)
