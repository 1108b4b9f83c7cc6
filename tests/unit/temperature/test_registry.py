"""The registry of temperature policies and the files behind it."""

import importlib
import inspect
import pkgutil
from pathlib import Path

import pytest

import baselines
from tampo.temperature.registry import REGISTRY, policy_class


def test_every_file_of_baselines_is_registered_or_the_base_of_one_that_is():
    files = {f"baselines.{module.name}" for module in pkgutil.iter_modules(baselines.__path__)}
    used = {
        ancestor.__module__
        for name in REGISTRY
        for cls in (policy_class(name), policy_class(name).Settings)
        for ancestor in cls.__mro__
    }
    assert files <= used, f"not registered: {sorted(files - used)}"


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_a_policy_is_one_short_file_that_names_its_source(name):
    module = importlib.import_module(REGISTRY[name].partition(":")[0])
    text = inspect.getdoc(module)
    assert text.splitlines()[0].endswith(".")
    source = text.partition("Source:")[2].split("\n\n")[0]
    assert len(source.split()) >= 3, f"{module.__name__} names no source"
    if module.__name__.startswith("baselines."):
        assert module.__name__ == f"baselines.{name.replace('-', '_')}"
        assert len(Path(module.__file__).read_text().splitlines()) < 90


def test_every_setting_is_explained():
    for name in REGISTRY:
        fields = policy_class(name).Settings.model_fields
        unexplained = [key for key, field in fields.items() if not field.description]
        assert not unexplained, f"{name}: {unexplained}"


def test_a_file_of_a_user_may_postpone_its_annotations(tmp_path):
    file = tmp_path / "postponed.py"
    file.write_text(
        "from __future__ import annotations\n"
        "from dataclasses import dataclass\n"
        "from tampo.temperature.protocol import OpenLoopPolicy, PolicySettings, Temperature\n"
        "class MineSettings(PolicySettings):\n"
        "    temperature: Temperature = 1.0\n"
        "@dataclass\n"
        "class Mine(OpenLoopPolicy):\n"
        "    Settings = MineSettings\n"
        "    temperature: float\n"
        "    def draw(self, step: int) -> float:\n"
        "        return self.temperature\n"
    )
    cls = policy_class(f"{file}:Mine")
    assert cls(cls.Settings(temperature=0.7).temperature).draw(0) == 0.7
