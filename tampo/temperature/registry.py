"""The temperature policies that a study can name."""

from __future__ import annotations

import importlib
from typing import Any

from pydantic import ValidationError

from tampo.spelling import nearest
from tampo.temperature.guarded_policy import (
    GuardedPolicy,
    PolicyFault,
    place_of,
    source_of,
)
from tampo.temperature.policy_file import class_from_file, is_file
from tampo.temperature.protocol import PolicyContext, PolicySettings, TemperaturePolicy
from tampo.user_code import raised_in

REGISTRY: dict[str, str] = {
    "agpo": "baselines.agpo:Agpo",
    "bang-bang": "baselines.bang_bang:BangBang",
    "cosine": "baselines.cosine:Cosine",
    "diversity": "baselines.diversity:Diversity",
    "ead": "baselines.ead:Ead",
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
        PolicyFault: a file that cannot be imported, or a class that is no policy; names file and line.
    """
    if is_file(name):
        return class_from_file(name)
    if name not in REGISTRY:
        raise ValueError(
            f"unknown policy {name!r}{nearest(name, REGISTRY)}; registered: {', '.join(sorted(REGISTRY))}; "
            "or name a class of your own as path/to/file.py:Class"
        )
    module, _, cls = REGISTRY[name].partition(":")
    found: type[Any] = getattr(importlib.import_module(module), cls)
    return found


def policy_settings(name: str, settings: dict[str, Any]) -> PolicySettings:
    """Return the settings of the policy `name`, validated by its own type.

    Raises:
        ValueError: an unknown policy, or settings that its `Settings` refuses
            (`pydantic.ValidationError`).
        PolicyFault: a `Settings` class that does not work; names file and line.
    """
    cls = policy_class(name)
    try:
        validated: PolicySettings = cls.Settings(**settings)
    except ValidationError:
        raise
    except Exception as error:
        place = raised_in(error, source_of(cls)) or place_of(cls.Settings)
        kind = type(error).__name__
        raise PolicyFault(f"{place}: {cls.Settings.__name__} raised {kind}: {error}") from error
    return validated


def build_policy(name: str, settings: dict[str, Any], context: PolicyContext) -> GuardedPolicy:
    """Validate `settings` against the policy's own type and build it for one run, guarded.

    Raises:
        ValueError: an unknown policy, or settings that its `Settings` refuses
            (`pydantic.ValidationError`).
        PolicyFault: a class that cannot be built; names file and line.
    """
    cls = policy_class(name)
    validated = policy_settings(name, settings)
    try:
        policy: TemperaturePolicy = cls.from_settings(validated, context)
    except Exception as error:
        # What a policy of this package refuses is a message to the user already.
        if isinstance(error, ValueError) and not is_file(name):
            raise
        place = raised_in(error, source_of(cls)) or place_of(cls)
        what = f"{cls.__name__} cannot be built of {dict(validated)}"
        raise PolicyFault(f"{place}: {what}: {type(error).__name__}: {error}") from error
    return GuardedPolicy(policy, context.group_size)
