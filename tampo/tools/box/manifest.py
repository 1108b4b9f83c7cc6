"""What travels beside the parts: `manifest.json`, as either side writes it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from tampo.study.settings import Closed, Name
from tampo.study.validation import explain
from tampo.tools.box.parts import MANIFEST, BoxError, read_manifest

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Part(Closed):
    """One file of the stream."""

    name: Annotated[str, Field(pattern=r"^part-\d{4,}$")]
    size: Annotated[int, Field(ge=1)]
    """Bytes."""
    sha256: Digest


class Source(Closed):
    """The files that a study is run with."""

    commit: str | None
    dirty: bool | None
    """Whether files differed from the commit when they were packed."""


class Run(Closed):
    """One method with one seed."""

    method: Name
    seed: Annotated[int, Field(ge=0)]
    trained: bool
    """False for the base model itself, which is evaluated only."""


class Manifest(Closed):
    """What both sides state about their parts."""

    format: Literal[1]
    study: Name
    source: Source
    runs: list[Run]
    bytes: Annotated[int, Field(ge=1)]
    """Length of the stream."""
    parts: list[Part] = Field(min_length=1)


class Packed(Manifest):
    """A study on its way to a box."""

    kind: Literal["study"]
    model: str
    """Where the base model comes from on the box."""
    problems: dict[str, dict[str, Any]]
    """Problem sets that travel, each with where it was read from."""
    wheels: Literal["cpu", "gpu", "none"]
    python: str | None
    """Version, `3.12`, that the wheels are for; null without wheels."""
    system_packages: bool
    """Whether the environment on the box also sees the packages that the box has."""
    installed: list[str]
    """Wheels that make the environment, by file name."""


class Collected(Manifest):
    """Finished runs on their way back."""

    kind: Literal["results"]


def read_collected(folder: Path) -> Collected:
    """Read the manifest of collected results.

    Raises:
        BoxError: names the key, the value and what is allowed.
        PartsError: there is none, or it is damaged.
    """
    content = read_manifest([folder], "results")
    try:
        # From JSON, because a strict model takes a list for a tuple there only.
        return Collected.model_validate_json(json.dumps(content))
    except ValidationError as error:
        raise BoxError(f"{folder / MANIFEST}: {explain(error, Collected)}") from None
