"""bf16 is refused by name on GPUs without it, and on nothing else."""

import pytest
import torch
from support.studies import micro_study

from tampo.models.precision import require_gpus, require_precision
from tampo.stages.evaluate import evaluate
from tampo.stages.model import make_model
from tampo.stages.train import train
from tampo.study.study import StudyError


@pytest.fixture
def gpu(monkeypatch):
    def pretend(name, capability):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda: name)
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: capability)

    return pretend


def test_a_v100_has_no_bf16(gpu):
    gpu("Tesla V100-SXM2-32GB", (7, 0))
    with pytest.raises(
        ValueError,
        match=r"^training.precision: bf16, but Tesla V100-SXM2-32GB \(compute capability 7.0\) has "
        r"none; legal on it: fp16, fp32$",
    ):
        require_precision("training.precision", "bf16")
    require_precision("training.precision", "fp16")


def test_an_a100_and_a_cpu_have_it(gpu, monkeypatch):
    gpu("NVIDIA A100-SXM4-80GB", (8, 0))
    require_precision("training.precision", "bf16")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    require_precision("training.precision", "bf16")


@pytest.mark.parametrize(("seen", "asked"), [(0, 1), (1, 2)])
def test_a_job_that_sees_fewer_gpus_than_it_asked_for_ends_at_once(monkeypatch, seen, asked):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: seen)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    said = rf"train\.gpus: {asked}, but torch sees {seen} \(CUDA_VISIBLE_DEVICES=0\)"
    with pytest.raises(StudyError, match=said):
        require_gpus("resources.train.gpus", asked)
    require_gpus("resources.train.gpus", seen)


def test_no_stage_starts_on_the_cpu_what_was_meant_for_a_gpu(model, trained, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    asked = {"model": {"gpus": 1}, "train": {"gpus": 1}, "evaluate": {"gpus": 1}}
    study = micro_study(resources=asked)
    with pytest.raises(StudyError, match=r"resources\.model\.gpus: 1"):
        make_model(study, tmp_path / "model")
    with pytest.raises(StudyError, match=r"resources\.train\.gpus: 1"):
        train(study, "tampo", 1, model, tmp_path / "run")
    with pytest.raises(StudyError, match=r"resources\.evaluate\.gpus: 1"):
        evaluate(study, "tampo", 1, trained / "checkpoint", tmp_path / "out")
    assert not list(tmp_path.iterdir())
