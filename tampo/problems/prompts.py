"""The prompt of a problem: made here and nowhere else, for training and for evaluation."""

from __future__ import annotations

from tampo.study.settings import Prompt


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
