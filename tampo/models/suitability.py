"""Whether a base model can be trained and evaluated as its study asks: said before anything is spent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from jinja2 import TemplateError

from tampo.problems import prompts
from tampo.problems.prompts import Prompt
from tampo.study.settings import Evaluation, Lora, Training
from tampo.study.study import StudyError

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def require_tokenizer(tokenizer: PreTrainedTokenizerBase, prompt: Prompt) -> None:
    """Raise StudyError unless the tokenizer can end a response and render the study's prompt."""
    if tokenizer.eos_token_id is None:
        raise StudyError(
            "model: its tokenizer names no end-of-sequence token, so no response would end; set "
            "eos_token in the model's tokenizer_config.json"
        )
    if not tokenizer.chat_template:
        raise StudyError(
            "model: its tokenizer has no chat template, which renders every prompt; put a "
            "chat_template.jinja beside the model's tokenizer_config.json"
        )
    try:
        prompts.rendered(prompts.messages(prompt, "1 + 1"), tokenizer)
    except TemplateError as error:
        key = "prompt.user" if prompt.system is None else "prompt.system"
        remedy = (
            "" if prompt.system is None else "; leave prompt.system out, or put it into prompt.user"
        )
        raise StudyError(f"{key}: the model's chat template refuses it: {error}{remedy}") from None


def require_positions(
    config: Any, longest_prompt: int, training: Training, evaluation: Evaluation
) -> None:
    """Raise StudyError if a rollout or a response can be longer than the model has positions.

    Args:
        config: the model's configuration.
        longest_prompt: tokens of the longest training prompt.
        training: of the run.
        evaluation: of the study. Its prompts are not known here: a limit that no prompt would fit
            beside is refused, the rest by the evaluation itself.
    """
    room = getattr(config.get_text_config(), "max_position_embeddings", None)
    if room is None:
        return
    needs = {
        "training.max_completion_tokens": (training.max_completion_tokens, longest_prompt),
        "evaluation.max_tokens": (evaluation.max_tokens, 1),
    }
    for key, (tokens, prompt) in needs.items():
        if tokens + prompt > room:
            raise StudyError(
                f"{key}: {tokens} tokens after a prompt of {prompt} exceed the model's {room} "
                f"positions; at most {max(room - prompt, 0)} are allowed"
            )


def require_adaptable(model: PreTrainedModel, lora: Lora | None) -> None:
    """Raise StudyError if adapters would sit on a weight that the embedding and the head share.

    Merged into the one matrix they would change both, and the model published would not be the one
    that was trained.
    """
    if lora is None or isinstance(lora.target_modules, str):
        return
    if not getattr(model.config.get_text_config(), "tie_word_embeddings", False):
        return
    shared = [model.get_input_embeddings(), model.get_output_embeddings()]
    names = [name for name, module in model.named_modules() if any(module is s for s in shared)]
    found = [target for target in lora.target_modules if _matches(target, names)]
    if found:
        raise StudyError(
            f"training.lora.target_modules: {found[0]!r} is tied: embedding and LM head are one "
            "weight in this model, and an adapter on it cannot be merged; leave it out"
        )


def _matches(target: str, names: Sequence[str]) -> bool:
    """Return whether PEFT would put an adapter on one of the modules for this target."""
    return any(name == target or name.endswith(f".{target}") for name in names)
