"""The temperature policies that a study can name."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import re
import sys
from pathlib import Path
from typing import Any

from tampo.temperature.protocol import PolicyContext, TemperaturePolicy

REGISTRY: dict[str, str] = {
    "cosine": "baselines.cosine:Cosine",
    "e3": "baselines.e3:E3",
    "exp3": "baselines.exp3:Exp3",
    "exponential": "baselines.exponential:Exponential",
    "fixed": "baselines.fixed:Fixed",
    "linear": "baselines.linear:Linear",
    "log-temperature": "baselines.log_temperature:LogTemperature",
    "mixed": "baselines.mixed:Mixed",
    "pi-controller": "baselines.pi_controller:PIController",
    "plateau": "baselines.plateau:Plateau",
    "replay": "baselines.replay:Replay",
    "staged": "baselines.staged:Staged",
    "tampo": "tampo.temperature.meta_policy:TemperatureMetaPolicy",
    "thompson": "baselines.thompson:Thompson",
    "ucb": "baselines.ucb:SlidingWindowUcb",
    "uniform": "baselines.uniform:Uniform",
}
"""Policies by the name a study uses, as `module:Class`."""


def policy_class(name: str) -> type[Any]:
    """Return the class of the policy `name`: a registered name, or `path/to/file.py:Class`.

    Raises:
        ValueError: no such policy; the message lists the registered names.
    """
    if ".py:" in name:
        return _class_from_file(name)
    if name not in REGISTRY:
        raise ValueError(
            f"unknown policy {name!r}; registered: {', '.join(sorted(REGISTRY))}; "
            "or name a class of your own as path/to/file.py:Class"
        )
    module, _, cls = REGISTRY[name].partition(":")
    found: type[Any] = getattr(importlib.import_module(module), cls)
    return found


def _class_from_file(name: str) -> type[Any]:
    path, _, cls = name.rpartition(":")
    if not Path(path).is_file():
        raise ValueError(f"policy {name!r}: no file {path} (paths start at the working directory)")
    module_name = "tampo_user_policy_" + re.sub(r"\W", "_", path)
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise ValueError(f"policy {name!r}: {path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    # Dataclasses and pydantic look up the names in a class's annotations in its module.
    sys.modules[module_name] = module
    spec.loader.exec_module(module)
    found = getattr(module, cls, None)
    if not inspect.isclass(found):
        raise ValueError(f"policy {name!r}: {path} defines no class {cls!r}")
    return found


def build_policy(name: str, settings: dict[str, Any], context: PolicyContext) -> TemperaturePolicy:
    """Validate `settings` against the policy's own type and build it for one run.

    Raises:
        ValueError: an unknown policy, or settings that its `Settings` refuses
            (`pydantic.ValidationError`).
    """
    cls = policy_class(name)
    policy: TemperaturePolicy = cls.from_settings(cls.Settings(**settings), context)
    return policy
