"""How intervals are made: the settings that functions here take."""

from __future__ import annotations

from typing import Protocol


class Resampling(Protocol):
    """Anything that has these numbers; a study's settings do."""

    @property
    def confidence(self) -> float:
        """Nominal coverage of intervals, between 0 and 1."""

    @property
    def resamples(self) -> int:
        """Bootstrap draws and permutations."""

    @property
    def seed(self) -> int:
        """Base seed of the draws."""
