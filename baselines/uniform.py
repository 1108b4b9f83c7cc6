"""Uniform random temperature: varies as a meta-policy does, and learns nothing.

Rule: T_s is drawn uniformly from the candidates, from the stream (seed, "temperature", s). TAMPO's
warm-up draws from the same stream by the same rule, so with the same seed the first steps agree.
Defaults: the study's candidates.
Source: A control of this project [R]; no published run of it is known.
"""

from __future__ import annotations

from pydantic import Field

from tampo import OpenLoopPolicy, PolicyContext, PolicySettings, Temperature
from tampo.seeds import generator
from tampo.temperature import simplex


class UniformSettings(PolicySettings):
    """Settings of `uniform`."""

    candidates: list[Temperature] | None = Field(default=None, min_length=1)
    """Temperatures to draw from; null is the study's candidates."""


class Uniform(OpenLoopPolicy):
    """An independent uniform draw at every step."""

    Settings = UniformSettings

    def __init__(self, temperatures: list[float], seed: int) -> None:
        self.temperatures, self.seed = list(temperatures), seed

    @classmethod
    def from_settings(cls, settings: UniformSettings, context: PolicyContext) -> Uniform:
        """Build the policy of one run; another seed draws other temperatures."""
        return cls(settings.candidates or list(context.candidates), context.seed)

    def draw(self, step: int) -> float:
        """Return the draw of `step`: a function of (seed, step)."""
        weights = simplex.uniform(len(self.temperatures))
        return self.temperatures[simplex.draw(weights, generator(self.seed, "temperature", step))]
