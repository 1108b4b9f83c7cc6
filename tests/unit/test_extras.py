"""A package that is missing is named with the extra that brings it."""

import subprocess
import sys

import pytest
from support.paths import ROOT

from tampo.extras import remedy


@pytest.mark.parametrize(
    ("module", "said"),
    [
        ("torch", "torch is not installed; pip install 'tampo-benchmark[train]'"),
        ("yaml", "yaml is not installed; pip install 'tampo-benchmark[train]'"),
        ("lm_eval.api", "lm_eval is not installed; pip install 'tampo-benchmark[eval]'"),
        ("scipy.stats", "scipy is not installed; pip install 'tampo-benchmark[workflow]'"),
        ("vllm", "vllm is not installed; pip install 'tampo-benchmark[gpu]'"),
        ("no_such", "no_such is not installed"),
    ],
)
def test_the_extra_is_named(module, said):
    assert remedy(ModuleNotFoundError(name=module)) == said


@pytest.mark.parametrize(
    ("absent", "code", "said"),
    [
        (
            "torch",
            "from tampo import TemperatureGRPOTrainer",
            "tampo.TemperatureGRPOTrainer: torch",
        ),
        ("yaml", "import sys; from tampo.__main__ import run; sys.exit(run())", "error: yaml"),
    ],
)
def test_the_interface_and_the_command_line_say_so(absent, code, said):
    block = f"import sys; sys.modules[{absent!r}] = None\n"
    done = subprocess.run(
        [sys.executable, "-c", block + code], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode != 0
    assert f"{said} is not installed; pip install 'tampo-benchmark[train]'" in done.stderr
