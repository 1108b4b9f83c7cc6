"""The command line: every option explained, every mistake one line with the nearest legal value."""

import argparse
import subprocess
import sys

import pytest
from support.paths import ROOT

from tampo.__main__ import run
from tampo.cli.main import _parser, main

TINY = ROOT / "docs" / "evidence" / "tiny" / "report"


def actions(parser, path=()):
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, inner in action.choices.items():
                yield from actions(inner, (*path, name))
        else:
            yield (*path, action.dest), action


def test_every_option_of_every_command_has_a_help():
    assert [path for path, action in actions(_parser()) if not action.help] == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["check", "tinny"], "error: unknown study 'tinny'; did you mean 'tiny'?; studies: ci, "),
        (["plan", "--study", "papr"], "error: unknown study 'papr'; did you mean 'paper'?"),
        (["policies", "tmpo"], "error: unknown policy 'tmpo'; did you mean 'tampo'?; registered: "),
        (["show", f"{TINY}/table.csv"], f"error: no file {TINY}/table.csv; did you mean "),
        (
            ["compare", "tmpo", "grpo-t0.9", "--results", str(TINY.parent)],
            "error: unknown method 'tmpo'; did you mean 'tampo'?; methods: base, ",
        ),
        (["compare", "a", "b", "--study", "nothing"], "error: results/nothing holds no report"),
    ],
)
def test_a_mistake_is_one_line(words, said, capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    assert main(words) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(said)


def test_a_wrong_command_names_the_nearest(capsys):
    with pytest.raises(SystemExit):
        main(["chek"])
    assert "'chek'; did you mean 'check'?; legal: model, " in capsys.readouterr().err


def test_a_study_is_named_or_given_as_a_file(capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    assert main(["check", "ci"]) == main(["check", "workflow/studies/ci.yaml"]) == 0


def test_a_table_is_shown_as_the_report_rounds(capsys):
    assert main(["show", str(TINY / "table1.csv")]) == 0
    assert "56.7 [49.7, 63.7]" in capsys.readouterr().out
    assert main(["show", str(TINY / "claims.csv")]) == 0
    shown = capsys.readouterr().out
    assert "\N{MINUS SIGN}11 [\N{MINUS SIGN}31.4, 10.2]" in shown
    assert shown.endswith(f"not shown, in {TINY / 'claims.csv'}: test, detail\n")


def test_two_methods_of_evidence_are_compared(capsys):
    assert main(["compare", "tampo", "grpo-t0.9", "--results", str(TINY.parent)]) == 0
    first = capsys.readouterr().out.splitlines()[1].split()
    assert first[:3] == ["pass@1", "average", "\N{MINUS SIGN}11.0"]


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_completion_is_a_script_that_names_the_commands(shell, capsys):
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert "compare" in script and "--study" in script
    if shell == "bash":
        assert subprocess.run(["bash", "-n"], input=script, text=True).returncode == 0


def test_output_whose_reader_leaves_early_ends_without_a_word():
    pipe = f"{sys.executable} -m tampo schema | true; exit ${{PIPESTATUS[0]}}"
    ended = subprocess.run(["bash", "-c", pipe], capture_output=True, text=True, cwd=ROOT)
    assert (ended.returncode, ended.stderr, ended.stdout) == (141, "", "")


def test_another_pipe_that_breaks_is_no_reader_who_left(monkeypatch):
    def broken():
        raise BrokenPipeError("a worker is gone")

    monkeypatch.setattr("tampo.cli.main", broken)
    with pytest.raises(BrokenPipeError, match="a worker is gone"):
        run()
