"""One line per job in the terminal: which records stay, and what the line says."""

import logging

from snakemake_interface_logger_plugins.common import LogEvent

from tampo.workflow.terminal import STREAM, say_one_line_per_job


class Manager:
    """As Snakemake has it: a logger with its handler of the terminal, and the settings."""

    def __init__(self, verbose=False):
        self.settings = type("Settings", (), {"verbose": verbose})
        self.logger = logging.Logger("snakemake")
        self.said = []
        self.handler = logging.StreamHandler()
        self.handler.name = STREAM
        self.handler.emit = lambda record: self.said.append(self.handler.format(record))
        self.logger.addHandler(self.handler)
        say_one_line_per_job(self)

    def tell(self, event=None, text="", **fields):
        self.logger.info(text, extra={"event": event, **fields} if event else {})

    def start(self, jobid, rule, **wildcards):
        self.tell(text="Select jobs to execute...")
        self.tell(
            LogEvent.JOB_INFO, jobid=jobid, rule_name=rule, wildcards=wildcards, log=["a.log"]
        )
        self.tell(LogEvent.SHELLCMD, "Shell command: tampo")

    def finish(self, jobid, done, total):
        self.tell(LogEvent.JOB_FINISHED, f"Finished jobid: {jobid}", job_id=jobid)
        self.tell(LogEvent.PROGRESS, f"{done} of {total} steps", done=done, total=total)


def test_a_job_is_the_line_at_its_end():
    manager = Manager()
    told = manager.handler.filters[-1]
    now = [0.0]
    told._clock, told._started_at = (lambda: now[0]), 0.0
    manager.start(4, "train", study="tiny", method="tampo", seed="2")
    now[0] = 10.0
    manager.start(5, "model", study="tiny")
    now[0] = 40.0
    manager.finish(4, 1, 3)
    now[0] = 70.0
    manager.finish(5, 2, 3)
    manager.finish(6, 3, 3)
    assert manager.said == [
        "1/3  train tampo, seed 2  0 min 40 s; about 1 min 20 s left",
        "2/3  model  1 min 0 s; about 0 min 35 s left",
        "3/3  a job  0 min 0 s",
    ]


def test_a_failure_is_a_line_with_its_log_and_other_messages_stay():
    manager = Manager()
    manager.start(4, "train", study="tiny", method="tampo", seed="2")
    manager.tell(LogEvent.ERROR, "RuleException:\nCalledProcessError in file x", exception="R")
    manager.tell(LogEvent.ERROR, "WorkflowError:\nno space", exception="W")
    manager.tell(LogEvent.JOB_ERROR, "Error in rule", jobid=4, rule_name="train", log=["a.log"])
    manager.tell(text="Waiting at most 5 seconds for missing files.")
    assert manager.said == [
        "WorkflowError:\nno space",
        "failed: train tampo, seed 2; log: a.log",
        "Waiting at most 5 seconds for missing files.",
    ]


def test_verbose_leaves_the_terminal_as_it_was():
    manager = Manager(verbose=True)
    assert manager.handler.filters == []
