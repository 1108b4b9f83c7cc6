"""What figures have in common when they take their data from a study's tables."""

from __future__ import annotations

import pandas as pd

from tampo import layout
from tampo.claims.claim_inputs import ClaimInputs
from tampo.claims.roles import roles
from tampo.layout import DIVERGED, METHOD, METRIC, SEED, STEP
from tampo.report.figures.appearance import Appearances
from tampo.study.study import Study
from tampo.temperature.registry import policy_class

PASS_1 = layout.pass_at(1)
RUN_STEP = [METHOD, SEED, STEP]
FIXED = "fixed"
"""Registered name of the policy that keeps one temperature."""


class NotDrawn(Exception):
    """The study lacks what a figure shows; the message says what."""


def training_table(inputs: ClaimInputs, name: str) -> pd.DataFrame:
    """Return a table of the training runs.

    Raises:
        NotDrawn: there is no such table, or it is empty.
    """
    table = getattr(inputs, name)
    if table is None:
        raise NotDrawn(f"there is no {name}.csv")
    if table.empty:
        raise NotDrawn(f"{name}.csv has no rows")
    return table


def finished_runs(inputs: ClaimInputs, name: str) -> pd.DataFrame:
    """Return a table of the training runs that finished.

    Raises:
        NotDrawn: there is no such table, it is empty, or no run finished.
    """
    table = inputs.finished(training_table(inputs, name))
    if table.empty:
        raise NotDrawn(f"no run finished: {inputs.outcomes.note(inputs.outcomes.methods)}")
    return table


def with_divergence(inputs: ClaimInputs, data: pd.DataFrame) -> pd.DataFrame:
    """Return rows of method, seed, step and values; of each diverged run one more, without values.

    It stands at the step where the run diverged and has `diverged` True. Where no run diverged the
    rows are returned as they are.
    """
    if not inputs.outcomes.diverged:
        return data
    ends = inputs.outcomes.ends[RUN_STEP].assign(**{DIVERGED: True})
    data = data.assign(**{DIVERGED: False})
    return pd.concat([data, ends], ignore_index=True).astype({DIVERGED: bool})


def named(inputs: ClaimInputs, data: pd.DataFrame) -> pd.DataFrame:
    """Return data a method with `diverged`, `1 of 3 runs`; as it is where no run diverged."""
    if not inputs.outcomes.diverged:
        return data
    return data.assign(**{DIVERGED: data[METHOD].map(inputs.outcomes.fraction)})


def method_label(rows: pd.DataFrame, looks: Appearances) -> str:
    """Return the label of the method of some rows of `named` data, and how many runs diverged."""
    name = looks[str(rows[METHOD].iloc[0])].label
    count = rows[DIVERGED].iloc[0] if DIVERGED in rows else ""
    return f"{name}, {count} diverged" if isinstance(count, str) and count else name


def fixed_temperatures(study: Study, count: int = 3) -> dict[str, float]:
    """Return up to `count` methods of fixed temperature, evenly from lowest to highest.

    A method with training settings of its own does not represent its temperature and is left out.

    Raises:
        NotDrawn: the study has none.
    """
    settings = policy_class(FIXED).Settings
    found = {
        name: settings(**study.method(name).settings).temperature for name in roles(study).fixed
    }
    if not found:
        raise NotDrawn("no method keeps a fixed temperature and trains as the study does")
    names = sorted(found, key=lambda name: found[name])
    places = [round(i * (len(names) - 1) / max(count - 1, 1)) for i in range(count)]
    return {names[place]: found[names[place]] for place in dict.fromkeys(places)}


def require_pass_1(inputs: ClaimInputs) -> None:
    """Raise NotDrawn if the study does not compute Pass@1."""
    if PASS_1 not in set(inputs.problem_scores[METRIC]):
        raise NotDrawn(f"the study has no {PASS_1}")


def base_and_trained(study: Study, inputs: ClaimInputs) -> tuple[str, list[str]]:
    """Return the name of the base model's method and those of all trained ones.

    Raises:
        NotDrawn: one of them is missing, or Pass@1 to compare them by.
    """
    require_pass_1(inputs)
    base = roles(study).base
    if base is None:
        raise NotDrawn("the base model is not among the methods")
    if not study.trained_methods:
        raise NotDrawn("there is no method besides the base model")
    return base, study.trained_methods
