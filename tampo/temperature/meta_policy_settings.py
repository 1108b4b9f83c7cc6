"""Settings of TAMPO's meta-policy: types, ranges, defaults and their sources, each stated here."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, ValidationError

from tampo.temperature.protocol import Candidates, PolicySettings

PAPER_CANDIDATES = (0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.4, 1.5)
"""Candidate temperatures [P]."""
Normalisation = Literal["sparsemax", "softmax"]
Update = Literal["min-max", "policy-gradient"]


class MetaPolicySettings(PolicySettings):
    """Settings of TAMPO's meta-policy; the defaults are the paper's method."""

    alpha: float = Field(default=0.05, gt=0, le=1)
    """Weight α of the newest credit in the moving average [P]."""
    top_p: float = Field(default=0.7, ge=0, le=1)
    """Mass p of the nucleus that temperatures are drawn from; 0 is greedy [P]."""
    warmup_steps: int | None = Field(default=None, ge=0)
    """Steps drawn uniformly while the average fills; null is the learning-rate warm-up [R]."""
    candidates: Candidates | None = None
    """Candidate temperatures, ascending; null is the study's candidates [P]."""
    normalisation: Normalisation = "sparsemax"
    """Map from log-likelihoods to weights over candidates; softmax is an ablation [P]."""
    update: Update = "min-max"
    """Map from credit to π; the policy gradient is an ablation [P]."""
    standardise: bool = False
    """Ablation: scale each trajectory's log-likelihoods to mean 0 and standard deviation 1 over the
    candidates, which makes the normalisation independent of how flat they are."""
    shuffle_advantages: bool = False
    """Control: learn from advantages shuffled within groups, which carry no credit."""
    learning_rate: float = Field(default=10.0, gt=0, allow_inf_nan=False)
    """Step size of the policy gradient [R]; credit is of the order 1e-3 to 1e-2."""


DEFAULTS = MetaPolicySettings()
"""The paper's method."""


def checked_settings(**values: Any) -> MetaPolicySettings:
    """Return the settings, or say which value is outside its range.

    Raises:
        ValueError: `name is value; allowed is ...`, of the first such value.
    """
    try:
        return MetaPolicySettings(**values)
    except ValidationError as error:
        first = error.errors()[0]
    name, *index = first["loc"]
    place = f"{name}{''.join(f'[{i}]' for i in index)}"
    if first["type"] == "too_short":
        raise ValueError(f"{place} is empty; at least one temperature is needed")
    rule = first["msg"].removeprefix("Value error, ").replace("Input should be", "allowed is", 1)
    raise ValueError(f"{place} is {first['input']!r}; {rule}")
