"""
Partitions of the events table, a month each, made ahead.

An event id is a UUIDv7, which begins with its time, so a range of ids is a range of time, and the primary key
on the id alone holds over all partitions.
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
Months that have a partition: this one, and those after it.
"""

# As for migrations, of which only one is made at a time, too: "poslife" in ASCII, and one.
_LOCK: Final = "SELECT pg_catalog.pg_advisory_xact_lock(31648266190939750)"
_NOW: Final = "SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM')"
_IS_THERE: Final = "SELECT 'yes' WHERE to_regclass($1::text) IS NOT NULL"


class Month(NamedTuple):
    """
    A partition.

    Attributes:
        name: Its name.
        begin: Its first id.
        end: The first id after it.
    """

    name: str
    begin: UUID
    end: UUID


def months_from(first: datetime, count: int) -> list[Month]:
    """
    So many months, from the one of *first* on.
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
    Make what is missing, as far as this role may; where it may not, the default partition takes the events.

    Returns:
        Whether it was done.
    """
    try:
        for month in await database.transact(_missing):
            await database.transact(partial(_make, month=month))
    except StorageNotReady as error:
        logger.warning("no partition could be made, the default one takes the events: %s", error)
        return False
    except RepositoryError as error:
        # Somebody holds a lock, perhaps: an hour later will do.
        logger.info("no partition could be made now: %s", error)
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
    Make one partition, and give it the events that the default one has of its range: all or nothing.

    Nobody writes to the default partition meanwhile: an event there would keep the new one from being
    attached, with the very error of a missing partition.
    """
    await session.run(_LOCK)
    if await session.fetch_one(_IS_THERE, f"poslife.{month.name}") is not None:
        return
    # Who waits for a table bars those who come after: not for long, an hour later will do.
    await session.run("SET LOCAL lock_timeout = 500")
    await session.run(_MAKE.format(name=month.name, begin=month.begin, end=month.end))


# The name and the ids are ours, and no part of any value.
_MAKE: Final = """
LOCK TABLE poslife.run_events IN SHARE UPDATE EXCLUSIVE MODE;
LOCK TABLE poslife.run_events_default IN ACCESS EXCLUSIVE MODE;
CREATE TABLE poslife.{name} (LIKE poslife.run_events INCLUDING ALL);
WITH moved AS (
    DELETE FROM poslife.run_events_default
    WHERE event_id >= '{begin}' AND event_id < '{end}'
    RETURNING *
)
INSERT INTO poslife.{name} SELECT * FROM moved;
ALTER TABLE poslife.run_events ATTACH PARTITION poslife.{name} FOR VALUES FROM ('{begin}') TO ('{end}')
"""
