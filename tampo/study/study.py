"""A study: everything that decides what is run, in one file, checked before anything starts."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import Field, ValidationError, model_validator

from tampo.problems.prompts import Prompt
from tampo.study.model_settings import ColdStart, Model
from tampo.study.resources import Resources, accumulation_steps
from tampo.study.settings import (
    Benchmark,
    Closed,
    Evaluation,
    Name,
    OwnProblems,
    Statistics,
    Training,
    Words,
)
from tampo.study.validation import explain
from tampo.temperature.protocol import PolicyContext
from tampo.temperature.registry import policy_class, policy_settings

UNTRAINED = "untrained"
"""Policy name of the method that is the base model itself."""
COLD_START_PROBLEMS = "cold_start.problems"


class StudyError(ValueError):
    """A study file that cannot be run; the message names the key, the value and what is allowed."""


class Method(Closed):
    """One arm of the study: a temperature policy, and settings of its own."""

    name: Name
    policy: str
    """A registered policy, `path/to/file.py:Class`, or `untrained` for the base model itself."""
    settings: dict[str, Any] = Field(default={})
    """Settings of the policy; keys and types are those of its `Settings` class."""
    training: dict[str, Any] = Field(default={})
    """Training settings that differ from the study's for this method only."""
    label: Words | None = Field(default=None, exclude_if=lambda text: text is None)
    """What tables and figures call the method; null: its name."""
    group: Words | None = Field(default=None, exclude_if=lambda text: text is None)
    """Heading that tables and figures list the method under."""

    @property
    def title(self) -> str:
        """The method's label, or its name where it has none."""
        return self.label or self.name


class Table(Closed):
    """One table of the report: methods by benchmarks."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    title: str
    methods: list[str] = Field(min_length=1)
    """Names of the study's methods, in row order."""


