"""Text answers: what two of them must share to say the same."""

from __future__ import annotations

from tampo.grading.notation.tokens import Token, tokenise
from tampo.grading.notation.tree import NotUnderstood
from tampo.grading.vocabulary import words


def words_of(tokens: list[Token]) -> tuple[str, ...]:
    """Return words without articles, plurals, ordinals and case, and all other tokens as written."""
    found: list[str] = []
    for index, token in enumerate(tokens):
        if (
            token.text.casefold() in words.ARTICLES
            and (token.kind == "word" or token.roman)
            and len(tokens) > 1
        ):
            continue
        if token.kind == "word":
            ordinary = (
                token.roman or token.text.islower() or token.text.istitle() or token.text.isupper()
            )
            word = token.text.casefold() if ordinary else token.text
            after_number = index and tokens[index - 1].kind == "num"
            if word in ("st", "nd", "rd", "th") and after_number:
                continue
            found.append(words.ORDINALS.get(word) or words.stem(word))
        elif token.kind == "num":
            found.append(str(token.value))
        elif (token.kind == "op" and token.text in '.,;:{}()"') or (
            token.kind == "cmd" and token.text == "\\"
        ):
            continue
        else:
            found.append({"cdot": "*", "times": "*"}.get(token.text, token.text))
    return tuple(found)


_LEADING = frozenset(
    ["on", "in", "at", "it", "they", "she", "he", "is", "are", "there", "by", "to"]
)
_SAME_TEXTS = [
    frozenset(
        map(
            tuple,
            map(
                str.split,
                ("emptyset", "varnothing", "empty set", "no solution", "no real solution", "none"),
            ),
        )
    ),
    frozenset(map(tuple, map(str.split, ("undefined", "doe not exist", "dne")))),
]


def same_words(gold: str, answer: str) -> bool:
    """Return whether two plain texts say the same: names in any order, the usual words for nothing."""
    try:
        sides = [_said(text) for text in (gold, answer)]
    except NotUnderstood:
        return gold.split() == answer.split()
    if not any(len(w) > 1 and w.isalpha() for part in sides[0] for w in part):
        return False
    if sorted(sides[0]) == sorted(sides[1]):
        return True
    return any(set(sides[0]) | set(sides[1]) <= same for same in _SAME_TEXTS)


def _said(text: str) -> list[tuple[str, ...]]:
    """Return the parts between commas and "and", each as words, without what only leads in."""
    parts: list[list[Token]] = [[]]
    for token in tokenise(text):
        if token.text == "," or (token.kind == "word" and token.text.casefold() == "and"):
            parts.append([])
        else:
            parts[-1].append(token)
    found = [words_of(part) for part in parts if part]
    while found and len(found[0]) > 1 and found[0][0] in _LEADING:
        found[0] = found[0][1:]
    return found
