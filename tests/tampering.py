"""
Changing stored events as somebody who owns the database can: past the triggers that keep them.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from tests.postgres_server import psql

__all__ = ["tamper", "tamper_postgres"]


def tamper(path: Path, statement: str) -> int:
    """
    Change events in a SQLite file, and return the number of rows.
    """
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO append_only_off (because) VALUES ('a test')")
        changed = connection.execute(statement).rowcount
        connection.execute("DELETE FROM append_only_off")
        connection.execute("COMMIT")
        return changed


def tamper_postgres(dsn: str, statement: str) -> None:
    """
    Change events in a PostgreSQL database, as the owner of its tables.
    """
    psql(dsn, f"SET LOCAL poslife.append_only = 'off'; {statement}")
