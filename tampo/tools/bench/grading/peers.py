"""The graders that are compared: `python -m tampo.tools.bench.grading.peers NAME`.

Each is a function of golds, response and record that returns whether the response is accepted; a
peer that knows one gold accepts a response that it accepts against any. What a peer expects around
an answer is given to it: Minerva's sentence, Hendrycks' dollar signs. The libraries are used as they
are installed. The process answers one JSON request per line and is killed by its parent when it takes too
long.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

Grader = Callable[[str, str], bool]
Accepts = Callable[[list[str], str, dict[str, Any]], bool]

MEMORY_BYTES = 6 * 2**30
_WARM_UP = ((r"\frac{1}{2}", r"$\boxed{0.5}$"), ("x+1", r"$\boxed{1+x}$"), ("3", r"$\boxed{3}$"))


class NoVerdict(Exception):
    """The grader itself says that it did not finish."""


def ours() -> Accepts:
    """Return `tampo.grading.grade`: notation here, mathematics in its worker."""
    from tampo.grading import UNDECIDED, grade_record

    def accepts(golds: list[str], response: str, record: dict[str, Any]) -> bool:
        outcome = grade_record(response, {"id": "case", "answer": golds, **record}).outcome
        if outcome in UNDECIDED:
            raise NoVerdict(outcome)
        return outcome == "correct"

    return accepts


def math_verify() -> Accepts:
    """Return math-verify alone, with its own extraction and its own time limits."""
    from math_verify import parse, verify

    def accepts(gold: str, response: str) -> bool:
        return bool(verify(parse(f"${gold}$"), parse(response)))

    return _any_gold(accepts)


def minerva() -> Accepts:
    """Return lm-eval's `minerva_math`, metric exact_match, for a response in its few-shot format."""
    import math_verify  # noqa: F401  chooses its grammar by the runtime that is really there

    _claim_antlr("4.11.1")
    task = _lm_eval_task("minerva_math")

    def accepts(gold: str, response: str) -> bool:
        answer = _boxed_by(task, response)
        text = f"{response}\nFinal Answer: The final answer is ${answer}$. I hope it is correct."
        target = task.normalize_final_answer(gold)
        return bool(
            task.is_equiv(task.normalize_final_answer(task.get_unnormalized_answer(text)), target)
        )

    return _any_gold(accepts)


def hendrycks() -> Accepts:
    """Return lm-eval's `hendrycks_math`, which reads what stands between the outermost dollars."""
    task = _lm_eval_task("hendrycks_math")

    def accepts(gold: str, response: str) -> bool:
        document = {"solution": rf"\boxed{{{gold}}}"}
        answer = _boxed_by(task, response)
        return bool(task.process_results(document, [f"${answer}$"])["exact_match"])

    return _any_gold(accepts)


def aime() -> Accepts:
    """Return lm-eval's `aime24`, which reads boxes itself."""
    task = _lm_eval_task("aime")

    def accepts(gold: str, response: str) -> bool:
        return bool(task.process_results({"answer": gold}, [response])["exact_match"])

    return _any_gold(accepts)


PEERS: dict[str, Callable[[], Accepts]] = {
    "ours": ours,
    "math-verify": math_verify,
    "minerva": minerva,
    "hendrycks": hendrycks,
    "aime": aime,
}


def _any_gold(grader: Grader) -> Accepts:
    """Return a grader of several golds. Dollar signs around one, as some sets have, are taken off."""
    return lambda golds, response, record: any(
        grader(gold.strip("$ ") if gold.count("$") == 2 else gold, response) for gold in golds
    )


def versions() -> dict[str, str]:
    """Return the versions of what is compared."""
    return {name: importlib.metadata.version(name) for name in ("math-verify", "lm_eval", "sympy")}


def _lm_eval_task(name: str) -> ModuleType:
    """Import the grading file of a task alone, not all of lm-eval."""
    package = importlib.util.find_spec("lm_eval")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("lm_eval is not installed")
    path = Path(package.origin).parent / "tasks" / name / "utils.py"
    spec = importlib.util.spec_from_file_location(f"lm_eval_{name}", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python module")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _claim_antlr(version: str) -> None:
    """Have the runtime of ANTLR pass for 4.11.

    lm-eval and sympy refuse any other; math-verify brings 4.13, which reads the same tables.
    """
    real = importlib.metadata.version

    def claimed(distribution_name: str) -> str:
        return version if distribution_name == "antlr4-python3-runtime" else real(distribution_name)

    importlib.metadata.version = claimed


def _boxed_by(task: ModuleType, response: str) -> str:
    found = task.last_boxed_only_string(response)
    return "" if found is None else task.remove_boxed(found)


def main(name: str) -> None:
    """Answer requests `{"golds", "response", "record"}` with `{"accepted"}` or `{"error"}`."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what a library prints is no answer
    accepts = PEERS[name]()
    for gold, response in _WARM_UP:
        with contextlib.suppress(Exception):
            accepts([gold], response, {})
    print(json.dumps({"ready": name}), file=answers)
    for line in sys.stdin:
        request = json.loads(line)
        started = time.perf_counter()
        try:
            reply: dict[str, Any] = {
                "accepted": accepts(request["golds"], request["response"], request["record"])
            }
        except Exception as error:
            reply = {"error": f"{type(error).__name__}: {error}"[:300]}
        print(json.dumps(reply | {"seconds": time.perf_counter() - started}), file=answers)


if __name__ == "__main__":
    main(sys.argv[1])
