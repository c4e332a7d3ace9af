"""
Partitions of the table of host events, made in advance.

Their width is a setting in the database, and the time is the server's. Existing ranges are read from the
catalog, so a change of the width leaves neither a gap nor an overlap.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Final
from uuid import UUID

import msgspec

from poslife.errors import RepositoryError, StorageBusy, StorageNotReady
from poslife.postgres._database import Database, Session
from poslife.postgres._partition_ranges import (
    Bounds,
    Range,
    Width,
    ahead,
    bounds_of,
    first_id,
    missing,
    time_of,
)

__all__ = ["Made", "PartitionKeeper", "make_partitions", "plan_partitions", "set_width"]

logger = logging.getLogger("poslife.sink")

_BETWEEN_CHECKS: Final = 3600.0


class PartitionKeeper:
    """
    Makes the partitions of a store, once an hour.

    Without them the default partition takes the events, so nothing is raised. The first time that the role
    may not make one is a warning in the log.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._due = 0.0
        self._has_warned = False

    async def keep(self) -> None:
        """
        Make the partitions that are missing, if an hour has passed since the last time.
        """
        now = asyncio.get_running_loop().time()
        if now < self._due:
            return
        self._due = now + _BETWEEN_CHECKS
        await self.make()

    async def make(self) -> None:
        """
        Make the partitions that are missing, and log what keeps them from being made.
        """
        try:
            made = await make_partitions(self._database)
        except RepositoryError as error:
            logger.info("no partition made now, retrying in an hour: %s", error)
            return
        if made.problem is None:
            self._has_warned = False
        elif made.passing:
            logger.info("%s; retrying in an hour", made.problem)
        elif not self._has_warned:
            self._has_warned = True
            logger.warning("%s; meanwhile run_events_default takes their events", made.problem)


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """
    The result of `make_partitions`.

    Attributes:
        width: The stored width.
        names: The partitions that were made.
        moved: The number of rows that were moved there from the default partition.
        problem: The partitions that were not made, why, and what to do.
        passing: The problem passes by itself.
    """

    width: str
    names: tuple[str, ...] = ()
    moved: int = 0
    problem: str | None = None
    passing: bool = False


async def make_partitions(database: Database, *, tries: int = 1) -> Made:
    """
    Make the partitions that are missing, and move their rows there from the default partition.

    These are the ones ahead, and those of the time since the oldest partition for which the default partition
    has rows. Each is made in a transaction of its own.

    Args:
        database: The database.
        tries: How often a lock of another transaction is waited for, half a second each time.

    Raises:
        RepositoryError: The server is away, for example. A missing right and a lock are in the result.
    """
    made, ranges = await database.transact(plan_partitions)
    for number, new in enumerate(ranges):
        try:
            moved = await _made(database, new, tries)
        except _NameTaken as error:
            made = replace(made, problem=f"{_listed([new])} not made: {error}")
        except (StorageBusy, StorageNotReady) as error:
            problem = f"{_listed(ranges[number:])} not made: {error}"
            return replace(made, problem=problem, passing=isinstance(error, StorageBusy))
        else:
            if moved is not None:
                made = replace(made, names=(*made.names, new.name), moved=made.moved + moved)
    return made


async def _made(database: Database, new: Range, tries: int) -> int | None:
    while True:
        try:
            return await database.transact(partial(_make, new=new))
        except StorageBusy:
            tries -= 1
            if not tries:
                raise


def _listed(ranges: Sequence[Range]) -> str:
    first, last = ranges[0].name, ranges[-1].name
    return f"partition {first}" if len(ranges) == 1 else f"partitions {first} to {last}"


class _Layout(msgspec.Struct):
    """
    The partitions as they are.

    Attributes:
        now: The server's time.
        width: The stored setting.
        role: The role of this session.
        may: It may make partitions.
        bounds: The bounds of the partitions, as the catalog writes them.
    """

    now: datetime
    width: str | None
    role: str
    may: bool
    bounds: list[str]

    @property
    def taken(self) -> list[Bounds]:
        return [bounds for text in self.bounds if (bounds := bounds_of(text)) is not None]


_layout_decoder: Final = msgspec.json.Decoder(_Layout)

_READ_LAYOUT: Final = """
SELECT json_build_object(
    'now', clock_timestamp(),
    'width', (SELECT s.value FROM poslife.settings AS s WHERE s.name = 'partition_width'),
    'role', current_user,
    'may', pg_has_role(c.relowner, 'USAGE') AND has_schema_privilege(c.relnamespace, 'CREATE'),
    'bounds', (
        SELECT coalesce(json_agg(pg_get_expr(p.relpartbound, p.oid)), '[]')
        FROM pg_catalog.pg_inherits AS i
        JOIN pg_catalog.pg_class AS p ON p.oid = i.inhrelid
        WHERE i.inhparent = c.oid
    )
)::text
FROM pg_catalog.pg_class AS c
WHERE c.oid = 'poslife.run_events'::regclass
"""


async def _read_layout(session: Session) -> _Layout:
    (row,) = await session.fetch(_READ_LAYOUT)
    return _layout_decoder.decode(row)


