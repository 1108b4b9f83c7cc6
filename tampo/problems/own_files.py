"""Problem sets in files of the user's own: JSON lines, CSV or Parquet, with columns of any name."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

READERS = (".jsonl", ".csv", ".parquet")
"""Endings of files that can be read."""
ID, PROBLEM, ANSWER = "id", "problem", "answer"


class OwnFileError(ValueError):
    """A file of problems that cannot be read as asked; the message names file, row and column."""


def read_rows(path: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the rows of a file, and for each where it stands.

    Raises:
        OwnFileError: no such file, another ending, or content that is not what the ending says.
    """
    if path.suffix not in READERS:
        raise OwnFileError(f"{path}: cannot be read; legal endings: {', '.join(READERS)}")
    if not path.is_file():
        beside = sorted(p.name for p in path.parent.glob("*") if p.suffix in READERS)
        raise OwnFileError(f"{path}: no such file; beside it: {', '.join(beside) or 'none'}")
    if path.suffix == ".jsonl":
        return _json_lines(path)
    # Every command that reads a study imports this module; few have such a file.
    import pandas as pd

    try:
        if path.suffix == ".csv":
            # All text: an id of 007 is no number, and an empty cell no NaN.
            table = pd.read_csv(path, dtype=str, keep_default_na=False)
        else:
            table = pd.read_parquet(path)
    except (ValueError, OSError) as error:
        # pandas' and pyarrow's own errors are of these types.
        raise OwnFileError(f"{path}: not {path.suffix[1:]}: {error}") from None
    rows = [{str(k): v for k, v in row.items()} for row in table.to_dict("records")]
    return rows, [f"{path}, row {number}" for number in range(1, len(rows) + 1)]


def _json_lines(path: Path) -> tuple[list[dict[str, Any]], list[str]]:
    rows, places = [], []
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), start=1):
        if not line.strip():
            continue
        where = f"{path}:{number}"
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise OwnFileError(f"{where}: not JSON: {error.msg} (column {error.colno})") from None
        if not isinstance(row, dict):
            raise OwnFileError(f"{where}: a problem is a JSON object, got {line.strip()[:60]}")
        rows.append(row)
        places.append(where)
    return rows, places


def canonical_rows(
    name: str,
    rows: Sequence[Mapping[str, Any]],
    places: Sequence[str],
    columns: Mapping[str, str],
    keys: Sequence[str],
) -> list[dict[str, Any]]:
    """Return one canonical record for each row.

    Args:
        name: of the set; opens the ids of rows that have none.
        rows: as `read_rows` gives them.
        places: where each stands, for messages.
        columns: column of the file for a key of the record; other keys are columns of their own name.
        keys: of a canonical record. Other columns are left out.

    Raises:
        OwnFileError: a column that `columns` names, or the problem or the answer, is missing.
    """
    records = []
    for number, (row, place) in enumerate(zip(rows, places, strict=True), start=1):
        for key in {*columns, PROBLEM, ANSWER}:
            if columns.get(key, key) not in row:
                raise OwnFileError(
                    f"{place}: no column {columns.get(key, key)!r} for {key!r}; there are "
                    f"{', '.join(row)} (name it in problem_sets.{name}.columns)"
                )
        # A column that is named for one key is not another's as well, whatever it is called.
        own = {key: key for key in keys if key not in columns.values()} | dict(columns)
        found = {key: _plain(row[column]) for key, column in own.items() if column in row}
        kept = {key: value for key, value in found.items() if value not in (None, "")}
        kept[ANSWER] = _answers(found[ANSWER])
        kept.setdefault(PROBLEM, "")
        kept[ID] = str(kept.get(ID, f"{name}-{number}"))
        records.append(kept)
    return records


def _plain(value: Any) -> Any:
    """Return a cell as JSON has it: of Parquet it may be of NumPy, and an empty one NaN."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    return None if isinstance(value, float) and value != value else value


def _answers(value: Any) -> list[str]:
    """Return the accepted answers: several are a list, numbers are written out."""
    several = value if isinstance(value, list) else [value]
    return [_written(answer) for answer in several if answer not in (None, "")]


def _written(answer: Any) -> str:
    if isinstance(answer, float) and answer.is_integer():
        # A column with an empty cell turns whole numbers into floats.
        answer = int(answer)
    return answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False)
