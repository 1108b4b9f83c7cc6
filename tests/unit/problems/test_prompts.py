"""The prompt: one text for training and for evaluation."""

import pytest

from tampo.models.pretrain import build_tokenizer
from tampo.problems.prompts import Prompt, messages, user_message


def test_without_system_message_the_problem_is_the_only_turn():
    assert messages(Prompt(), "1+1") == [{"role": "user", "content": "1+1"}]


def test_system_message_comes_first():
    prompt = Prompt(system="Think.", user="Solve: {problem} Box the answer.")
    assert messages(prompt, "1+1") == [
        {"role": "system", "content": "Think."},
        {"role": "user", "content": "Solve: 1+1 Box the answer."},
    ]


@pytest.mark.parametrize("problem", [r"\frac{1}{2}", "{problem}", "{0} {} {x!r}", "100% of {{a}}"])
def test_braces_of_a_problem_are_text(problem):
    assert user_message(Prompt(user="a {problem} b"), problem) == f"a {problem} b"


@pytest.mark.parametrize("user", [r"{problem} Answer in \boxed{}.", r"\boxed{{}}: {problem}"])
def test_braces_of_the_template_are_text(user):
    assert user_message(Prompt(user=user), "P") == user.replace("{problem}", "P")


def test_rendered_then_encoded_equals_what_training_encodes_at_once():
    # Training lets the tokenizer encode the conversation; evaluation renders it, stores the text
    # and encodes that.
    tokenizer = build_tokenizer()
    turns = messages(Prompt(), "3+5-2")
    text = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    at_once = tokenizer.apply_chat_template(
        turns, tokenize=True, add_generation_prompt=True, return_dict=True
    )["input_ids"]
    assert "3+5-2" in text
    assert tokenizer.encode(text, add_special_tokens=False) == at_once
