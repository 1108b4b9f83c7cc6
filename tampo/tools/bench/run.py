"""`python -m tampo bench`: all timings of this machine into one JSON file and a dated page."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from tampo.files import write_atomically, write_json
from tampo.records import provenance
from tampo.tools.bench.head import head_times
from tampo.tools.bench.rollouts import rollout_speed
from tampo.tools.bench.startup import startup_seconds, startup_table
from tampo.tools.bench.step import step_ratio

logger = logging.getLogger(__name__)

STARTS = 5
"""Most rounds of start-up: each starts eleven interpreters."""
ON_CPU, ON_GPU = ("tiny", "smol"), ("tiny", "smol", "qwen2.5-1.5b")


def bench(out: Path, page: Path | None, rounds: int, threads: int) -> None:
    """Measure and write `out/bench.json`, and a readable page if one is wanted.

    Args:
        out: folder of bench.json.
        page: Markdown file to write, or None.
        rounds: alternating repetitions of every measurement.
        threads: CPU threads.
    """
    started = time.time()
    torch.set_num_threads(threads)
    names = ON_GPU if torch.cuda.is_available() else ON_CPU
    heads = {name: head_times(name, rounds, logger.info) for name in names}
    steps = {name: step_ratio(name, rounds, logger.info) for name in names}
    rollouts = {name: rollout_speed(name, rounds, logger.info) for name in names}
    result = {
        "step_ratio_tampo_over_trl": {name: step["ratio"] for name, step in steps.items()},
        "steps": steps,
        "heads": heads,
        "rollouts": rollouts,
        "startup_cpu_seconds": startup_seconds(min(rounds, STARTS), logger.info),
        "run": provenance.collect("bench", {"rounds": rounds, "threads": threads}, started),
    }
    write_json(out / "bench.json", result)
    if page is not None:
        write_atomically(page, _page(result))
    logger.info("%s", _page(result))


def gpus_and_packages(run: dict[str, Any]) -> tuple[str, str]:
    """Return what a page says of the machine and the libraries of a run.json."""
    gpus = ", ".join(run["hardware"].get("gpus") or []) or "no GPU"
    return gpus, ", ".join(f"{k} {run['packages'][k]}" for k in ("torch", "transformers", "trl"))


def _page(result: dict[str, Any]) -> str:
    run = result["run"]
    hardware = run["hardware"]
    gpus, packages = gpus_and_packages(run)
    lines = [
        f"# Measured on {datetime.now(UTC):%Y-%m-%d}",
        "",
        f"{hardware['processor']}, {run['arguments']['threads']} threads, {gpus}; {packages}; "
        f"commit {run['source']['commit']}{' with changes' if run['source']['dirty'] else ''}.",
        f"Medians of {run['arguments']['rounds']} alternating rounds. Command: `make bench`.",
        "",
        "## A TAMPO step against a plain TRL step",
        "",
        "| shape | TRL, s | TAMPO, s | ratio | quartiles of the paired ratios |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, step in result["steps"].items():
        seconds = step["median_seconds"]
        low, _, high = step["ratio_quartiles"]
        lines.append(
            f"| {name} | {seconds['trl']:.3f} | {seconds['tampo']:.3f} | {step['ratio']:.3f} "
            f"| {low:.3f} to {high:.3f} |"
        )
    lines += [
        "",
        "## The LM head: forward and backward, K = 10 candidates",
        "",
        "| shape | TRL at one T, s | fused at K + 1, s | K separate, s | fused / TRL "
        "| separate / fused | fused / roofline | peak MiB TRL, fused, separate |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, head in result["heads"].items():
        seconds, peak = head["median_seconds"], head["peak_mib"]
        keys = ("trl_one_temperature", "tampo_fused", "separate_passes")
        times = " | ".join(f"{seconds[key]:.3f}" for key in keys)
        lines.append(
            f"| {name} | {times} | {head['fused_over_trl']:.2f} "
            f"| {head['separate_over_fused']:.1f} | {head['fused_over_roofline']:.2f} "
            f"| {', '.join(f'{peak[key]:.0f}' for key in keys)} |"
        )
    lines += _rollout_lines(result["rollouts"])
    lines += ["", "## Start-up", "", f"Medians of at most {STARTS} rounds.", ""]
    lines += startup_table(result["startup_cpu_seconds"])
    return "\n".join([*lines, ""])


def _rollout_lines(rollouts: dict[str, Any]) -> list[str]:
    lines = [
        "",
        "## Rollouts: tokens sampled per second",
        "",
        "Roofline (memory bandwidth): all weights, and keys and values of all rows, read once per token.",
        "",
        "| shape | rows | way | tokens/s | over plain | fraction of the roofline |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name, measured in rollouts.items():
        for way, figures in measured["ways"].items():
            if "failed" in figures:
                found = f"not run: {figures['failed']} | – | –"
            else:
                found = (
                    f"{figures['tokens_per_second']:.0f} | {figures['over_plain']:.2f} "
                    f"| {figures['fraction_of_roofline']:.3f}"
                )
            lines.append(f"| {name} | {measured['rows']} | {way} | {found} |")
        for precision, roofline in measured["roofline"].items():
            lines.append(
                f"| {name} | {measured['rows']} | roofline, {precision}, at "
                f"{roofline['bandwidth_gb_s']:.1f} GB/s | {roofline['tokens_per_second']:.0f} | – | 1 |"
            )
    return lines
