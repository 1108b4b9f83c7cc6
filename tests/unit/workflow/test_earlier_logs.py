"""The log of an earlier attempt stays beside the new one."""

import logging

from snakemake_interface_logger_plugins.common import LogEvent

from tampo.workflow.earlier_logs import EarlierLogs, keep


def test_logs_are_numbered_in_the_order_of_attempts(tmp_path):
    log = tmp_path / "seed1.log"
    for text in ("first", "second"):
        log.write_text(text)
        keep(log)
    assert sorted((p.name, p.read_text()) for p in tmp_path.iterdir()) == [
        ("seed1.log.1", "first"),
        ("seed1.log.2", "second"),
    ]


def test_an_empty_or_missing_log_leaves_nothing(tmp_path):
    log = tmp_path / "seed1.log"
    keep(log)
    log.touch()
    keep(log)
    assert [p.name for p in tmp_path.iterdir()] == ["seed1.log"]


def test_it_happens_when_a_job_is_announced(tmp_path):
    log, logger = tmp_path / "seed1.log", logging.Logger("snakemake")
    logger.addHandler(EarlierLogs())
    log.write_text("first")
    logger.info("progress", extra={"event": LogEvent.PROGRESS})
    assert log.is_file()
    logger.info("job", extra={"event": LogEvent.JOB_INFO, "log": [str(log)]})
    assert [p.name for p in tmp_path.iterdir()] == ["seed1.log.1"]
