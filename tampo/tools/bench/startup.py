"""Start-up: CPU seconds until the code of a command is loaded, beside `import torch` in the same run.

Most of a small study's time is start-up. CPU time and not wall time, and a ratio to torch: both hold on a
machine that does other work meanwhile. The last rows are what the libraries alone cost.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from statistics import median

LIGHT = (
    "from tampo.stages.light_transformers import import_light_transformers\n"
    "import_light_transformers()\n"
)
"""What the command line does before a stage that needs transformers."""
COMMAND = "from tampo.cli import main\n"

CODE = {
    "torch": "import torch",
    "model": LIGHT + "import tampo.stages.model",
    "train": LIGHT + "import tampo.stages.train",
    "evaluate": LIGHT + "import tampo.stages.evaluate, tampo.sampling.hf",
    "aggregate": "import tampo.stages.aggregate",
    "report": "import tampo.stages.report",
    "check": COMMAND + "main(['check', 'workflow/studies/tiny.yaml'])",
    "policies": COMMAND + "main(['policies'])",
    "transformers alone": LIGHT + "from transformers import AutoModelForCausalLM, Qwen2ForCausalLM",
    "TRL alone": LIGHT + "from trl import GRPOTrainer",
    "lm-eval alone": LIGHT + "import lm_eval.evaluator, lm_eval.models.huggingface",
}
"""What is started, by its name in the table."""


def startup_seconds(
    rounds: int, progress: Callable[[str], None], code: dict[str, str] = CODE
) -> dict[str, float]:
    """Return the median CPU seconds, user and system, of a fresh interpreter for each of `code`.

    Args:
        rounds: alternating repetitions, after one that warms the file caches.
        progress: called with one line of text for each of `code`.
    """
    seconds: dict[str, list[float]] = {name: [] for name in code}
    for _ in range(rounds + 1):
        for name, text in code.items():
            seconds[name].append(_cpu_seconds(text))
    result = {name: median(times[1:]) for name, times in seconds.items()}
    for name, value in result.items():
        progress(f"start-up of {name}: {value:.2f} CPU s")
    return result


def _cpu_seconds(text: str) -> float:
    before = os.times()
    subprocess.run([sys.executable, "-c", text], check=True, stdout=subprocess.DEVNULL)
    after = os.times()
    user = after.children_user - before.children_user
    return user + after.children_system - before.children_system


def startup_table(seconds: dict[str, float]) -> list[str]:
    """Return the lines of a Markdown table of `startup_seconds`, each with its ratio to torch."""
    rows = [
        f"| {name} | {value:.2f} | {value / seconds['torch']:.2f} |"
        for name, value in seconds.items()
    ]
    return ["| start-up of | CPU seconds | / import torch |", "| --- | --- | --- |", *rows]
