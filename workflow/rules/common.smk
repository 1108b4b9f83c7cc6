# The active study, checked before any job is planned; `tampo.workflow` says what its jobs need.
import re
import sys

from tampo import layout
from tampo.workflow.earlier_logs import keep_earlier_logs
from tampo.workflow.jobs import Jobs, any_of, environment, require_config_option
from tampo.workflow.process import (
    pass_on_stop_signals,
    print_failures,
    print_table1,
    use_this_python,
)
from tampo.workflow.terminal import say_one_line_per_job
from tampo.workflow.stopping import leave_interrupts_to_the_run, stop_on_signals

use_this_python()
pass_on_stop_signals()
if workflow.subprocess_exec:
    leave_interrupts_to_the_run()

require_config_option(sys.argv[1:])
JOBS = Jobs.of_config(config)
STUDY = JOBS.study

# Patterns of `tampo.layout`: wildcards are identities and nothing else.
RESULTS = str(layout.RESULTS / "{study}")
TRAIN = str(layout.train_folder(layout.RESULTS / "{study}", "{method}", "{seed}"))
EVALUATE = str(layout.evaluate_folder(layout.RESULTS / "{study}", "{method}", "{seed}"))
AGGREGATE = f"{RESULTS}/{layout.AGGREGATE}"
REPORT = f"{RESULTS}/{layout.REPORT}"


def log_of(stage, *run):
    return str(layout.log_file("{study}", layout.job_name(stage, *run)))


def timing_of(stage, *run):
    return str(layout.timing_file("{study}", layout.job_name(stage, *run)))


wildcard_constraints:
    study=re.escape(STUDY.name),
    method=any_of(method.name for method in STUDY.methods),
    seed=any_of(STUDY.seeds),
