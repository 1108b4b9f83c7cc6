"""What to install where a package is missing: which extra of this distribution brings it."""

from importlib.metadata import PackageNotFoundError, requires

DISTRIBUTION = "tampo-benchmark"
PACKAGES = {"yaml": "pyyaml", "lm_eval": "lm-eval"}
"""Packages whose modules have another name."""


def remedy(error: ModuleNotFoundError) -> str:
    """Return what is missing and, if an extra of ours brings it, how to install it."""
    module = str(error.name).partition(".")[0]
    package = PACKAGES.get(module, module).lower()
    try:
        lines = requires(DISTRIBUTION) or []
    except PackageNotFoundError:
        lines = []
    for line in lines:
        requirement, _, condition = line.partition(";")
        name = requirement.lower().replace("[", "=").partition("=")[0].strip()
        if name == package and "extra ==" in condition:
            extra = condition.partition("extra ==")[2].strip(" \"'")
            return f"{module} is not installed; pip install '{DISTRIBUTION}[{extra}]'"
    return f"{module} is not installed"
