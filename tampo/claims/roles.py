"""Which method of a study has which role in a claim, read from policies and settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tampo.claims.claim_inputs import NotTested
from tampo.study.study import UNTRAINED, Method, Study
from tampo.temperature.meta_policy import MetaPolicySettings
from tampo.temperature.registry import policy_class

PAPER = MetaPolicySettings()
"""The paper's method: the defaults of the policy's settings."""


@dataclass(frozen=True)
class Roles:
    """Names of methods by role; methods with training settings of their own have none.

    Where several methods fit a role, the study's first has it, except for roles that are
    lists.
    """

    base: str | None = None
    """The base model itself."""
    tampo: str | None = None
    """TAMPO with the paper's settings; its warm-up is our choice and left open."""
    fixed: list[str] = field(default_factory=list)
    """Fixed temperatures."""
    linear: list[str] = field(default_factory=list)
    """Linear schedules that rise, as the paper's does."""
    alphas: dict[float, str] = field(default_factory=dict)
    """TAMPO by its α, all else the paper's."""
    top_ps: dict[float, str] = field(default_factory=dict)
    """TAMPO by its top-p, all else the paper's."""
    uniform: str | None = None
    """Temperatures drawn uniformly from the candidates."""
    replay: str | None = None
    """The temperatures of the method `tampo`, replayed."""
    shuffled: str | None = None
    """The paper's TAMPO, but for advantages that are shuffled."""

    def required(self, *parts: str) -> list[str]:
        """Return the methods that play `parts`, one part after another.

        Raises:
            NotTested: a part is played by none; the message names all such parts.
        """
        absent = [_DESCRIPTIONS[part] for part in parts if not getattr(self, part)]
        if absent:
            raise NotTested(f"the study has no {', no '.join(absent)}")
        played = [getattr(self, part) for part in parts]
        return [name for part in played for name in ([part] if isinstance(part, str) else part)]


_DESCRIPTIONS = {
    "base": "base model (policy `untrained`)",
    "tampo": "TAMPO with the paper's settings",
    "fixed": "fixed temperature",
    "linear": "rising linear schedule",
    "uniform": "uniform draws over the candidates (policy `uniform`)",
    "replay": "replay of TAMPO's temperatures (policy `replay`)",
    "shuffled": "TAMPO with shuffled advantages (setting `shuffle_advantages`)",
}


def roles(study: Study) -> Roles:
    """Return which method has which role in a study."""
    untrained = [m.name for m in study.methods if m.policy == UNTRAINED]
    plain = [
        m
        for m in study.methods
        if m.policy != UNTRAINED and study.training_of(m.name) == study.training
    ]
    metas = {m.name: _meta_settings(m, study) for m in plain if m.policy == "tampo"}
    tampo = _first([name for name, own in metas.items() if own == PAPER])
    shuffled = PAPER.model_copy(update={"shuffle_advantages": True})
    replays = [m.name for m in plain if m.policy == "replay" and _settings(m).method == tampo]
    return Roles(
        base=_first(untrained),
        tampo=tampo,
        fixed=[m.name for m in plain if m.policy == "fixed"],
        linear=[m.name for m in plain if m.policy == "linear" and _rises(m)],
        alphas=_varied(metas, "alpha"),
        top_ps=_varied(metas, "top_p"),
        uniform=_first([m.name for m in plain if m.policy == "uniform"]),
        replay=_first(replays),
        shuffled=_first([name for name, own in metas.items() if own == shuffled]),
    )


def _settings(method: Method) -> Any:
    return policy_class(method.policy).Settings(**method.settings)


def _meta_settings(method: Method, study: Study) -> MetaPolicySettings:
    """Return a method's settings with what the paper does not fix, or the study repeats, removed."""
    own = _settings(method)
    same = own.candidates == study.training.candidate_temperatures
    return own.model_copy(
        update={"warmup_steps": None, "candidates": None if same else own.candidates}
    )


def _varied(metas: dict[str, MetaPolicySettings], key: str) -> dict[float, str]:
    found: dict[float, str] = {}
    for name, own in metas.items():
        if own.model_copy(update={key: getattr(PAPER, key)}) == PAPER:
            found.setdefault(getattr(own, key), name)
    return found


def _rises(method: Method) -> bool:
    own = _settings(method)
    return own.start < own.end


def _first(names: list[str]) -> str | None:
    return names[0] if names else None
