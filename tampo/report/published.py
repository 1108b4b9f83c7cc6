"""Transcribed numbers of the paper, shown beside measured ones in columns of their own."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from tampo import layout
from tampo.layout import METHOD, METRIC
from tampo.study.departures import SOURCES

ROW = [METHOD, METRIC]
LEGEND = "Source of the published numbers: " + "; ".join(
    f"{tag}, {SOURCES[tag]}" for tag in ("P", "S")
)


def beside(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Return a readable table with the published numbers of its rows in columns `published_*`.

    Args:
        table: text cells, with the columns method and metric.
        path: transcribed table; a row or cell that is not there stays empty.

    Returns:
        The columns of `table`, each that was published followed by `published_{column}`, and at the
        end `published_source`.

    Raises:
        ValueError: the transcribed table has a row twice, or no column method, metric or source.
    """
    if not path.is_file():
        return table
    numbers = pd.read_csv(path, dtype=str, keep_default_na=False)
    if missing := [name for name in [*ROW, "source"] if name not in numbers.columns]:
        raise ValueError(f"{path}: no column {', '.join(missing)}")
    repeated = numbers[numbers.duplicated(ROW)]
    if len(repeated):
        raise ValueError(f"{path}: {' '.join(repeated.iloc[0][ROW])} is duplicated")
    matched = table[ROW].merge(numbers, on=ROW, how="left").fillna("")
    columns: dict[str, list[str]] = {}
    for name in table.columns:
        columns[name] = table[name].tolist()
        if name not in ROW and name in matched.columns:
            columns[layout.PUBLISHED_PREFIX + name] = matched[name].tolist()
    columns[f"{layout.PUBLISHED_PREFIX}source"] = matched["source"].tolist()
    return pd.DataFrame(columns)