class Study(Closed):
    """A study as its file describes it."""

    name: Name
    description: str
    """One or two sentences for the report."""
    model: Model
    cold_start: ColdStart | None = None
    """SFT cold start of the base model that `model` names; null for none [P]."""
    prompt: Prompt = Prompt()
    training: Training
    methods: list[Method] = Field(min_length=1)
    seeds: list[Annotated[int, Field(ge=0)]] = Field(min_length=1)
    """Base seeds; every trained method is run once with each."""
    benchmarks: list[Benchmark] = Field(min_length=1)
    evaluation: Evaluation = Evaluation()
    statistics: Statistics = Statistics()
    resources: Resources = Resources()
    tables: list[Table] = Field(min_length=1)
    references: list[Name] | None = Field(default=None, exclude_if=lambda names: names is None)
    """Methods that every other is compared with; null: the best fixed temperature of the results,
    uniform draws and TAMPO."""
    problem_sets: dict[Name, OwnProblems] = Field(default={}, exclude_if=lambda sets: not sets)
    """Problem sets of your own by the name that `training.problems` and `benchmarks` use."""
    data_dir: str | None = None
    """Folder of canonical JSONL files to read problem sets from instead of the hub."""
    allow_overlap: Annotated[str, Field(pattern=r"\S")] | None = Field(
        default=None, exclude_if=lambda reason: reason is None
    )
    """Why the study may train on problems of its benchmarks; the report repeats it. null: it may not."""

    @model_validator(mode="after")
    def _consistent(self) -> Study:
        _no_repeats("seeds", self.seeds)
        _no_repeats("methods", [m.name for m in self.methods])
        _no_repeats("labels of methods", [m.title for m in self.methods])
        _no_repeats("benchmarks", [b.name for b in self.benchmarks])
        _no_repeats("tables", [t.name for t in self.tables])
        self._add_problem_sets()
        for method in self.methods:
            self._check_method(method)
        for method in self.methods:
            self._check_replay(method)
        for table in self.tables:
            _no_repeats(f"tables.{table.name}.methods", table.methods)
            _known(f"tables.{table.name}.methods", table.methods, [m.name for m in self.methods])
        if self.references is not None:
            _no_repeats("references", self.references)
            _known("references", self.references, [m.name for m in self.methods])
        if "table1" not in [t.name for t in self.tables]:
            raise StudyError("tables: no table named 'table1', which results/table1.csv needs")
        self._check_catalogue()
        return self

    def _add_problem_sets(self) -> None:
        """Let the study's own sets be found by name, and refuse those that could not be used."""
        from tampo.grading.own_grader import GraderFault, own_grader
        from tampo.problems.catalogue import OwnFile, add_own
        from tampo.problems.problem_sets import OPTIONAL, REQUIRED

        for name, own in self.problem_sets.items():
            key = f"problem_sets.{name}"
            _known(f"{key}.columns", list(own.columns), [*REQUIRED, *OPTIONAL])
            try:
                if own.grader is not None:
                    own_grader(own.grader)
            except GraderFault as fault:
                raise StudyError(f"{key}.grader: {fault}") from None
        try:
            add_own({n: OwnFile(o.file, o.columns, o.grader) for n, o in self.problem_sets.items()})
        except ValueError as error:
            raise StudyError(f"problem_sets: {error}") from None

    def _check_method(self, method: Method) -> None:
        key = f"methods.{method.name}"
        if method.policy == UNTRAINED:
            for part in ("settings", "training"):
                if getattr(method, part):
                    raise StudyError(f"{key}.{part}: the base model takes none")
            return
        try:
            policy_settings(method.policy, method.settings)
        except ValidationError as error:
            kind = policy_class(method.policy).Settings
            raise StudyError(explain(error, kind, f"{key}.settings")) from None
        except ValueError as error:
            raise StudyError(f"{key}.policy: {error}") from None
        try:
            self.training_of(method.name)
        except ValidationError as error:
            raise StudyError(explain(error, Training, f"{key}.training")) from None
        try:
            accumulation_steps(self.training_of(method.name), self.resources.train.num_processes)
        except ValueError as error:
            raise StudyError(f"resources.train, method {method.name}: {error}") from None

    def _check_replay(self, method: Method) -> None:
        """Refuse what leaves a replay without another run to replay."""
        replayed = self._replayed_method(method)
        if replayed is None:
            return
        key = f"methods.{method.name}.settings.method"
        others = [
            name for name in self.trained_methods if not self._replayed_method(self.method(name))
        ]
        _known(key, [replayed], others)
        if len(self.seeds) < 2:
            raise StudyError(
                f"{key}: {replayed!r} replays a run with another seed, but seeds lists {self.seeds}"
            )
        steps, recorded = self.training_of(method.name).steps, self.training_of(replayed).steps
        if steps > recorded:
            raise StudyError(f"{key}: {replayed!r} takes {recorded} steps, this method {steps}")

    def _replayed_method(self, method: Method) -> str | None:
        if method.policy == UNTRAINED:
            return None
        return policy_settings(method.policy, method.settings).replayed_method

    def replayed_run(self, name: str, seed: int) -> tuple[str, int] | None:
        """Return the run, (method, seed), whose temperatures this one is given, or None.

        It is the run with the next seed of the study: the same seed would see the same problems and
        noise, and be the replayed run over again.
        """
        replayed = self._replayed_method(self.method(name))
        if replayed is None:
            return None
        return replayed, self.seeds[(self.seeds.index(seed) + 1) % len(self.seeds)]

    def _check_catalogue(self) -> None:
        from tampo.grading.rewards import REWARDS
        from tampo.problems.catalogue import CATALOGUE, benchmarks

        for key, name in self.training_sets.items():
            solved = [n for n, entry in CATALOGUE.items() if entry.solutions]
            _known(key, [name], solved if key == COLD_START_PROBLEMS else CATALOGUE)
        _known("benchmarks", [b.name for b in self.benchmarks], benchmarks())
        _known("training.rewards", [r.name for r in self.training.rewards], REWARDS)
        self._check_overlap()
        for benchmark in self.benchmarks:
            if benchmark.samples < max(self.evaluation.pass_k):
                raise StudyError(
                    f"benchmarks.{benchmark.name}.samples: {benchmark.samples} responses cannot "
                    f"estimate Pass@{max(self.evaluation.pass_k)}; at least that many are needed"
                )

    @property
    def training_sets(self) -> dict[str, str]:
        """The problem sets that the study trains on, by the key that names each."""
        sets = {"training.problems": self.training.problems}
        sets |= {
            f"methods.{method.name}.training.problems": self.training_of(method.name).problems
            for method in self.methods
            if "problems" in method.training
        }
        return (
            sets
            if self.cold_start is None
            else sets | {COLD_START_PROBLEMS: self.cold_start.problems}
        )

    def _check_overlap(self) -> None:
        """Refuse to train on a benchmark by name; `tampo.study.contamination` looks at content."""
        from tampo.problems.catalogue import root

        tested = {root(benchmark.name): benchmark.name for benchmark in self.benchmarks}
        for key, name in self.training_sets.items():
            benchmark = tested.get(root(name))
            if benchmark is not None and self.allow_overlap is None:
                what = (
                    "also" if name == benchmark else f"the source of {benchmark!r} or a part of it,"
                )
                raise StudyError(
                    f"{key}: {name!r} is {what} a benchmark; a study never trains on what it is "
                    "tested on (if it must, say why in allow_overlap)"
                )

    def method(self, name: str) -> Method:
        """Return the method called `name`; StudyError lists the known ones."""
        _known("method", [name], [m.name for m in self.methods])
        return next(m for m in self.methods if m.name == name)

    def training_of(self, name: str) -> Training:
        """Return the training settings of one method: the study's with the method's own on top."""
        own = self.method(name).training
        return Training(**{**self.training.model_dump(exclude_unset=True), **own})

    @property
    def trained_methods(self) -> list[str]:
        """Names of the methods that are trained, in order."""
        return [m.name for m in self.methods if m.policy != UNTRAINED]

    def policy_context(
        self, name: str, seed: int, vocabulary: int, recorded: tuple[float, ...] = ()
    ) -> PolicyContext:
        """Return what the temperature policy of method `name` is given in the run with base seed `seed`.

        Args:
            vocabulary: tokens that the model can emit.
            recorded: temperatures of `replayed_run`, one per step, where there is such a run.
        """
        training = self.training_of(name)
        return PolicyContext(
            steps=training.steps,
            warmup_steps=training.warmup_steps,
            candidates=tuple(training.candidate_temperatures),
            seed=seed,
            group_size=training.group_size,
            vocabulary=vocabulary,
            completion_tokens=training.max_completion_tokens,
            recorded=recorded,
        )


