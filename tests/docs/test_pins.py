"""One set of pins: pyproject.toml says it, envs/* repeat it, what is installed obeys it."""

import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions, requires, version
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version
from support.paths import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
ENVIRONMENTS = {path.stem: yaml.safe_load(path.read_text()) for path in ROOT.glob("envs/*.yaml")}
RUNS_THE_WORKFLOW = {"snakemake", "shtab"}
"""Needed where the workflow is started, not in the environment of a job."""


def parsed(requirements):
    return {canonicalize_name(r.name): r for r in map(Requirement, requirements)}


CORE = parsed(PROJECT["dependencies"])
EXTRAS = {name: parsed(lines) for name, lines in PROJECT["optional-dependencies"].items()}
OF_A_STUDY = ("train", "eval", "workflow")
PINNED = EXTRAS["train"] | EXTRAS["eval"] | EXTRAS["workflow"]
DEPENDENCIES = CORE | PINNED


LINES = [
    line
    for line in (ROOT / "envs" / "constraints.txt").read_text().splitlines()
    if not line.startswith("#")
]
CONSTRAINTS = [Requirement(line) for line in LINES]
INSTALLED_EXTRAS = (*OF_A_STUDY, "test", "lint", "docs")
"""What `make env` installs besides the core."""


def pip_pins(environment):
    (pip,) = [d["pip"] for d in environment["dependencies"] if isinstance(d, dict)]
    return parsed(pip)


def pinned(requirement):
    (specifier,) = requirement.specifier
    assert specifier.operator == "==" and "*" not in specifier.version, str(requirement)
    return specifier.version


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_pins_of_an_environment_are_those_of_pyproject(name):
    known = PINNED | EXTRAS["gpu"]
    for package, requirement in pip_pins(ENVIRONMENTS[name]).items():
        if package in CORE:
            assert CORE[package].specifier.contains(pinned(requirement)), f"envs/{name}.yaml"
            continue
        assert package in known, f"envs/{name}.yaml: {package} is not in pyproject.toml"
        assert str(requirement) == str(known[package]), f"envs/{name}.yaml"


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_an_environment_has_one_exact_python_that_the_project_admits(name):
    environment = ENVIRONMENTS[name]
    plain = [d for d in environment["dependencies"] if isinstance(d, str)]
    (python,) = [d.partition("=")[2] for d in plain if d.startswith("python=")]
    assert Version(python) in SpecifierSet(PROJECT["requires-python"])
    assert sorted(plain) == ["pip", f"python={python}"]
    assert environment["name"] == f"tampo-{name}"


def test_every_dependency_is_in_an_environment_of_a_job():
    found = set().union(*map(pip_pins, ENVIRONMENTS.values()))
    assert set(DEPENDENCIES) - found == RUNS_THE_WORKFLOW
    assert set(pip_pins(ENVIRONMENTS["gpu"])) == {
        *pip_pins(ENVIRONMENTS["cpu"]),
        *EXTRAS["gpu"],
    }


def test_the_container_takes_its_pins_from_pyproject():
    recipe = (ROOT / "envs" / "tampo.def").read_text()
    assert "==" not in recipe
    (base,) = [line.split()[1] for line in recipe.splitlines() if line.startswith("From:")]
    pythons = {
        line.partition("=")[2]
        for environment in ENVIRONMENTS.values()
        for line in environment["dependencies"]
        if isinstance(line, str) and line.startswith("python=")
    }
    assert {base.partition(":")[2].partition("-")[0]} == pythons
    (line,) = [line.split() for line in recipe.splitlines() if "requirements.py /opt" in line][1:]
    script, copy, *extras = line[1 : line.index(">")]
    for source in ("pyproject.toml", "envs/requirements.py"):
        assert f"    {source} /opt/tampo/{Path(source).name}\n" in recipe
    assert tuple(extras) == (*OF_A_STUDY, "gpu")
    assert (script, copy) == ("/opt/tampo/requirements.py", "/opt/tampo/pyproject.toml")
    command = [sys.executable, "envs/requirements.py", "pyproject.toml", *extras]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert parsed(run.stdout.split("\n")[:-1]) == DEPENDENCIES | EXTRAS["gpu"]


def test_the_slurm_plugin_is_tested_in_the_version_that_users_get():
    for package, requirement in EXTRAS["slurm"].items():
        assert str(EXTRAS["test"][package]) == str(requirement)


