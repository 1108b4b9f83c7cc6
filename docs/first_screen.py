"""Draws the README's figure and writes its table, both from the evidence of the study `tiny`.

`make readme` runs it; tests/docs/test_first_screen.py fails where figure or table no longer follow.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tampo.evidence.results_page.against import Comparison, comparisons
from tampo.files import write_atomically, written_whole
from tampo.report.figures.style import BLACK, BLUE, GREEN, PURPLE, VERMILLION, styled
from tampo.report.figures.training import over_seeds
from tampo.study.study import load_study

ROOT = Path(__file__).resolve().parent.parent
EVIDENCE = ROOT / "docs" / "evidence" / "tiny"
README = ROOT / "README.md"
FIGURE = ROOT / "docs" / "images" / "tiny.svg"
BEGIN, END = "<!-- table: written by `make readme` -->\n", "<!-- end of table -->\n"

LINES = {
    "grpo-t0.9": ("T = 0.9", BLUE, (0, (5, 1.5))),
    "grpo-t1.2": ("T = 1.2", GREEN, (0, (3, 1.5))),
    "grpo-t1.5": ("T = 1.5", PURPLE, (0, (1, 1))),
    "grpo-linear": ("linear", BLACK, (0, (6, 1.5, 1, 1.5))),
    "tampo": ("TAMPO", VERMILLION, "-"),
}
"""Label, colour and line style of each method."""
SIZE = (6.0, 2.3)
"""Inches: on a phone 390 px wide, letters of 10 points are still 8 px high."""


def figure_table(name: str) -> pd.DataFrame:
    """Return the data of a figure of the report."""
    path = EVIDENCE / "report" / "figures" / f"{name}.csv.xz"
    return pd.read_csv(path, dtype={"method": str})


def _panel(axes: Axes, data: pd.DataFrame, column: str, title: str) -> None:
    axes.set_title(title, fontsize=11)
    for method, (label, colour, style) in LINES.items():
        values = over_seeds(data[data["method"] == method], column)
        heavy = method == "tampo"
        if heavy:
            axes.fill_between(
                values.index, values["low"], values["high"], color=colour, alpha=0.18, linewidth=0
            )
        axes.plot(
            values["mean"],
            color=colour,
            linestyle=style,
            linewidth=2.4 if heavy else 1.5,
            zorder=3 if heavy else 2,
            label=label,
        )
    axes.set_xlabel("training step", fontsize=10)
    axes.tick_params(labelsize=10)


@styled
def save_figure(path: Path) -> None:
    """Draw temperature and reward over training, side by side, reproducible byte for byte."""
    figure = Figure(SIZE, layout="constrained")
    left, right = figure.subplots(1, 2)
    _panel(left, figure_table("temperatures"), "temperature", "Rollout temperature")
    _panel(right, figure_table("learning_curves"), "smoothed", "Mean reward of the rollouts")
    left.set_yticks([0.6, 0.9, 1.2, 1.5])
    right.set_ylim(bottom=0)
    figure.legend(
        handles=left.get_lines(), loc="outside lower center", ncols=5, fontsize=10, handlelength=2.4
    )
    with written_whole(path) as temporary:
        figure.savefig(temporary, format="svg", metadata={"Date": None, "Creator": None})


def result_table() -> str:
    """Return the README's table: mean Pass@1 of every trained method, and TAMPO minus that method."""
    study = load_study(EVIDENCE / "report" / "study.yaml")
    scores = pd.read_csv(EVIDENCE / "report" / "table1.csv", dtype={"method": str})
    first = scores[scores["metric"] == "pass@1"].set_index("method")
    compared = comparisons(
        study, pd.read_csv(EVIDENCE / "aggregate" / "problem_scores.csv.xz"), k=1
    )
    against = {one.baseline: one for one in compared}
    rows = [
        "| rollout temperature | mean Pass@1, % | TAMPO minus this, points |",
        "| --- | --- | --- |",
    ]
    for method, (label, *_) in LINES.items():
        score = "{average:.1f} [{average_low:.1f}, {average_high:.1f}]".format(**first.loc[method])
        difference = against[method].numbers if method in against else "–"
        # On a phone a cell breaks before its interval, not within it.
        cells = [cell.replace(", ", ",\N{NO-BREAK SPACE}") for cell in (score, difference)]
        rows.append(f"| {label} | {' | '.join(cells)} |")
    base = first.loc["base", "average"]
    note = (
        f"95 % intervals over {len(study.seeds)} training seeds and the problems. Base model: {base:.1f}. "
        f"{_finding(compared)}"
    )
    return "\n".join([*rows, "", note]) + "\n"


def _finding(compared: list[Comparison]) -> str:
    apart = [LINES[one.baseline][0] for one in compared if one.found.low > 0 or one.found.high < 0]
    if not apart:
        return "No difference is significant."
    return f"Significant, the interval excludes 0: the difference to {', '.join(apart)}."


def with_table(text: str) -> str:
    """Return the README with a fresh table between its markers."""
    before, _, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"{README}: the lines {BEGIN!r} and {END!r} must be in it")
    return f"{before}{BEGIN}\n{result_table()}\n{END}{after}"


if __name__ == "__main__":
    save_figure(FIGURE)
    write_atomically(README, with_table(README.read_text(encoding="utf-8")))
    print(f"written: {FIGURE.relative_to(ROOT)} and the table of {README.relative_to(ROOT)}")
