"""Files and folders appear whole or not at all."""

import json
import stat

import pytest

from tampo.files import (
    checksums,
    directory_written_whole,
    read_jsonl,
    to_jsonl,
    write_atomically,
    write_json,
)


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path):
    path = tmp_path / "file.json"
    write_json(path, {"a": 1})
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(path, {"a": float("nan")})
    assert json.loads(path.read_text()) == {"a": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["file.json"]


def test_a_failed_folder_leaves_the_old_one_and_no_litter(tmp_path):
    with directory_written_whole(tmp_path / "out") as folder:
        (folder / "a").write_text("old")
    with pytest.raises(RuntimeError), directory_written_whole(tmp_path / "out") as folder:
        (folder / "a").write_text("new")
        raise RuntimeError
    assert (tmp_path / "out" / "a").read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_results_are_readable_for_the_group(tmp_path):
    with directory_written_whole(tmp_path / "out") as folder:
        (folder / "private").write_text("x")
        (folder / "private").chmod(0o600)
    write_atomically(tmp_path / "file", "x")
    for path in (tmp_path / "out" / "private", tmp_path / "file"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_checksums_name_every_file_but_hidden_ones(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a").write_bytes(b"")
    (tmp_path / ".hidden").write_bytes(b"x")
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert checksums(tmp_path) == {"sub/a": empty}


def test_a_malformed_line_is_named(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text(to_jsonl([{"a": 1}]) + "{oops\n")
    with pytest.raises(ValueError, match=r"rows\.jsonl:2: not JSON"):
        read_jsonl(path)
