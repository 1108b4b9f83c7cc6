"""Where everything in `results/` is and what it is called: each name is defined here once.

A study's folder has one folder per stage. Functions return paths below such a folder; given wildcards
(`"{method}"`) instead of names they return the patterns of the workflow's rules. What the columns mean
is documented where they are computed (`tampo.records`, `tampo.stages.aggregate`) and in `results/README.md`.

Standard library alone: this file travels with a packed study to machines that lack the package.
"""

from __future__ import annotations

from pathlib import Path

RESULTS = Path("results")
LOGS = Path("logs")
TRACKING = Path("tracking")
"""What trackers keep of training runs, where one is asked for."""
TIMINGS = Path("timings")
"""Snakemake's record of time and memory of each job."""

# Folders of a study, one per stage -------------------------------------------------------------------

MODEL, TRAIN, EVALUATE, AGGREGATE, REPORT = "model", "train", "evaluate", "aggregate", "report"
STAGES = (MODEL, TRAIN, EVALUATE, AGGREGATE, REPORT)
PREFETCHED = "problems"
"""Problem sets as files, for machines without network."""


def seed_name(seed: int | str | None) -> str:
    """Return the name of the folder of one training seed."""
    return f"seed{seed}"


def train_folder(results: Path, method: str, seed: int | str) -> Path:
    """Return the folder of one training run."""
    return results / job_name(TRAIN, method, seed)


def evaluate_folder(results: Path, method: str, seed: int | str) -> Path:
    """Return the folder of one evaluated run."""
    return results / job_name(EVALUATE, method, seed)


def job_name(stage: str, method: str | None = None, seed: int | str | None = None) -> str:
    """Return the name of a job: its stage, and its run where it has one."""
    return stage if method is None else f"{stage}/{method}/{seed_name(seed)}"


def log_file(study: str, job: str) -> Path:
    """Return the file of a job's output."""
    return LOGS / study / f"{job}.log"


def timing_file(study: str, job: str) -> Path:
    """Return the file of a job's time and memory."""
    return TIMINGS / study / f"{job}.tsv"


# Files of the stages ---------------------------------------------------------------------------------

RUN_JSON = "run.json"
"""What a stage says about itself, in every folder that a job finished (`tampo.records`)."""

CHECKPOINT = "checkpoint"
DIVERGED_FILE = "diverged.json"
"""All that `checkpoint/` holds where a run diverged: the step, and what was not finite."""
STEPS_LOG, POLICY_LOG, TRAJECTORIES = "steps.jsonl", "policy.jsonl", "trajectories.parquet"
TRAINING_LOGS = (STEPS_LOG, POLICY_LOG, TRAJECTORIES)
RESUME, RESUME_IDENTITY = "resume", "identity.json"
"""What an unfinished training run needs to continue, and which run it is."""

PARTIAL = ".partial"
"""Responses of an evaluation that has not ended."""


def samples_file(benchmark: str) -> str:
    """Return the name of a benchmark's file of responses."""
    return f"{benchmark}.jsonl"


def table_file(name: str) -> str:
    """Return the name of a table as CSV."""
    return f"{name}.csv"


SCORES, PROBLEM_SCORES = table_file("scores"), table_file("problem_scores")
RUNS = table_file("runs")
"""How every training run ended; written where one diverged."""

STUDY_COPY, CLAIMS, ROBUST = "study.yaml", table_file("claims"), table_file("robust")
COMPARISONS = table_file("comparisons")
PAGE, FIGURES, CHECKSUMS = "report.html", "figures", "checksums.json"
PUBLISHED_PREFIX = "published_"
"""Opens the name of every file and column of transcribed numbers."""

TABLE1_NAME = "table1"
TABLE1 = table_file(TABLE1_NAME)
"""The table that a run of the workflow ends in."""

# Columns ---------------------------------------------------------------------------------------------

METHOD, SEED, BENCHMARK, PROBLEM, METRIC = "method", "seed", "benchmark", "problem", "metric"
VALUE, N = "value", "n"
RUN = [METHOD, SEED]
SCORE_COLUMNS = [*RUN, BENCHMARK, METRIC, VALUE, N]
PROBLEM_SCORE_COLUMNS = [*RUN, BENCHMARK, PROBLEM, METRIC, VALUE, N]

