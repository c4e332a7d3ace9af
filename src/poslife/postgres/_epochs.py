"""
Epochs: the parts of the feed of life events that were written on one server each.

The feed goes by transaction ids, and those are a server's own. Events that are restored on another server
keep their ids, which may lie in that server's future. So each event has an epoch too, and on another server,
or on one that was set back, the next epoch begins.
"""

from __future__ import annotations

import logging
from typing import Final

import asyncpg
import msgspec

from poslife.errors import RepositoryError, StorageBusy
from poslife.postgres._database import Database, Session
from poslife.postgres._migrations import lock_migrations

__all__ = ["NEWEST_EPOCH", "AnotherServer", "keep_epoch", "require_same_server"]

logger = logging.getLogger("poslife.sink")

NEWEST_EPOCH: Final = "(SELECT max(e.epoch) FROM poslife.epochs AS e)"
"""
The epoch of an event that is written now, as an expression.
"""


class AnotherServer(StorageBusy):
    """
    The server was started again, or is another one, since the epoch was last checked.
    """


class _Found(msgspec.Struct):
    server: str
    begins: bool


_decoder: Final = msgspec.json.Decoder(_Found)

# The snapshot's upper bound is the next transaction id: no event that this server stored has one that high.
_LOOK: Final = """
SELECT json_build_object(
    'server', pg_postmaster_start_time()::text,
    'begins', newest.epoch IS NULL OR coalesce(
        newest.system_identifier <> here.system_identifier
            OR last.epoch > newest.epoch
            OR last.epoch = newest.epoch AND last.commit_xid >= pg_snapshot_xmax(pg_current_snapshot()),
        false
    )
)::text
FROM {here} AS here
LEFT JOIN LATERAL (
    SELECT e.epoch, e.system_identifier FROM poslife.epochs AS e ORDER BY e.epoch DESC LIMIT 1
) AS newest ON true
LEFT JOIN LATERAL (
    SELECT l.epoch, l.commit_xid FROM poslife.life_events AS l
    ORDER BY l.epoch DESC, l.commit_xid DESC, l.event_id DESC LIMIT 1
) AS last ON true
"""

# Commits hold a weaker lock of this table from their first statement on. So none is under way that would add
# to the epoch before, behind what readers have seen of it. A bot has no right to lock the events themselves.
_LOCK_COMMITS: Final = "LOCK TABLE poslife.positions IN EXCLUSIVE MODE"

_BEGIN: Final = """
INSERT INTO poslife.epochs (epoch, system_identifier, began_at)
SELECT
    1 + greatest(
        (SELECT max(e.epoch) FROM poslife.epochs AS e), (SELECT max(l.epoch) FROM poslife.life_events AS l), 0
    ),
    here.system_identifier,
    clock_timestamp()
FROM {here} AS here
RETURNING epoch::text
"""

_HERE: Final = "pg_control_system()"

# Where the identifier may not be asked for, the transaction ids decide alone. They suffice for the order: on
# a server whose ids are higher the feed goes on in the same epoch.
_UNKNOWN: Final = "(SELECT NULL::bigint AS system_identifier)"

_REFUSALS: Final = (
    asyncpg.InsufficientPrivilegeError,
    asyncpg.FeatureNotSupportedError,
    asyncpg.UndefinedFunctionError,
)


async def keep_epoch(database: Database) -> None:
    """
    Begin an epoch where the newest one is of another server, or has transactions of the future.

    A database whose epoch goes on is only read, without a lock.
    """
    here = _HERE
    try:
        found = await database.transact(lambda session: _look(session, here))
    except RepositoryError as error:
        if not isinstance(error.__cause__, _REFUSALS):
            raise
        here = _UNKNOWN
        found = await database.transact(lambda session: _look(session, here))
        logger.info("the server is told from another one by transaction ids alone: %s", error)
    if found.begins:
        await database.transact(lambda session: _begin(session, here, database.limits.connect))
    database.server = found.server


async def _look(session: Session, here: str) -> _Found:
    return _decoder.decode((await session.fetch(_LOOK.format(here=here)))[0])


async def _begin(session: Session, here: str, patience: float) -> None:
    await lock_migrations(session, patience)
    if not (await _look(session, here)).begins:
        return
    await session.run(_LOCK_COMMITS, patience)
    (epoch,) = await session.fetch(_BEGIN.format(here=here))
    if epoch != "1":
        logger.warning(
            "the database is on another server, or was set back: epoch %s of its events begins", epoch
        )


def require_same_server(database: Database, server: str) -> None:
    """
    Refuse a commit on a server whose epoch was not checked.

    A pool connects anew by itself, also to another server under the same name: a restored backup, for
    example. The start time of the server comes with the commit's first answer: that costs no round trip,
    needs no right, and works over a host's pool and behind a pooler, where poslife makes no connections.

    Args:
        database: The database, checked by `keep_epoch`.
        server: The start time of the server that the commit is on.

    Raises:
        AnotherServer: Call `keep_epoch`, and repeat the commit.
    """
    if server != database.server:
        raise AnotherServer(f"the server that was started at {server} has not been checked yet")
