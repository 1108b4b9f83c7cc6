"""The prompts of a training run, in the order in which every method with its seed sees them."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass

from datasets import Dataset
from transformers import PreTrainedTokenizerBase

from tampo import seeds
from tampo.problems import prompts
from tampo.problems.problem_sets import load_problems
from tampo.study.settings import Training
from tampo.study.study import Study, StudyError

logger = logging.getLogger(__name__)

TOO_LONG = "prompt longer than max_prompt_tokens"
"""Why a training problem is left out."""


@dataclass(frozen=True)
class TrainingProblems:
    """What a run trains on."""

    dataset: Dataset
    """One row per prompt, `steps * prompts_per_step` of them: prompt, record, problem_id."""
    left_out: list[str]
    """Ids of problems whose prompt is too long."""
    longest: int
    """Tokens of the longest prompt that is used."""


def training_problems(
    study: Study, training: Training, tokenizer: PreTrainedTokenizerBase, seed: int
) -> TrainingProblems:
    """Return the prompts in training order, and what was left out for its length.

    The order is a function of the base seed alone, so methods with the same seed see the same
    problems at the same step.

    Raises:
        StudyError: too few prompts are short enough for a step without a repetition.
    """
    problems, left_out, longest = [], [], 0
    for problem in load_problems(training.problems, study.data_dir):
        messages = prompts.messages(study.prompt, problem["problem"])
        text = prompts.rendered(messages, tokenizer)
        length = len(tokenizer.encode(text, add_special_tokens=False))
        if length > training.max_prompt_tokens:
            left_out.append(problem["id"])
        else:
            problems.append((problem, messages))
            longest = max(longest, length)
    _say_left_out(training, len(problems), len(left_out))
    rows = [problems[index] for index in _order(training, len(problems), seed)]
    dataset = Dataset.from_dict(
        {
            "prompt": [messages for _, messages in rows],
            "record": [json.dumps(problem, ensure_ascii=False) for problem, _ in rows],
            "problem_id": [problem["id"] for problem, _ in rows],
        }
    )
    return TrainingProblems(dataset, left_out, longest)


def _say_left_out(training: Training, kept: int, left_out: int) -> None:
    if not left_out:
        return
    what = (
        f"{left_out} of the {kept + left_out} prompts of {training.problems} are longer than "
        f"{training.max_prompt_tokens} tokens"
    )
    if kept < training.prompts_per_step:
        raise StudyError(
            f"training.max_prompt_tokens: {what}; the {kept} left are fewer than "
            f"prompts_per_step = {training.prompts_per_step}, so a step would repeat prompts"
        )
    logger.warning("training.max_prompt_tokens: %s and are left out; training uses %d", what, kept)


def _order(training: Training, problems: int, seed: int) -> list[int]:
    needed = training.steps * training.prompts_per_step
    order: list[int] = []
    while len(order) < needed:
        epoch = len(order) // problems
        generator = seeds.generator(seed, "problem-order", epoch)
        order.extend(generator.permutation(problems).tolist())
    return order[:needed]
