"""One line for each job that failed for good: the log's name and the reason."""

import pytest

from tampo.workflow.failures import Failure, failures

LOCAL = """\
[Mon Nov 23 16:42:26 2026]
Error in rule report:
    message: None
    jobid: 2
    input: results/ci/aggregate/scores.csv
    output: results/ci/report/table1.csv
    log: logs/ci/report.log (check log file(s) for error details)
    shell:
        python -m tampo report > logs/ci/report.log 2>&1
        (command exited with non-zero exit code)
Shutting down, this might take some time.
"""
CLUSTER = """\
Error in rule train:
    message: SLURM-job '{job}' failed, SLURM status is: '{state}'. Detailed failure reason unavailable (status command is not 'sacct').
    jobid: {jobid}
    output: results/ci/train/cold/seed1/checkpoint
    log: logs/ci/train/cold/seed1.log, /there/.snakemake/slurm_logs/rule_train/{job}.log (check log file(s) for error details)
    shell:
        python -m tampo train
    external_jobid: {job}
"""  # noqa: E501
FINISHED = "[Mon Nov 23 16:43:36 2026]\nFinished jobid: {} (Rule: train)\n2 of 8 steps (25%) done\n"


@pytest.fixture
def log(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write(name, text):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    return write


def test_a_failed_job_names_its_log_and_the_reason(log):
    log("logs/ci/report.log", "Traceback\n  File x\nKeyError: 'benchmark'\n\n")
    (failure,) = failures(LOCAL)
    assert failure == Failure("report", ["logs/ci/report.log"], "None")
    assert failure.line() == "logs/ci/report.log ends: KeyError: 'benchmark'"


def test_a_job_that_a_later_attempt_finished_has_not_failed():
    first = CLUSTER.format(job=7, jobid=4, state="TIMEOUT")
    other = CLUSTER.format(job=8, jobid=5, state="TIMEOUT")
    assert failures(first + FINISHED.format(4)) == []
    assert len(failures(first + other + FINISHED.format(4))) == 1
    assert len(failures(FINISHED.format(4) + first)) == 1


def test_of_several_attempts_the_last_counts(log):
    log("logs/ci/train/cold/seed1.log", "step 3/4\n")
    attempts = "".join(
        CLUSTER.format(job=job, jobid=4, state=state)
        for job, state in ((7, "FAILED"), (9, "TIMEOUT"))
    )
    (failure,) = failures(attempts)
    assert failure.line() == (
        "logs/ci/train/cold/seed1.log: SLURM ended job 9: TIMEOUT; it ends: step 3/4"
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("error: stopped by SIGUSR1 after step 3\n", "error: stopped by SIGUSR1 after step 3"),
        ("ValueError: inner\nerror: no such set\nexitcode : 1\n", "error: no such set"),
        ("error: no such set\nChildFailedError: tampo FAILED\n", "error: no such set"),
        (
            "torch.OutOfMemoryError: CUDA out of memory\n",
            "torch.OutOfMemoryError: CUDA out of memory",
        ),
        ("usage: tampo\ntampo report: error: no --results\n", "tampo report: error: no --results"),
        ("step 1/4\nKilled\n", "Killed"),
        ("\n", "no reason in it"),
    ],
)
def test_the_reason_is_the_last_line_that_names_an_error(log, text, reason):
    log("logs/ci/train/cold/seed1.log", text)
    (failure,) = failures(CLUSTER.format(job=7, jobid=4, state="FAILED"))
    assert failure.line() == f"logs/ci/train/cold/seed1.log ends: {reason}"


def test_a_job_that_the_cluster_refused_says_why():
    refused = """\
Error in rule train:
    message: SLURM sbatch failed. The error message was 'sbatch: error: Requested node configuration is not available'.
    sbatch call:
        sbatch --parsable
    jobid: 3
    log: logs/ci/train/cold/seed1.log (check log file(s) for error details)
"""  # noqa: E501
    (failure,) = failures(refused)
    assert failure.line() == (
        "logs/ci/train/cold/seed1.log: not submitted: "
        "sbatch: error: Requested node configuration is not available"
    )


def test_a_rule_without_a_log_is_named_itself():
    (failure,) = failures("Error in rule all:\n    message: None\n    jobid: 0\n")
    assert failure.line() == "rule all ends: no reason in it"
