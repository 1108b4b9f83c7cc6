"""How the project is cited and listed: the files agree with the package."""

import re
import tomllib

import yaml
from support.paths import ROOT

import tampo

CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text())
CATALOGUE = yaml.safe_load((ROOT / ".snakemake-workflow-catalog.yml").read_text())["usage"]


def test_the_citation_has_version_and_licence_of_the_package():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert CITATION["cff-version"] == "1.2.0"
    assert CITATION["version"] == tampo.__version__
    assert CITATION["license"] == project["license"]


def test_the_paper_is_cited_as_everywhere_else():
    (paper,) = CITATION["references"]
    (identifier,) = paper["identifiers"]
    arxiv = identifier["value"].removeprefix("arXiv:")
    assert paper["url"].endswith(arxiv)
    assert f"arXiv {arxiv}" in (ROOT / "README.md").read_text()


def test_the_catalogue_entry_has_the_keys_that_the_catalogue_reads():
    assert set(CATALOGUE) == {"mandatory-flags", "software-stack-deployment"}
    assert set(CATALOGUE["mandatory-flags"]) == {"desc", "flags"}
    deployment = CATALOGUE["software-stack-deployment"]
    assert set(deployment) == {"conda", "apptainer", "apptainer+conda", "report"}
    assert all(isinstance(works, bool) for works in deployment.values())


def test_the_catalogue_entry_says_what_the_workflow_has():
    rules = "".join(path.read_text() for path in (ROOT / "workflow" / "rules").glob("*.smk"))
    snakefile = (ROOT / "Snakefile").read_text()
    deployment = CATALOGUE["software-stack-deployment"]
    assert deployment["conda"] == bool(re.search(r"^\s+conda:", rules, re.MULTILINE))
    assert deployment["apptainer"] == bool(re.search(r"^container:", snakefile, re.MULTILINE))
    assert deployment["report"] == ("report(" in rules)
