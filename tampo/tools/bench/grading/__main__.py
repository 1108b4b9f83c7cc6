"""`python -m tampo.tools.bench.grading`: all graders on the same cases, in one run."""

from __future__ import annotations

import argparse
import json
import logging
import queue
import threading
import time
from pathlib import Path
from typing import Any

from tampo.files import write_atomically
from tampo.tools.bench.grading import cases, report
from tampo.tools.bench.grading.cases import Case
from tampo.tools.bench.grading.mutations import mutations
from tampo.tools.bench.grading.peers import PEERS, versions
from tampo.tools.bench.grading.referee import Referee, Verdict
from tampo.tools.bench.grading.rewritings import rewritings

logger = logging.getLogger(__name__)

PROGRESS_SECONDS = 10


def arguments(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tampo.tools.bench.grading",
        description="Compare graders: false accepts, false refusals, errors and seconds. What a "
        "folder or file that is not there would bring is left out and named in the table.",
    )
    add = parser.add_argument
    add("--cases", type=Path, help="JSON lines with kind, gold, response, right")
    add("--data-dir", type=Path, help="folder with the problem sets as JSON lines")
    add("--qwen", type=Path, help="clone of QwenLM/Qwen2.5-Math, bare or checked out")
    add("--mario", type=Path, help="clone of MARIO-Math-Reasoning/math_evaluation, likewise")
    add(
        "--out", type=Path, required=True, help="folder for grading.md, grading.csv, failures.jsonl"
    )
    add("--most", type=int, default=100, help="cases of a kind at most, drawn by the seed; 0: all")
    add("--seed", type=int, default=0)
    add("--graders", nargs="+", default=list(PEERS), choices=list(PEERS), metavar="GRADER")
    add("--jobs", type=int, default=1, help="cases at a time; times are comparable at any number")
    return parser.parse_args(argv)


def collect(options: argparse.Namespace) -> tuple[list[Case], dict[str, str]]:
    """Return the cases there are, and the parts that are not available."""
    found: list[Case] = []
    missing: dict[str, str] = {}
    if _there(options.cases, "cases", missing):
        found += cases.visible_cases(options.cases)
    if _there(options.data_dir, "golds", missing):
        records = cases.problem_records(options.data_dir)
        made = cases.golds_themselves(records)
        made += [*rewritings(records, options.seed), *mutations(records, options.seed)]
        found += cases.sample(made, options.most, options.seed)
    if _there(options.qwen, "responses", missing):
        found += cases.qwen_responses(options.qwen)
    if _there(options.mario, "MATH golds", missing):
        golds = cases.mario_golds(options.mario, options.seed)
        found += cases.sample(golds, options.most, options.seed)
    return found, missing


def compare(found: list[Case], graders: list[str], jobs: int) -> list[tuple[Case, str, Verdict]]:
    """Have every grader judge every case; one case goes to all graders before the next.

    Each grader thus meets the machine in the same state as the others.
    """
    todo: queue.SimpleQueue[int] = queue.SimpleQueue()
    for index in range(len(found)):
        todo.put(index)
    verdicts: dict[tuple[int, str], Verdict] = {}
    failures: list[BaseException] = []

    def work() -> None:
        referees = [Referee(name) for name in graders]
        try:
            while not failures:
                index = todo.get_nowait()
                for referee in referees:
                    verdicts[index, referee.name] = referee.ask(found[index])
        except queue.Empty:
            pass
        except BaseException as failure:
            failures.append(failure)
        finally:
            for referee in referees:
                referee.close()

    threads = [threading.Thread(target=work) for _ in range(jobs)]
    for thread in threads:
        thread.start()
    last = time.monotonic()
    for thread in threads:
        while thread.is_alive():
            thread.join(1.0)
            if time.monotonic() - last > PROGRESS_SECONDS:
                last = time.monotonic()
                logger.info("%d of %d cases", len(verdicts) // len(graders), len(found))
    if failures:
        raise failures[0]
    return [(case, name, verdicts[i, name]) for i, case in enumerate(found) for name in graders]


def failure_lines(results: list[tuple[Case, str, Verdict]]) -> str:
    """Return every wrong verdict as a JSON line."""
    lines = []
    for case, grader, verdict in results:
        if verdict.accepted is not case.right:
            row: dict[str, Any] = {
                "grader": grader,
                "part": case.part,
                "kind": case.kind,
                "gold": case.gold,
            }
            row |= {"response": case.response, "right": case.right, "record": case.record}
            row |= {"accepted": verdict.accepted, "error": verdict.error}
            lines.append(json.dumps(row, ensure_ascii=False))
    return "".join(f"{line}\n" for line in lines)


def _there(path: Path | None, part: str, missing: dict[str, str]) -> bool:
    if path is not None and path.exists():
        return True
    missing[part] = "not available"
    return False


def main(argv: list[str] | None = None) -> None:
    """Run the comparison and write its three files."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    options = arguments(argv)
    found, missing = collect(options)
    if not found:
        raise SystemExit("bench-grading: no cases: give --cases, --data-dir, --qwen or --mario")
    logger.info("%d cases, graders: %s", len(found), ", ".join(options.graders))
    results = compare(found, options.graders, options.jobs)
    used = ", ".join(f"{name} {version}" for name, version in versions().items())
    page = (
        "False accepts / false refusals / errors; seconds for a thousand cases. "
        f"At most {options.most or 'all'} cases of a kind, seed {options.seed}; {used}.\n\n"
        f"{report.table(results, options.graders, missing)}\n"
        "Wrong verdicts and errors in percent, by kind.\n\n"
        f"{report.kinds_table(results, options.graders)}"
    )
    options.out.mkdir(parents=True, exist_ok=True)
    write_atomically(options.out / "grading.md", page)
    write_atomically(options.out / "grading.csv", report.csv_text(results))
    write_atomically(options.out / "failures.jsonl", failure_lines(results))
    logger.info("%s", report.table(results, options.graders, missing))


if __name__ == "__main__":
    main()
