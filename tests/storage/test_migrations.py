from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from poslife.errors import SchemaVersionError
from poslife.storage._migrations import Applied, Migration, known_migrations, pending, require_migrated


def migration(
    version: int, name: str = "positions", script: str = "SELECT 1;", *, runs_from: int = 1
) -> Migration:
    script = f"-- runs_from: {runs_from}\n{script}"
    digest = hashlib.sha256(script.encode()).hexdigest()
    return Migration(version=version, name=name, sha256=digest, runs_from=runs_from, script=script)


def applied(migration: Migration) -> Applied:
    return Applied(
        version=migration.version,
        name=migration.name,
        sha256=migration.sha256,
        runs_from=migration.runs_from,
    )


ONE, TWO, THREE = migration(1), migration(2, "runs"), migration(3, "feeds", runs_from=3)
TWO_WITH_UMLAUT = migration(2, "runs", "SELECT 'ü';")
ADDING, BREAKING = migration(3, "notes", runs_from=2), migration(4, "of_tomorrow", runs_from=3)


def package_with(folder: Path, monkeypatch: pytest.MonkeyPatch, files: Mapping[str, str]) -> str:
    migrations = folder / "package_with_migrations" / "migrations"
    migrations.mkdir(parents=True)
    migrations.with_name("__init__.py").touch()
    for name, text in files.items():
        (migrations / name).write_text(text, "utf-8")
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])
    known_migrations.cache_clear()
    monkeypatch.delitem(sys.modules, "package_with_migrations", raising=False)
    return "package_with_migrations"


def test_the_files_of_a_package_are_its_migrations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Numbered SQL files are migrations, ordered by number and identified by their SHA-256; other files are not.
    """
    others = dict.fromkeys(("0003_notes.txt", "4_short.sql", "readme.md"), "SELECT 3;")
    package = package_with(
        tmp_path,
        monkeypatch,
        {"0002_runs.sql": TWO_WITH_UMLAUT.script, "0001_positions.sql": ONE.script, **others},
    )

    assert (ONE, TWO_WITH_UMLAUT) == known_migrations(package)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "-- Runs.",
        "-- runs_from: 3",
        "-- runs_from: 0",
        "-- runs_from: 1.5",
        "-- runs_from:",
        "--runs_from: 1",
    ],
)
def test_a_migration_says_who_may_stay(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A migration without its first line, or with a number above its own, is refused with file and line.
    """
    package = package_with(tmp_path, monkeypatch, {"0002_runs.sql": f"{line}\nSELECT 1;"})

    expected = f"0002_runs.sql: expected a first line '-- runs_from: N' with N from 1 to 2, got {line!r}"
    with pytest.raises(ValueError, match=re.escape(expected)):
        known_migrations(package)


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
        pytest.param(
            [ONE, TWO, THREE],
            "migrated by a newer release; upgrade poslife to a release that knows migration 3, or use",
            id="newer",
        ),
        pytest.param([ONE, TWO, ADDING, BREAKING], "that knows migration 3", id="newer by two"),
        pytest.param([ONE, migration(3, "notes")], "has only 1, 3 of 1 to 3", id="newer with a gap"),
        pytest.param(
            [ONE, TWO, migration(4, "notes")],
            "has only 1, 2, 4 of 1 to 4; restore the database",
            id="newer with a later gap",
        ),
        pytest.param(
            [ONE, migration(2, "walks"), ADDING], "migration 2 there is 'walks'", id="newer of another branch"
        ),
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


def test_a_newer_database_that_lets_this_release_go_on_needs_nothing() -> None:
    """
    A release goes on with newer migrations, as far as each of them says that it may.
    """
    newer = [ONE, TWO, ADDING, migration(4, "peaks", runs_from=2)]

    assert () == pending([applied(each) for each in newer], (ONE, TWO))


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
        pytest.param(
            [ONE, TWO, THREE],
            "migrated by a newer release; upgrade poslife to a release that knows migration 3, or use",
            id="newer",
        ),
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


def test_a_reader_takes_a_newer_schema_that_lets_its_release_go_on() -> None:
    """
    A release that may go on writing to a newer schema may read it too.
    """
    there = [applied(ONE), applied(TWO), applied(ADDING)]

    require_migrated(there, (ONE, TWO), url="sqlite:///bot.db")
