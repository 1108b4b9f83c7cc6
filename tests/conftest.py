"""Fixtures shared by the tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.needs import need, required

# No test asks a hub: read before any library is imported, and by every process that a test starts.
os.environ |= {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}

pytest_plugins = ["support.model_package"]


def pytest_configure() -> None:
    """Refuse an unknown name in TAMPO_REQUIRE before any test runs."""
    required()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest, so that no worker is left alone with one."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: (item.path.parent.name != "workflow", item.path not in slow))


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of canonical problem sets: $TAMPO_DATA_DIR, else ../shared/data beside the root.

    The problem texts are other people's and not part of this repository.
    """
    return need("data")


@pytest.fixture(scope="session")
def model(tmp_path_factory) -> Path:
    """The base model of `studies.micro_study`; tests leave it as it is."""
    from support.studies import micro_study

    from tampo.stages.model import make_model

    folder = tmp_path_factory.mktemp("micro") / "model"
    make_model(micro_study(), folder)
    return folder


@pytest.fixture(scope="session")
def trained(model, tmp_path_factory) -> Path:
    """The run of TAMPO with seed 1 in `studies.micro_study`; tests leave it as it is."""
    from support.studies import micro_study

    from tampo.stages.train import train

    out = tmp_path_factory.mktemp("trained")
    train(micro_study(), "tampo", 1, model, out)
    return out


@pytest.fixture(scope="session")
def finished_study(tmp_path_factory) -> Path:
    """Results of `finished_study.STUDY`, with its report; tests leave them as they are."""
    from support.finished_study import STUDY, report, write_finished_study

    results = write_finished_study(tmp_path_factory.mktemp("results") / STUDY.name)
    report(STUDY, results, results / "report")
    return results


@pytest.fixture(scope="session")
def evidence(finished_study, tmp_path_factory) -> Path:
    """Evidence of `finished_study`; tests leave it as it is."""
    from tampo.evidence.archive import write_archive

    out = tmp_path_factory.mktemp("evidence") / finished_study.name
    write_archive(finished_study, out, {})
    return out
