"""
Migrations: numbered files, forward only, applied once under a lock, and known again by their checksums.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final, TypedDict

import msgspec

from poslife.errors import SchemaVersionError
from poslife.postgres._database import Database, Session

__all__ = ["Migration", "known_migrations", "migrate"]

_FILE: Final = re.compile(r"(\d{4})_(\w+)\.sql")

# Any number will do that others are unlikely to take: "poslife" in ASCII.
_LOCK: Final = "SELECT pg_catalog.pg_advisory_xact_lock(31648266190939749)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """
    One file.

    Attributes:
        version: Its number.
        name: What it is for.
        sha256: Of its text, in hexadecimal.
        script: Its text.
    """

    version: int
    name: str
    sha256: str
    script: str


class _Applied(TypedDict):
    version: int
    name: str
    sha256: str


_decoder: Final = msgspec.json.Decoder(_Applied)


@cache
def known_migrations() -> tuple[Migration, ...]:
    """
    The migrations of this release, by version.
    """
    files = (resources.files("poslife.postgres") / "migrations").iterdir()
    found = [
        _migration_of(name, file.read_text("utf-8"))
        for file in files
        if (name := _FILE.fullmatch(file.name)) is not None
    ]
    return tuple(sorted(found, key=lambda migration: migration.version))


def _migration_of(name: re.Match[str], script: str) -> Migration:
    return Migration(
        version=int(name[1]),
        name=name[2],
        sha256=hashlib.sha256(script.encode()).hexdigest(),
        script=script,
    )


async def migrate(database: Database) -> None:
    """
    Apply what is not applied yet, all or nothing.

    A database that is up to date is only read, so no right to create anything is needed then.

    Raises:
        SchemaVersionError: The database was migrated by a newer release, or a migration was edited.
    """
    if pending(await database.transact(_read_applied), known_migrations()):
        await database.transact(lambda session: _apply(session, database.limits.connect))


def pending(applied: Sequence[_Applied], known: Sequence[Migration]) -> tuple[Migration, ...]:
    """
    What of *known* is still to be applied.

    Raises:
        SchemaVersionError: *applied* is no beginning of *known*.
    """
    found, newest = _newest(row["version"] for row in applied), _newest(each.version for each in known)
    if found > newest:
        raise SchemaVersionError(
            found, newest, "it was migrated by a newer release; upgrade poslife, or use another database"
        )
    for row, migration in zip(applied, known, strict=False):
        if (row["version"], row["name"]) != (migration.version, migration.name):
            raise SchemaVersionError(
                found,
                newest,
                f"migration {row['version']} there is {row['name']!r}, "
                f"here it is {migration.version} {migration.name!r}; use the release that applied it",
            )
        if row["sha256"] != migration.sha256:
            raise SchemaVersionError(
                found,
                newest,
                f"migration {row['version']} ({row['name']}) was edited after it had been applied "
                f"(SHA-256 {row['sha256'][:12]}… there, {migration.sha256[:12]}… here); "
                "install the release that applied it, or start with a new database",
            )
    return tuple(known[len(applied) :])


def _newest(versions: Iterable[int]) -> int:
    return max(versions, default=0)


_HAS_TABLE: Final = "SELECT 'yes' WHERE to_regclass('poslife.poslife_migrations') IS NOT NULL"

_READ_APPLIED: Final = """
SELECT json_build_object('version', m.version, 'name', m.name, 'sha256', m.sha256)::text
FROM poslife.poslife_migrations AS m
ORDER BY m.version
"""


async def _read_applied(session: Session) -> list[_Applied]:
    if await session.fetch_one(_HAS_TABLE) is None:
        return []
    return [_decoder.decode(row) for row in await session.fetch(_READ_APPLIED)]


# CREATE SCHEMA IF NOT EXISTS asks for the right to create before it looks.
_HAS_SCHEMA: Final = "SELECT 'yes' WHERE to_regnamespace('poslife') IS NOT NULL"

_CREATE_SCHEMA: Final = "CREATE SCHEMA poslife"

_CREATE_TABLE: Final = """
CREATE TABLE IF NOT EXISTS poslife.poslife_migrations (
    version integer NOT NULL,
    name text NOT NULL,
    sha256 text NOT NULL,
    applied_at timestamp with time zone NOT NULL,

    CONSTRAINT poslife_migrations_pkey PRIMARY KEY (version)
)
"""

_RECORD: Final = """
INSERT INTO poslife.poslife_migrations (version, name, sha256, applied_at)
VALUES ($1::text::integer, $2::text, $3::text, clock_timestamp())
"""


async def _apply(session: Session, patience: float) -> None:
    # Waiting for a sibling that migrates, and migrating, take what they take within the time for opening.
    await session.run("SET LOCAL lock_timeout = 0; SET LOCAL statement_timeout = 0")
    await session.run(_LOCK, patience)
    if await session.fetch_one(_HAS_SCHEMA) is None:
        await session.run(_CREATE_SCHEMA)
    await session.run(_CREATE_TABLE)
    for migration in pending(await _read_applied(session), known_migrations()):
        await session.run(migration.script, patience)
        await session.fetch(_RECORD, str(migration.version), migration.name, migration.sha256)
