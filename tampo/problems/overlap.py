"""Problems of a training set that are problems of a benchmark too, found by their text.

Two texts are compared as sequences of words, numbers and operators: letter case, spacing, punctuation,
layout commands of LaTeX and the spelling of numbers do not count. Four kinds of match:

| kind       | the training problem                                                                 |
| ---------- | ------------------------------------------------------------------------------------ |
| `equal`    | is the benchmark problem                                                             |
| `contains` | holds the whole benchmark problem, or is a part of it                                |
| `shares`   | shares at least half of the 8-grams of the shorter text, and its numbers             |
| `near`     | the same, but with other numbers: another problem of the same form, and no overlap   |

For matching, `shares` and `near` read every number as one sign; the numbers themselves are compared after.
n-grams follow common practice: 13 tokens in GPT-3 (arXiv 2005.14165, appendix C) and lm-eval, 8 in
PaLM (arXiv 2204.02311), which asks for 70 % of a problem's 8-grams, and in open-r1, where a single one
is enough. One 8-gram is often no more than "Find the number of positive integers such that", so we
ask for half.

A text of fewer than 13 tokens is too short for that: "What is 2 + 3?" would lie in many others. It
counts where it is equal, or where all that the other text adds is words, such as an instruction.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

GRAM = 8
"""Tokens of an n-gram."""
SHARED = 0.5
"""Fraction of the shorter text's n-grams from which two problems match."""
SHORT = 13
"""A text of fewer tokens is matched as a whole only."""

Kind = Literal["equal", "contains", "shares", "near"]
OVERLAP: tuple[Kind, ...] = ("equal", "contains", "shares")
"""Kinds that count as training on the benchmark."""
NEAR: Kind = "near"

NUMBER = "#"
"""Sign that stands for every number while texts are matched."""
_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen"
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_SPELLED = {word: str(value) for value, word in enumerate(_ONES.split())} | {
    word: str(10 * tens) for tens, word in enumerate(_TENS.split(), start=2)
}
_LETTERS = str.maketrans(
    {"×": "*", "·": "*", "⋅": "*", "÷": "/", "−": "-", "–": "-", "—": "-", "∕": "/"}
)
_LAYOUT = re.compile(
    r"\\(?:left|right|big+|displaystyle|limits|quad|qquad|text|textbf|textit|mathrm|mathbf|mbox|begin"
    r"|end)(?![a-z])|\\[,;:!> ]"
)
_COMMANDS = (
    (re.compile(r"\\[dtc]frac(?![a-z])"), r"\\frac"),
    (re.compile(r"\\(?:times|cdot)(?![a-z])"), "*"),
    (re.compile(r"\\div(?![a-z])"), "/"),
    (re.compile(r"(?<=\d),(?=\d{3}(?!\d))|(?<=\d)\{,\}(?=\d{3}(?!\d))"), ""),
    (re.compile(r"\b0+(?=\d)|(?<=\d)\.0+(?!\d)"), ""),
)
# "Problem 3:" and "3." number an exercise and are no part of it.
_LABEL = re.compile(
    r"^\s*(?:(?:problem|question|exercise|example|task|q|ex)\s*[#.]?\s*\d+\s*[.:)]?|\(?\d+[.)])\s+"
)
_OPERATORS = "-+*/=<>^!|%"
# A script without spaces has words of one character.
_UNSPACED = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
_TOKEN = re.compile(rf"\d+(?:\.\d+)?|[{_UNSPACED}]|[^\W\d_{_UNSPACED}]+|[{_OPERATORS}]")


@dataclass(frozen=True)
class Match:
    """A training problem and the benchmark problem that it matches."""

    kind: Kind
    training: str
    """Id of the training problem."""
    benchmark: str
    """Name of the benchmark."""
    problem: str
    """Id of its problem."""
    shared: float
    """Fraction of the shorter text's n-grams that the two share; 1 where one holds the other."""


@dataclass(frozen=True)
class _Text:
    set: str
    name: str
    tokens: tuple[str, ...]

    @classmethod
    def of(cls, problem: dict[str, Any], of_set: str = "") -> _Text:
        return cls(of_set, problem["id"], tokens(problem["problem"]))

    @property
    def short(self) -> bool:
        return len(self.tokens) < SHORT

    @cached_property
    def grams(self) -> frozenset[tuple[str, ...]]:
        signs = tuple(NUMBER if _is_number(token) else token for token in self.tokens)
        return frozenset(signs[i : i + GRAM] for i in range(len(signs) - GRAM + 1))

    @cached_property
    def numbers(self) -> Counter[str]:
        return Counter(token for token in self.tokens if _is_number(token))

    @cached_property
    def formula(self) -> tuple[int, int] | None:
        """First and last place of a number or operator; None for a text of words alone."""
        places = [i for i, t in enumerate(self.tokens) if _is_number(t) or t in _OPERATORS]
        return (places[0], places[-1]) if places else None


