"""The evaluation stage with vLLM's own engine on a micro model: stopped and continued to the same bytes."""

import pytest
from support.needs import need
from support.studies import WIDE_MODEL, micro_study

from tampo.stages.evaluate import evaluate
from tampo.stages.model import make_model

need("vllm")
pytestmark = pytest.mark.slow


def test_a_stopped_evaluation_continues_to_the_same_responses(tmp_path, monkeypatch):
    class Stop(Exception):
        pass

    def stop(line):
        raise Stop

    monkeypatch.setenv("VLLM_CPU_KVCACHE_SPACE", "1")
    study = micro_study(model=WIDE_MODEL, evaluation={"backend": "vllm"})
    checkpoint = tmp_path / "model"
    make_model(study, checkpoint)
    with pytest.raises(Stop):
        evaluate(study, "base", 1, checkpoint, tmp_path / "stopped", stop)
    lines = []
    evaluate(study, "base", 1, checkpoint, tmp_path / "stopped", lines.append)
    evaluate(study, "base", 1, checkpoint, tmp_path / "whole", lambda line: None)
    assert any("1 chunks already sampled" in line for line in lines)
    stopped, whole = (tmp_path / name / "sums.jsonl" for name in ("stopped", "whole"))
    assert stopped.read_bytes() == whole.read_bytes()
