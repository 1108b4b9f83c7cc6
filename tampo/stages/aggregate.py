"""Aggregation: from what the runs stored to the tables that everything else is made from.

Scores follow from the stored samples alone; costs are listed with them (`tampo.records.cost`), and what
training left behind becomes tables of its own (`tampo.records.training_tables`). All are in long format
and full precision:

`scores.csv`: method, seed, benchmark, metric, value, n
    pass@k                    mean over the n problems of the unbiased estimate, 0 to 1
    correct ... truncated     fraction of the n responses with that outcome; all outcomes sum to 1
    length_limited            fraction of the n responses that reached the length limit, whatever their
                              outcome (`truncated` are those of them without an answer)
    tokens                    mean tokens per response, over n responses
    pass@k@B ... tokens@B     the same at each shorter budget B of the study, from the same responses
    rollout_tokens ... seconds     what training and evaluation cost, under the benchmark names
                              `training` and `evaluation`

`runs.csv`: method, seed, outcome, step, reason, costs; where a training run diverged, and only there
    one row a training run (`tampo.records.outcomes`). A run that diverged has no scores: it has no row
    in the other two.

`problem_scores.csv`: method, seed, benchmark, problem, metric, value, n
    pass@k of one problem from its n responses; the intervals are computed from these
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import pandas as pd

from tampo import layout
from tampo.files import IncompleteResults, read_jsonl, write_atomically
from tampo.grading import OUTCOMES
from tampo.layout import (
    BENCHMARK,
    LENGTH_LIMITED,
    METHOD,
    METRIC,
    PROBLEM,
    SEED,
    TOKENS,
    TRUNCATED,
    VALUE,
    N,
)
from tampo.problems.problem_sets import problem_count
from tampo.records.cost import evaluation_cost, training_cost
from tampo.records.outcomes import disagreements, diverged_runs, runs_table
from tampo.records.training_tables import write_training_tables
from tampo.statistics.pass_at_k import pass_at_k
from tampo.study.settings import Benchmark
from tampo.study.study import Study


@dataclass(frozen=True)
class ProblemSamples:
    """What became of all responses to one problem."""

    problem: str
    """Id of the problem."""
    outcomes: tuple[str, ...]
    """Outcome of each response."""
    tokens: tuple[int, ...]
    """Tokens of each response."""
    length_limited: int
    """Number of responses that reached the length limit."""

    @property
    def correct(self) -> int:
        """Number of correct responses c."""
        return self.outcomes.count("correct")

    def within(self, budget: int | None) -> ProblemSamples:
        """Return the same responses under a limit of `budget` tokens, below the one they had.

        A shorter response is the same under both limits, because tokens are sampled one after the
        other. A longer one is truncated: what it may have boxed by then is not known and not credited.
        """
        if budget is None:
            return self
        longer = [tokens > budget for tokens in self.tokens]
        outcomes = zip(self.outcomes, longer, strict=True)
        return ProblemSamples(
            self.problem,
            tuple(TRUNCATED if cut else outcome for outcome, cut in outcomes),
            tuple(min(tokens, budget) for tokens in self.tokens),
            sum(longer),
        )


def parse_samples(rows: list[dict[str, Any]], benchmark: Benchmark) -> list[ProblemSamples]:
    """Return the samples of one file, checked.

    Args:
        rows: one object per problem, as evaluation stores them.
        benchmark: how many responses a problem must have.

    Raises:
        IncompleteResults: a problem is duplicated, has another number of responses than the study
            asks for, or a response has an unknown outcome.
    """
    problems = []
    for row in rows:
        problem, responses = row["id"], row["responses"]
        if len(responses) != benchmark.samples:
            raise IncompleteResults(
                f"problem {problem!r} has {len(responses)} responses, "
                f"the study asks for {benchmark.samples}"
            )
        for response in responses:
            if response["outcome"] not in OUTCOMES:
                raise IncompleteResults(
                    f"problem {problem!r} has outcome {response['outcome']!r}; "
                    f"allowed: {', '.join(OUTCOMES)}"
                )
        outcomes = tuple(r["outcome"] for r in responses)
        tokens = tuple(r[TOKENS] for r in responses)
        length_limited = sum(r["finish"] == "length" for r in responses)
        problems.append(ProblemSamples(problem, outcomes, tokens, length_limited))
    repeated = [name for name, times in Counter(p.problem for p in problems).items() if times > 1]
    if repeated:
        raise IncompleteResults(f"problem {repeated[0]!r} is duplicated")
    return problems


def problem_rows(problems: list[ProblemSamples], pass_k: list[int]) -> list[dict[str, Any]]:
    """Return Pass@k of each problem, one row per (problem, k)."""
    return [
        {
            PROBLEM: p.problem,
            METRIC: layout.pass_at(k),
            VALUE: float(pass_at_k(len(p.outcomes), p.correct, k)),
            N: len(p.outcomes),
        }
        for k in pass_k
        for p in problems
    ]


def score_rows(problems: list[ProblemSamples], pass_k: list[int]) -> list[dict[str, Any]]:
    """Return the scores of one run on one benchmark, one row per metric."""
    per_problem = problem_rows(problems, pass_k)
    rows = []
    for k in pass_k:
        values = [row[VALUE] for row in per_problem if row[METRIC] == layout.pass_at(k)]
        rows.append({METRIC: layout.pass_at(k), VALUE: fmean(values), N: len(values)})
    outcomes = Counter(outcome for p in problems for outcome in p.outcomes)
    responses = outcomes.total()
    for outcome in OUTCOMES:
        fraction = outcomes[outcome] / responses
        rows.append({METRIC: outcome, VALUE: fraction, N: responses})
    length_limited = sum(p.length_limited for p in problems) / responses
    rows.append({METRIC: LENGTH_LIMITED, VALUE: length_limited, N: responses})
    tokens = sum(sum(p.tokens) for p in problems) / responses
    rows.append({METRIC: TOKENS, VALUE: tokens, N: responses})
    return rows


def read_run(
    study: Study, results: Path, method: str, seed: int
) -> dict[str, list[ProblemSamples]]:
    """Read one evaluated run: the samples of each benchmark of the study.

    Raises:
        IncompleteResults: names each benchmark of this run that is missing or incomplete.
    """
    folder, faults, samples = layout.evaluate_folder(results, method, seed), [], {}
    if not (folder / layout.RUN_JSON).is_file():
        faults.append(f"{folder / layout.RUN_JSON}: missing")
    for benchmark in study.benchmarks:
        path = folder / layout.samples_file(benchmark.name)
        if not path.is_file():
            faults.append(f"{path}: missing")
            continue
        try:
            problems = parse_samples(read_jsonl(path), benchmark)
            _check_size(len(problems), benchmark, study.data_dir)
        except KeyError as error:
            faults.append(f"{path}: a line has no key {error}")
        except ValueError as error:
            faults.append(f"{path}: {error}")
        else:
            samples[benchmark.name] = problems
    if faults:
        raise IncompleteResults("\n".join(faults))
    return samples


def _check_size(found: int, benchmark: Benchmark, data_dir: str | None) -> None:
    expected = problem_count(benchmark.name, data_dir)
    if benchmark.limit is not None:
        expected = min(expected, benchmark.limit)
    if found != expected:
        raise IncompleteResults(f"{found} problems, the study asks for {expected}")


def read_runs(
    study: Study, results: Path
) -> dict[tuple[str, int], dict[str, list[ProblemSamples]]]:
    """Read every run of the study; `{(method, seed): {benchmark: samples}}` in the study's order.

    A run that diverged was not evaluated and is left out.

    Raises:
        IncompleteResults: names every run that is missing, incomplete, met other problems, or whose
            files disagree on whether it diverged.
    """
    runs, faults = {}, []
    diverged = {(run.method, run.seed) for run in diverged_runs(study, results)}
    for method in [m.name for m in study.methods]:
        for seed in study.seeds:
            if method in study.trained_methods:
                found = disagreements(results, method, seed)
                faults += [f"{path}: {what}" for path, what in found]
            try:
                if (method, seed) in diverged:
                    _require_refusal(study, results, method, seed)
                else:
                    runs[method, seed] = read_run(study, results, method, seed)
            except IncompleteResults as error:
                faults.append(str(error))
    if not faults and runs:
        faults = _unpaired(runs, results)
    if faults:
        raise IncompleteResults("runs are missing or incomplete:\n" + "\n".join(faults))
    return runs


def _require_refusal(study: Study, results: Path, method: str, seed: int) -> None:
    """Raise IncompleteResults unless the evaluation of a run that diverged left what a refusal leaves."""
    folder = layout.evaluate_folder(results, method, seed)
    names = [layout.RUN_JSON, *(layout.samples_file(b.name) for b in study.benchmarks)]
    missing = [f"{folder / name}: missing" for name in names if not (folder / name).is_file()]
    if missing:
        raise IncompleteResults("\n".join(missing))


def _unpaired(runs: dict, results: Path) -> list[str]:
    """Return a fault for each run whose problems, or their order, differ from the first run's."""
    (_, first), *others = runs.items()
    return [
        f"{layout.evaluate_folder(results, *run) / layout.samples_file(benchmark)}: "
        "other problems than the first run"
        for run, samples in others
        for benchmark, problems in samples.items()
        if [p.problem for p in problems] != [p.problem for p in first[benchmark]]
    ]