def constrained(name):
    """Return the version that envs/constraints.txt gives a package on this Python and platform."""
    applying = [
        c
        for c in CONSTRAINTS
        if canonicalize_name(c.name) == name and (c.marker is None or c.marker.evaluate())
    ]
    assert len(applying) == 1, f"envs/constraints.txt: {name}: {[str(c) for c in applying]}"
    return pinned(applying[0])


def test_a_constraint_is_a_name_an_exact_version_and_at_most_a_marker():
    """No address of an index, no hash, and no build for one kind of device."""
    form = re.compile(r"[a-z0-9_.-]+==[0-9][a-z0-9.]*( ; [\w '=<>!.()]+)?")
    assert [line for line in LINES if not form.fullmatch(line)] == []


def test_the_core_admits_what_is_constrained():
    for package, requirement in CORE.items():
        assert requirement.specifier.contains(constrained(package))


@pytest.mark.parametrize("extra", INSTALLED_EXTRAS)
def test_constraints_agree_with_pyproject(extra):
    for package, requirement in EXTRAS[extra].items():
        if requirement.marker is None or requirement.marker.evaluate():
            assert constrained(package) == pinned(requirement), "run `make constraints`"


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_constraints_agree_with_the_environments_of_jobs(name):
    known = {canonicalize_name(c.name) for c in CONSTRAINTS}
    for package, requirement in pip_pins(ENVIRONMENTS[name]).items():
        assert package in EXTRAS["gpu"] or package in known
        if package in known:
            assert constrained(package) == pinned(requirement)


def test_make_env_installs_these_extras_under_the_constraints():
    makefile = (ROOT / "Makefile").read_text()
    assert "PINS := envs/constraints.txt\n" in makefile and "--constraint $(PINS)" in makefile
    assert f"--editable '.[{','.join(INSTALLED_EXTRAS)}]'" in makefile
    resolved = re.search(r"pip compile pyproject.toml((?: --extra \w+)+)", makefile)
    assert resolved[1].split()[1::2] == list(INSTALLED_EXTRAS)


def required_by(name, extras):
    """Yield the requirements of an installed package that apply here."""
    for line in requires(name) or []:
        requirement = Requirement(line)
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in extras or [""]):
            yield requirement


def test_everything_that_is_installed_is_pinned():
    """The closure of what pyproject.toml names, by what each package says that it requires."""
    seen = {
        (package, tuple(sorted(requirement.extras)))
        for part in (DEPENDENCIES, *(EXTRAS[extra] for extra in INSTALLED_EXTRAS))
        for package, requirement in part.items()
        if requirement.marker is None or requirement.marker.evaluate()
    }
    todo = list(seen)
    while todo:
        name, extras = todo.pop()
        for requirement in required_by(name, extras):
            package = canonicalize_name(requirement.name)
            step = (package, tuple(sorted(requirement.extras)))
            # The CUDA build of torch pins its own parts.
            if step in seen or package.startswith(("nvidia-", "cuda-")):
                continue
            seen.add(step)
            todo.append(step)
    assert len(seen) > 100
    found = {package: Version(version(package)).public for package, _ in seen}
    assert found == {package: constrained(package) for package, _ in seen}


def imports(code, absent):
    """Run `code` as if the packages `absent` were not installed."""
    # Not None in sys.modules: SciPy takes any entry for a module.
    block = (
        "import sys\n"
        "class Absent:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name.partition('.')[0] in {sorted(absent)!r}:\n"
        "            raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Absent())\n"
    )
    return subprocess.run(
        [sys.executable, "-c", block + code], cwd=ROOT, capture_output=True, text=True
    )


def test_the_report_environment_is_enough_to_aggregate_and_report():
    missing = set(DEPENDENCIES) - set(pip_pins(ENVIRONMENTS["report"]))
    modules = {
        module
        for module, distributions in packages_distributions().items()
        if missing & {canonicalize_name(name) for name in distributions}
    }
    assert {"torch", "trl", "lm_eval"} <= modules
    run = imports(
        "import tampo.stages.aggregate, tampo.stages.report, tampo.cli.main\n"
        "from tampo.study.study import load_study\n"
        "load_study('workflow/studies/paper.yaml')",
        modules,
    )
    assert run.returncode == 0, run.stderr


def test_reading_a_study_loads_no_engine():
    run = imports(
        "import sys\n"
        "from tampo.study.study import load_study\n"
        "load_study('workflow/studies/tiny.yaml')\n"
        "print(*{'torch', 'transformers', 'trl', 'lm_eval', 'datasets'} & set(sys.modules))",
        [],
    )
    assert (run.returncode, run.stdout.strip()) == (0, ""), run.stdout + run.stderr
