"""What a run changes in TAMPO's meta-policy, and how it is saved."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from tampo.temperature import simplex
from tampo.temperature.diagnostics import LastBatch, LastDraw
from tampo.temperature.protocol import FloatArray


class Learned(NamedTuple):
    """What the meta-policy has learned until step s; zero at the start."""

    average: FloatArray
    """[K] Ā_s, the moving average of the temperature credit."""
    logits: FloatArray
    """[K] θ_s of the policy-gradient ablation, zero without it."""


class MetaPolicyState(NamedTuple):
    """What is learned, and what `policy.jsonl` records about the last step."""

    learned: Learned
    observations: int
    """Batches observed."""
    last_draw: LastDraw
    last_batch: LastBatch

    @classmethod
    def initial(cls, count: int) -> MetaPolicyState:
        """Return the state before the first step, for `count` candidates."""
        return cls(Learned(np.zeros(count), np.zeros(count)), 0, LastDraw(), LastBatch())

    def to_json(self, candidates: tuple[float, ...], alpha: float) -> dict[str, Any]:
        """Return the state, and the candidates and α that it belongs to, as JSON-serialisable values."""
        return {
            "candidates": list(candidates),
            "alpha": alpha,
            "ema_advantages": self.learned.average.tolist(),
            "logits": self.learned.logits.tolist(),
            "observations": self.observations,
            "last_draw": self.last_draw._asdict(),
            "last_observation": self.last_batch._asdict(),
        }

    @classmethod
    def from_json(
        cls, state: dict[str, Any], candidates: tuple[float, ...], alpha: float
    ) -> MetaPolicyState:
        """Return the state that `to_json` saved.

        Raises:
            ValueError: missing or unknown keys, other candidates or another α than these, or arrays that
                are not [K] and finite.
        """
        expected = cls.initial(len(candidates)).to_json(candidates, alpha)
        if set(state) != set(expected):
            raise ValueError(
                f"state of the meta-policy has keys {sorted(state)}, expected {sorted(expected)}"
            )
        saved = tuple(state["candidates"])
        if saved != candidates:
            raise ValueError(
                f"state belongs to candidates {saved}, but this meta-policy has {candidates}"
            )
        if state["alpha"] != alpha:
            raise ValueError(
                f"state was learned with alpha {state['alpha']}, but this meta-policy has {alpha}"
            )
        learned = Learned(*(_per_candidate(state, key, len(candidates)) for key in _ARRAYS))
        return cls(
            learned,
            int(state["observations"]),
            LastDraw(**state["last_draw"]),
            LastBatch(**state["last_observation"]),
        )


_ARRAYS = ("ema_advantages", "logits")


def _per_candidate(state: dict[str, Any], key: str, count: int) -> FloatArray:
    array = simplex.finite_array(state[key], key, ndim=1)
    if len(array) != count:
        raise ValueError(f"{key} has {len(array)} entries, not {count}")
    return array.copy()
