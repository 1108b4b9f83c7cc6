r"""Multiple choice: `\text{(C)}` against `C`, `(C) 42`, "Option C"."""

from __future__ import annotations

import re

from tampo.grading.vocabulary.words import MEANINGFUL

_ALONE = re.compile(
    r"(?:(?:option|choice|answer)\s+)?\(?\s*(?:\\text\s*\{\s*)?\(?\s*([A-Ja-j])\s*\)?\s*\}?\s*\)?",
    re.I,
)
_NO_TEXT = (
    r"(?:[-+*/^_=<>!|,;:]|\\(?!text|mathrm|frac|sqrt|\$|[({])"
    r"|(?:\\text\s*\{\s*)?(?:or|and|nor|not|if|but|minus|plus|times)\b)"
)
_LABELLED = re.compile(
    r"(?:\\text\s*\{\s*)?(?:(?:option|choice)\s+)?(?:\(\s*([A-J])\s*\)|([A-J])\s*\}?\s*[).:])"
    rf"(?![\s}}]*{_NO_TEXT})\s*\}}?\s*(.+)",
    re.DOTALL | re.I,
)
_TEXT = re.compile(r"\\text\s*\{([^{}]*)\}")
_LETTER_GOLD = re.compile(r"\\text\s*\{\s*\(?\s*([A-J])\s*\)?\s*\}|\(\s*([A-J])\s*\)|([A-J])")


def agree(gold: str, answer: str) -> bool | None:
    """Return whether a letter choice is the gold's letter; None where the gold is no letter.

    A bare capital gold (`E`) may be a symbol, so that only an answer with a label decides then.
    """
    answer = re.sub(r"^\{([^{}]*)\}", r"\1", _TEXT.sub(r"\1", answer)).strip()
    match = _LETTER_GOLD.fullmatch(gold)
    if match is None:
        return _with_text(gold, answer)
    letter = match.group(1) or match.group(2) or match.group(3)
    bare = match.group(3) is not None
    alone = _ALONE.fullmatch(answer)
    if alone is not None:
        found = alone.group(1)
        if found == letter:
            return True
        return not (bare or found.upper() != letter)
    labelled = _label(answer)
    return None if labelled is None else labelled[0] == letter


def _label(text: str) -> tuple[str, str] | None:
    match = _LABELLED.fullmatch(text)
    if match is None:
        return None
    letter = match.group(1) or match.group(2)
    said = re.findall(r"[a-z]+|\d", re.sub(r"\\[A-Za-z]+", "", match.group(3)).casefold())
    if not letter.isupper() or all(word in MEANINGFUL for word in said):
        return None
    return letter, match.group(3)


def _with_text(gold: str, answer: str) -> bool | None:
    """Compare with a gold of letter and text, `\\text{(C) } 42`: either part is the answer."""
    labelled = _label(gold)
    if labelled is None:
        return None
    alone = _ALONE.fullmatch(answer)
    if alone is not None:
        return alone.group(1).upper() == labelled[0]
    found = _label(answer)
    return None if found is None else found[0] == labelled[0]