def tokens(text: str) -> tuple[str, ...]:
    """Return the words, numbers and operators of a problem, as they are compared.

    >>> tokens("What is $1{,}000 \\\\times 2$?") == tokens("what is 1000 * two")
    True
    """
    text = unicodedata.normalize("NFKC", text).translate(_LETTERS).lower()
    text = _LAYOUT.sub(" ", _LABEL.sub("", text))
    for pattern, plain in _COMMANDS:
        text = pattern.sub(plain, text)
    # A hyphen joins words; between numbers and letters of a formula it is a minus.
    text = re.sub(r"(?<=[^\W\d_]{2})-(?=[^\W\d_]{2})", " ", text)
    return tuple(_SPELLED.get(token, token) for token in _TOKEN.findall(text))


def _is_number(token: str) -> bool:
    return token[0].isdigit()


def find_overlap(
    training: Iterable[dict[str, Any]], benchmarks: Mapping[str, Iterable[dict[str, Any]]]
) -> list[Match]:
    """Return every match of a training problem with a benchmark problem, in training order.

    Args:
        training: canonical records (`tampo.problems.problem_sets`).
        benchmarks: canonical records of each benchmark, by its name.
    """
    texts = [_Text.of(problem, name) for name, part in benchmarks.items() for problem in part]
    index = _Index(texts)
    return [match for problem in training for match in index.matches(_Text.of(problem))]


class _Index:
    """A benchmark's texts, ready to be matched with one training problem after the other."""

    def __init__(self, texts: Sequence[_Text]) -> None:
        self._texts = texts
        self._whole: dict[tuple[str, ...], list[int]] = defaultdict(list)
        self._grams: dict[tuple[str, ...], list[int]] = defaultdict(list)
        self._cores: dict[tuple[str, ...], list[int]] = defaultdict(list)
        for place, text in enumerate(texts):
            self._whole[text.tokens].append(place)
            if text.formula is not None:
                self._cores[_core(text)].append(place)
            if not text.short:
                for gram in text.grams:
                    self._grams[gram].append(place)

    def matches(self, text: _Text) -> Iterator[Match]:
        if not text.tokens:
            return
        found: dict[int, Match] = {}
        for place in self._whole.get(text.tokens, ()):
            found[place] = self._match("equal", text, place, 1.0)
        if text.formula is not None:
            for place in self._cores.get(_core(text), ()):
                if place not in found and _one_adds_words_only(text, self._texts[place]):
                    found[place] = self._match("contains", text, place, 1.0)
        if not text.short:
            counts = Counter(p for gram in text.grams for p in self._grams.get(gram, ()))
            for place, count in counts.items():
                if place not in found and (match := self._shared(text, place, count)):
                    found[place] = match
        yield from (found[place] for place in sorted(found))

    def _shared(self, text: _Text, place: int, count: int) -> Match | None:
        shorter, longer = _by_length(text, self._texts[place])
        fraction = count / min(len(shorter.grams), len(longer.grams))
        if fraction == 1.0 and _holds(longer.tokens, shorter.tokens):
            return self._match("contains", text, place, fraction)
        if fraction < SHARED:
            return None
        kind: Kind = "shares" if shorter.numbers <= longer.numbers else NEAR
        return self._match(kind, text, place, fraction)

    def _match(self, kind: Kind, text: _Text, place: int, shared: float) -> Match:
        problem = self._texts[place]
        return Match(kind, text.name, problem.set, problem.name, shared)


def _core(text: _Text) -> tuple[str, ...]:
    first, last = text.formula or (0, -1)
    return text.tokens[first : last + 1]


def _one_adds_words_only(one: _Text, other: _Text) -> bool:
    """Whether the shorter text is short and lies in the longer, which adds neither number nor operator."""
    shorter, longer = _by_length(one, other)
    return shorter.short and _holds(longer.tokens, shorter.tokens)


def _by_length(one: _Text, other: _Text) -> tuple[_Text, _Text]:
    """Return the shorter text first; of two as long, the one with fewer numbers, whoever is trained on."""

    def size(text: _Text) -> tuple[int, int, tuple[str, ...]]:
        return len(text.tokens), text.numbers.total(), text.tokens

    return (one, other) if size(one) <= size(other) else (other, one)


def _holds(longer: tuple[str, ...], shorter: tuple[str, ...]) -> bool:
    size = len(shorter)
    return any(longer[i : i + size] == shorter for i in range(len(longer) - size + 1))
