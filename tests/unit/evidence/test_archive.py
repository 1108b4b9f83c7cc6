"""Evidence: what is packed, that nothing else is, and that verification sees into it."""

import lzma
import shutil
import subprocess

import pytest
from support.finished_study import STUDY, edit_line

from tampo.cli import main
from tampo.evidence.archive import SUMS, contents, restored, stored_name, write_archive
from tampo.evidence.pack import make_evidence
from tampo.evidence.verify import verify
from tampo.files import checksums
from tampo.study.study import StudyError

RESPONSES = "evaluate/tampo/seed2/maxima.jsonl"


@pytest.fixture
def changed(evidence, tmp_path):
    return shutil.copytree(evidence, tmp_path / "evidence" / STUDY.name)


def quiet(_):
    pass


def found_in(folder):
    """Mismatches as (path below the evidence, line, text)."""
    found = verify(folder, progress=quiet)
    return [(str(m.path.relative_to(folder)), m.line, m.what) for m in found.mismatches]


def sign_again(folder):
    lines = [f"{d}  {name}\n" for name, d in checksums(folder).items() if name != SUMS]
    (folder / SUMS).write_text("".join(lines))


def test_evidence_has_everything_but_weights_compressed_but_for_what_is_opened(
    finished_study, evidence
):
    files = set(checksums(evidence))
    assert {str(stored_name(name)) for name in contents(finished_study)} | {SUMS} == files
    assert not [name for name in files if "safetensors" in name or "checkpoint" in name]
    assert {"report/claims.csv", "report/table1.md", "report/checksums.json"} <= files
    assert {"report/figures/temperatures.svg", "report/figures/temperatures.png"} <= files
    assert {f"{RESPONSES}.xz", "report/report.html.xz", "model/run.json.xz"} <= files
    assert {"report/figures/entropy.svg.xz", "report/figures/temperatures.csv.xz"} <= files
    assert "train/tampo/seed1/trajectories.parquet.xz" in files


def test_unpacked_it_is_the_study_byte_for_byte(finished_study, evidence):
    listed = checksums(finished_study)
    with restored(evidence, {}) as plain:
        assert plain.faults == [] and plain.folder.name == STUDY.name
        unpacked = checksums(plain.folder)
    assert unpacked == {str(name): listed[str(name)] for name in contents(finished_study)}


def test_packing_is_reproducible_byte_for_byte(finished_study, evidence, tmp_path):
    write_archive(finished_study, tmp_path / "again", {})
    assert checksums(tmp_path / "again") == checksums(evidence)


@pytest.mark.skipif(not shutil.which("sha256sum"), reason="no sha256sum on this machine")
def test_checksums_are_in_the_format_of_sha256sum(changed):
    command = ["sha256sum", "--check", "--quiet", SUMS]
    assert subprocess.run(command, cwd=changed).returncode == 0
    (changed / "report" / "table1.md").write_text("")
    assert subprocess.run(command, cwd=changed, capture_output=True).returncode == 1


