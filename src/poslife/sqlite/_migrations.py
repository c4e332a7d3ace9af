"""
Applying the migrations: all or nothing, once, under a lock.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from datetime import datetime
from typing import Final

from poslife.errors import SchemaMismatch
from poslife.sqlite._cells import time_text
from poslife.sqlite._session import Session
from poslife.storage._migrations import Applied, Migration, known_migrations, pending

__all__ = ["MIGRATIONS", "migrate", "statements_of"]

MIGRATIONS: Final[tuple[Migration, ...]] = known_migrations("poslife.sqlite")

_TABLE: Final = re.compile(r"^CREATE TABLE (\w+)", re.MULTILINE)


def migrate(session: Session, now: datetime) -> None:
    """
    Apply what is not applied yet, all or nothing. A database that is up to date is only read.

    Raises:
        SchemaVersionError: The database was migrated by a newer release, or a migration was edited.
        SchemaMismatch: The file is another program's, and has tables of the same names.
    """
    with session.reading():
        outdated = bool(pending(_read_applied(session), MIGRATIONS))
    if not outdated:
        return
    with session.writing_alone():
        # Another process may have been faster.
        applied = _read_applied(session)
        if not applied:
            _require_no_strangers(session)
            session.run(_CREATE_TABLE)
        for migration in pending(applied, MIGRATIONS):
            for statement in statements_of(migration.script):
                session.run(statement)
            session.run(_RECORD, (migration.version, migration.name, migration.sha256, time_text(now)))


def statements_of(script: str) -> Iterator[str]:
    """
    The statements of a script, one by one: the driver's own way to run a script ends the transaction.
    """
    statement = ""
    for part in script.rstrip().removesuffix(";").split(";"):
        statement += f"{part};"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


_HAS_TABLE: Final = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'poslife_migrations'"

_READ_APPLIED: Final = "SELECT version, name, sha256 FROM poslife_migrations ORDER BY version"


def _read_applied(session: Session) -> list[Applied]:
    if session.row(_HAS_TABLE) is None:
        return []
    applied: list[Applied] = []
    for row in session.rows(_READ_APPLIED):
        match row:
            case (int(version), str(name), str(sha256)):
                applied.append(Applied(version=version, name=name, sha256=sha256))
            case _:
                raise SchemaMismatch(session.path, [f"poslife_migrations has the row {row!r}"])
    return applied


def _require_no_strangers(session: Session) -> None:
    ours = {name for migration in MIGRATIONS for name in _TABLE.findall(migration.script)}
    there = {
        str(name)
        for (name,) in session.rows("SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')")
    }
    if strangers := sorted(ours & there):
        raise SchemaMismatch(
            session.path,
            [
                f"{name} is there already, and poslife has not made it: give poslife a file of its own"
                for name in strangers
            ],
        )


_CREATE_TABLE: Final = """
CREATE TABLE poslife_migrations (
    version INTEGER NOT NULL,
    name TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    applied_at TEXT NOT NULL,

    CONSTRAINT poslife_migrations_pkey PRIMARY KEY (version)
) STRICT
"""

_RECORD: Final = "INSERT INTO poslife_migrations (version, name, sha256, applied_at) VALUES (?, ?, ?, ?)"
