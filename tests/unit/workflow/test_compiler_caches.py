"""Compiled kernels stay on the node, in a folder that nobody else can write to."""

import os
import tempfile

import pytest

from tampo.study.study import StudyError
from tampo.workflow.compiler_caches import CACHES, keep_on_this_node
from tampo.workflow.devices import own_gpus


@pytest.fixture(autouse=True)
def node(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_caches_lie_on_the_node_and_jobs_of_it_have_them_in_common(node):
    first, second = {}, {}
    folder = keep_on_this_node(first)
    assert keep_on_this_node(second) == folder and first == second
    assert set(first) == set(CACHES)
    assert all(value.startswith(str(node)) for value in first.values())
    assert folder.stat().st_mode & 0o077 == 0


def test_what_the_user_set_stays():
    environment = {"TRITON_CACHE_DIR": "/scratch/me"}
    keep_on_this_node(environment)
    assert environment["TRITON_CACHE_DIR"] == "/scratch/me"


def test_a_folder_that_others_can_write_to_is_refused(node):
    keep_on_this_node({}).chmod(0o777)
    with pytest.raises(StudyError, match="you alone can write to; set TMPDIR"):
        keep_on_this_node({})


def test_a_link_in_its_place_is_refused(node):
    (node / "elsewhere").mkdir()
    (node / f"tampo-compiled-{os.getuid()}").symlink_to(node / "elsewhere")
    with pytest.raises(StudyError, match="you alone can write to"):
        keep_on_this_node({})


def test_a_job_with_a_gpu_keeps_its_caches_there_and_one_without_needs_none():
    environment = {"CUDA_VISIBLE_DEVICES": "0", "SLURM_JOB_ID": "1"}
    with own_gpus("resources.train.gpus", 1, environment):
        assert set(CACHES) <= set(environment)
    idle = {}
    with own_gpus("resources.train.gpus", 0, idle):
        assert not set(CACHES) & set(idle)


def test_a_refused_folder_leaves_the_environment_as_it_was(node):
    keep_on_this_node({}).chmod(0o777)
    environment = {"CUDA_VISIBLE_DEVICES": "0,1", "SLURM_JOB_ID": "1"}
    before = dict(environment)
    with pytest.raises(StudyError), own_gpus("resources.train.gpus", 1, environment):
        pass
    assert environment == before
