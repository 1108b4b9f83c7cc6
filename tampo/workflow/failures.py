"""Why jobs of the workflow failed, one line each, from the logs of Snakemake and the jobs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(
    r"^Error in rule (?P<rule>\w+):\n(?P<fields>(?:    .*\n)+)"
    r"|^Finished jobid: (?P<finished>\d+) ",
    re.MULTILINE,
)
_FIELD = r"^    {}: (.*(?:\n(?!    [\w ]+:).*)*)"
_REASON = re.compile(r"(?:^|: )error: |^[\w.]*(?:Error|Exception|Interrupt)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Failure:
    """A job that failed and was not repeated with success."""

    rule: str
    logs: list[str]
    """The job's log files; where a cluster ran it, the cluster's own comes last."""
    message: str
    """What the executor knows: how SLURM ended the job, why `sbatch` refused it; or nothing."""

    def line(self) -> str:
        """Return the log's name and the reason."""
        where = self.logs[0] if self.logs else f"rule {self.rule}"
        refused = re.search(r"The error message was '(.*?)'", self.message, re.DOTALL)
        if refused:
            return f"{where}: not submitted: {' '.join(refused[1].split())}"
        ended = re.search(r"SLURM-job '(\d+)' failed, SLURM status is: '(\w+)'", self.message)
        reason = reason_in(Path(where)) or "no reason in it"
        # FAILED only says that the command did, and that it says itself.
        if ended and ended[2] != "FAILED":
            return f"{where}: SLURM ended job {ended[1]}: {ended[2]}; it ends: {reason}"
        return f"{where} ends: {reason}"


def failures(log: str) -> list[Failure]:
    """Return the jobs that had failed when the run ended, in the order of their first failure.

    Args:
        log: text of Snakemake's log of the run.
    """
    failed: dict[str, Failure] = {}
    for block in _BLOCK.finditer(log):
        if block["finished"]:
            failed.pop(block["finished"], None)
            continue
        fields = block["fields"]
        named = re.sub(r" \(check log file.*", "", _field(fields, "log"))
        message = _field(fields, "message")
        failed[_field(fields, "jobid")] = Failure(
            block["rule"], named.split(", ") if named else [], message
        )
    return list(failed.values())


def _field(fields: str, name: str) -> str:
    found = re.search(_FIELD.format(name), fields, re.MULTILINE)
    return found[1].strip() if found else ""


def reason_in(log: Path) -> str:
    """Return the last line that names an error, else the last line that says anything."""
    if not log.is_file():
        return ""
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines()]
    lines = [line for line in lines if line]
    reasons = [line for line in lines if _REASON.search(line)]
    # What a launcher says of its processes comes after their reason.
    own = [line for line in reasons if line.startswith("error: ")]
    return ["", *lines[-1:], *reasons[-1:], *own[-1:]][-1]
