"""A policy whose every answer is checked: what it breaks is said with file, line, method, step and value.

`tampo.temperature.registry.build_policy` puts every policy of a run behind this guard.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from typing import Any

import numpy as np

from tampo.temperature.json_state import UnsavableValue, from_json, plain, to_json
from tampo.temperature.protocol import (
    LEGAL_TEMPERATURE,
    MAX_TEMPERATURE,
    FloatArray,
    RolloutFeedback,
    TemperaturePolicy,
    of_group,
)
from tampo.user_code import raised_in, shown

LARGEST_LOGIT = 1e4
"""Far beyond what models give; a temperature that sends it to infinity has no distribution."""


class PolicyFault(ValueError):
    """A policy that breaks a rule: one line with file, line, method, step, value and what is legal."""


class GuardedPolicy:
    """The policy `policy`, asked and told the same, with its answers checked.

    Attributes other than those of the protocol are read from the policy itself.

    Args:
        policy: any temperature policy.
        group_size: completions per prompt G.
    """

    def __init__(self, policy: TemperaturePolicy, group_size: int) -> None:
        self.policy, self._group_size = policy, group_size
        self._step: int | None = None
        candidates = self._call("candidates", lambda: tuple(policy.candidates))
        for value in candidates:
            if not _is_temperature(value):
                raise self._fault("candidates", f"holds {value!r}; legal: {LEGAL_TEMPERATURE}")
        self.candidates: tuple[float, ...] = candidates

    def __getattr__(self, name: str) -> Any:
        # While it is being copied it has no policy yet.
        if "policy" not in self.__dict__:
            raise AttributeError(name)
        return getattr(self.policy, name)

    def draw(self, step: int) -> float | FloatArray:
        """Return the policy's temperature of `step`, checked, as float or float64 array.

        Raises:
            PolicyFault: it is no temperature, or the policy raised an error.
        """
        self._step = step
        return self._checked(self._call("draw", lambda: self.policy.draw(step)))

    def observe(
        self,
        log_likelihoods: FloatArray,
        advantages: FloatArray,
        feedback: RolloutFeedback | None = None,
    ) -> None:
        """Show the policy a rollout batch.

        Raises:
            PolicyFault: the policy raised an error.
        """
        self._step = self._step if feedback is None else feedback.step
        self._call("observe", lambda: self.policy.observe(log_likelihoods, advantages, feedback))

    def state_dict(self) -> dict[str, Any]:
        """Return the policy's state as JSON values (`tampo.temperature.json_state`).

        Raises:
            PolicyFault: it is no dict, or holds what would not come back the same.
        """
        state = self._call("state_dict", self.policy.state_dict)
        if not isinstance(state, dict) or not all(isinstance(key, str) for key in state):
            raise self._fault(
                "state_dict", f"returned {_short(state)}; legal: a dict with text keys"
            )
        try:
            return {key: to_json(value, f"[{key!r}]") for key, value in state.items()}
        except UnsavableValue as error:
            raise self._fault("state_dict", str(error)) from None

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned.

        Raises:
            PolicyFault: the policy raised an error.
        """
        self._call("load_state_dict", lambda: self.policy.load_state_dict(from_json(state)))

    def diagnostics(self) -> dict[str, Any]:
        """Return the policy's diagnostics as JSON values; numbers of NumPy and torch become plain ones.

        Raises:
            PolicyFault: they are no dict, or hold what JSON has no word for.
        """
        found = self._call("diagnostics", self.policy.diagnostics)
        if not isinstance(found, dict):
            raise self._fault("diagnostics", f"returned {_short(found)}; legal: a dict")
        values = {key: plain(value) for key, value in found.items()}
        for key, value in values.items():
            try:
                json.dumps({key: value})
            except (TypeError, ValueError) as error:
                what = f"[{key!r}] is {_short(value)} of type {type(value).__name__}: {error}"
                raise self._fault("diagnostics", f"{what}; legal: values of JSON") from None
        return values

    def _checked(self, drawn: Any) -> float | FloatArray:
        legal = (
            f"{LEGAL_TEMPERATURE}, or one for each of the group's {self._group_size} rollouts, or for "
            "each of these or for one the temperatures of its token positions"
        )
        try:
            values = np.asarray(drawn)
        except (TypeError, ValueError, RuntimeError):
            values = np.asarray(None)
        if values.dtype.kind not in "iuf":
            what = f"returned {_short(drawn)} of type {type(drawn).__name__}"
            raise self._fault("draw", f"{what}; legal: {legal}")
        try:
            of_group(values, self._group_size)
        except ValueError:
            what = f"returned {_short(drawn)} of shape {values.shape}"
            raise self._fault("draw", f"{what}; legal: {legal}") from None
        temperatures = values.astype(np.float64)
        if not ((temperatures > 0) & (temperatures <= MAX_TEMPERATURE)).all():
            raise self._fault("draw", f"returned {_short(values.tolist())}; legal: {legal}")
        with np.errstate(over="ignore", divide="ignore"):
            divided = np.float32(LARGEST_LOGIT) / temperatures.astype(np.float32)
        if not np.isfinite(divided).all():
            what = f"returned {_short(values.tolist())}, by which logits divide to infinity in fp32"
            raise self._fault("draw", f"{what}; legal: {legal}")
        return temperatures if temperatures.shape else float(temperatures)

    def _call(self, method: str, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except (Exception, SystemExit) as error:
            place = raised_in(error, source_of(type(self.policy)))
            what = f"raised {type(error).__name__}: {error}"
            raise self._fault(method, what, place) from error

    def _fault(self, method: str, what: str, place: str | None = None) -> PolicyFault:
        kind = type(self.policy)
        at = "" if self._step is None else f" at step {self._step}"
        return PolicyFault(
            f"{place or place_of(kind, method)}: {kind.__name__}.{method}{at} {what}"
        )


def source_of(cls: type[Any]) -> str | None:
    """Return the file that a class is defined in."""
    try:
        return inspect.getsourcefile(cls)
    except (OSError, TypeError):
        return None


def place_of(cls: type[Any], method: str | None = None) -> str:
    """Return `file:line` of a class's method, or of the class where it only inherits the method."""
    file = source_of(cls)
    if file is None:
        return cls.__module__
    code = (
        getattr(inspect.unwrap(vars(cls).get(method, None)), "__code__", None) if method else None
    )
    try:
        line = code.co_firstlineno if code else inspect.getsourcelines(cls)[1]
    except (OSError, TypeError):
        return shown(file)
    return f"{shown(file)}:{line}"


def _is_temperature(value: Any) -> bool:
    number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    return bool(number and 0 < value <= MAX_TEMPERATURE)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
