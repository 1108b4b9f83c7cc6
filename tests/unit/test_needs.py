"""What a test needs: found, skipped with the line to type, or an error where it is required."""

import pytest
from support.needs import REQUIRED, need, required


@pytest.fixture(autouse=True)
def nothing_on_the_path(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv(REQUIRED, raising=False)
    return tmp_path


def test_what_is_there_is_returned(nothing_on_the_path):
    program = nothing_on_the_path / "chromium-browser"
    program.touch(mode=0o755)
    assert need("browser") == str(program)


def test_without_it_the_test_is_skipped_with_the_line_to_type():
    with pytest.raises(pytest.skip.Exception, match=r"type: apt-get install -y chromium$"):
        need("browser")


def test_where_it_is_required_the_test_fails(monkeypatch):
    monkeypatch.setenv(REQUIRED, "data, browser")
    with pytest.raises(pytest.fail.Exception, match=r"^needs browser: .*TAMPO_REQUIRE names"):
        need("browser")
    with pytest.raises(pytest.skip.Exception):
        need("slurm")


def test_an_unknown_need_is_a_usage_error(monkeypatch):
    monkeypatch.setenv(REQUIRED, "browsers")
    with pytest.raises(pytest.UsageError, match="unknown 'browsers'; known: browser, data"):
        required()
