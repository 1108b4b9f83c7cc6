"""What a study's jobs are doing, read from the files that they write: on this machine or a cluster's disk."""

from __future__ import annotations

import json
import statistics
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tampo import layout
from tampo.layout import REWARD, SECONDS, TEMPERATURE, TOKENS
from tampo.study.study import UNTRAINED, Study
from tampo.workflow.failures import reason_in

DONE, RUNNING, STOPPED, FAILED, WAITING = "done", "running", "stopped", "failed", "waiting"
FRESH = 120.0
"""Seconds without a line after which a job that is not done counts as ended, unless its steps are longer."""
STAGES = (layout.MODEL, layout.TRAIN, layout.EVALUATE, layout.AGGREGATE, layout.REPORT)


@dataclass(frozen=True)
class Job:
    """One job of a study and how far it is."""

    stage: str
    name: str
    """`tampo, seed 1`; empty for a job that a study has once."""
    state: str
    seconds: float | None = None
    """Wall-clock seconds of a job that is done."""
    left: float | None = None
    """Seconds left of a training run, at the pace of its last steps."""
    detail: str = ""

    def line(self) -> str:
        """Return the job in one line."""
        return f"{self.state:<8} {self.stage} {self.name}  {self.detail}".rstrip()


def jobs(study: Study, results: Path, logs: Path, now: float | None = None) -> list[Job]:
    """Return every job of a study in the order of the workflow.

    Args:
        study: what is planned.
        results: `results/{study}`.
        logs: folder that holds `logs/`.
        now: seconds since the epoch; by default the clock's.
    """
    now = time.time() if now is None else now
    found = [_single(layout.MODEL, results / layout.MODEL / layout.RUN_JSON)]
    for stage, folder_of in (
        (layout.TRAIN, layout.train_folder),
        (layout.EVALUATE, layout.evaluate_folder),
    ):
        for method in study.methods:
            if stage == layout.TRAIN and method.policy == UNTRAINED:
                continue
            for seed in study.seeds:
                log = logs / layout.log_file(
                    study.name, layout.job_name(stage, method.name, str(seed))
                )
                folder = folder_of(results, method.name, seed)
                steps = study.training_of(method.name).steps if stage == layout.TRAIN else None
                found.append(_run(stage, f"{method.name}, seed {seed}", folder, log, steps, now))
    for stage, last_file in (
        (layout.AGGREGATE, results / layout.AGGREGATE / layout.SCORES),
        (layout.REPORT, results / layout.REPORT / layout.CHECKSUMS),
    ):
        # Files of an earlier run are no sign of this one's.
        whole = all(job.state == DONE for job in found)
        found.append(_single(stage, last_file) if whole else Job(stage, "", WAITING))
    return found


def _single(stage: str, last_file: Path) -> Job:
    return Job(stage, "", DONE if last_file.is_file() else WAITING)


def _run(stage: str, name: str, folder: Path, log: Path, steps: int | None, now: float) -> Job:
    done = folder / layout.RUN_JSON
    if done.is_file():
        return Job(stage, name, DONE, _seconds(done))
    progress = folder / layout.RESUME / "log" / layout.STEPS_LOG
    rows = _whole_rows(progress) if steps is not None and progress.is_file() else []
    pace = statistics.median(row[SECONDS]["total"] for row in rows[-20:]) if rows else 0.0
    touched = max((p.stat().st_mtime for p in (progress, log) if p.is_file()), default=0.0)
    detail, left = "", None
    if rows and steps is not None:
        left = pace * (steps - len(rows))
        detail = _step(rows[-1], len(rows), steps)
    if now - touched < max(FRESH, 3 * pace):
        detail += f"  {in_words(left)} left" if left is not None else ""
        return Job(stage, name, RUNNING, left=left, detail=detail)
    if not touched:
        return Job(stage, name, WAITING)
    reason = reason_in(log)
    if reason.startswith("error: ") and "the same command continues" not in reason:
        return Job(stage, name, FAILED, detail=f"{log}: {reason}")
    return Job(stage, name, STOPPED, detail=detail or str(log))


def _whole_rows(path: Path) -> list[dict[str, Any]]:
    """Read the lines written so far; the last can be on its way."""
    text = path.read_text(encoding="utf-8")
    return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]


def _seconds(run_json: Path) -> float | None:
    try:
        return float(json.loads(run_json.read_text(encoding="utf-8"))["seconds"]["wall"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _step(row: dict[str, Any], done: int, steps: int) -> str:
    reward = "–" if row[REWARD] is None else f"{row[REWARD]:.3f}"
    rate = row[TOKENS] / row[SECONDS]["total"]
    return f"step {done}/{steps}  T {row[TEMPERATURE]:.2f}  reward {reward}  {rate:,.0f} tokens/s"


def in_words(seconds: float) -> str:
    """Return a time in the two units that suit it."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def report_lines(study: Study, found: list[Job]) -> Iterator[str]:
    """Yield the status of a study: one line of totals, then the jobs that somebody may want to see."""
    states = Counter(job.state for job in found)
    by_stage = [
        f"{stage} {sum(j.state == DONE for j in of_stage)}/{len(of_stage)}"
        for stage in STAGES
        if (of_stage := [job for job in found if job.stage == stage])
    ]
    total = f"{study.name}: {states[DONE]} of {len(found)} jobs done ({', '.join(by_stage)})"
    total += "".join(
        f", {states[state]} {state}" for state in (RUNNING, STOPPED, FAILED) if states[state]
    )
    yield total + _remaining(found)
    for state in (RUNNING, STOPPED, FAILED):
        yield from (f"  {job.line()}" for job in found if job.state == state)


def _remaining(found: list[Job]) -> str:
    """Return how long the rest takes at the pace of the finished jobs, with as many at once as now."""
    at_once = sum(job.state == RUNNING for job in found)
    seconds = 0.0
    for stage in (layout.TRAIN, layout.EVALUATE):
        took = [job.seconds for job in found if job.stage == stage and job.seconds is not None]
        open_jobs = [job for job in found if job.stage == stage and job.state != DONE]
        if open_jobs and not took:
            return ""
        seconds += sum(
            job.left if job.left is not None else statistics.median(took) for job in open_jobs
        )
    return f"; about {in_words(seconds / at_once)} left" if at_once and seconds else ""


def watch(study: Study, results: Path, logs: Path, every: float) -> None:
    """Print the status again and again, each in the place of the last, until all is done or Ctrl-C."""
    while True:
        found = jobs(study, results, logs)
        print("\033[H\033[2J" + "\n".join(report_lines(study, found)), flush=True)
        if all(job.state == DONE for job in found):
            return
        time.sleep(every)
