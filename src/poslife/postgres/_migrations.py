"""
Migration of the database: all or nothing, once, under a lock.
"""

from __future__ import annotations

from typing import Final

import msgspec

from poslife.errors import SchemaMismatch
from poslife.postgres._database import Database, Session
from poslife.storage._migrations import Applied, Migration, known_migrations, pending

__all__ = ["MIGRATIONS", "lock_migrations", "migrate", "read_applied"]

# A number that other programs are unlikely to use: "poslife" in ASCII.
_LOCK: Final = "SELECT pg_catalog.pg_advisory_xact_lock(31648266190939749)"


MIGRATIONS: Final[tuple[Migration, ...]] = known_migrations("poslife.postgres")

_decoder: Final = msgspec.json.Decoder(Applied)


async def migrate(database: Database, *, patience: float | None = None) -> None:
    """
    Apply the migrations that are not applied yet, all or nothing.

    A database that is up to date is only read, so no right to create anything is needed then.

    Args:
        database: The database.
        patience: Seconds for one migration. *Default*: the time for opening a store.

    Raises:
        SchemaVersionError: The database needs a newer release, or a migration was edited.
    """
    if pending(await database.transact(read_applied), MIGRATIONS):
        longest = database.limits.connect if patience is None else patience
        await database.transact(lambda session: _apply(session, longest))


_HAS_TABLE: Final = "SELECT 'yes' WHERE to_regclass('poslife.poslife_migrations') IS NOT NULL"

# Every column, so that a table of another shape is read too, and refused with its row.
_READ_APPLIED: Final = "SELECT row_to_json(m)::text FROM poslife.poslife_migrations AS m"


async def read_applied(session: Session) -> list[Applied]:
    """
    Return the migrations that the database has recorded, by version.

    Raises:
        SchemaMismatch: A row of the list is not one of poslife's.
    """
    if await session.fetch_one(_HAS_TABLE) is None:
        return []
    applied: list[Applied] = []
    for row in await session.fetch(_READ_APPLIED):
        try:
            applied.append(_decoder.decode(row))
        except msgspec.ValidationError as error:
            database = await session.fetch_one("SELECT 'database ' || current_database()")
            line = f"poslife_migrations has the row {row}, which poslife did not write: {error}"
            raise SchemaMismatch(str(database), [line]) from error
    return sorted(applied, key=lambda row: row.version)


# CREATE SCHEMA IF NOT EXISTS needs the right to create even where the schema exists.
_HAS_SCHEMA: Final = "SELECT 'yes' WHERE to_regnamespace('poslife') IS NOT NULL"

_CREATE_SCHEMA: Final = "CREATE SCHEMA poslife"

_CREATE_TABLE: Final = """
CREATE TABLE IF NOT EXISTS poslife.poslife_migrations (
    version integer NOT NULL,
    name text NOT NULL,
    sha256 text NOT NULL,
    runs_from integer NOT NULL,
    applied_at timestamp with time zone NOT NULL,

    CONSTRAINT poslife_migrations_pkey PRIMARY KEY (version),
    CONSTRAINT poslife_migrations_runs_from_sound CHECK (runs_from >= 1 AND runs_from <= version)
)
"""

_RECORD: Final = """
INSERT INTO poslife.poslife_migrations (version, name, sha256, runs_from, applied_at)
VALUES ($1::text::integer, $2::text, $3::text, $4::text::integer, clock_timestamp())
"""


async def lock_migrations(session: Session, patience: float) -> None:
    """
    Wait until no other process migrates the database, and keep others from it until the transaction ends.

    Afterwards the transaction has no time-outs but the client's.

    Args:
        session: The transaction.
        patience: Seconds to wait: this, and migrating, may take all the time for opening.
    """
    await session.run("SET LOCAL lock_timeout = 0; SET LOCAL statement_timeout = 0")
    await session.run(_LOCK, patience)


async def _apply(session: Session, patience: float) -> None:
    await lock_migrations(session, patience)
    if await session.fetch_one(_HAS_SCHEMA) is None:
        await session.run(_CREATE_SCHEMA)
    await session.run(_CREATE_TABLE)
    for migration in pending(await read_applied(session), MIGRATIONS):
        await session.run(migration.script, patience)
        await session.fetch(
            _RECORD, str(migration.version), migration.name, migration.sha256, str(migration.runs_from)
        )
