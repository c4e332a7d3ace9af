"""
Partitions of the table of host events, one a month, made in advance.

An event id is a UUIDv7, which begins with its time. So a range of ids is a range of time, and the primary
key on the id alone is unique over all partitions.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final, NamedTuple
from uuid import UUID

from poslife.errors import RepositoryError, StorageNotReady
from poslife.postgres._database import Database, Session

__all__ = ["AHEAD", "Month", "months_from", "prepare_partitions"]

logger = logging.getLogger("poslife.sink")

AHEAD: Final = 3
"""
The number of months that have a partition, the current one included.
"""

# As for migrations, one process at a time: "poslife" in ASCII, plus one.
_LOCK: Final = "SELECT pg_catalog.pg_advisory_xact_lock(31648266190939750)"
_NOW: Final = "SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM')"
_IS_THERE: Final = "SELECT 'yes' WHERE to_regclass($1::text) IS NOT NULL"


class Month(NamedTuple):
    """
    A month and its partition.

    Attributes:
        name: The partition's name.
        begin: The first id of the month.
        end: The first id of the next month.
    """

    name: str
    begin: UUID
    end: UUID


def months_from(first: datetime, count: int) -> list[Month]:
    """
    Return *count* months, beginning with that of *first*.
    """
    months: list[Month] = []
    begin = first.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    for _ in range(count):
        end = (begin + timedelta(days=31)).replace(day=1)
        months.append(Month(f"run_events_{begin:%Y_%m}", _first_id(begin), _first_id(end)))
        begin = end
    return months


def _first_id(at: datetime) -> UUID:
    return UUID(int=int(at.timestamp() * 1000) << 80)


async def prepare_partitions(database: Database) -> bool:
    """
    Make the partitions that are missing. Without them the default partition takes the events.

    Returns:
        False where the role may not make one, or a lock was not available.
    """
    try:
        for month in await database.transact(_missing):
            await database.transact(partial(_make, month=month))
    except StorageNotReady as error:
        logger.warning("no right to make a partition, so the default one takes the events: %s", error)
        return False
    except RepositoryError as error:
        logger.info("no partition made now, retrying in an hour: %s", error)
        return False
    return True


async def _missing(session: Session) -> list[Month]:
    (month,) = await session.fetch(_NOW)
    this = datetime.strptime(month, "%Y-%m").replace(tzinfo=UTC)
    return [
        month
        for month in months_from(this, AHEAD)
        if await session.fetch_one(_IS_THERE, f"poslife.{month.name}") is None
    ]


async def _make(session: Session, month: Month) -> None:
    """
    Make one partition and move its events there from the default one, all or nothing.

    The default partition is locked meanwhile: an event of the month in it would keep the new partition from
    being attached.
    """
    await session.run(_LOCK)
    if await session.fetch_one(_IS_THERE, f"poslife.{month.name}") is not None:
        return
    # A wait for a table's lock delays every later statement on it; this can be retried in an hour.
    await session.run("SET LOCAL lock_timeout = 500")
    await session.run(_MAKE.format(name=month.name, begin=month.begin, end=month.end))


# The name and the ids are made here, of no value from outside. Attaching copies the trigger for rows from the
# partitioned table, but not the one for TRUNCATE.
_MAKE: Final = """
LOCK TABLE poslife.run_events IN SHARE UPDATE EXCLUSIVE MODE;
LOCK TABLE poslife.run_events_default IN ACCESS EXCLUSIVE MODE;
CREATE TABLE poslife.{name} (LIKE poslife.run_events INCLUDING ALL);
SET LOCAL poslife.append_only = 'off';
WITH moved AS (
    DELETE FROM poslife.run_events_default
    WHERE event_id >= '{begin}' AND event_id < '{end}'
    RETURNING *
)
INSERT INTO poslife.{name} SELECT * FROM moved;
ALTER TABLE poslife.run_events ATTACH PARTITION poslife.{name} FOR VALUES FROM ('{begin}') TO ('{end}');
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON poslife.{name}
FOR EACH STATEMENT EXECUTE FUNCTION poslife.append_only()
"""
