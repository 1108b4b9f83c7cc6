"""Collapse: steps in a row from which nothing can be learned, though every number is finite.

A warning, not an end: the run goes on and is scored. What counts is our choice.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby
from typing import Any

from tampo.layout import ENTROPY_AT_ONE, REWARD, REWARD_STD, STEP
from tampo.records.run_json import Collapse

WINDOW_SHARE, SHORTEST_WINDOW = 0.1, 10
"""So many steps in a row are long: a tenth of the run's, ten at least."""
NEAR_ZERO = 0.01
"""Nats per token: sampling at temperature 1 then all but repeats itself."""


def collapses(steps: list[dict[str, Any]], planned: int) -> list[Collapse]:
    """Return every stretch of a run that is a collapse.

    Args:
        steps: lines of steps.jsonl, in order.
        planned: number of steps that the study asks for.
    """
    window = max(SHORTEST_WINDOW, int(WINDOW_SHARE * planned))
    kinds: tuple[tuple[int, Callable[[dict[str, Any]], str | None]], ...] = (
        (window, _equal_rewards),
        (window, _no_entropy),
        # Rewards are missing where grading ran out of time; once for a whole batch is once too often.
        (1, _no_reward),
    )
    found = []
    for shortest, what_of in kinds:
        for what, stretch in groupby(steps, key=what_of):
            rows = list(stretch)
            if what is not None and len(rows) >= shortest:
                found.append(Collapse(what=what, first_step=rows[0][STEP], steps=len(rows)))
    return found


def _equal_rewards(step: dict[str, Any]) -> str | None:
    equal = step.get(REWARD_STD) == 0
    return f"all rewards of a batch equal ({step[REWARD]:g})" if equal else None


def _no_entropy(step: dict[str, Any]) -> str | None:
    entropy = step.get(ENTROPY_AT_ONE)
    near = entropy is not None and entropy < NEAR_ZERO
    return f"entropy at temperature 1 below {NEAR_ZERO:g} nats per token" if near else None


def _no_reward(step: dict[str, Any]) -> str | None:
    return "no rollout of a batch scored" if REWARD in step and step[REWARD] is None else None
