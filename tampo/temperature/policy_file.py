"""A policy in a file of the user's own: its class, checked against the protocol."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

from tampo.temperature.guarded_policy import PolicyFault, place_of
from tampo.temperature.protocol import ClosedLoopPolicy, OpenLoopPolicy, PolicySettings
from tampo.user_code import UserCodeFault, module_of

METHODS = {
    "draw": ("step",),
    "observe": ("log_likelihoods", "advantages", "feedback"),
    "state_dict": (),
    "load_state_dict": ("state",),
    "diagnostics": (),
    "from_settings": ("settings", "context"),
}
"""Methods that a policy has, and their arguments."""


def is_file(name: str) -> bool:
    """Whether a policy is named as `path/to/file.py:Class`."""
    return ".py:" in name


def class_from_file(name: str) -> type[Any]:
    """Return the class that `path/to/file.py:Class` names.

    Raises:
        PolicyFault: no such file or class, a file that cannot be imported, or a class that lacks a part
            of the protocol; the message names file and line.
    """
    path, _, cls = name.rpartition(":")
    if not Path(path).is_file():
        raise PolicyFault(f"policy {name!r}: no file {path} (paths start at the working directory)")
    try:
        module = module_of(Path(path).resolve())
    except UserCodeFault as fault:
        raise PolicyFault(str(fault)) from fault.__cause__
    found = getattr(module, cls, None)
    if not inspect.isclass(found):
        classes = [
            n for n, c in vars(module).items() if getattr(c, "__module__", "") == module.__name__
        ]
        known = ", ".join(n for n in classes if inspect.isclass(vars(module)[n])) or "none"
        raise PolicyFault(f"policy {name!r}: {path} defines no class {cls!r}; classes: {known}")
    _check_class(found)
    return found


def _check_class(cls: type[Any]) -> None:
    """Refuse a class that cannot be a policy, before any run asks it for anything."""
    base = "derive it from tampo.OpenLoopPolicy or tampo.ClosedLoopPolicy"
    missing = [name for name in METHODS if not callable(getattr(cls, name, None))]
    if getattr(cls, "draw", None) is OpenLoopPolicy.draw:
        missing.insert(0, "draw")
    if not hasattr(cls, "Settings"):
        missing.append("Settings")
    if missing:
        raise PolicyFault(
            f"{place_of(cls)}: class {cls.__name__} lacks {', '.join(missing)}; {base}"
        )
    settings = cls.Settings
    if not (inspect.isclass(settings) and issubclass(settings, PolicySettings)):
        raise PolicyFault(
            f"{place_of(cls)}: {cls.__name__}.Settings is {settings!r}; legal: a class that derives "
            "from tampo.PolicySettings"
        )
    for name, arguments in METHODS.items():
        _check_signature(cls, name, arguments)
    if issubclass(cls, ClosedLoopPolicy):
        state = cls.STATE
        if not isinstance(state, tuple) or not all(isinstance(name, str) for name in state):
            raise PolicyFault(
                f"{place_of(cls)}: {cls.__name__}.STATE is {state!r}; legal: a tuple of names of "
                'attributes, such as ("temperature",)'
            )


def _check_signature(cls: type[Any], name: str, arguments: tuple[str, ...]) -> None:
    bound = inspect.ismethod(getattr(cls, name)) or isinstance(
        inspect.getattr_static(cls, name), staticmethod
    )
    given = arguments if bound else ("self", *arguments)
    try:
        inspect.signature(getattr(cls, name)).bind(*given)
    except TypeError as error:
        raise PolicyFault(
            f"{place_of(cls, name)}: {cls.__name__}.{name} cannot be called as "
            f"{name}({', '.join(arguments)}): {error}"
        ) from None
    except ValueError:
        # Of what is not written in Python nothing is known before it is called.
        return