STEP, TEMPERATURE, REWARD, REWARD_STD = "step", "temperature", "reward", "reward_std"
ENTROPY, ENTROPY_AT_ONE, MIXED_GROUPS = "entropy", "entropy_at_one", "mixed_groups"
TRUNCATED, TOKENS, MEAN_LENGTH = "truncated", "tokens", "mean_length"
LOSS, GRAD_NORM, KL = "loss", "grad_norm", "kl"
SECONDS, SECONDS_GENERATE, SECONDS_REWARD, SECONDS_CPU = (
    "seconds",
    "seconds_generate",
    "seconds_reward",
    "seconds_cpu",
)
STEP_COLUMNS = [
    *(STEP, TEMPERATURE, REWARD, REWARD_STD, ENTROPY, ENTROPY_AT_ONE, MIXED_GROUPS),
    *(TRUNCATED, TOKENS, MEAN_LENGTH, LOSS, GRAD_NORM, KL),
    *(SECONDS, SECONDS_GENERATE, SECONDS_REWARD, SECONDS_CPU),
]

CANDIDATE, PROBABILITY = "candidate", "probability"
CANDIDATES, PROBABILITIES = "candidates", "probabilities"
"""Keys of policy.jsonl that hold a distribution."""
SIGN, COUNT = "sign", "count"
POSITIVE, NEGATIVE, ZERO = "positive", "negative", "zero"
SIGNS = (POSITIVE, NEGATIVE, ZERO)
TRAJECTORY_COUNT, UNIMODAL, LARGEST_DIP = "trajectories", "unimodal", "largest_dip"
ROW, GROUP, ADVANTAGE, LOG_LIKELIHOOD = "row", "group", "advantage", "log_likelihood"
LIKELIHOOD_PREFIX = f"{LOG_LIKELIHOOD}_"
"""Opens the parquet columns with a trajectory's mean log-likelihood under a candidate."""


def likelihood_column(temperature: float) -> str:
    """Return the column of trajectories.parquet for one candidate temperature."""
    return f"{LIKELIHOOD_PREFIX}{temperature:g}"


CREDIT_P, SLOPE = "credit_p", "slope"
"""Of temperature credit: p-value of its range, and its slope over temperature."""
STEPS, POLICY, CREDIT = "steps", "policy", "credit"
OPTIMAL_TEMPERATURES, UNIMODALITY = "optimal_temperatures", "unimodality"
LIKELIHOOD_CURVES = "likelihood_curves"
TRAINING_TABLES = {
    STEPS: [*RUN, *STEP_COLUMNS],
    POLICY: [*RUN, STEP, CANDIDATE, PROBABILITY],
    CREDIT: [*RUN, STEP, CREDIT_P, SLOPE],
    OPTIMAL_TEMPERATURES: [*RUN, SIGN, TEMPERATURE, COUNT],
    UNIMODALITY: [*RUN, TRAJECTORY_COUNT, UNIMODAL, LARGEST_DIP],
    LIKELIHOOD_CURVES: [*RUN, STEP, ROW, SIGN, TEMPERATURE, LOG_LIKELIHOOD],
}
"""Tables of what training left behind, and the columns that each has at least."""

OUTCOME, REASON = "outcome", "reason"
FINISHED, DIVERGED = "finished", "diverged"
"""How a training run ends: its outcome in runs.csv."""

LOW, HIGH = "low", "high"
NUM_SEEDS = "num_seeds"
AVERAGE = "average"
"""The unweighted mean over benchmarks, listed with the benchmarks."""

CLAIM_COLUMNS = [
    *("id", "claim", "verdict", "estimate", LOW, HIGH),
    *("unit", "against", "published", "looks", "looks_low", "looks_high", "test", "detail"),
]

# Metrics of scores.csv -------------------------------------------------------------------------------

LENGTH_LIMITED = "length_limited"
TRAINING, EVALUATION = "training", "evaluation"
"""Stand for a benchmark where a row of scores.csv is a cost."""
ROLLOUT_TOKENS, ROLLOUT_TRUNCATED = "rollout_tokens", "rollout_truncated"
CPU_SECONDS, GPU_SECONDS = "cpu_seconds", "gpu_seconds"
RUN_COLUMNS = [*RUN, OUTCOME, STEP, REASON, ROLLOUT_TOKENS, SECONDS, CPU_SECONDS, GPU_SECONDS]
"""Of runs.csv; the costs are those of the steps before it diverged, which scores.csv does not have."""


def pass_at(k: int, budget: int | None = None) -> str:
    """Return the name of the metric Pass@k, at a shorter budget of tokens if given."""
    return at_budget(f"pass@{k}", budget)


def at_budget(metric: str, budget: int | None) -> str:
    """Return the name of a metric at a shorter budget, `pass@1@6144`; None is no other budget."""
    return metric if budget is None else f"{metric}@{budget}"
