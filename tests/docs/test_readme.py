"""README and guides: every command they name exists and parses, every path they name is there."""

import importlib
import re
import shlex

import pytest
from snakemake.cli import get_argument_parser
from support.box_study import BOX
from support.paths import ROOT

from tampo.cli.main import _parser

README = (ROOT / "README.md").read_text()
GENERATED = {"results.md"}
DOCUMENTS = {
    str(path.relative_to(ROOT)): path.read_text()
    for path in (
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        ROOT / "results" / "README.md",
        *sorted(path for path in (ROOT / "docs").glob("*.md") if path.name not in GENERATED),
    )
}
TARGETS = set(re.findall(r"^([\w-]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))
MINE = {"workflow/studies/mine.yaml", "workflow/studies/half.yaml"}
"""The study that docs/adding-a-schedule.md has its reader write."""
MADE = (
    *(
        "results/table1.csv",
        "results/report.html",
        "results/bench-grading",
        "results/tiny",
        "results/mine",
        "results/paper",
        "results/{",
        "logs/{",
    ),
    # `tests/docs/test_shipped_evidence.py` asks for the page where there is evidence.
    *("docs/evidence/{", "docs/results.md"),
    *(*MINE, "workflow/studies/NAME.yaml", "envs/tampo.sif", ".snakemake/slurm_logs"),
)
"""Paths that a run makes, or that are placeholders."""


def commands_of(text):
    """Return the shell commands of a document: those of its `sh` blocks and those in inline code."""
    blocks = re.findall(r"^ *```sh\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)
    lines = [line.partition(" #")[0].strip() for block in blocks for line in block.splitlines()]
    inline = re.findall(r"`((?:make|snakemake|python -m tampo) [^`\n]+)`", text)
    found = [part.strip() for line in [*lines, *inline] for part in line.split("&&")]
    # Three dots mean options that a page shows elsewhere.
    return [command for command in found if command and "..." not in command]


def commands(start):
    """Return (document, command) of every command that begins with `start`."""
    named = {(d, c) for d, text in DOCUMENTS.items() for c in commands_of(text)}
    found = sorted((d, c) for d, c in named if c.split()[: len(start.split())] == start.split())
    assert found, f"no document has a {start!r} command"
    return [pytest.param(command, id=f"{document}: {command}") for document, command in found]


@pytest.mark.parametrize("command", commands("make"))
def test_make_targets_exist(command):
    assert set(shlex.split(command)[1:]) <= TARGETS


def test_every_make_target_but_help_is_explained_in_the_readme():
    named = {c.split()[1] for c in commands_of(README) if re.match("make [a-z]", c)}
    assert {"help"} == TARGETS - named


@pytest.mark.parametrize("command", commands("snakemake"))
def test_snakemake_commands_parse(command):
    arguments = get_argument_parser().parse_args(shlex.split(command)[1:])
    assert set(arguments.targets) <= {"results/table1.csv", "results/report.html", "prefetch"}


@pytest.mark.parametrize("command", commands("python -m tampo"))
def test_commands_of_the_package_parse(command):
    words = shlex.split(command.partition(" > ")[0])[3:]
    if len(words) == 1:
        # Named in prose without its arguments.
        with pytest.raises(SystemExit) as asked_for_help:
            _parser().parse_args([*words, "--help"])
        assert asked_for_help.value.code == 0
        return
    arguments = _parser().parse_args(words)
    study = getattr(arguments, "study", None)
    named = (ROOT / "workflow" / "studies" / f"{study}.yaml").is_file()
    mine = f"workflow/studies/{study}.yaml" in MINE
    assert study in (None, *MINE) or mine or named or (ROOT / study).is_file()


@pytest.mark.parametrize("command", commands("python box.py"))
def test_commands_of_the_other_machine_parse(command, monkeypatch):
    # There the script lies beside its modules, outside any package.
    monkeypatch.syspath_prepend(BOX.parent)
    importlib.import_module("box")._parser().parse_args(shlex.split(command)[2:])


def test_every_command_of_the_readme_is_of_a_known_kind():
    kinds = ("make", "snakemake", "python -m tampo")
    assert [command for command in commands_of(README) if not command.startswith(kinds)] == []


def named_paths(text):
    """Paths in inline code: they hold a slash or end in a known suffix, and no space."""
    for code in re.findall(r"`([^`\n]+)`", text):
        is_path = "/" in code or re.search(r"\.(md|yaml|py|csv)$", code)
        if is_path and " " not in code and not code.startswith(MADE):
            yield code.rstrip("/")


@pytest.mark.parametrize("document", DOCUMENTS)
def test_named_paths_exist(document):
    known = {path.name for path in ROOT.iterdir()} | {"run.json", "scores.csv"}
    for path in named_paths(DOCUMENTS[document]):
        if path.partition("/")[0] in known and path not in known:
            assert (ROOT / path).exists(), f"{document} names {path}"


def test_the_listed_studies_are_those_there_are():
    table = DOCUMENTS["docs/studies.md"].partition("| study |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| `([\w-]+)` \|", table, re.MULTILINE)
    assert sorted(rows) == sorted(path.stem for path in ROOT.glob("workflow/studies/*.yaml"))


def test_the_listed_policies_are_those_registered():
    from tampo.temperature.registry import REGISTRY

    table = DOCUMENTS["docs/studies.md"].partition("## Temperature policies")[2]
    named = set(re.findall(r"`([a-z0-9-]+)`", "".join(re.findall(r"^\|.*", table, re.MULTILINE))))
    assert set(REGISTRY) <= named
