r"""The SFT cold start: what it trains on, in which order, and that it learns."""

import json

import pytest
import torch
import yaml
from pydantic import ValidationError
from support.studies import micro_study
from transformers import AutoModelForCausalLM, AutoTokenizer

import tampo.models.cold_start
from tampo.files import sha256_of
from tampo.models.cold_start import _examples, cold_start, target
from tampo.problems.arithmetic import generate
from tampo.problems.catalogue import CATALOGUE
from tampo.records.run_json import ModelRun, read_run
from tampo.stages.model import make_model
from tampo.study.model_settings import ColdStart
from tampo.study.slices import slice_of
from tampo.study.study import StudyError, load_study

SETTINGS = ColdStart(
    problems="gsm8k-train", steps=8, batch_size=4, learning_rate=3e-3, precision="fp32"
)


def solved(count=12):
    """Sums, with their answer as the solution; every fourth has none."""
    problems = generate("sums", count, 0, split="train")
    for index, problem in enumerate(problems):
        problem["solution"] = None if index % 4 == 3 else problem["answer"][0]
    return problems


@pytest.fixture
def problems(monkeypatch):
    records = solved()
    monkeypatch.setattr(tampo.models.cold_start, "load_problems", lambda *_: records)
    monkeypatch.setattr(tampo.models.cold_start, "source", lambda *_: {"file": "here"})
    return records


def weights(folder):
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)


def test_the_target_is_the_solution_and_the_boxed_answer():
    problem = {"problem": "Q", "answer": ["72", "72.0"], "solution": "48/2=24\n48+24=72"}
    assert target(problem) == "48/2=24\n48+24=72\n\\boxed{72}"


def test_every_solution_is_shown_once_per_pass():
    records = [problem for problem in solved() if problem["solution"]]
    rows = _examples(SETTINGS, micro_study().prompt, records)
    shown = [row[0]["content"] for row in rows["prompt"]]
    assert len(shown) == 8 * 4
    texts = {record["problem"] for record in records}
    assert set(shown[:9]) == set(shown[9:18]) == texts
    assert shown[:9] != shown[9:18]
    again = _examples(SETTINGS, micro_study().prompt, records)
    assert again["completion"] == rows["completion"]


def test_the_loss_falls_and_is_on_record(problems, model):
    base = weights(model)
    before = {name: value.clone() for name, value in base.state_dict().items()}
    tokenizer = AutoTokenizer.from_pretrained(model)
    done = cold_start(SETTINGS, micro_study().prompt, None, base, tokenizer)
    assert len(done["loss"]) == 8
    assert sum(done["loss"][-3:]) < sum(done["loss"][:3])
    assert done["problems"] == {"used": 9, "without a solution": 3}
    assert any(not torch.equal(before[name], value) for name, value in base.state_dict().items())


def test_the_first_loss_is_the_mean_over_the_targets_tokens(problems, model):
    """By hand: the prompt's tokens take no part, the end of the sequence does."""
    tokenizer = AutoTokenizer.from_pretrained(model)
    prompt = micro_study().prompt
    records = [problem for problem in problems if problem["solution"]]
    rows = _examples(SETTINGS, prompt, records)
    base = weights(model).eval()
    losses = []
    for asked, given in zip(rows["prompt"][:4], rows["completion"][:4], strict=True):
        start = tokenizer.apply_chat_template(asked, add_generation_prompt=True)["input_ids"]
        whole = tokenizer.apply_chat_template([*asked, *given])["input_ids"]
        with torch.no_grad():
            log_probs = torch.log_softmax(base(torch.tensor([whole])).logits[0, :-1], -1)
        own = torch.tensor(whole[1:])[:, None]
        losses += (-log_probs.gather(-1, own)[len(start) - 1 :, 0]).tolist()
        assert whole[-1] == tokenizer.eos_token_id
    done = cold_start(SETTINGS, prompt, None, weights(model), tokenizer)
    assert done["loss"][0] == pytest.approx(sum(losses) / len(losses), abs=2e-3)


def test_the_same_settings_give_the_same_weights(problems, model):
    tokenizer = AutoTokenizer.from_pretrained(model)
    runs = []
    for seed in (0, 0, 1):
        base = weights(model)
        settings = SETTINGS.model_copy(update={"seed": seed})
        cold_start(settings, micro_study().prompt, None, base, tokenizer)
        runs.append(base.state_dict())
    assert all(torch.equal(runs[0][name], runs[1][name]) for name in runs[0])
    assert any(not torch.equal(runs[0][name], runs[2][name]) for name in runs[0])


def test_problems_without_solutions_are_refused(problems, model):
    for problem in problems:
        del problem["solution"]
    with pytest.raises(ValueError, match=r"cold_start\.problems: none of the 12 records of gsm8k"):
        cold_start(
            SETTINGS,
            micro_study().prompt,
            None,
            weights(model),
            AutoTokenizer.from_pretrained(model),
        )


def test_the_model_stage_records_its_cold_start(problems, tmp_path):
    study = micro_study(cold_start=SETTINGS.model_dump())
    make_model(micro_study(), tmp_path / "plain")
    make_model(study, tmp_path / "warm")
    plain, warm = (tmp_path / name / "model.safetensors" for name in ("plain", "warm"))
    assert sha256_of(plain) != sha256_of(warm)
    record = json.loads((tmp_path / "warm" / "run.json").read_text())
    assert record["files"]["model.safetensors"] == sha256_of(warm)
    assert record["cold_start"]["steps"] == 8 and len(record["cold_start"]["loss"]) == 8


def test_every_stage_that_sees_the_model_depends_on_its_cold_start():
    plain, warm = micro_study(), micro_study(cold_start=SETTINGS.model_dump())
    for stage in ("model", "train", "evaluate"):
        method = "tampo" if stage == "train" else None
        assert "cold_start" not in json.loads(slice_of(plain, stage, method))
        assert json.loads(slice_of(warm, stage, method))["cold_start"]["steps"] == 8


def test_results_from_before_the_key_was_renamed_can_be_read(problems, tmp_path):
    study = micro_study(cold_start=SETTINGS.model_dump())
    before = study.model_dump(mode="json")
    before["warm_up"] = before.pop("cold_start")
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(before))
    assert load_study(tmp_path / "study.yaml") == study

    make_model(study, tmp_path / "model")
    path = tmp_path / "model" / "run.json"
    now = read_run(path, ModelRun)
    record = json.loads(path.read_text())
    record["warm_up"] = record.pop("cold_start")
    path.write_text(json.dumps(record))
    assert read_run(path, ModelRun).cold_start == now.cold_start


def test_only_sets_with_solutions_may_be_named():
    with pytest.raises(
        (StudyError, ValidationError), match=r"cold_start\.problems: unknown 'open-s1'"
    ):
        micro_study(cold_start=SETTINGS.model_dump() | {"problems": "open-s1"})


def test_solutions_of_gsm8k_are_its_calculations():
    row = {"question": "Q", "answer": "4*3 = <<4*3=12>>12 and\n<<12+1=13>>13\n#### 13"}
    record = CATALOGUE["gsm8k-train"].source.record(row, 0)
    assert record["solution"] == "4*3=12\n12+1=13"
    assert (
        CATALOGUE["gsm8k-train"].source.record(row | {"answer": "So #### 13"}, 0)["solution"]
        is None
    )
    # Benchmarks have no solutions.
    assert "solution" not in CATALOGUE["gsm8k-test"].source.record(row, 0)
