"""The README: every command it names exists and parses, every path it names is there."""

import re
import shlex
from pathlib import Path

import pytest
from snakemake.cli import get_argument_parser

from tampo.cli import _parser

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
DOCUMENTS = {
    "README.md": README,
    "docs/workflow.md": (ROOT / "docs" / "workflow.md").read_text(),
    **{
        f"docs/{name}.md": (ROOT / "docs" / f"{name}.md").read_text()
        for name in (
            "box",
            "cluster",
            "cost-model",
            "evidence",
            "method",
            "report",
            "statistics",
        )
    },
    "results/README.md": (ROOT / "results" / "README.md").read_text(),
}
BLOCKS = re.findall(r"^```sh\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
COMMANDS = [line.partition(" #")[0].strip() for block in BLOCKS for line in block.splitlines()]
TARGETS = set(re.findall(r"^([\w-]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))
MADE = (
    *(
        "results/table1.csv",
        "results/report.html",
        "results/tiny",
        "results/paper",
        "results/{",
        "logs/{",
    ),
    # `tests/test_shipped_evidence.py` asks for the page where there is evidence.
    *("docs/evidence/{", "docs/results.md"),
    *("workflow/studies/NAME.yaml", "envs/tampo.sif", ".snakemake/slurm_logs"),
)
"""Paths that a run makes, or that stand for a name."""


def commands(start):
    found = [command for command in COMMANDS if command.startswith(start)]
    assert found, f"the README has no {start!r} command"
    return found


@pytest.mark.parametrize("command", commands("make"))
def test_make_targets_exist(command):
    words = shlex.split(command)
    assert set(words[1:]) <= TARGETS


def test_every_make_target_but_help_is_explained():
    named = {word for command in commands("make") for word in shlex.split(command)[1:]}
    assert {"help"} == TARGETS - named


@pytest.mark.parametrize("command", commands("snakemake"))
def test_snakemake_commands_parse(command):
    arguments = get_argument_parser().parse_args(shlex.split(command)[1:])
    assert set(arguments.targets) <= {"results/table1.csv", "results/report.html"}


@pytest.mark.parametrize("command", commands("python -m tampo"))
def test_commands_of_the_package_parse(command):
    arguments = _parser().parse_args(shlex.split(command)[3:])
    study = getattr(arguments, "study", None)
    assert study is None or (ROOT / study).is_file()


def test_every_command_is_of_a_known_kind():
    kinds = ("make", "snakemake", "python -m tampo")
    assert [command for command in COMMANDS if command and not command.startswith(kinds)] == []


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


def test_the_studies_of_the_readme_are_those_there_are():
    rows = re.findall(r"^\| `([\w-]+)` \|", README, re.MULTILINE)
    assert sorted(rows) == sorted(path.stem for path in ROOT.glob("workflow/studies/*.yaml"))
