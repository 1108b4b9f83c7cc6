"""A place in a list of tokens, and what may be asked of it."""

from __future__ import annotations

from tampo.grading.notation.tokens import Token
from tampo.grading.notation.tree import NotUnderstood

END = Token("end", "")
DEEPEST = 60


class Cursor:
    """Tokens read left to right; every method leaves `position` behind what it read."""

    def __init__(
        self, tokens: list[Token], *, loose: bool = False, nouns: frozenset[str] = frozenset()
    ) -> None:
        self.tokens = tokens
        self.position = 0
        self.loose = loose
        self.nouns = nouns
        self.depth = 0  # brackets open
        self.bars = 0  # open absolute values
        self.levels = 0

    def peek(self, ahead: int = 0) -> Token:
        index = self.position + ahead
        return self.tokens[index] if index < len(self.tokens) else END

    def next(self) -> Token:
        token = self.peek()
        self.position += 1
        return token

    def at(self, *texts: str) -> bool:
        """Whether the next token is one of the marks or commands `texts`."""
        token = self.peek()
        return token.kind in ("op", "cmd") and token.text in texts

    def word_at(self, *texts: str) -> bool:
        token = self.peek()
        return token.kind in ("word", "let") and token.text.casefold() in texts

    def accept(self, *texts: str) -> bool:
        if self.at(*texts):
            self.position += 1
            return True
        return False

    def expect(self, text: str) -> None:
        if not self.accept(text):
            raise NotUnderstood(f"{self.peek().text or 'the end'} where {text} was expected")

    def accept_word(self, *texts: str) -> bool:
        if self.word_at(*texts):
            self.position += 1
            return True
        return False

    def group_end(self) -> int:
        """Return where the group that opens here closes."""
        depth = 0
        for index in range(self.position, len(self.tokens)):
            token = self.tokens[index]
            if token.kind == "op":
                depth += {"{": 1, "}": -1}.get(token.text, 0)
                if depth == 0:
                    return index
        raise NotUnderstood("a group that does not close")

    def replace_token(self, *parts: Token) -> None:
        """Put `parts` in the place of the next token."""
        self.tokens = list(self.tokens)
        self.tokens[self.position : self.position + 1] = parts


def letters_of(token: Token) -> str:
    """Return the letters of a word that is a product of letters, or the empty string."""
    text = token.text
    if not text.isascii() or (token.roman and not text.isupper()):
        return ""
    return (
        text if len(text) <= 3 or text.isupper() or not set(text.casefold()) & set("aeiouy") else ""
    )


def glued(token: Token) -> tuple[str, str] | None:
    """Return function and letters of `sinx`, `pir`, or None."""
    for name in ("sin", "cos", "tan", "log", "ln", "sqrt", "pi", "exp"):
        rest = token.text[len(name) :]
        if not token.roman and token.text.startswith(name) and 0 < len(rest) <= 2:
            return name, rest
    return None
