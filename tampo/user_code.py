"""Code in files of the user's own: imported once for its content, and known by checksums of all it runs."""

from __future__ import annotations

import ast
import importlib.machinery
import importlib.util
import re
import sys
import sysconfig
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from tampo.files import sha256_of

OURS = ("tampo", "baselines")
"""Packages whose version and commit are recorded with every run."""
INSTALLED = {"site-packages", "dist-packages"}
"""Folders of packages whose versions are recorded with every run."""

_loaded: dict[tuple[Path, str], ModuleType] = {}


class UserCodeFault(ValueError):
    """A file of the user's that cannot be imported: one line with file, line and reason."""


def module_of(path: Path) -> ModuleType:
    """Import a file of the user's, once for its content: building a study asks for a class many times.

    Raises:
        UserCodeFault: it cannot be imported; names file and line.
    """
    key = (path, sha256_of(path))
    if key in _loaded:
        return _loaded[key]
    module_name = "tampo_user_code_" + re.sub(r"\W", "_", str(path))
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None:
        raise UserCodeFault(f"{shown(str(path))}: no Python file")
    module = importlib.util.module_from_spec(spec)
    # Dataclasses and pydantic look up the names in a class's annotations in its module.
    sys.modules[module_name] = module
    try:
        # Not through the loader: its bytecode cache takes an edit within a second for no edit.
        exec(compile(path.read_bytes(), path, "exec"), module.__dict__)
    except (Exception, SystemExit) as error:
        del sys.modules[module_name]
        place = raised_in(error, str(path)) or shown(str(path))
        message = error.msg if isinstance(error, SyntaxError) else str(error)
        raise UserCodeFault(
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
    return f" (imports start at the working directory, not beside the file{better})"


def raised_in(error: BaseException, file: str | None) -> str | None:
    """Return `file:line` of the last frame of an error's traceback that lies in `file`, or None."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{shown(error.filename)}:{error.lineno}"
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == file]
    return f"{shown(frames[-1].filename)}:{frames[-1].lineno}" if frames else None


def shown(file: str) -> str:
    """Return a path as a reader at the working directory would write it."""
    path, here = Path(file), Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def code_of(name: str, itself: str = "policy") -> dict[str, str]:
    """Return the checksum of the code that `path/to/file.py:Name` runs, by module.

    That is the file, called `itself`, and every module that it imports, directly or through another,
    and that is no installed package: those and this package are recorded by their versions. Imports
    inside functions count, and `importlib.import_module` of a written name; files that the code opens
    while it runs do not. How the path is spelled, and where the file lies, does not change the result.
    """
    path = Path(name.rpartition(":")[0]).resolve()
    found = {itself: sha256_of(path)}
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
