"""The processes of a training run: one, or several under `accelerate launch`.

`python -m tampo train` starts as one process. Where the study's resources name more, it starts the
launcher, which starts the same command once per process, and hands its stop signals on to them.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType

from tampo.study.resources import TrainResources, accumulation_steps
from tampo.study.settings import Training
from tampo.training.stop_signals import EXIT_CODE, SIGNALS, STOPPED_FILE

LAUNCHED = "LOCAL_RANK"
"""Set by the launcher in each of its processes."""


CONFIG = {
    "compute_environment": "LOCAL_MACHINE",
    "distributed_type": "NO",
    "machine_rank": 0,
    "mixed_precision": "no",
    "num_machines": 1,
    "num_processes": 1,
}
"""accelerate's configuration, which options of the command override: a user's own default file, made for
something else, would fill in what no option says."""


def launch_command(
    resources: TrainResources, training: Training, arguments: Sequence[str], config: Path
) -> list[str]:
    """Return the command that runs `python -m tampo <arguments>` once per process.

    Args:
        resources: of the training job.
        training: its settings.
        arguments: of `python -m tampo`.
        config: file that holds `CONFIG` as JSON.

    Raises:
        ValueError: the completions of a step do not divide over the processes; names the numbers.
    """
    steps = accumulation_steps(training, resources.num_processes)
    command = [sys.executable, "-m", "accelerate.commands.launch", "--config_file", str(config)]
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
    variables = {"PET_SIGNALS_TO_HANDLE": "SIGINT"}
    return variables if resources.gpus else variables | {"ACCELERATE_USE_CPU": "true"}


def launch(
    resources: TrainResources,
    training: Training,
    arguments: Sequence[str],
    environment: Mapping[str, str] = os.environ,
) -> int | None:
    """Run `arguments` in several processes where the run has several and is not launched yet.

    SIGTERM and SIGUSR1 to this process reach those that train.

    Returns:
        None where nothing has to be launched; else 0, `EXIT_CODE` where the run was stopped and can go
        on, or the launcher's own code.

    Raises:
        ValueError: the completions of a step do not divide over the processes.
    """
    if resources.num_processes == 1 or LAUNCHED in environment:
        return None
    with tempfile.TemporaryDirectory() as folder:
        config, stopped = Path(folder) / "accelerate.json", Path(folder) / "stopped"
        config.write_text(json.dumps(CONFIG))
        command = launch_command(resources, training, arguments, config)
        sys.stderr.write(f"launching {' '.join(command)}\n")
        own = launch_environment(resources) | {STOPPED_FILE: str(stopped)}
        with _forwarded(command, {**environment, **own}) as launcher:
            code = launcher.wait()
        return EXIT_CODE if stopped.exists() else code


@contextlib.contextmanager
def _forwarded(
    command: Sequence[str], environment: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """Start the launcher, and hand stop signals on to the processes that it started."""
    # The environment that only aggregates and reports has the command line and no psutil.
    import psutil

    before = {number: signal.signal(number, signal.SIG_IGN) for number in SIGNALS}
    # It ignores them, as it does while they are ignored here; a cluster sends them to every process.
    launcher = subprocess.Popen(command, env=environment)

    def forward(number: int, frame: FrameType | None) -> None:
        with contextlib.suppress(psutil.NoSuchProcess):
            for process in psutil.Process(launcher.pid).children():
                process.send_signal(number)

    try:
        for number in SIGNALS:
            signal.signal(number, forward)
        yield launcher
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
