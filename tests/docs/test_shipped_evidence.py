"""The evidence that git keeps: it verifies, the page says what follows from it, and it stays small."""

from pathlib import Path

import pytest
from support.paths import ROOT

from tampo import layout
from tampo.evidence.results_page import results_page
from tampo.evidence.verify import verify
from tampo.problems.catalogue import CATALOGUE, Generated
from tampo.study.study import load_study

EVIDENCE, PAGE = Path("docs/evidence"), Path("docs/results.md")
FIRST = ("settle", "tiny", "smol")
"""The order of the page; other studies follow by name."""
MOST_BYTES = 30_000_000


def shipped():
    """Folders of evidence, relative to the root, in the order of the page."""
    names = [path.name for path in (ROOT / EVIDENCE).glob("*") if path.is_dir()]
    order = sorted(
        names, key=lambda name: (name not in FIRST, FIRST.index(name) if name in FIRST else name)
    )
    return [EVIDENCE / name for name in order]


none_yet = pytest.mark.skipif(not shipped(), reason=f"no evidence in {EVIDENCE} yet")


@pytest.fixture(autouse=True)
def in_the_repository(monkeypatch):
    # Studies, published numbers and links are named from the root.
    monkeypatch.chdir(ROOT)


@none_yet
@pytest.mark.slow
@pytest.mark.parametrize("folder", shipped(), ids=lambda folder: folder.name)
def test_shipped_evidence_verifies(folder, request):
    study = load_study(folder / "report" / layout.STUDY_COPY)
    generated = all(
        isinstance(CATALOGUE[benchmark.name].source, Generated) for benchmark in study.benchmarks
    )
    data = None if generated else str(request.getfixturevalue("data_dir"))
    found = verify(folder, data_dir=data, progress=lambda _: None)
    assert [str(mismatch) for mismatch in found.mismatches] == []
    assert found.checked["responses graded again"] > 0


@none_yet
def test_the_page_is_what_the_evidence_gives():
    command = f"python -m tampo results {' '.join(map(str, shipped()))} --out {PAGE}"
    assert PAGE.is_file() and results_page(shipped(), PAGE) == PAGE.read_text(), f"run {command}"


@none_yet
def test_all_evidence_together_is_small():
    files = [path for path in EVIDENCE.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < MOST_BYTES
