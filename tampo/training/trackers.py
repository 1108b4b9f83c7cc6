"""Trackers that a training run reports to while it goes: a setting of the run, not of its result."""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import Any

from tampo import layout
from tampo.study.study import StudyError

TRACKERS = ("tensorboard", "trackio", "wandb")
VARIABLE = "TAMPO_TRACKER"
"""Environment variable that names the tracker of the jobs below; no parameter of a rule, so that another
tracker makes nothing run again."""


def require_tracker(name: str) -> None:
    """Raise StudyError unless a tracker is known and installed."""
    if name not in TRACKERS:
        raise StudyError(f"tracker: unknown {name!r}; legal: {', '.join(TRACKERS)}")
    if find_spec(name) is None:
        raise StudyError(f"tracker: {name} is not installed here; pip install {name}")


def reporting(name: str | None, study: str, method: str, seed: int) -> dict[str, Any]:
    """Return the options of `GRPOConfig` that let a run report, and name its places to the tracker.

    Everything stays on this machine, below `tracking/`, unless the tracker's own variables say
    otherwise: W&B is offline, trackio writes its local database.

    Args:
        name: one of `TRACKERS`, or None to report nowhere.
        study, method, seed: the run.

    Raises:
        StudyError: an unknown tracker, or one that is not installed.
    """
    if not name:
        return {"report_to": []}
    require_tracker(name)
    here = layout.TRACKING.absolute()
    run = here / "tensorboard" / study / method / layout.seed_name(seed)
    os.environ["TENSORBOARD_LOGGING_DIR"] = str(run)
    os.environ.setdefault("TRACKIO_DIR", str(here / "trackio"))
    os.environ.setdefault("WANDB_DIR", str(here))
    os.environ.setdefault("WANDB_MODE", "offline")
    os.environ.setdefault("WANDB_PROJECT", study)
    (here / name).mkdir(parents=True, exist_ok=True)
    named = f"{method}-{layout.seed_name(seed)}"
    return {"report_to": [name], "run_name": named, "project": study}