def aggregate(study: Study, results: Path, out: Path) -> None:
    """Write the tables of a study below `out`, from all runs below `results`.

    Raises:
        IncompleteResults: names every run that is missing or incomplete; nothing is written.
    """
    scores, problem_scores = score_tables(study, results)
    write_training_tables(study, results, out)
    _write(out / layout.SCORES, pd.concat([scores, cost_table(study, results)]))
    _write(out / layout.PROBLEM_SCORES, problem_scores)
    if diverged_runs(study, results):
        _write(out / layout.RUNS, runs_table(study, results))
    else:
        (out / layout.RUNS).unlink(missing_ok=True)


def score_tables(study: Study, results: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the scores of every run, and of every problem in it, from the samples alone.

    Raises:
        IncompleteResults: names every run that is missing or incomplete.
    """
    scores: list[dict[str, Any]] = []
    problem_scores: list[dict[str, Any]] = []
    pass_k = study.evaluation.pass_k
    for (method, seed), run in read_runs(study, results).items():
        for benchmark, problems in run.items():
            key = {METHOD: method, SEED: seed, BENCHMARK: benchmark}
            for budget in (None, *study.evaluation.budgets):
                cut = [problem.within(budget) for problem in problems]
                for table, rows in (
                    (scores, score_rows(cut, pass_k)),
                    (problem_scores, problem_rows(cut, pass_k)),
                ):
                    table += [
                        key | row | {METRIC: layout.at_budget(row[METRIC], budget)} for row in rows
                    ]
    return (
        pd.DataFrame(scores, columns=layout.SCORE_COLUMNS),
        pd.DataFrame(problem_scores, columns=layout.PROBLEM_SCORE_COLUMNS),
    )


def cost_table(study: Study, results: Path) -> pd.DataFrame:
    """Return what every run cost, in the columns of the scores (`tampo.records.cost`).

    What a run cost that diverged stands in runs.csv.
    """
    rows: list[dict[str, Any]] = []
    diverged = {(run.method, run.seed) for run in diverged_runs(study, results)}
    for method in [m.name for m in study.methods]:
        for seed in study.seeds:
            if (method, seed) in diverged:
                continue
            found = evaluation_cost(layout.evaluate_folder(results, method, seed))
            if method in study.trained_methods:
                found = training_cost(layout.train_folder(results, method, seed)) + found
            rows += [{METHOD: method, SEED: seed} | row for row in found]
    return pd.DataFrame(rows, columns=layout.SCORE_COLUMNS)


def _write(path: Path, table: pd.DataFrame) -> None:
    write_atomically(path, table.to_csv(index=False, lineterminator="\n"))