def _no_repeats(key: str, values: list) -> None:
    seen = set()
    for value in values:
        if value in seen:
            raise StudyError(f"{key}: {value!r} is listed twice; list it once")
        seen.add(value)


def _known(key: str, values: list[str], allowed: Any) -> None:
    for value in values:
        if value not in allowed:
            raise StudyError(f"{key}: unknown {value!r}; allowed: {', '.join(allowed)}")


RENAMED = {"warm_up": "cold_start"}
"""Former names of keys, still read because stored results keep a copy of their study file."""


class _StudyLoader(yaml.SafeLoader):
    """YAML with 1e-6 as a number (YAML 1.1 reads it as text) and no repeated keys."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        keys = [self.construct_object(k, deep=True) for k, _ in node.value]
        for index, key in enumerate(keys):
            if key in keys[:index]:
                line = node.value[index][0].start_mark.line + 1
                raise StudyError(f"line {line}: key {key!r} is duplicated; write it once")
        return super().construct_mapping(node, deep)


_StudyLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(\d+(\.\d*)?|\.\d+)[eE][-+]?\d+$"),
    list("-+0123456789."),
)


def load_study(path: str | Path, data_dir: str | None = None) -> Study:
    """Read and check a study file.

    Args:
        path: YAML file.
        data_dir: overrides the study's `data_dir` where given.

    Raises:
        StudyError: names the file, the key, the value and what is allowed.
    """
    path = Path(path)
    if not path.is_file():
        found = ", ".join(sorted(p.stem for p in path.parent.glob("*.yaml"))) or "none"
        raise StudyError(f"{path}: no such study file; studies beside it: {found}")
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_StudyLoader)
        if not isinstance(content, dict):
            raise StudyError("a study is a mapping of keys")
        for before, now in RENAMED.items():
            if before in content and now not in content:
                content[now] = content.pop(before)
        if data_dir is not None:
            content["data_dir"] = data_dir
        return Study(**content)
    except ValidationError as error:
        raise StudyError(f"{path}: {explain(error, Study)}") from None
    except yaml.YAMLError as error:
        raise StudyError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    except StudyError as error:
        raise StudyError(f"{path}: {error}") from None


def schema() -> dict[str, Any]:
    """Return the JSON schema of a study file, for editors."""
    return Study.model_json_schema()