def test_the_command_packs_what_verifies_and_says_how_much(finished_study, tmp_path, capsys):
    before, out = checksums(finished_study), tmp_path / "docs" / "evidence" / STUDY.name
    assert main(["evidence", str(finished_study), "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "84 responses graded again" in printed
    size = sum(p.stat().st_size for p in out.rglob("*") if p.is_file())
    assert printed.endswith(f"{out}: {len(checksums(out))} files, {size / 1e6:.1f} MB\n")
    assert checksums(finished_study) == before
    # Once more over the evidence that is there.
    assert main(["evidence", str(finished_study), "--out", str(out)]) == 0


def test_evidence_verifies_and_is_left_unchanged(evidence, capsys):
    before = checksums(evidence)
    assert main(["verify", str(evidence)]) == 0
    printed = capsys.readouterr().out
    assert f"checked: {len(before) - 1} files of the evidence, " in printed
    assert "not checked: the weights of 5 models, which are not here\n" in printed
    assert checksums(evidence) == before


@pytest.mark.parametrize("signed", [False, True], ids=["plain", "signed"])
def test_a_changed_response_is_found_in_its_line_of_the_packed_file(changed, signed):
    packed = changed / f"{RESPONSES}.xz"
    path = packed.with_suffix("")
    path.write_bytes(lzma.decompress(packed.read_bytes()))
    edit_line(path, 3, lambda row: row["responses"][1].update(response=r"\boxed{-1}"))
    packed.write_bytes(lzma.compress(path.read_bytes()))
    path.unlink()
    if signed:
        sign_again(changed)
    found = found_in(changed)
    assert (
        f"{RESPONSES}.xz",
        3,
        "response 1: outcome 'correct', graded again 'wrong' by the rule 'exact text'",
    ) in found
    assert any(SUMS in what for _, _, what in found) is not signed
    # run.json and checksums.json still have the first file's checksum.
    assert sum("checksum" in what and SUMS not in what for _, _, what in found) == 2


def test_a_changed_table_is_found_though_signed(changed):
    path = changed / "report" / "table1.md"
    path.write_text(path.read_text().replace("| base ", "| best "))
    sign_again(changed)
    assert "report/table1.md" in [name for name, _, _ in found_in(changed)]


def test_what_cannot_be_unpacked_is_named(changed):
    path = changed / f"{RESPONSES}.xz"
    path.write_bytes(path.read_bytes()[:-30])
    sign_again(changed)
    found = [f for f in found_in(changed) if f[0] == f"{RESPONSES}.xz"]
    assert any(what.startswith("cannot be unpacked: ") for _, _, what in found)
    assert any("missing" in what for _, _, what in found)


def test_messages_name_the_evidence_and_no_temporary_folder(changed):
    (changed / "aggregate" / "scores.csv.xz").unlink()
    (changed / f"{RESPONSES}.xz").unlink()
    text = verify(changed, progress=quiet).text()
    assert f"{changed / RESPONSES}.xz: missing" in text and "cannot be aggregated" in text
    assert all(str(changed) in line for line in text.splitlines() if "missing" in line)


def test_missing_and_additional_files_are_found(changed):
    (changed / "report" / "claims.csv").unlink()
    (changed / "notes.txt").write_text("")
    found = found_in(changed)
    assert ("report/claims.csv", None, f"missing, but listed in {SUMS}") in found
    assert ("notes.txt", None, f"not in {SUMS}") in found


def test_evidence_without_its_list_is_evidence_all_the_same(changed):
    (changed / SUMS).unlink()
    assert found_in(changed) == [(SUMS, None, "missing")]


def test_an_unfinished_study_is_refused(finished_study, tmp_path, capsys):
    results = shutil.copytree(finished_study, tmp_path / STUDY.name)
    (results / "report" / "checksums.json").unlink()
    assert main(["evidence", str(results), "--out", str(tmp_path / "out")]) == 2
    assert "not finished: no report/checksums.json" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_study_that_does_not_verify_is_refused_and_leaves_the_old_evidence(
    finished_study, changed, tmp_path, capsys
):
    results, before = shutil.copytree(finished_study, tmp_path / STUDY.name), checksums(changed)
    (results / "report" / "table1.csv").write_text("method\n")
    assert main(["evidence", str(results), "--out", str(changed)]) == 2
    message = capsys.readouterr().err
    assert f"{results}: does not verify, " in message
    assert f"{results / 'report' / 'table1.csv'}: checksum" in message
    assert checksums(changed) == before


def test_a_folder_with_something_else_is_not_replaced(finished_study, tmp_path):
    (tmp_path / "thesis.md").write_text("years of work")
    with pytest.raises(StudyError, match=r"--out .*: it is there and no evidence"):
        write_archive(finished_study, tmp_path, {})
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.md"]


def test_evidence_is_remade_from_its_responses_after_a_change_of_the_project(
    changed, evidence, monkeypatch
):
    monkeypatch.setattr("tampo.stages.report.RULE", "Another rule.")
    assert "report/table1.md" in [name for name, _, _ in found_in(changed)]
    with pytest.raises(StudyError, match="does not verify") as refusal:
        make_evidence(changed, changed, progress=quiet)
    assert str(changed / "report" / "table1.md") in str(refusal.value)
    make_evidence(changed, changed, again=True, progress=quiet)
    assert found_in(changed) == []
    assert "Another rule." in (changed / "report" / "table1.md").read_text()
    before, after = checksums(evidence), checksums(changed)
    assert {n for n in after if after[n] != before[n]} == {
        *(SUMS, "report/checksums.json"),
        *(f"report/table{i}.{suffix}" for i in (1, 2) for suffix in ("md", "tex")),
    }


def test_results_are_not_remade_here(finished_study, tmp_path, capsys):
    words = ["evidence", str(finished_study), "--out", str(tmp_path / "out"), "--again"]
    assert main(words) == 2
    assert "is no evidence; the workflow makes its report again" in capsys.readouterr().err
