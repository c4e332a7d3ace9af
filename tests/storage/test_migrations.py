from __future__ import annotations

import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from poslife.errors import SchemaVersionError
from poslife.storage._migrations import Applied, Migration, known_migrations, pending, require_migrated


def migration(version: int, name: str = "positions", script: str = "SELECT 1;") -> Migration:
    return Migration(
        version=version, name=name, sha256=hashlib.sha256(script.encode()).hexdigest(), script=script
    )


def applied(migration: Migration) -> Applied:
    return Applied(version=migration.version, name=migration.name, sha256=migration.sha256)


ONE, TWO, THREE = migration(1), migration(2, "runs"), migration(3, "feeds")


def test_the_files_of_a_package_are_its_migrations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Numbered SQL files are migrations, ordered by number and identified by their SHA-256; other files are not.
    """
    folder = tmp_path / "package_with_migrations" / "migrations"
    folder.mkdir(parents=True)
    folder.with_name("__init__.py").touch()
    (folder / "0002_runs.sql").write_text("SELECT 'ü';", "utf-8")
    (folder / "0001_positions.sql").write_text("SELECT 1;", "utf-8")
    for other in ("0003_notes.txt", "4_short.sql", "readme.md"):
        (folder / other).write_text("SELECT 3;", "utf-8")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])

    assert (migration(1), migration(2, "runs", "SELECT 'ü';")) == known_migrations("package_with_migrations")


@pytest.mark.parametrize("done", range(4))
def test_the_rest_is_pending(done: int) -> None:
    """
    The migrations after those that were applied are pending, in their order.
    """
    known = (ONE, TWO, THREE)

    assert known[done:] == pending([applied(each) for each in known[:done]], known)


@pytest.mark.parametrize(
    "there, reason",
    [
        pytest.param([ONE, TWO, THREE], "migrated by a newer release; upgrade poslife", id="newer"),
        pytest.param(
            [ONE, migration(2, "walks")], "migration 2 there is 'walks', here it is 2 'runs'", id="name"
        ),
        pytest.param([TWO], "migration 2 there is 'runs', here it is 1 'positions'", id="gap"),
        pytest.param(
            [ONE, migration(2, "runs", "SELECT 2;")], "was edited after it had been applied", id="edited"
        ),
    ],
)
def test_another_history_is_refused(there: Sequence[Migration], reason: str) -> None:
    """
    A database with unknown or different migrations is refused with both versions.
    """
    with pytest.raises(SchemaVersionError, match=reason) as caught:
        pending([applied(each) for each in there], (ONE, TWO))

    assert (there[-1].version, 2) == (caught.value.found, caught.value.known)


def test_an_empty_database_needs_no_migration_of_none() -> None:
    """
    Without known and applied migrations nothing is pending.
    """
    assert () == pending((), ())


@pytest.mark.parametrize(
    "there, reason",
    [
        pytest.param([], "it is half migrated: its list of migrations has none of 1 to 2", id="none"),
        pytest.param([TWO], "it is half migrated: its list of migrations has 2 of 1 to 2", id="gap"),
        pytest.param(
            [ONE], "lacks migration 2; migrate it first.*: poslife migrate sqlite:///bot.db", id="older"
        ),
        pytest.param([ONE, TWO, THREE], "migrated by a newer release; upgrade poslife", id="newer"),
    ],
)
def test_a_reader_is_told_which_schema_it_meets(there: Sequence[Migration], reason: str) -> None:
    """
    An older, half migrated or newer schema is refused in a sentence of its own, and nothing is migrated.
    """
    with pytest.raises(SchemaVersionError, match=reason):
        require_migrated([applied(each) for each in there], (ONE, TWO), url="sqlite:///bot.db")


def test_a_reader_takes_the_schema_of_its_release() -> None:
    """
    A schema with every migration of this release can be read.
    """
    require_migrated([applied(ONE), applied(TWO)], (ONE, TWO), url="sqlite:///bot.db")
