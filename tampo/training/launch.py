"""The processes of a training run: one, or several under `accelerate launch`.

`python -m tampo train` starts as one process. Where the study's resources name more, it turns into
the launcher, which starts the same command once per process.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping, Sequence

from tampo.study.resources import TrainResources, accumulation_steps
from tampo.study.settings import Training

LAUNCHED = "LOCAL_RANK"
"""Set by the launcher in each of its processes."""


def launch_command(
    resources: TrainResources, training: Training, arguments: Sequence[str]
) -> list[str]:
    """Return the command that runs `python -m tampo <arguments>` once per process.

    Raises:
        ValueError: the completions of a step do not divide over the processes; names the numbers.
    """
    steps = accumulation_steps(training, resources.num_processes)
    command = [sys.executable, "-m", "accelerate.commands.launch"]
    if resources.engine == "ddp":
        # It also starts processes without GPUs; accelerate's --cpu starts a single one.
        command += ["--multi_gpu"]
    else:
        stage = resources.engine.removeprefix("zero")
        command += ["--use_deepspeed", "--zero_stage", stage]
        # accelerate would take one, and DeepSpeed refuse the contradiction with the trainer.
        command += ["--gradient_accumulation_steps", str(steps)]
    command += ["--num_processes", str(resources.num_processes), "--num_machines", "1"]
    command += ["--num_cpu_threads_per_process", str(training.cpu_threads)]
    command += ["--mixed_precision", "no" if training.precision == "fp32" else training.precision]
    command += ["--dynamo_backend", "no"]
    # A free port: two runs may share a node.
    command += ["--main_process_port", "0"]
    return [*command, "--module", "tampo", *arguments]


def launch_environment(resources: TrainResources) -> dict[str, str]:
    """Return the variables that the launcher needs besides those of this process."""
    # Stop signals are for the processes that train: the launcher would kill them 30 s after its own.
    variables = {"TORCHELASTIC_SIGNALS_TO_HANDLE": "SIGINT"}
    return variables if resources.gpus else variables | {"ACCELERATE_USE_CPU": "true"}


def launch(
    resources: TrainResources,
    training: Training,
    arguments: Sequence[str],
    environment: Mapping[str, str] = os.environ,
) -> None:
    """Become the launcher of `arguments` where the run has several processes and is not launched.

    Returns where nothing has to be launched, else never.

    Raises:
        ValueError: the completions of a step do not divide over the processes.
    """
    if resources.num_processes == 1 or LAUNCHED in environment:
        return
    command = launch_command(resources, training, arguments)
    sys.stderr.write(f"launching {' '.join(command)}\n")
    for number in (signal.SIGTERM, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)
    os.execve(command[0], command, {**environment, **launch_environment(resources)})
