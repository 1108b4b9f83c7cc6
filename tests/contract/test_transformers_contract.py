"""What the light import relies on inside transformers: an upgrade that moves it fails here, by name."""

import importlib.util
import subprocess
import sys

import pytest
import transformers.utils
from support.paths import ROOT

from tampo.stages.light_transformers import CHECKS, MODULES

NAMED_IN = "tampo/stages/light_transformers.py"

AFTER = """
import sys
from tampo.stages.light_transformers import import_light_transformers
import_light_transformers()
import {modules}
from transformers.utils import is_scipy_available, is_sklearn_available
assert is_sklearn_available() and is_scipy_available(), "the checks were not put back"
print(*sorted({{"sklearn", "scipy"}} & set(sys.modules)))
"""


@pytest.mark.parametrize("module", MODULES)
def test_the_module_is_where_it_was(module):
    assert importlib.util.find_spec(module), f"{module} moved; {NAMED_IN} names it"


@pytest.mark.parametrize("check", CHECKS)
def test_the_check_is_where_it_was(check):
    assert callable(getattr(transformers.utils, check, None)), f"{check} moved; {NAMED_IN} names it"


@pytest.mark.parametrize(
    "modules",
    ["tampo.stages.train", "tampo.stages.evaluate, tampo.sampling.hf", "tampo.stages.model"],
)
def test_a_stage_starts_without_scikit_learn_and_scipy(modules):
    """Fails where another module of transformers, TRL or lm-eval has begun to import one of them."""
    done = subprocess.run(
        [sys.executable, "-c", AFTER.format(modules=modules)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split() == []
