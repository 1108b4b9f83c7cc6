"""A grader of the user's own: a function in a file, which a problem set names.

It runs in the process of the job and has no limit of time, unlike this package's.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from tampo.grading.boxed import final_answer
from tampo.user_code import UserCodeFault, module_of

GRADER = "grader"
"""Key of a canonical record whose set has a grader of its own: `path/to/file.py:function`."""
OUTCOME_OF = {True: "correct", False: "wrong", None: "unparseable"}
"""What the function may return, and what that means."""


class GraderFault(ValueError):
    """A grader that cannot be used; the message names it."""


@cache
def own_grader(name: str) -> Callable[[str, dict[str, Any]], Any]:
    """Return the function that `path/to/file.py:function` names.

    Raises:
        GraderFault: no such file or function, or a file that cannot be imported.
    """
    path, _, function = name.rpartition(":")
    if not path.endswith(".py") or not function.isidentifier():
        raise GraderFault(f"grader {name!r}: legal: path/to/file.py:function")
    if not Path(path).is_file():
        raise GraderFault(f"grader {name!r}: no file {path} (paths start at the working directory)")
    try:
        found = getattr(module_of(Path(path).resolve()), function, None)
    except UserCodeFault as fault:
        raise GraderFault(f"grader {name!r}: {fault}") from fault
    if not callable(found):
        raise GraderFault(f"grader {name!r}: {path} defines no function {function!r}")
    return found


def graded_by(name: str, response: str, record: dict[str, Any]) -> tuple[str, str | None, str]:
    """Return outcome, extracted answer and rule of a response, by a grader of the user's own.

    What the function raises is the outcome `error`, with its reason; so is any value but True, False
    and None.
    """
    extracted = final_answer(response)
    try:
        said = own_grader(name)(response, record)
    except GraderFault:
        raise
    except Exception as error:
        return "error", extracted, f"{name}: {type(error).__name__}: {error}"[:200]
    if said is not None and not isinstance(said, bool):
        what = f"{name} returned {said!r}; legal: True, False, None"
        return "error", extracted, what[:200]
    return OUTCOME_OF[said], extracted, name
