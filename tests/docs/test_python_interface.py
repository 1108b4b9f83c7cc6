"""The public interface: every name resolves, costs only what it needs, and works as its page says."""

import ast
import doctest
import json
import re
import subprocess
import sys

import pytest
from support.paths import ROOT

import tampo

PAGE = ROOT / "docs" / "python-interface.md"
LIGHT = {"numpy", "pydantic"}
"""What a temperature policy may import, beside what these two import themselves."""
OF_PYDANTIC = {"annotated_types", "pydantic_core", "typing_extensions", "typing_inspection"}

LOADED = """
import json, sys
before = set(sys.modules)
{code}
loaded = {{name.partition(".")[0] for name in set(sys.modules) - before}}
print(json.dumps(sorted(loaded - sys.stdlib_module_names)))
"""


def loaded_by(code: str) -> set[str]:
    """Top-level packages beside the standard library that `code` loads in a fresh interpreter."""
    command = [sys.executable, "-W", "error", "-c", LOADED.format(code=code)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    # sysconfig's data are a module whose name holds the platform's.
    return {name for name in json.loads(done.stdout) if not name.startswith("_sysconfigdata")}


@pytest.mark.parametrize("name", tampo.__all__)
def test_every_public_name_resolves_and_is_listed(name):
    assert getattr(tampo, name).__module__ == tampo._HOMES[name] or name in ("Temperature", "grade")
    assert name in dir(tampo)


def test_the_table_the_list_and_the_imports_for_type_checkers_agree():
    tree = ast.parse((ROOT / "tampo" / "__init__.py").read_text())
    (checked,) = [node for node in tree.body if isinstance(node, ast.If)]
    imports = {a.name: node.module for node in checked.body for a in node.names}
    assert imports == tampo._HOMES
    assert sorted(imports) == tampo.__all__


def test_an_unknown_name_is_an_attribute_error_and_submodules_still_import():
    with pytest.raises(AttributeError, match="no attribute 'TemperatureMetaPolicies'"):
        tampo.TemperatureMetaPolicies  # noqa: B018
    from tampo import seeds

    assert seeds.derive(1) == seeds.derive(1)


def test_importing_tampo_loads_nothing_else():
    assert loaded_by("import tampo") == {"tampo"}


def test_policies_load_numpy_and_pydantic_only():
    names = [name for name in tampo.__all__ if tampo._HOMES[name].startswith("tampo.temperature")]
    code = f"from tampo import {', '.join(names)}"
    assert loaded_by(code) - OF_PYDANTIC == LIGHT | {"tampo"}
    every = (
        "from tampo.temperature.registry import REGISTRY, policy_class\n"
        "for name in REGISTRY: policy_class(name)"
    )
    assert loaded_by(every) - OF_PYDANTIC == LIGHT | {"tampo", "baselines"}


def test_the_page_documents_every_name():
    text = PAGE.read_text()
    missing = [name for name in tampo.__all__ if not re.search(rf"\b{name}\b", text)]
    assert missing == []


def test_the_examples_of_the_page_run(monkeypatch):
    monkeypatch.chdir(ROOT)
    blocks = re.findall(r"^```pycon\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    example = doctest.DocTestParser().get_doctest(
        "\n".join(blocks), {"__name__": "__main__"}, PAGE.name, str(PAGE), 0
    )
    assert len(example.examples) > 20
    failures: list[str] = []
    flags = doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL
    runner = doctest.DocTestRunner(optionflags=flags, verbose=False)
    runner.run(example, out=failures.append)
    assert not failures, "".join(failures)


def test_the_loop_of_ones_own_runs_and_loads_no_trainer():
    script = ROOT / "examples" / "own_loop.py"
    code = (
        "import contextlib, io, runpy\n"
        "with contextlib.redirect_stdout(io.StringIO()) as said:\n"
        f"    runpy.run_path({str(script)!r}, run_name='__main__')\n"
        "assert 'reward 0.9' in said.getvalue() or 'reward 1.0' in said.getvalue(), said.getvalue()\n"
    )
    loaded = loaded_by(code)
    assert "torch" in loaded
    assert not loaded & {"transformers", "trl", "datasets", "accelerate", "peft", "pandas", "yaml"}
