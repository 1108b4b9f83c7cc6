r"""Answers of `answer_type: "exact"`: strings, not mathematics. Presentation does not count, nor the
case of whole words."""

from __future__ import annotations

import re

from tampo.grading.notation.presentation import plain

_TEXT = re.compile(r"\\(?:text|mathrm)\s*\{([^{}]*)\}")
_LABELLED = re.compile(r"(\(?[A-Z]\)?[.:]?)\s+(.+)", re.DOTALL)


def same_string(gold: str, answer: str) -> bool:
    """Return whether `answer` is `gold` letter for letter, upright-text commands and bold apart."""
    ours, theirs = _bare(gold), _bare(answer)
    return ours == theirs or (_is_words(ours) and ours.casefold() == theirs.casefold())


def is_exact(golds: list[str], answer: str) -> bool:
    """Return whether `answer` is one of `golds`, or an option's letter and text that both are."""
    if any(same_string(gold, answer) for gold in golds):
        return True
    labelled = _LABELLED.fullmatch(_bare(answer))
    return labelled is not None and all(
        any(same_string(gold, part) for gold in golds) for part in labelled.groups()
    )


def _bare(text: str) -> str:
    return " ".join(_TEXT.sub(r"\1", plain(text)).split())


def _is_words(text: str) -> bool:
    return len(text) > 2 and all(part.isalpha() for part in text.split())
