"""What temperature policies left in policy.jsonl, as rows of tables."""

from __future__ import annotations

from typing import Any

import numpy as np

from tampo.layout import (
    CANDIDATE,
    CANDIDATES,
    CREDIT_P,
    PROBABILITIES,
    PROBABILITY,
    SLOPE,
    STEP,
)


def policy_rows(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return one row per (step, candidate) of the lines of policy.jsonl that have a distribution."""
    return [
        {
            STEP: record[STEP],
            CANDIDATE: candidate,
            PROBABILITY: probability,
        }
        for record in records
        if PROBABILITIES in record
        for candidate, probability in zip(record[CANDIDATES], record[PROBABILITIES], strict=True)
    ]


def credit_rows(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return one row per line of policy.jsonl that has temperature credit and its permutation null.

    `slope` is that of the least-squares line of the credit over the candidates, per unit of
    temperature: above 0, the step's credit asks for higher temperatures.
    """
    return [
        {STEP: record[STEP], CREDIT_P: record["p_value"], SLOPE: _slope(record)}
        for record in records
        if record.get("signal") is not None and record.get("p_value") is not None
    ]


def _slope(record: dict[str, Any]) -> float:
    candidates = np.asarray(record[CANDIDATES]) - np.mean(record[CANDIDATES])
    square = float(candidates @ candidates)
    return float(candidates @ np.asarray(record["signal"])) / square if square else 0.0
