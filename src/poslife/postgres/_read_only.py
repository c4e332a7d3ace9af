"""
The check of a database that is opened for reading only: nothing is created, and SELECT is enough.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Final, TypedDict

import asyncpg
import msgspec

from poslife.errors import SchemaMismatch, StorageNotReady, StoreNotFound
from poslife.postgres._database import Session
from poslife.postgres._migrations import MIGRATIONS, read_applied
from poslife.postgres._schema import describe, needed_features, read_features, unreadable
from poslife.storage._migrations import require_migrated

__all__ = ["database_exists", "require_readable"]


class _Found(TypedDict):
    role: str
    schema: bool
    usage: bool
    relations: list[str]
    readable: bool


_decoder: Final = msgspec.json.Decoder(_Found)

# From the catalog, which every role may read: a name that is looked up in a schema needs a right to it.
_FIND: Final = """
SELECT json_build_object(
    'role', current_user,
    'schema', n.oid IS NOT NULL,
    'usage', coalesce(has_schema_privilege(n.oid, 'USAGE'), false),
    'relations', (
        SELECT coalesce(json_agg(c.relname ORDER BY c.relname), '[]')
        FROM pg_catalog.pg_class AS c
        WHERE c.relnamespace = n.oid AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
    ),
    'readable', coalesce((
        SELECT has_table_privilege(c.oid, 'SELECT')
        FROM pg_catalog.pg_class AS c
        WHERE c.relnamespace = n.oid AND c.relname = 'poslife_migrations' AND c.relkind IN ('r', 'p')
    ), false)
)::text
FROM (SELECT to_regnamespace('poslife')::oid AS oid) AS n
"""

_RELATIONS_SHOWN: Final = 5


@contextmanager
def database_exists(where: str) -> Generator[None]:
    """
    Raise `StoreNotFound` where the server says that there is no such database.

    Args:
        where: The DSN, without user and password.
    """
    try:
        yield
    except StorageNotReady as error:
        if isinstance(error.__cause__, asyncpg.InvalidCatalogNameError):
            reason = f"{error.__cause__.args[0]}; check the DSN"
            raise StoreNotFound(where, reason) from error.__cause__
        raise


async def require_readable(session: Session) -> None:
    """
    Refuse a database that this release cannot read.

    Raises:
        StoreNotFound: The database has no schema poslife, or another program's.
        SchemaVersionError: The schema is older, half migrated, or newer and not for this release.
        SchemaMismatch: Listing each table, column and right to SELECT that is missing.
        StorageNotReady: The role has no right to the schema.
    """
    found = _decoder.decode((await session.fetch(_FIND))[0])
    if not found["schema"]:
        reason = "the database has no schema poslife; a bot makes it at its first start: check the DSN"
        raise StoreNotFound(await describe(session), reason)
    if "poslife_migrations" not in found["relations"]:
        raise StoreNotFound(await describe(session), _instead(found["relations"]))
    if not (found["usage"] and found["readable"]):
        raise StorageNotReady(
            f"the role {found['role']} may not read the schema poslife: GRANT poslife_reader TO "
            f"{found['role']}, as the role that migrated it, after grants.sql has made poslife_reader"
        )
    require_migrated(await read_applied(session), MIGRATIONS, url="postgresql://…")
    if lines := unreadable(needed_features(), await read_features(session)):
        raise SchemaMismatch(await describe(session), lines)


def _instead(relations: list[str]) -> str:
    if not relations:
        return "its schema poslife is empty; a bot fills it at its first start: check the DSN"
    more = ", …" if len(relations) > _RELATIONS_SHOWN else ""
    shown = ", ".join(relations[:_RELATIONS_SHOWN]) + more
    return f"its schema poslife belongs to another program, with {shown}; check the DSN"
