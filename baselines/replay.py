"""Replay (yoked control): the temperatures that another run of the study recorded, step by step.

Rule: T_s = the temperature that the run of `method` drew at step s. The replaying run has the same
temperatures in the same order, but they do not answer to its own rollouts: what is left of a learned
policy's advantage over its replay is owed to adaptation.
Defaults: none; `method` must be named.
Source: Yoked controls of experimental psychology; using it as a control for temperature is our choice [R].
"""

from __future__ import annotations

from pydantic import Field

from tampo import OpenLoopPolicy, PolicyContext, PolicySettings


class ReplaySettings(PolicySettings):
    """Settings of `replay`."""

    method: str = Field(min_length=1)
    """Method of the study whose recorded temperatures are replayed."""

    @property
    def replayed_method(self) -> str:
        """Return `method`: the run depends on that method's run."""
        return self.method


class Replay(OpenLoopPolicy):
    """Temperatures recorded elsewhere."""

    Settings = ReplaySettings

    def __init__(self, temperatures: tuple[float, ...]) -> None:
        self.temperatures = temperatures

    @classmethod
    def from_settings(cls, settings: ReplaySettings, context: PolicyContext) -> Replay:
        """Take the recorded temperatures from the run's context.

        Raises:
            ValueError: the recording is shorter than the run.
        """
        if len(context.recorded) < context.steps:
            raise ValueError(
                f"replay of method {settings.method!r}: {len(context.recorded)} temperatures "
                f"recorded, but the run has {context.steps} steps"
            )
        return cls(context.recorded)

    def draw(self, step: int) -> float:
        """Return the recorded temperature of `step`; beyond the recording its last one."""
        return self.temperatures[min(step, len(self.temperatures) - 1)]
