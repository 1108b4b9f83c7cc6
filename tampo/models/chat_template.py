"""A chat template that renders a prompt alike on every day.

Some templates write today's date. A prompt would then differ between training and evaluation, between a
run and its resume, and between methods trained on different days; so the date is written into the
template once, when the base model is made.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING

from tampo.study.study import StudyError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

CALL = re.compile(r"strftime_now\(\s*(['\"])(?P<format>(?:(?!\1).)*)\1\s*\)")
FUNCTION = "strftime_now"


def freeze_date(tokenizer: PreTrainedTokenizerBase, now: datetime) -> bool:
    """Replace every date that the tokenizer's chat template asks for by that of `now`.

    Returns:
        Whether it asked for one.

    Raises:
        StudyError: it asks for a date in a form that only rendering it would tell.
    """
    template = tokenizer.chat_template
    if template is None:
        return False
    several = template if isinstance(template, dict) else {"": template}
    frozen = {name: _frozen(text, now) for name, text in several.items()}
    if frozen == several:
        return False
    tokenizer.chat_template = frozen if isinstance(template, dict) else frozen[""]
    return True


def _frozen(template: str, now: datetime) -> str:
    # Still a text of the template's language, with the escapes that the format had.
    text = CALL.sub(lambda call: call[1] + now.strftime(call["format"]) + call[1], template)
    # `strftime_now is defined` asks whether there is such a function, which decides nothing any more.
    if re.search(rf"{FUNCTION}\s*\(", text):
        raise StudyError(
            f"model: its chat template calls {FUNCTION} with more than a text, so its prompts would "
            "change with the day; write a fixed date into its chat_template.jinja"
        )
    return text
