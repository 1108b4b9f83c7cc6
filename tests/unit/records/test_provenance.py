"""What run.json says of its code: this project's commit, and whether its own files differ from it."""

import subprocess

import pytest

from tampo.records.provenance import source_revision


def git(folder, *arguments):
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    done = subprocess.run(
        ["git", *identity, "-C", str(folder), *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path):
    (tmp_path / "tampo").mkdir()
    (tmp_path / "tampo" / "code.py").write_text("x = 1\n")
    (tmp_path / "study.yaml").write_text("seeds: [1]\n")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "All")
    return tmp_path


def test_a_clean_checkout_is_its_commit(checkout):
    assert source_revision(checkout) == {
        "commit": git(checkout, "rev-parse", "HEAD"),
        "dirty": False,
    }


@pytest.mark.parametrize(("name", "dirty"), [("tampo/code.py", True), ("tampo/new.py", True)])
def test_changed_and_new_code_differs_from_the_commit(checkout, name, dirty):
    (checkout / name).write_text("x = 2\n")
    assert source_revision(checkout)["dirty"] is dirty


@pytest.mark.parametrize("name", ["study.yaml", "notes.txt", ".venv"])
def test_what_is_no_code_does_not(checkout, name):
    (checkout / name).write_text("changed\n")
    assert source_revision(checkout)["dirty"] is False


def test_a_repository_around_an_installed_package_says_nothing_of_it(checkout):
    inside = checkout / "venv" / "site-packages"
    (inside / "tampo").mkdir(parents=True)
    assert source_revision(inside) == {"commit": None, "dirty": None}


def test_outside_of_any_repository_nothing_is_known(tmp_path):
    assert source_revision(tmp_path) == {"commit": None, "dirty": None}
