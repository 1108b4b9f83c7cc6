"""The policies of a study's own files, tried out in the run that the study describes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tampo.study.study import Study, StudyError
from tampo.temperature.contract import CONTEXT, trial
from tampo.temperature.policy_file import is_file
from tampo.temperature.protocol import PolicyContext
from tampo.temperature.registry import build_policy


def check_policies(study: Study) -> None:
    """Try every policy that comes from a file through all steps of its run, on simulated batches.

    Policies of this package keep the contract; of them and of all others it is checked that a setting
    which needs one temperature a batch is not joined with a policy that has several.

    Raises:
        StudyError: names the method and what its policy breaks.
    """
    for name in study.trained_methods:
        method = study.method(name)
        context = _context(study, name)
        try:
            policy = build_policy(method.policy, method.settings, context)
            several = bool(np.ptp(policy.draw(0)))
            if is_file(method.policy):
                drawn = trial(method.policy, method.settings, context)
                several = any(np.ptp(temperatures) for temperatures in drawn)
        except ValueError as error:
            raise StudyError(f"methods.{name}.policy: {error}") from error
        if several:
            _check_engine(study, name)


def _context(study: Study, method: str) -> PolicyContext:
    context = study.policy_context(method, min(study.seeds), CONTEXT.vocabulary)
    return replace(context, recorded=(1.0,) * context.steps)


def _check_engine(study: Study, method: str) -> None:
    training = study.training_of(method)
    needs_one = {"logprob_temperature": "one", "rollout_backend": "vllm"}
    for key, value in needs_one.items():
        if getattr(training, key) == value:
            legal = "rollout" if key == "logprob_temperature" else "hf"
            raise StudyError(
                f"methods.{method}: its policy has several temperatures within a batch, which "
                f"training.{key}: {value} cannot; legal: {legal}"
            )
