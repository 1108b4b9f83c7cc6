"""transformers without scikit-learn and SciPy, which its import pulls in and no stage uses.

Some of its modules import them wherever they are installed (lm-eval requires them): for assisted
generation with a tuned threshold, for GLUE metrics and for losses of object detection. That is a fifth of
the start-up of a job, and jobs of a small study are mostly start-up.
"""

from __future__ import annotations

import importlib

CHECKS = ("is_sklearn_available", "is_scipy_available")
"""Functions of `transformers.utils` that the modules ask before they import."""

MODULES = (
    "transformers.generation.candidate_generator",
    "transformers.data.metrics",
    "transformers.loss.loss_utils",
)


def import_light_transformers() -> None:
    """Import `MODULES` while transformers is told that neither package is installed.

    For the process of a job, before anything else imports transformers; what is imported already stays
    as it is. Afterwards the checks tell the truth again, but the three features stay off.
    What this relies on is pinned in tests/contract/test_transformers_contract.py.
    """
    import transformers.utils as utils

    truth = {name: getattr(utils, name) for name in CHECKS}
    for name in CHECKS:
        setattr(utils, name, lambda: False)
    try:
        for module in MODULES:
            importlib.import_module(module)
    finally:
        for name, check in truth.items():
            setattr(utils, name, check)
