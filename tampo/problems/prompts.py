"""The prompt of a problem: made here and nowhere else, for training and for evaluation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, field_validator

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class Prompt(BaseModel):
    """The prompt, written once and used in training and in evaluation alike."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True
    )

    system: str | None = None
    """System message, or null for none."""
    user: str = "{problem}"
    """User message; `{problem}` stands for the problem's text."""

    @field_validator("user")
    @classmethod
    def _names_the_problem(cls, value: str) -> str:
        if value.count("{problem}") != 1:
            raise ValueError("must contain {problem} exactly once")
        return value


def user_message(prompt: Prompt, problem: str) -> str:
    """Return the text of the user's turn.

    The problem goes in as it is: braces and backslashes in it are LaTeX, never placeholders.
    """
    return prompt.user.replace("{problem}", problem)


def messages(prompt: Prompt, problem: str) -> list[dict[str, str]]:
    """Return the conversation that a model is asked to continue, as role and content.

    Args:
        prompt: the study's prompt.
        problem: text of the problem.

    Returns:
        The system turn, if the prompt has one, and the user's turn.
    """
    turns = [] if prompt.system is None else [{"role": "system", "content": prompt.system}]
    return [*turns, {"role": "user", "content": user_message(prompt, problem)}]


def rendered(turns: list[dict[str, str]], tokenizer: PreTrainedTokenizerBase) -> str:
    """Return a conversation in the words of the model's chat template, ready to be answered.

    It holds all special tokens already.
    """
    return str(tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True))
