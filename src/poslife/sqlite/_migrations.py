"""
The migrations: applied all or nothing, once, under a lock.
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

__all__ = ["MIGRATIONS", "migrate", "read_applied", "statements_of"]

MIGRATIONS: Final[tuple[Migration, ...]] = known_migrations("poslife.sqlite")

_CREATED: Final = re.compile(r"^CREATE (?:TABLE|VIEW) (\w+)", re.MULTILINE)


def migrate(session: Session, now: datetime) -> None:
    """
    Apply the pending migrations, all or nothing. A database that is up to date is only read.

    Raises:
        SchemaVersionError: The database needs a newer release, or a migration was edited.
        SchemaMismatch: The file belongs to another program, and has tables of the same names.
    """
    with session.reading():
        outdated = bool(pending(read_applied(session) or (), MIGRATIONS))
    if not outdated:
        return
    with session.writing_alone():
        # Another process may have migrated it meanwhile.
        applied = read_applied(session) or []
        if not applied:
            _require_free_names(session)
            session.run(_CREATE_TABLE)
        for migration in pending(applied, MIGRATIONS):
            for statement in statements_of(migration.script):
                session.run(statement)
            record = (
                migration.version,
                migration.name,
                migration.sha256,
                migration.runs_from,
                time_text(now),
            )
            session.run(_RECORD, record)


def statements_of(script: str) -> Iterator[str]:
    """
    Yield the statements of a script one by one: the driver's `executescript` would end the transaction.
    """
    statement = ""
    for part in script.rstrip().removesuffix(";").split(";"):
        statement += f"{part};"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


_HAS_TABLE: Final = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'poslife_migrations'"

# Every column, so that a table of another shape is read too, and refused with its row.
_READ_APPLIED: Final = "SELECT * FROM poslife_migrations ORDER BY 1"


def read_applied(session: Session) -> list[Applied] | None:
    """
    Return the migrations that the file has recorded, or ``None`` where it has no list of them.
    """
    if session.row(_HAS_TABLE) is None:
        return None
    applied: list[Applied] = []
    for row in session.rows(_READ_APPLIED):
        match row:
            # A newer release may have added columns behind these.
            case (int(version), str(name), str(sha256), int(runs_from), str(), *_):
                applied.append(Applied(version=version, name=name, sha256=sha256, runs_from=runs_from))
            case _:
                raise SchemaMismatch(
                    session.path, [f"poslife_migrations has the row {row!r}, which poslife did not write"]
                )
    return applied


def _require_free_names(session: Session) -> None:
    needed = {name for migration in MIGRATIONS for name in _CREATED.findall(migration.script)}
    there = {
        str(name)
        for (name,) in session.rows("SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')")
    }
    if taken := sorted(needed & there):
        raise SchemaMismatch(
            session.path,
            [
                f"{name} exists, and poslife did not create it: give poslife a file of its own"
                for name in taken
            ],
        )


_CREATE_TABLE: Final = """
CREATE TABLE poslife_migrations (
    version INTEGER NOT NULL,
    name TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    runs_from INTEGER NOT NULL,
    applied_at TEXT NOT NULL,

    CONSTRAINT poslife_migrations_pkey PRIMARY KEY (version),
    CONSTRAINT poslife_migrations_runs_from_sound CHECK (runs_from >= 1 AND runs_from <= version)
) STRICT
"""

_RECORD: Final = """
INSERT INTO poslife_migrations (version, name, sha256, runs_from, applied_at) VALUES (?, ?, ?, ?, ?)
"""
