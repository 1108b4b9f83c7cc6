"""Names of `results/` are spelled in `tampo/layout.py` and nowhere else."""

import ast
import re
from pathlib import Path

import pytest
from support.paths import ROOT

from tampo import layout

NAMED = {value for name, value in vars(layout).items() if name.isupper() and isinstance(value, str)}
ORDINARY = {name for name in NAMED if re.fullmatch(r"[a-z]+", name)} | {
    "entropy_at_one",
    "cpu_seconds",
    "table1",
}
"""Words that also are keys of settings, of run.json or of TRL, and names of what is not a column."""
FILES = sorted(
    path
    for path in (ROOT / "tampo").rglob("*.py")
    if path.name != "layout.py" and "tools/bench" not in path.as_posix()
)


def spelled(path: Path) -> set[str]:
    """Return the strings of a module that are exactly a name of the layout."""
    tree = ast.parse(path.read_text())
    return {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    } & (NAMED - ORDINARY)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_name_of_the_layout_is_spelled_there_only(path):
    assert spelled(path) == set()


def test_rules_spell_no_path_of_the_results():
    for path in [ROOT / "Snakefile", *(ROOT / "workflow" / "rules").glob("*.smk")]:
        code = "\n".join(line.partition("#")[0] for line in path.read_text().splitlines())
        assert not re.search(r'"(results|logs|benchmarks)/', code), path


def test_functions_of_a_run_give_the_patterns_of_the_rules():
    here = Path("results/{study}")
    assert str(layout.train_folder(here, "{method}", "{seed}")) == (
        "results/{study}/train/{method}/seed{seed}"
    )
    assert str(layout.evaluate_folder(Path("r"), "tampo", 3)) == "r/evaluate/tampo/seed3"
    assert str(layout.log_file("tiny", layout.job_name("train", "tampo", 1))) == (
        "logs/tiny/train/tampo/seed1.log"
    )
    assert layout.pass_at(1) == "pass@1" and layout.pass_at(8, 6144) == "pass@8@6144"
