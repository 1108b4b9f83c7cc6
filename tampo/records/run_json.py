"""run.json as types: what a stage says about itself, one type per stage.

Written last in a folder, so a folder without it is unfinished. Read and written here and nowhere as a
bare dict; `VERSION` counts the changes of its form.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from tampo import layout
from tampo.files import write_json

VERSION = 4
"""1: no version key. 2: with it. 3: `cold_start`, which was called `warm_up`. 4: may say that a run
diverged or collapsed, and that an evaluation was refused. All four can be read."""


class Part(BaseModel):
    """A closed part of run.json."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Seconds(Part):
    """How long a stage took, start-up included."""

    wall: float
    cpu: float
    """Processor seconds of the main process."""


class Source(Part):
    """The commit that ran."""

    commit: str | None
    dirty: bool | None
    """Whether files differed from the commit; None where that is not known."""


class Hardware(Part):
    """The machine that ran the stage."""

    processor: str
    cores: int
    memory_mib: int
    platform: str | None = None
    gpus: list[str] = []
    """Names of the GPUs in view."""


class Divergence(Part):
    """Where the numbers of a training run ceased to be finite: the run ended there."""

    step: int
    """0-based optimiser step; the logs hold the steps before it."""
    what: str
    """What was not finite."""

    def __str__(self) -> str:
        return f"diverged at step {self.step}: {self.what}"


class Collapse(Part):
    """Steps in a row from which nothing can be learned; the run went on and is scored."""

    what: str
    first_step: int
    steps: int
    """How many in a row."""


class Refused(Part):
    """Why a checkpoint was not evaluated."""

    diverged: Divergence
    """The training run that left no weights to evaluate."""
    files: dict[str, str]
    """SHA-256 of each benchmark's file of responses, which is empty."""


class LeftOut(Part):
    """Training problems that a run could not use."""

    reason: str
    ids: list[str]


class Overlap(Part):
    """What a run's training problems share with the benchmarks of its study."""

    found: dict[str, dict[str, dict[str, int]]]
    """Matches by training set, benchmark and kind (`tampo.problems.overlap`)."""
    not_read: list[str]
    """Problem sets that could not be read, so that nothing is known of them."""


class Origin(Part):
    """The checkpoint that was evaluated."""

    sha256: str
    """Of the checksums of its files."""
    run_json_sha256: str
    stage: Literal["model", "train"] | None
    """What made it."""


class BenchmarkEntry(BaseModel):
    """Outcome of one benchmark. Pass@k has one key per k."""

    model_config = ConfigDict(extra="allow", frozen=True)

    version: float
    """Of the task document."""
    problems: int
    data: dict[str, Any]
    """Where the problems came from, with `sha256` of their content."""
    file_sha256: str
    samples: int | None = None
    outcomes: dict[str, Any] | None = None
    truncation_rate: float | None = None
    tokens: dict[str, int] | None = None
    """Of prompts and of responses."""


class _Run(Part):
    version: int = 1
    command: list[str]
    arguments: dict[str, Any]
    """As passed and as resolved."""
    started: str
    """ISO 8601, UTC."""
    seconds: Seconds
    peak_memory_mib: int
    tampo: str
    """Version of this package."""
    source: Source
    python: str
    packages: dict[str, str]
    hardware: Hardware

    @property
    def checksums(self) -> dict[str, str]:
        """SHA-256 of every file that the stage wrote, by name relative to its folder."""
        return {}

    def write(self, folder: Path) -> None:
        """Write run.json below `folder`."""
        write_json(folder / layout.RUN_JSON, self.model_dump(mode="json", exclude_unset=True))


class _WithFiles(_Run):
    files: dict[str, str]

    @property
    def checksums(self) -> dict[str, str]:
        return dict(self.files)


class ModelRun(_WithFiles):
    """The base model of a study."""

    stage: Literal["model"]
    parameters: int
    dtype: str | None = None
    steps: int | None = None
    """Of pretraining."""
    final_loss: float | None = None
    cold_start: dict[str, Any] | None = Field(
        None, validation_alias=AliasChoices("cold_start", "warm_up")
    )
    """Settings and outcome of the SFT cold start; `warm_up` before version 3."""


class PrefetchRun(_WithFiles):
    """Problem sets as files."""

    stage: Literal["prefetch"]


class TrainRun(_WithFiles):
    """One method trained with one seed."""

    stage: Literal["train"]
    study: str | None = None
    """Name of the study; None in runs from before it was recorded, as is the next."""
    base_model: dict[str, str] | None = None
    """Checksums of the base model's files."""
    resumed_from: str | None
    """Checkpoint that the last attempt continued from."""
    processes: int
    problems_left_out: LeftOut
    grader: int | None = None
    """Version of the grader behind the rewards; None before it had one."""
    problems: dict[str, Any] | None = None
    """What decides the training problems (`problem_sets.identity`): the checksum of their file, or a
    revision of the hub. None in runs from before it was recorded."""
    overlap: Overlap | None = None
    """None in runs from before it was looked for."""
    diverged: Divergence | None = None
    collapse: list[Collapse] = []


class EvaluateRun(_Run):
    """One checkpoint sampled and graded on every benchmark."""

    stage: Literal["evaluate"]
    checkpoint: Origin
    benchmarks: dict[str, BenchmarkEntry]
    grader: int | None = None
    """Version of the grader; None before it had one."""
    lm_eval: dict[str, Any]
    """lm-eval's own results, without samples."""
    refused: Refused | None = None
    """Set where nothing was sampled; `benchmarks` and `lm_eval` are then empty."""

    @property
    def checksums(self) -> dict[str, str]:
        if self.refused is not None:
            return dict(self.refused.files)
        return {
            layout.samples_file(name): entry.file_sha256 for name, entry in self.benchmarks.items()
        }


AnyRun = ModelRun | PrefetchRun | TrainRun | EvaluateRun
Run = TypeVar("Run", bound=AnyRun)
_ADAPTER: TypeAdapter[AnyRun] = TypeAdapter(Annotated[AnyRun, Field(discriminator="stage")])


def read_any_run(path: Path) -> AnyRun:
    """Read a run.json of whichever stage.

    Raises:
        FileNotFoundError: it is not there.
        ValueError: it is not JSON, or not of this form; the message names file and key.
    """
    try:
        return _ADAPTER.validate_json(path.read_text(encoding="utf-8"))
    except ValidationError as error:
        first = error.errors()[0]
        if first["type"] == "json_invalid":
            raise ValueError(f"{path}: not JSON: {first['msg']}") from None
        key = ".".join(map(str, first["loc"][1:])) or "stage"
        raise ValueError(f"{path}: {key}: {first['msg']}") from None


def read_run(path: Path, kind: type[Run]) -> Run:
    """Read the run.json of one kind of run; another stage's is an error as well."""
    found = read_any_run(path)
    if not isinstance(found, kind):
        raise ValueError(f"{path}: stage: {found.stage!r}, not that of a {kind.__name__}")
    return found
