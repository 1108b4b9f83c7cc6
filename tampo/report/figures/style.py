"""Figure style: one width that fits a phone, colours that work in grey and for colour-blind readers.

Text is set for a page of 390 px: a figure is 5 inches wide, so 9 points stay readable there. Colours
are Okabe and Ito's; every colour is paired with a line style, a marker or a label.
"""

from __future__ import annotations

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.optimize import isotonic_regression

BLUE, VERMILLION, GREEN, ORANGE = "#0072B2", "#D55E00", "#009E73", "#E69F00"
PURPLE, SKY, BLACK = "#CC79A7", "#56B4E9", "#000000"
MARKERS = "osD^vPX"
GREY, PALE = "#777777", "#B4B4B4"
WIDTH = 5.0
"""Inches."""
BAND = 0.22
"""Opacity of bands."""

SETTINGS = {
    "figure.facecolor": "white",
    "figure.dpi": 96,
    "savefig.dpi": 160,
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.titlelocation": "left",
    "axes.labelsize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E6E6E6",
    "grid.linewidth": 0.6,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "lines.linewidth": 1.4,
    "hatch.linewidth": 0.6,
    "svg.fonttype": "path",
    "svg.hashsalt": "tampo",
}

# The user's matplotlibrc must not change the figures: the library's defaults come first.
styled = matplotlib.style.context(["default", SETTINGS])
"""Context, or decorator of a function, that draws and saves in this style."""


def small_multiples(
    titles: list[str],
    panel_height: float = 1.25,
    columns: int | None = None,
    same_heights: bool = True,
) -> tuple[Figure, list[Axes]]:
    """Return a figure of one panel per title, filled row by row.

    Args:
        titles: one per panel.
        panel_height: inches.
        columns: panels side by side; by default up to 2 for four panels and 3 for more.
        same_heights: all panels have the same vertical axis; the horizontal one always is.
    """
    wanted = columns or (2 if len(titles) <= 4 else 3)
    columns = min(wanted, len(titles))
    rows = -(-len(titles) // columns)
    # Of a single row, the panels need not be as flat as those of many.
    figure = Figure((WIDTH, 0.75 + rows * max(panel_height, 2.0 / rows)), layout="constrained")
    grid = figure.subplots(rows, columns, sharex=True, sharey=same_heights, squeeze=False).ravel()
    for axes, title in zip(grid, titles, strict=False):
        axes.set_title(title)
    for place in range(len(titles), len(grid)):
        grid[place].set_axis_off()
        # The panel above is now the lowest of its column and carries the tick labels.
        grid[place - columns].tick_params(labelbottom=True)
    return figure, list(grid[: len(titles)])


def label(figure: Figure, x: str, y: str) -> None:
    """Name the axes that all panels share."""
    figure.supxlabel(x, fontsize=9)
    figure.supylabel(y, fontsize=9)


def legend_above(figure: Figure, handles: list, columns: int = 3) -> None:
    """Explain lines and marks once, above all panels."""
    figure.legend(handles=handles, loc="outside upper center", ncols=columns)


def spread(heights: np.ndarray, gap: float) -> np.ndarray:
    """Return the heights nearest to those wanted that keep their order and are `gap` apart.

    Args:
        heights: [M] wanted positions.
        gap: smallest distance between two of them.
    """
    order = np.argsort(heights, kind="stable")
    steps = gap * np.arange(len(heights))
    moved = np.empty(len(heights))
    moved[order] = isotonic_regression(heights[order] - steps).x + steps
    return moved
