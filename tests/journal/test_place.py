"""
Where a journal is kept unless the host says otherwise.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from poslife.errors import JournalUnavailable
from poslife.journal import default_journal_directory


def test_it_is_where_state_belongs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Below XDG_STATE_HOME; below the home directory's ~/.local/state where that is not set, or relative.
    """
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert tmp_path / "state" / "poslife" / "bot" == default_journal_directory("bot")
    for none in ("", "relative/path"):
        monkeypatch.setenv("XDG_STATE_HOME", none)
        assert tmp_path / ".local" / "state" / "poslife" / "bot" == default_journal_directory("bot")
    assert [] == list(tmp_path.iterdir())


def test_elsewhere_it_is_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    On macOS and Windows it is where those keep such things.
    """
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setattr("sys.platform", "darwin")
    assert tmp_path / "Library" / "Application Support" / "poslife" / "bot" == default_journal_directory(
        "bot"
    )
    monkeypatch.setattr("sys.platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    assert tmp_path / "local" / "poslife" / "bot" == default_journal_directory("bot")
    monkeypatch.delenv("LOCALAPPDATA")
    assert tmp_path / "AppData" / "Local" / "poslife" / "bot" == default_journal_directory("bot")


def test_any_name_is_a_directory_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """
    Names that no file can have get different directories all the same, and none leads out of the place.
    """
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    names = ["a/b", "a-b", "a:b", "../..", "..", ".", "", "Ünïcødé", "\ud800", "x" * 300, "x" * 301, "a\x00b"]
    places = [default_journal_directory(name) for name in names]

    assert len(names) == len(set(places))
    assert {tmp_path / "poslife"} == {place.parent for place in places}
    assert all(0 < len(place.name) < 120 and place.name.strip(".") for place in places)


def test_a_user_without_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Where there is no place, one must be said.
    """

    def home() -> Path:
        raise RuntimeError("no home")

    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", home)

    with pytest.raises(JournalUnavailable, match="choose a directory for the journal"):
        default_journal_directory("bot")
