"""A policy in a file of the user's own: its class, and the code that it depends on."""

from __future__ import annotations

import ast
import importlib.machinery
import importlib.util
import inspect
import re
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from tampo.files import sha256_of
from tampo.temperature.guarded_policy import PolicyFault, place_of, raised_in, shown
from tampo.temperature.protocol import ClosedLoopPolicy, OpenLoopPolicy, PolicySettings

METHODS = {
    "draw": ("step",),
    "observe": ("log_likelihoods", "advantages", "feedback"),
    "state_dict": (),
    "load_state_dict": ("state",),
    "diagnostics": (),
    "from_settings": ("settings", "context"),
}
"""Methods that a policy has, and their arguments."""
OURS = ("tampo", "baselines")
"""Packages whose version and commit are recorded with every run."""
INSTALLED = {"site-packages", "dist-packages"}
"""Folders of packages whose versions are recorded with every run."""

_loaded: dict[tuple[Path, str], ModuleType] = {}


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
    module = _module(Path(path).resolve())
    found = getattr(module, cls, None)
    if not inspect.isclass(found):
        classes = [
            n for n, c in vars(module).items() if getattr(c, "__module__", "") == module.__name__
        ]
        known = ", ".join(n for n in classes if inspect.isclass(vars(module)[n])) or "none"
        raise PolicyFault(f"policy {name!r}: {path} defines no class {cls!r}; classes: {known}")
    _check_class(found)
    return found


def _module(path: Path) -> ModuleType:
    """Import a file, once for its content: building a study asks for a class many times."""
    key = (path, sha256_of(path))
    if key in _loaded:
        return _loaded[key]
    module_name = "tampo_user_policy_" + re.sub(r"\W", "_", str(path))
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise PolicyFault(f"{shown(str(path))}: no Python file")
    module = importlib.util.module_from_spec(spec)
    # Dataclasses and pydantic look up the names in a class's annotations in its module.
    sys.modules[module_name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[module_name]
        place = raised_in(error, str(path)) or shown(str(path))
        message = error.msg if isinstance(error, SyntaxError) else str(error)
        raise PolicyFault(
            f"{place}: {type(error).__name__}: {message}{_where_imports_start(error, path)}"
        ) from error
    _loaded[key] = module
    return module


def _where_imports_start(error: BaseException, path: Path) -> str:
    missing = error.name if isinstance(error, ModuleNotFoundError) else None
    if missing is None or not (path.parent / f"{missing.partition('.')[0]}.py").is_file():
        return ""
    here = Path.cwd()
    inside = path.parent.relative_to(here).parts if path.is_relative_to(here) else ()
    better = f"; write {'.'.join((*inside, missing))}" if inside else ""
    return f" (imports start at the working directory, not beside the policy{better})"


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


# What a policy depends on ------------------------------------------------------------------------


def code_of(name: str) -> dict[str, str]:
    """Return the checksum of the code that `path/to/file.py:Class` runs, by module.

    That is the file itself, as `policy`, and every module that it imports, directly or through another,
    and that is no installed package: those and this package are recorded by their versions. Imports
    inside functions count, and `importlib.import_module` of a written name; files that the code opens
    while it runs do not. How the path is spelled, and where the file lies, does not change the result.
    """
    path = Path(name.rpartition(":")[0]).resolve()
    found = {"policy": sha256_of(path)}
    waiting = list(_imports(path, package=""))
    while waiting:
        module = waiting.pop()
        file = _local_file(module)
        if module in found or file is None:
            continue
        found[module] = sha256_of(file)
        is_package = file.name == "__init__.py"
        waiting += _imports(file, module if is_package else module.rpartition(".")[0])
    return dict(sorted(found.items()))


def _imports(path: Path, package: str) -> Iterator[str]:
    """Yield the name of everything that a file may import, and of the packages that it lies in."""
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (SyntaxError, UnicodeDecodeError):
        # Whoever imports it says so, with the line.
        return
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) - node.level + 1]
            start = ".".join(parents) if node.level else ""
            module = ".".join(filter(None, (start, node.module)))
            names = [module, *(f"{module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else ""
            called = node.func.id if isinstance(node.func, ast.Name) else called
            value = node.args[0].value
            if called in ("import_module", "__import__") and isinstance(value, str):
                names = [value]
        for name in filter(None, names):
            parts = name.split(".")
            # Importing a.b runs a/__init__.py too.
            yield from (".".join(parts[:end]) for end in range(1, len(parts) + 1))


def _local_file(module: str) -> Path | None:
    """Return the source file of a module that is no installed package, without importing anything."""
    first, *rest = module.split(".")
    if first in OURS or first in sys.stdlib_module_names:
        return None
    try:
        spec = importlib.util.find_spec(first)
    except (ImportError, ValueError):
        return None
    for part in rest:
        if spec is None or spec.submodule_search_locations is None:
            return None
        places = list(spec.submodule_search_locations)
        spec = importlib.machinery.PathFinder.find_spec(f"{spec.name}.{part}", places)
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return None
    file = Path(spec.origin).resolve()
    standard = Path(sysconfig.get_path("stdlib")).resolve()
    installed = file.is_relative_to(standard) or INSTALLED & set(file.parts)
    return None if installed else file
