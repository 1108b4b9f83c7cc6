"""Fixed temperature: the control that every published recipe uses.

Rule: T_s = temperature for every step s.
Source: TAMPO's Table 1 compares with 0.9, 1.2 and 1.5 (arXiv 2602.11779).
"""

from __future__ import annotations

from tampo import OpenLoopPolicy, PolicySettings, Temperature


class FixedSettings(PolicySettings):
    """Settings of `fixed`."""

    temperature: Temperature
    """Rollout temperature of every step."""


class Fixed(OpenLoopPolicy):
    """The same temperature at every step."""

    Settings = FixedSettings

    def __init__(self, temperature: float) -> None:
        self.temperature = temperature

    def draw(self, step: int) -> float:
        """Return the fixed temperature."""
        return self.temperature
