r"""The answer of a response: what its last complete `\boxed{...}` holds.

Boxes that stand side by side (`\boxed{1}$ and $\boxed{2}`) are one answer, a list. A box that is
empty or a placeholder (`in \boxed{}`, `\boxed{answer}`) does not hide the answer before it.
"""

from __future__ import annotations

import re
from typing import NamedTuple

# An escaped character is one token, so that neither `\}` nor the brace after `\\` is misread.
_TOKEN = re.compile(r"\\boxed\s*\{|\\.|[{}]", re.DOTALL)
_PLACEHOLDER = re.compile(
    r"\s*(?:\\(?:text|mathrm)\s*\{)?\s*(?:\.{2,}|\\(?:ldots|dots|cdots|cdot|quad|square)|…|_+|\?+"
    r"|(?:your |the |final )*answer(?: here)?|x{3,}|)\s*\}?\s*",
    re.I,
)
_BESIDE = re.compile(
    r"(?:\s(?!\s*\n\s*\n)|[$,;&~]|\\[\\()\[\],;: ]|\\q?quad(?![A-Za-z])"
    r"|\\(?:lor|land|vee|wedge)(?![A-Za-z])|\b(?:and|or|or else)\b"
    r"|\\(?:text|textrm|mathrm|mbox)\s*\{\s*,?\s*(?:and|or)?\s*,?\s*\}|&?[A-Za-z](?:_\{?\w+\}?)?\s*&?=\s*&?|\*\*|\\(?:left|right)\b\.?)*"
)
_JOINT = re.compile(r"[,;&=]|\\\\|\b(?:and|or|q?quad|lor|land|vee|wedge)\b")
_LONGEST_BETWEEN = 80


class Box(NamedTuple):
    """A complete box that holds no other: where it starts, where it ends, what it holds."""

    start: int
    end: int
    content: str


def boxes(response: str) -> list[Box]:
    r"""Return the complete boxes of a response in order; of nested boxes the innermost.

    A box is complete when its braces balance. `\fbox` is not a box. One pass, linear in the length.
    """
    open_braces: list[tuple[int, int] | None] = []  # start of a box and of its content
    found: list[Box] = []
    for token in _TOKEN.finditer(response):
        text = token.group()
        if text == "{":
            open_braces.append(None)
        elif text == "}":
            opened = open_braces.pop() if open_braces else None
            if opened is None:
                continue
            start, content = opened
            if not (found and found[-1].start > start):
                found.append(Box(start, token.end(), response[content : token.start()].strip()))
            elif found[-1].end <= token.start():
                found[-1] = found[-1]._replace(end=token.end())
        elif text.endswith("{") and text.startswith("\\boxed"):
            open_braces.append((token.start(), token.end()))
    return found


def last_boxed(response: str) -> str | None:
    r"""Return the final answer, several boxes side by side as a list; None without a complete box.

    A box cut off by the length limit is passed over in favour of the complete one before it.
    """
    found = boxes(response)
    filled = [box for box in found if not _PLACEHOLDER.fullmatch(box.content)]
    if not filled:
        return found[-1].content if found else None
    group = [filled[-1]]
    for box in reversed(filled[:-1]):
        between = response[box.end : group[-1].start]
        if len(between) > _LONGEST_BETWEEN or not _BESIDE.fullmatch(between):
            break
        if not _JOINT.search(between):  # nothing but space: a second try, not a second value
            break
        group.append(box)
    contents = list(dict.fromkeys(box.content for box in reversed(group)))
    return ", ".join(contents)


_OTHER = re.compile(
    r"\\(?:fbox|framebox)\s*\{|\\boxed\s+(?P<bare>-?\d[\d.,]*\d|-?\d|[A-Za-z](?![A-Za-z]))"
)


def final_answer(response: str) -> str | None:
    r"""Return `last_boxed`, or what stands in another box (`\fbox{5}`, `\boxed 5`) where that is None."""
    found = last_boxed(response)
    if found is not None:
        return found
    *_, last = (None, *_OTHER.finditer(response))
    if last is None or last.group("bare"):
        return last and last.group("bare")
    return last_boxed("\\boxed{" + response[last.end() :])
