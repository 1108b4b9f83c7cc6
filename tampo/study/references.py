"""What a study is read beside: transcribed numbers, and the study file of the published experiment."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tampo.study.study import Study

STUDIES = Path("workflow/studies")
"""Study files, one per study (relative to the repository root)."""
DEFAULT_STUDY = "tiny"
"""Name of the study that is run where none is named."""
PUBLISHED = Path("workflow/published")
"""Transcribed tables, one folder per study (relative to the repository root)."""
PAPER = "paper"
"""Name of the study that describes the published experiment."""


@dataclass(frozen=True)
class References:
    """Where the references of a study lie."""

    published: Path = PUBLISHED
    studies: Path = STUDIES

    def tables_of(self, study: Study) -> list[Path]:
        """Return the transcribed tables that the study sets out to reproduce, by name."""
        return sorted(self.folder_of(study).glob("*.csv"))

    def folder_of(self, study: Study) -> Path:
        """Return the folder of those tables; it need not be there."""
        return self.published / study.name

    def experiment_of(self, study: Study) -> Path:
        """Return the study file that the study's settings are compared with."""
        return self.studies / f"{study.name if self.tables_of(study) else PAPER}.yaml"
