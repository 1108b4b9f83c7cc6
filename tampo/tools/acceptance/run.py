"""`python -m tampo acceptance`: every check of a machine into one JSON file and one page."""

from __future__ import annotations

import json
import logging
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from tampo.files import write_atomically, write_json
from tampo.records import provenance
from tampo.tools.acceptance.check import Outcome
from tampo.tools.acceptance.end_to_end import methods_run, smol_model
from tampo.tools.acceptance.head import head_is_exact
from tampo.tools.acceptance.resume import resume_is_exact
from tampo.tools.acceptance.step import head_cost, memory_fits_plan, step_cost
from tampo.tools.bench.run import gpus_and_packages

logger = logging.getLogger(__name__)

SHAPES = {"cpu": ["tiny", "smol"], "cuda": ["tiny", "smol", "qwen2.5-1.5b"]}
"""Shapes of the timed checks by kind of device."""
MEMORY_SHAPES = ["smol", "qwen2.5-1.5b"]
CHECKS = {
    "head": "The fused head against float64",
    "head-cost": "The fused head: time and memory",
    "step-cost": "A step of TAMPO against plain TRL",
    "memory": "Memory of a step against the plan",
    "resume": "Stopped and resumed",
    "end-to-end": "Two methods on SmolLM2-135M-Instruct",
}
"""What is checked, by the name that `--only` takes, in order."""
JSON, PAGE = "acceptance.json", "acceptance.md"


def acceptance(
    out: Path, only: list[str], rounds: int, threads: int, model: dict[str, Any] | None = None
) -> bool:
    """Run the checks and write `out/acceptance.json` and `out/acceptance.md`, anew after each check.

    What an earlier call on the same machine with the same packages and code found stays, so that the
    checks can be run in parts.

    Args:
        out: folder of both files.
        only: names of `CHECKS`, in any order; empty for all.
        rounds: alternating repetitions of every timing.
        threads: CPU threads.
        model: base model of the last check as a study has it; SmolLM2-135M-Instruct by default.

    Returns:
        Whether no check failed.
    """
    unknown = [name for name in only if name not in CHECKS]
    if unknown:
        raise ValueError(f"--only: unknown {unknown[0]!r}; known: {', '.join(CHECKS)}")
    started = time.time()
    torch.set_num_threads(threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    shapes = SHAPES[device]
    precision = "fp32" if device == "cpu" else "bf16" if torch.cuda.is_bf16_supported() else "fp16"
    found = _found_before(out / JSON)
    with tempfile.TemporaryDirectory() as scratch:
        checks: dict[str, Callable[[], Outcome]] = {
            "head": lambda: head_is_exact(shapes, logger.info),
            "head-cost": lambda: head_cost(shapes, rounds, logger.info),
            "step-cost": lambda: step_cost(shapes, rounds, logger.info),
            "memory": lambda: memory_fits_plan(MEMORY_SHAPES, logger.info),
            "resume": lambda: resume_is_exact(Path(scratch) / "resume", logger.info),
            "end-to-end": lambda: methods_run(
                Path(scratch) / "end-to-end", model or smol_model(), precision, logger.info
            ),
        }
        for name in [name for name in CHECKS if name in (only or CHECKS)]:
            found |= {name: _timed(checks[name])}
            logger.info("%s: %s, %.0f s", name, found[name]["status"], found[name]["seconds"])
            arguments = {"only": only, "rounds": rounds, "threads": threads}
            result = {
                "checks": {name: found[name] for name in CHECKS if name in found},
                "run": provenance.collect("acceptance", arguments, started),
            }
            write_json(out / JSON, result)
            write_atomically(out / PAGE, page(result))
    return all(check["status"] != "failed" for check in found.values())


def _found_before(file: Path) -> dict[str, dict[str, Any]]:
    """Return the checks of an earlier call, if it ran on what this one runs on."""
    if not file.is_file():
        return {}
    before = json.loads(file.read_text(encoding="utf-8"))
    now = provenance.collect("acceptance", {}, time.time())
    same = all(before["run"][key] == now[key] for key in ("source", "packages", "hardware"))
    return before["checks"] if same else {}


def _timed(check: Callable[[], Outcome]) -> dict[str, Any]:
    """Run a check; what it raises is its outcome, so that the others are still run."""
    started = time.monotonic()
    try:
        outcome = check()
    except Exception as error:
        logger.exception("a check ended with an error")
        outcome = Outcome("failed", f"{type(error).__name__}: {error}")
    return vars(outcome) | {"seconds": time.monotonic() - started}


def page(result: dict[str, Any]) -> str:
    """Return the findings as Markdown."""
    run = result["run"]
    hardware = run["hardware"]
    gpus, packages = gpus_and_packages(run)
    seconds = sum(check["seconds"] for check in result["checks"].values())
    lines = [
        f"# Acceptance: {gpus}",
        "",
        f"{datetime.now(UTC):%Y-%m-%d}; {hardware['processor']}, {hardware['cores']} cores; {packages}; "
        f"Python {run['python']}. Command: `make acceptance`, {seconds:.0f} s.",
        "",
        "| check | outcome | s |",
        "| --- | --- | --- |",
    ]
    lines += [
        f"| {CHECKS[name]} | **{check['status']}**: {check['rule']} | {check['seconds']:.0f} |"
        for name, check in result["checks"].items()
    ]
    for name, check in result["checks"].items():
        if check["figures"]:
            lines += ["", f"## {CHECKS[name]}", "", *_table(check["figures"])]
    return "\n".join([*lines, ""])


def _table(figures: dict[str, dict[str, Any]]) -> list[str]:
    """Return one column per case and one row per figure: cases are few, figures many."""
    names = list(next(iter(figures.values())))
    lines = [
        f"| | {' | '.join(figures)} |",
        f"| --- |{' --- |' * len(figures)}",
    ]
    for name in names:
        lines.append(f"| {name} | {' | '.join(_cell(case[name]) for case in figures.values())} |")
    return lines


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
