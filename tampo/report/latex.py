"""Tables in LaTeX, for `booktabs`: names escaped, scores with their intervals, marks as given."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pandas as pd

ESCAPES = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "×": r"$\times$",
    "−": r"$-$",
    "α": r"$\alpha$",
    **{character: f"\\{character}" for character in "&%$#_{}"},
}
COMMANDS = {"best": "textbf", "second": "underline"}


def escape(text: str) -> str:
    """Return plain text as LaTeX that prints it."""
    return "".join(ESCAPES.get(character, character) for character in text)


def to_latex(
    table: pd.DataFrame,
    marks: Mapping[tuple[int, str], str],
    *,
    caption: str,
    label: str,
    note: str,
    headings: Mapping[int, str] | None = None,
) -> str:
    """Render a readable table as a `table` environment (needs the package booktabs).

    Args:
        table: text cells; `44.5 [41.0, 48.1]` becomes a score over its interval.
        marks: `best` (bold) or `second` (underlined) by row number and column.
        caption: plain text.
        label: after `tab:`.
        note: plain text under the table.
        headings: plain text above a row, by row number.
    """
    names = [re.sub(r"\bpublished_", "published ", str(name)) for name in table.columns]
    header = " & ".join(r"\shortstack{" + escape(n).replace(" ", r" \\ ") + "}" for n in names)
    lines = [
        "% Needs \\usepackage{booktabs}.",
        r"\begin{table}",
        r"\centering\footnotesize\setlength{\tabcolsep}{3pt}",
        rf"\caption{{{escape(caption)}}}",
        rf"\label{{tab:{label}}}",
        rf"\begin{{tabular}}{{{''.join('r' if _is_number(table[n]) else 'l' for n in table)}}}",
        r"\toprule",
        header + r" \\",
        r"\midrule",
    ]
    previous = None
    for index, row in enumerate(table.itertuples(index=False)):
        if previous is not None and row[0] != previous:
            lines.append(r"\addlinespace")
        previous = row[0]
        if headings and index in headings:
            heading = rf"\textit{{{escape(headings[index])}}}"
            lines.append(rf"\multicolumn{{{len(table.columns)}}}{{l}}{{{heading}}} \\")
        cells = [
            _cell(str(value), marks.get((index, str(name))))
            for name, value in zip(table.columns, row, strict=True)
        ]
        lines.append(" & ".join(cells) + r" \\")
    lines += [
        r"\bottomrule",
        r"\end{tabular}",
        r"\par\smallskip\begin{minipage}{\linewidth}\scriptsize "
        + escape(note)
        + r"\end{minipage}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def _is_number(column: pd.Series) -> bool:
    return all(re.match(r"-?\d|$", str(value)) for value in column)


def _cell(text: str, mark: str | None) -> str:
    score, _, interval = text.partition(" [")
    score = escape(score)
    if mark:
        score = rf"\{COMMANDS[mark]}{{{score}}}"
    return rf"\shortstack{{{score} \\ {{\tiny [{escape(interval)}}}}}" if interval else score
