"""What a machine lacks is said in a line each, with what to do; a faked machine has every fault."""

import shutil
import subprocess
from dataclasses import replace

import psutil
import pytest
from support.studies import micro_study

from tampo.cli.main import main
from tampo.study.study import Study
from tampo.tools.doctor import gpus, machine
from tampo.tools.doctor.gpus import Machine, gpu_findings
from tampo.tools.doctor.machine import machine_findings

H100 = Machine(
    torch="2.13.0+cu130",
    cuda="13.0",
    architectures=((7, 5), (8, 0), (9, 0)),
    driver="580.95.05",
    gpus=(("NVIDIA H100 80GB HBM3", (9, 0)),) * 2,
)
V100 = replace(H100, driver="535.230.02", gpus=(("Tesla V100-SXM2-32GB", (7, 0)),))


def study(**changes):
    training = {"precision": "bf16"}
    return micro_study(training=training, resources={"train": {"gpus": 1}}, **changes)


def to_do(findings):
    return {finding.subject: finding.line for finding in findings if not finding.ok}


def test_a_machine_that_will_do():
    found = list(gpu_findings(study(), H100))
    assert to_do(found) == {}
    assert [f.subject for f in found][:3] == ["GPUs", "driver", "compute capability"]


def test_an_old_machine_is_told_everything_at_once():
    found = to_do(gpu_findings(study(), V100))
    assert (
        "535.230.02; torch 2.13.0+cu130 is built for CUDA 13.0, which needs 580" in found["driver"]
    )
    assert "has 7.0; torch 2.13.0+cu130 has code for 7.5 and newer" in found["compute capability"]
    assert "Tesla V100-SXM2-32GB cannot compute in; set it to fp16" in found["training.precision"]


def test_gpus_that_are_asked_for_and_not_there():
    none = replace(H100, driver=None, gpus=())
    assert "asks for 1, nvidia-smi shows none" in to_do(gpu_findings(study(), none))["GPUs"]
    assert to_do(gpu_findings(micro_study(), none)) == {}
    four = micro_study(resources={"evaluate": {"gpus": 4}})
    assert to_do(gpu_findings(four, H100))["GPUs"].endswith("the study asks for 4")
    without = replace(H100, cuda=None)
    assert "a build without CUDA" in to_do(gpu_findings(study(), without))["torch"]


@pytest.mark.parametrize("missing", ["compiler", "headers"])
def test_what_triton_compiles_with(monkeypatch, tmp_path, missing):
    monkeypatch.setattr(gpus, "find_spec", lambda name: object())
    monkeypatch.setattr(gpus.sysconfig, "get_path", lambda name: str(tmp_path))
    if missing == "compiler":
        monkeypatch.setattr(gpus.shutil, "which", lambda name: None)
    else:
        monkeypatch.setattr(gpus.shutil, "which", lambda name: f"/usr/bin/{name}")
    (line,) = [f.line for f in gpu_findings(study(), H100) if f.subject == "C compiler"]
    assert ("install gcc" if missing == "compiler" else "Python.h: install") in line


def test_the_driver_is_asked_and_not_torch(monkeypatch):
    said = "535.230.02, Tesla V100-SXM2-32GB, 7.0\n535.230.02, Tesla V100-SXM2-32GB, 7.0\n"
    monkeypatch.setattr(gpus.shutil, "which", lambda name: name)
    monkeypatch.setattr(
        gpus.subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 0, said, "")
    )
    here = gpus.this_machine()
    assert here.driver == "535.230.02"
    assert here.gpus == (("Tesla V100-SXM2-32GB", (7, 0)),) * 2


def test_disk_memory_and_engine(monkeypatch, tmp_path):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10, 10, 0))
    monkeypatch.setattr(
        psutil, "virtual_memory", lambda: type("Memory", (), {"total": 2_000_000_000})()
    )
    monkeypatch.setattr(machine, "version", lambda name: _missing(name))
    wanting = micro_study(training={"rollout_backend": "vllm"})
    found = to_do(machine_findings(wanting, tmp_path / "results"))
    assert found["disk"].endswith("free some, or use another folder")
    assert found["memory"] == "2 GB, a job asks for 4: use a larger machine"
    assert found["vLLM"].startswith("not installed; training.rollout_backend is vllm")


def _missing(name):
    raise machine.PackageNotFoundError(name)


def test_a_node_without_network(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    hub = {"source": "hub", "repository": "a/b", "revision": "0" * 40}
    training = {"problems": "gsm8k-train"}
    raw = micro_study(training=training).model_dump(exclude_unset=True)
    offline = Study(**{**raw, "model": hub})
    found = to_do(machine_findings(offline, tmp_path))
    assert found["base model"].startswith("a/b is not cached")
    assert found["problem sets"].startswith("gsm8k-train will be read from the hub")
    with_data = micro_study(training=training, data_dir=str(tmp_path))
    found = to_do(machine_findings(with_data, tmp_path))
    assert "lacks gsm8k_train.jsonl" in found["problem sets"]
    (tmp_path / "gsm8k_train.jsonl").touch()
    assert to_do(machine_findings(with_data, tmp_path)) == {}


def test_a_users_accelerate_configuration_is_said_to_be_ignored(monkeypatch, tmp_path):
    (tmp_path / "accelerate").mkdir()
    (tmp_path / "accelerate" / "default_config.yaml").touch()
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    (line,) = [f.line for f in machine_findings(None, tmp_path) if f.subject == "accelerate"]
    assert "is ignored" in line


def test_the_command_ends_with_one_where_something_is_to_do(capsys, monkeypatch):
    monkeypatch.setattr(gpus, "this_machine", lambda: V100)
    assert main(["doctor", "smol"]) == 1
    printed = capsys.readouterr().out.splitlines()
    assert all(line.startswith(("ok  ", "TO DO ")) for line in printed)
    monkeypatch.setattr(gpus, "this_machine", lambda: replace(H100, gpus=(), driver=None))
    assert main(["doctor", "tiny"]) == 0
