"""Two jobs never share a GPU: a machine with two is faked by an nvidia-smi that lists them."""

import os
import subprocess
import sys
import time

import pytest
from support.paths import ROOT

from tampo.study.study import StudyError
from tampo.workflow.devices import VISIBLE, devices, own_gpus

GPUS = ["GPU-a", "GPU-b"]
KEY = "resources.train.gpus"


@pytest.fixture
def two_gpus(tmp_path, monkeypatch):
    """A PATH with such an nvidia-smi, a folder of locks of its own, and no scheduler."""
    script = tmp_path / "bin" / "nvidia-smi"
    script.parent.mkdir()
    script.write_text("#!/bin/sh\necho GPU-a\necho GPU-b\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{script.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    for name in (VISIBLE, "SLURM_JOB_ID", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)


def test_each_job_has_gpus_of_its_own(two_gpus):
    assert devices(os.environ) == GPUS
    with own_gpus(KEY, 1):
        assert os.environ[VISIBLE] == "GPU-a"
        other = {}
        with own_gpus(KEY, 1, other):
            assert other[VISIBLE] == "GPU-b"
            with (
                pytest.raises(
                    StudyError, match=r"train\.gpus: 1, but other jobs have all but 0 of 2"
                ),
                own_gpus(KEY, 1, {}, patience=0),
            ):
                pass
        assert other == {}
    assert VISIBLE not in os.environ


def test_a_job_takes_all_it_asks_for_or_nothing(two_gpus):
    with own_gpus(KEY, 1, {}):
        with pytest.raises(StudyError, match="all but 1 of 2"), own_gpus(KEY, 2, {}, patience=0):
            pass
        with own_gpus(KEY, 1, {}, patience=0):
            pass
    both = {}
    with own_gpus(KEY, 2, both):
        assert both[VISIBLE] == "GPU-a,GPU-b"


def test_a_job_that_asks_for_none_sees_none(two_gpus):
    with own_gpus(KEY, 0):
        assert os.environ[VISIBLE] == ""


def test_fewer_than_asked_for(two_gpus, monkeypatch):
    with (
        pytest.raises(StudyError, match=r"train\.gpus: 3, but this process sees 2; run it"),
        own_gpus(KEY, 3),
    ):
        pass
    monkeypatch.setenv(VISIBLE, "GPU-b")
    with (
        pytest.raises(StudyError, match=r"sees 1 \(CUDA_VISIBLE_DEVICES=GPU-b\)"),
        own_gpus(KEY, 2),
    ):
        pass
    with own_gpus(KEY, 1):
        assert os.environ[VISIBLE] == "GPU-b"
    assert os.environ[VISIBLE] == "GPU-b"


@pytest.mark.parametrize("visible", ["", "-1"])
def test_gpus_that_are_hidden(two_gpus, monkeypatch, visible):
    monkeypatch.setenv(VISIBLE, visible)
    assert devices(os.environ) == []


def test_what_a_scheduler_hands_out_is_taken_as_it_is(two_gpus):
    """In two SLURM jobs on one node both GPUs may be called 0."""
    one, two = ({VISIBLE: "0", "SLURM_JOB_ID": number} for number in ("1", "2"))
    with own_gpus(KEY, 1, one, patience=0), own_gpus(KEY, 1, two, patience=0):
        assert one[VISIBLE] == two[VISIBLE] == "0"


def test_a_process_of_a_launcher_keeps_what_the_job_has_taken(two_gpus):
    rank = {VISIBLE: "GPU-a,GPU-b", "LOCAL_RANK": "1"}
    with own_gpus(KEY, 2, {}), own_gpus(KEY, 2, rank, patience=0):
        assert rank[VISIBLE] == "GPU-a,GPU-b"


JOB = """
import os, time
from tampo.workflow import devices

devices.AGAIN = 0.05
with devices.own_gpus("resources.train.gpus", 1):
    print(os.environ["CUDA_VISIBLE_DEVICES"], time.monotonic(), flush=True)
    time.sleep(0.5)
    print(time.monotonic(), flush=True)
"""


def test_concurrent_jobs_wait_for_a_free_gpu(two_gpus):
    """Four jobs on two GPUs: at no time do two of them have the same one."""
    started = time.monotonic()
    jobs = [
        subprocess.Popen([sys.executable, "-c", JOB], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    spans = []
    for job in jobs:
        gpu, begin, end = job.communicate(timeout=60)[0].split()
        assert job.returncode == 0
        spans.append((gpu, float(begin), float(end)))
    assert time.monotonic() - started >= 1.0
    assert sorted(gpu for gpu, *_ in spans) == sorted(GPUS * 2)
    for gpu in GPUS:
        first, second = sorted(span[1:] for span in spans if span[0] == gpu)
        assert first[1] <= second[0]
