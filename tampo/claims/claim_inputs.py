"""Everything that claims are judged by: the tables of the aggregate stage, nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tampo import layout
from tampo.files import plain_or_packed
from tampo.layout import (
    CREDIT,
    LIKELIHOOD_CURVES,
    METHOD,
    OPTIMAL_TEMPERATURES,
    POLICY,
    PROBLEM,
    SEED,
    STEPS,
    UNIMODALITY,
)
from tampo.records.outcomes import Outcomes


class NotTested(Exception):
    """The study lacks what a claim needs; the message says what."""


@dataclass(frozen=True)
class ClaimInputs:
    """The tables of `results/{study}/aggregate`; a training table is None where there is none."""

    scores: pd.DataFrame
    """method, seed, benchmark, metric, value, n."""
    problem_scores: pd.DataFrame
    """method, seed, benchmark, problem, metric, value, n."""
    steps: pd.DataFrame | None = None
    """method, seed, step, temperature, seconds, tokens, ...: one row per optimiser step."""
    optimal_temperatures: pd.DataFrame | None = None
    """method, seed, sign (of the advantage: positive, negative, zero), temperature, count."""
    unimodality: pd.DataFrame | None = None
    """method, seed, trajectories, unimodal: how many trajectories, how many with one peak."""
    policy: pd.DataFrame | None = None
    """method, seed, step, candidate, probability."""
    credit: pd.DataFrame | None = None
    """method, seed, step, credit_p (of the credit's range), slope (over temperature)."""
    likelihood_curves: pd.DataFrame | None = None
    """method, seed, step, row, sign, temperature, log_likelihood: curves of a few trajectories."""
    outcomes: Outcomes = field(default_factory=Outcomes)
    """How the training runs ended; those that diverged have no scores."""

    @classmethod
    def read(cls, folder: Path) -> ClaimInputs:
        """Read the tables of an aggregate folder, of results or of evidence.

        Raises:
            FileNotFoundError: `scores.csv` or `problem_scores.csv` is missing; without the others
                the claims that need them are not tested.
        """

        def optional(name: str) -> pd.DataFrame | None:
            path = plain_or_packed(folder / f"{name}.csv")
            return pd.read_csv(path) if path.is_file() else None

        return cls(
            scores=pd.read_csv(plain_or_packed(folder / layout.SCORES)),
            problem_scores=pd.read_csv(
                plain_or_packed(folder / layout.PROBLEM_SCORES), dtype={PROBLEM: str}
            ),
            steps=optional(STEPS),
            optimal_temperatures=optional(OPTIMAL_TEMPERATURES),
            unimodality=optional(UNIMODALITY),
            policy=optional(POLICY),
            credit=optional(CREDIT),
            likelihood_curves=optional(LIKELIHOOD_CURVES),
            outcomes=Outcomes.read(folder),
        )

    def of_seeds(self, seeds: Sequence[int]) -> ClaimInputs:
        """Return the tables as they would be if only these seeds had been run."""

        def kept(table: pd.DataFrame | None) -> pd.DataFrame | None:
            return None if table is None else table[table[SEED].isin(seeds)]

        tables: dict[str, Any] = {
            f.name: kept(getattr(self, f.name)) for f in fields(self) if f.name != "outcomes"
        }
        return replace(self, **tables, outcomes=Outcomes(kept(self.outcomes.table)))

    def finished(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return the rows of a training table that are of runs that finished."""
        if not self.outcomes.diverged:
            return table
        runs = zip(table[METHOD], table[SEED], strict=True)
        # As an array: of an empty table a list would choose columns, not rows.
        return table[np.array([run not in self.outcomes.diverged for run in runs], dtype=bool)]

    def of_training(
        self, name: str, columns: list[str], methods: list[str] | None = None
    ) -> pd.DataFrame:
        """Return the rows of `methods` in the training table `name`; None is all rows.

        Runs that diverged are left out: what is said of a method rests on the runs that finished.

        Raises:
            NotTested: the table, a column or a method is missing.
        """
        table = getattr(self, name)
        if table is None:
            raise NotTested(f"there is no {name}.csv")
        missing = [c for c in [METHOD, SEED, *columns] if c not in table.columns]
        if missing:
            raise NotTested(f"{name}.csv has no column {', '.join(missing)}")
        table = self.finished(table)
        if methods is None:
            return table
        if gone := [m for m in methods if self.outcomes.all_diverged(m)]:
            raise NotTested(self.outcomes.note(gone))
        absent = [m for m in methods if m not in set(table[METHOD])]
        if absent:
            raise NotTested(f"{name}.csv has no rows of {', '.join(absent)}")
        return table[table[METHOD].isin(methods)]
