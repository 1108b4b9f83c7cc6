"""TAMPO and its baselines: how to choose the rollout temperature in GRPO, measured.

The names in `__all__` are the public interface (docs/python-interface.md). Each is imported when it is
first used, so that `import tampo` costs next to nothing and a policy needs neither torch nor TRL.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tampo.grading import grade
    from tampo.statistics.pass_at_k import pass_at_k
    from tampo.study.study import load_study
    from tampo.temperature.meta_policy import TemperatureMetaPolicy
    from tampo.temperature.protocol import (
        ClosedLoopPolicy,
        OpenLoopPolicy,
        PolicyContext,
        PolicySettings,
        RolloutFeedback,
        Temperature,
    )
    from tampo.temperature.registry import build_policy
    from tampo.training.candidate_likelihoods import candidate_log_likelihoods
    from tampo.training.trainer import TemperatureGRPOTrainer

__version__ = "0.1.0"

__all__ = [
    "ClosedLoopPolicy",
    "OpenLoopPolicy",
    "PolicyContext",
    "PolicySettings",
    "RolloutFeedback",
    "Temperature",
    "TemperatureGRPOTrainer",
    "TemperatureMetaPolicy",
    "build_policy",
    "candidate_log_likelihoods",
    "grade",
    "load_study",
    "pass_at_k",
]

_HOMES = {
    "ClosedLoopPolicy": "tampo.temperature.protocol",
    "OpenLoopPolicy": "tampo.temperature.protocol",
    "PolicyContext": "tampo.temperature.protocol",
    "PolicySettings": "tampo.temperature.protocol",
    "RolloutFeedback": "tampo.temperature.protocol",
    "Temperature": "tampo.temperature.protocol",
    "TemperatureGRPOTrainer": "tampo.training.trainer",
    "TemperatureMetaPolicy": "tampo.temperature.meta_policy",
    "build_policy": "tampo.temperature.registry",
    "candidate_log_likelihoods": "tampo.training.candidate_likelihoods",
    "grade": "tampo.grading",
    "load_study": "tampo.study.study",
    "pass_at_k": "tampo.statistics.pass_at_k",
}
"""Module that defines each public name; says at run time what the imports above say to type checkers."""


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        value = getattr(importlib.import_module(_HOMES[name]), name)
    except ModuleNotFoundError as error:
        from tampo.extras import remedy

        raise ImportError(f"tampo.{name}: {remedy(error)}") from error
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