async def plan_partitions(session: Session) -> tuple[Made, list[Range]]:
    """
    Return the stored width with the problem, if there is one, and the partitions that this role is to make.
    """
    layout = await _read_layout(session)
    width = layout.width or Width.MONTH.value
    made = Made(width=width)
    if width not in (known.value for known in Width):
        problem = (
            f"no partition made: poslife.settings has the partition_width {width!r}, expected day or month; "
            "run `poslife migrate URL --partitions month` as the owner of the tables"
        )
        return replace(made, problem=problem), []
    taken = layout.taken
    ranges = ahead(Width(width), taken, layout.now)
    if layout.may:
        return made, await _overdue(session, Width(width), layout) + ranges
    if not ranges:
        return made, []
    problem = (
        f"{_listed(ranges)} not made, for the role {layout.role} may not: have the owner of the tables run "
        f"`poslife migrate URL` once a {width}"
    )
    return replace(made, problem=problem), []


_FIRST_IN_DEFAULT: Final = """
SELECT e.event_id::text
FROM poslife.run_events_default AS e
WHERE e.event_id >= $1::text::uuid AND e.event_id < $2::text::uuid
ORDER BY e.event_id
LIMIT 1
"""

_HAVE_ROWS: Final = """
SELECT (r.place - 1)::text
FROM unnest($1::text[]::uuid[], $2::text[]::uuid[]) WITH ORDINALITY AS r (begin, until, place)
WHERE EXISTS (
    SELECT FROM poslife.run_events_default AS e WHERE e.event_id >= r.begin AND e.event_id < r.until
)
ORDER BY r.place
"""


async def _overdue(session: Session, width: Width, layout: _Layout) -> list[Range]:
    """
    Return the missing ranges since the oldest partition that the default partition has rows of.

    A row from before is of a clock that was wrong, or of a time that was purged.
    """
    now = first_id(layout.now)
    oldest = UUID(int=min((bounds.begin for bounds in layout.taken), default=now.int))
    first = await session.fetch_one(_FIRST_IN_DEFAULT, str(oldest), str(now))
    if first is None:
        return []
    ranges = [
        one
        for one in missing(width, layout.taken, time_of(UUID(first)), layout.now)
        if oldest <= one.begin and one.end <= now
    ]
    begins, ends = [str(one.begin) for one in ranges], [str(one.end) for one in ranges]
    return [ranges[int(place)] for place in await session.fetch(_HAVE_ROWS, begins, ends)]


class _NameTaken(Exception):
    """
    Another table has the name of a partition.
    """

    def __init__(self, name: str) -> None:
        super().__init__(
            f"poslife.{name} exists and is no partition of run_events; attach, rename or drop it"
        )


# As for migrations, one process at a time: "poslife" in ASCII, plus one.
_LOCK: Final = "SELECT pg_catalog.pg_advisory_xact_lock(31648266190939750)"
_IS_THERE: Final = "SELECT 'yes' WHERE to_regclass($1::text) IS NOT NULL"


async def _make(session: Session, new: Range) -> int | None:
    """
    Make one partition and move its events there from the default one, all or nothing.

    The default partition is locked meanwhile: an event of the range in it would keep the new partition from
    being attached.

    Returns:
        The number of events that were moved, or ``None`` where another process has made a partition there.
    """
    await session.run(_LOCK)
    layout = await _read_layout(session)
    if any(one.begin < new.end.int and one.end > new.begin.int for one in layout.taken):
        return None
    if await session.fetch_one(_IS_THERE, f"poslife.{new.name}") is not None:
        raise _NameTaken(new.name)
    # A wait for a table's lock delays every later statement on it; this can be retried.
    await session.run("SET LOCAL lock_timeout = 500")
    await session.run(_BEGIN_RANGE.format(name=new.name))
    (columns,) = await session.fetch(_COLUMNS)
    moved = await session.run(_MOVE.format(name=new.name, begin=new.begin, end=new.end, columns=columns))
    await session.run(_ATTACH.format(name=new.name, begin=new.begin, end=new.end))
    return int(moved.rpartition(" ")[2])


# The names and the ids are made here, of no value from outside.
_BEGIN_RANGE: Final = """
LOCK TABLE poslife.run_events IN SHARE UPDATE EXCLUSIVE MODE;
LOCK TABLE poslife.run_events_default IN ACCESS EXCLUSIVE MODE;
CREATE TABLE poslife.{name} (LIKE poslife.run_events INCLUDING ALL);
SET LOCAL poslife.append_only = 'off'
"""

# By name, for the columns of a default partition that an operator has attached may be in another order.
_COLUMNS: Final = """
SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum)
FROM pg_catalog.pg_attribute AS a
WHERE a.attrelid = 'poslife.run_events'::regclass
  AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
"""

_MOVE: Final = """
WITH moved AS (
    DELETE FROM poslife.run_events_default
    WHERE event_id >= '{begin}' AND event_id < '{end}'
    RETURNING {columns}
)
INSERT INTO poslife.{name} ({columns}) SELECT {columns} FROM moved
"""

# Attaching copies the trigger for rows from the partitioned table, but not the one for TRUNCATE.
_ATTACH: Final = """
ALTER TABLE poslife.run_events ATTACH PARTITION poslife.{name} FOR VALUES FROM ('{begin}') TO ('{end}');
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON poslife.{name}
FOR EACH STATEMENT EXECUTE FUNCTION poslife.append_only()
"""

_SET_WIDTH: Final = """
INSERT INTO poslife.settings (name, value) VALUES ('partition_width', $1::text)
ON CONFLICT (name) DO UPDATE SET value = excluded.value
"""


async def set_width(session: Session, width: Width) -> None:
    """
    Store the width of the partitions that are made from now on.
    """
    await session.fetch(_SET_WIDTH, width.value)
