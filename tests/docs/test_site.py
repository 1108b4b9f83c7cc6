"""The documentation site: it builds strictly, and every relative link in Markdown leads somewhere."""

import re
import subprocess
import sys

import pytest
from support.paths import ROOT

MARKDOWN = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    *(ROOT / name for name in ("results/README.md", "tampo/tasks/README.md")),
    ROOT / "workflow" / "published" / "README.md",
]
REFERENCE = {
    "acceptance",
    "cost-model",
    "results",
    "log",
    "glossary",
    "grading",
    "grading-comparison",
    "python-interface",
}
"""Pages to look things up in."""
GUIDES = {path.stem for path in (ROOT / "docs").glob("*.md")} - REFERENCE
MOST_WORDS = 7_500
"""About half an hour of reading, code left out."""


def without_code(text):
    return re.sub(r"^( *`{3,})[^\n]*\n.*?^\1$", "", text, flags=re.MULTILINE | re.DOTALL)


def links(text):
    return re.findall(r"\[[^\]\n]*\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`", "", without_code(text)))


def anchors(text):
    """Anchors of a page's headings, as git hosts and the site make them."""
    headings = re.findall(r"^#+ (.+)$", without_code(text), re.MULTILINE)
    plain = [re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings]
    return {heading.replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("path", MARKDOWN, ids=lambda path: str(path.relative_to(ROOT)))
def test_relative_links_lead_to_files_and_headings(path):
    for link in links(path.read_text()):
        if re.match(r"[a-z]+:", link):
            continue
        target, _, anchor = link.partition("#")
        file = path.parent / target if target else path
        assert file.exists(), f"{path.name}: {link}"
        if anchor:
            assert anchor in anchors(file.read_text()), f"{path.name}: {link}"


def test_the_site_builds_without_a_warning(tmp_path):
    pytest.importorskip("furo", reason="no Sphinx; type: pip install '.[docs]'")
    pytest.importorskip("sphinx_copybutton")
    build = [sys.executable, "-m", "sphinx", "-W", "-n", "-q", "-b", "html"]
    command = [*build, "-d", str(tmp_path / "trees"), "docs", str(tmp_path / "html")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    front = (tmp_path / "html" / "index.html").read_text()
    assert "differences.svg" in front and "uniform draws" in front


def test_the_guides_can_be_read_in_half_an_hour():
    guides = [without_code((ROOT / "docs" / f"{name}.md").read_text()) for name in GUIDES]
    assert sum(len(guide.split()) for guide in guides) < MOST_WORDS
