"""Where a study departs from the published experiment, and what of that experiment is our choice.

The published experiment is a study file too, with a source tag in the comment of each value: `[P]`,
`[S]`, `[O]` or `[R]`. Settings are compared key by key, and the tags say how firm the ground is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from tampo.study.study import Study, load_study

SOURCES = {
    "P": "the paper",
    "S": "one secondary source",
    "O": "open-rs, whose recipe the paper builds on",
    "R": "our choice",
}
TAG = re.compile(rf"#.*?\[([{''.join(SOURCES)}])\]\s*(.*)")
COMPARED = (
    "model",
    "cold_start",
    "prompt",
    "training",
    "seeds",
    "benchmarks",
    "evaluation",
    "methods",
)
SPEED_ONLY = {
    "training.micro_batch",
    "training.gradient_checkpointing",
    "training.rollout_backend",
    "training.checkpoint_every",
    "training.trajectories_every",
    "training.cpu_threads",
    "evaluation.backend",
    "evaluation.cpu_threads",
}
"""Settings that change what a run costs and nothing else beyond rounding."""
ABSENT = "not in the study"


def departures(study: Study, published: Path) -> pd.DataFrame:
    """Return every setting in which a study differs from the published experiment.

    Args:
        study: any study.
        published: file of the study that describes the published experiment.

    Returns:
        Columns key, here, published, source (a key of `SOURCES`, empty where the file has no tag).
        Lists of named things (methods, benchmarks) are compared by name: one that the study
        lacks or adds is a row of its own.
    """
    tags = source_tags(published)
    reference = load_study(published)
    rows = [
        {"key": key, "here": here, "published": there, "source": _nearest(tags, key)}
        for part in COMPARED
        for key, here, there in _differences(part, _keyed(study, part), _keyed(reference, part))
    ]
    for row in rows:
        if row["published"] == ABSENT:
            row["source"] = ""
    return pd.DataFrame(rows, columns=["key", "here", "published", "source"])


def our_choices(published: Path) -> pd.DataFrame:
    """Return the values of a study file that are this project's own: columns key and note."""
    tags = source_tags(published)
    rows = [
        {"key": key, "note": note}
        for key, (tag, note) in tags.items()
        # One comment above a key speaks for everything below it.
        if tag == "R"
        and key not in SPEED_ONLY
        and key.partition(".")[0] in COMPARED
        and tags.get(key.rpartition(".")[0]) != (tag, note)
    ]
    return pd.DataFrame(rows, columns=["key", "note"])


def source_tags(path: Path) -> dict[str, tuple[str, str]]:
    """Return `{dotted key: (tag, note)}` of every tagged value of a study file.

    A tag is in a comment at the end of the key's line, or in the comment lines right above the
    key or, indented, right below it, before its first entry.
    """
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    tags = {}
    for key, line in _key_lines(yaml.compose(text), ""):
        block = [_comment(lines[line])] if _comment(lines[line]) else []
        if not block:
            above, below = line - 1, line + 1
            while above >= 0 and lines[above].lstrip().startswith("#"):
                block.insert(0, _comment(lines[above]))
                above -= 1
            inside = " " * (_indentation(lines[line]) + 1)
            while below < len(lines) and re.match(inside + r"\s*#", lines[below]):
                block.append(_comment(lines[below]))
                below += 1
        found = TAG.search("# " + " ".join(block))
        if found:
            tags[key] = (found[1], found[2].strip(" ;"))
    return tags


def _indentation(line: str) -> int:
    return len(line) - len(line.lstrip())


def _comment(line: str) -> str:
    found = re.search(r"(?:^|\s)#\s?(.*)", line)
    return found[1].strip() if found else ""


def _key_lines(node: yaml.Node | None, prefix: str) -> list[tuple[str, int]]:
    """Return each key of a document and its line number, list entries by their `name`."""
    found = []
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            name = f"{prefix}.{key.value}".lstrip(".")
            found.append((name, key.start_mark.line))
            found += _key_lines(value, name)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            pairs = item.value if isinstance(item, yaml.MappingNode) else []
            named = [value.value for key, value in pairs if key.value == "name"]
            if named:
                name = f"{prefix}.{named[0]}"
                found.append((name, item.start_mark.line))
                found += [pair for pair in _key_lines(item, name) if pair[0] != f"{name}.name"]
    return found


def _nearest(tags: dict[str, tuple[str, str]], key: str) -> str:
    """Return the tag of a key, or of the closest key that holds it, or the empty text."""
    while key and key not in tags:
        key = key.rpartition(".")[0]
    return tags[key][0] if key else ""


def _keyed(study: Study, part: str) -> Any:
    return _by_name(study.model_dump(mode="json")[part])


def _by_name(value: Any) -> Any:
    """Return a setting with lists of named things as mappings from their names."""
    if isinstance(value, dict):
        return {key: _by_name(inner) for key, inner in value.items()}
    if isinstance(value, list) and value and all(isinstance(v, dict) for v in value):
        return {v["name"]: _by_name({k: i for k, i in v.items() if k != "name"}) for v in value}
    return value


def _differences(key: str, here: Any, there: Any) -> Iterator[tuple[str, str, str]]:
    if here == there or key in SPEED_ONLY:
        return
    # Models of different sources have no key in common worth comparing.
    apart = key == "model" and here["source"] != there["source"]
    if isinstance(here, dict) and isinstance(there, dict) and not apart:
        for name in dict.fromkeys([*there, *here]):
            yield from _differences(
                f"{key}.{name}", here.get(name, ABSENT), there.get(name, ABSENT)
            )
    else:
        yield key, _text(here), _text(there)


def _text(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, dict):
        parts = [
            f"{k} ({_text(v)})" if isinstance(v, dict) else f"{k} {_text(v)}"
            for k, v in value.items()
            if v not in (None, {})
        ]
        return ", ".join(parts)
    if isinstance(value, list):
        return ", ".join(map(_text, value)) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value).replace("\n", " ")
