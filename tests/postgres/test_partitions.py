"""
Each month, or each day, has its partition of the host events.
"""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest

from poslife._domain.identifiers import Account, Venue, event_id_at
from poslife.errors import StorageBusy
from poslife.postgres import PostgresStore
from poslife.postgres._connections import Dsn
from poslife.postgres._database import Database, Session
from poslife.postgres._limits import Limits
from poslife.postgres._partition_ranges import Width, ahead, first_id
from poslife.postgres._partitions import Made, PartitionKeeper, make_partitions, plan_partitions, set_width
from poslife.protocols import EventRecord
from tests.postgres.support import count, opened_store, records, session, somebody_waits, stored_in
from tests.postgres_roles import as_bot
from tests.postgres_server import psql


def partitions_in(dsn: str) -> list[str]:
    listed = psql(
        dsn, "SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'poslife.run_events'::regclass"
    )
    return sorted(name.removeprefix("poslife.") for name in listed.split())


def day(days: int) -> str:
    return f"run_events_{datetime.now(UTC) + timedelta(days=days):%Y_%m_%d}"


def without_partitions(dsn: str, width: str = "month") -> None:
    """
    Remove all partitions but the default one, and store a width.
    """
    names = [name for name in partitions_in(dsn) if name != "run_events_default"]
    psql(
        dsn,
        "".join(f"DROP TABLE poslife.{name};" for name in names)
        + f"UPDATE poslife.settings SET value = '{width}'",
    )


def at(record: EventRecord, when: datetime) -> EventRecord:
    return replace(record, header=replace(record.header, id=event_id_at(when, 7)))


async def test_months_have_their_partitions(postgres_dsn: str) -> None:
    """
    This month and the next two have partitions; an event of long ago is in the default one.
    """
    today = records(1)
    old = [at(today[0], datetime(2020, 5, 5, tzinfo=UTC))]
    async with opened_store(postgres_dsn, as_given=True) as store:
        await store.write(today)
        await store.write(old)
    expected = [month.name for month in ahead(Width.MONTH, (), datetime.now(UTC))]

    assert [*expected, "run_events_default"] == partitions_in(postgres_dsn)
    assert (1, 1) == (count(postgres_dsn, expected[0]), count(postgres_dsn, "run_events_default"))


async def test_a_partition_made_late_takes_over_the_default_ones_rows(postgres_dsn: str) -> None:
    """
    A partition made late takes its rows from the default one, once, though another process does the same.
    """
    month = f"run_events_{datetime.now(UTC):%Y_%m}"
    async with opened_store(postgres_dsn, as_given=True) as store:
        psql(postgres_dsn, f"DROP TABLE poslife.{month}")
        await store.write(records(5))

        assert 5 == count(postgres_dsn, "run_events_default")
    await asyncio.gather(*(_opened(postgres_dsn) for _ in range(4)))

    assert (5, 0) == (count(postgres_dsn, month), count(postgres_dsn, "run_events_default"))


async def _opened(dsn: str) -> None:
    async with opened_store(dsn, as_given=True):
        pass


async def test_a_role_that_may_make_no_partition_is_told_and_goes_on(
    postgres_dsn: str, caplog: pytest.LogCaptureFixture
) -> None:
    """
    A role without the right to make a partition gets a warning with what to run, once, and the default one
    takes its events.
    """
    month = f"run_events_{datetime.now(UTC):%Y_%m}"
    psql(postgres_dsn, f"DROP TABLE poslife.{month}")
    with caplog.at_level(logging.WARNING, "poslife.sink"):
        async with opened_store(postgres_dsn) as store:
            await store.write(records(2))
            await store._partitions.make()
    role = urlsplit(as_bot(postgres_dsn)).username

    assert 2 == count(postgres_dsn, "run_events_default")
    (warning,) = caplog.messages
    assert (
        f"partition {month} not made, for the role {role} may not: have the owner of the tables "
        "run `poslife migrate URL` once a month; meanwhile run_events_default takes their events"
    ) == warning


@pytest.mark.slow
async def test_partitions_are_made_while_others_write_and_read(postgres_dsn: str) -> None:
    """
    Rows that move to a new partition cause no deadlock, no loss and no duplicate for writers and readers.
    """
    month = f"run_events_{datetime.now(UTC):%Y_%m}"

    async def write(store: PostgresStore, first: int) -> None:
        for number in range(15):
            batch = records(20, first=first + 20 * number)
            async with asyncio.timeout(60):
                while True:
                    try:
                        await store.write(batch)
                    except StorageBusy:
                        continue
                    break

    async with (
        opened_store(postgres_dsn, as_given=True) as one,
        opened_store(postgres_dsn, as_given=True) as other,
    ):
        psql(postgres_dsn, f"DROP TABLE poslife.{month}")
        await one.write(records(1, first=9000))

        assert 1 == count(postgres_dsn, "run_events_default")
        writing = [asyncio.create_task(write(one, 1)), asyncio.create_task(write(other, 4000))]
        while not psql(postgres_dsn, f"SELECT to_regclass('poslife.{month}')").strip():
            async with opened_store(postgres_dsn, as_given=True), opened_store(postgres_dsn, as_given=True):
                pass
        await asyncio.gather(*writing)

    assert (601, 0) == (count(postgres_dsn, month), count(postgres_dsn, "run_events_default"))


async def test_who_reads_the_default_partition_delays_nobody_for_long(postgres_dsn: str) -> None:
    """
    A long read of the default partition keeps neither the store from opening nor events from being stored.
    """
    month = f"run_events_{datetime.now(UTC):%Y_%m}"
    async with opened_store(postgres_dsn, as_given=True) as store:
        psql(postgres_dsn, f"DROP TABLE poslife.{month}")
        await store.write(records(1))
    async with session(postgres_dsn) as reader, reader.transaction():
        await reader.fetch("SELECT FROM poslife.run_events_default")
        began = time.monotonic()
        async with opened_store(postgres_dsn, as_given=True) as store:
            await store.write(records(1, first=10))

        assert time.monotonic() - began < 2
    assert 2 == count(postgres_dsn, "run_events_default")
    async with opened_store(postgres_dsn, as_given=True) as store:
        await store.write(records(1, first=20))

    assert (3, 0) == (count(postgres_dsn, month), count(postgres_dsn, "run_events_default"))


# ------------------------------------------------------------------------------------------------- the width


@asynccontextmanager
async def database_of(dsn: str) -> AsyncGenerator[Database]:
    database = Database(Dsn(url=dsn, size=1, statement_cache_size=0), Limits())
    await database.connect()
    try:
        yield database
    finally:
        await database.aclose()


async def made_in(dsn: str, width: Width | None = None) -> Made:
    async with database_of(dsn) as database:
        if width is not None:
            await database.transact(lambda session: set_width(session, width))
        return await make_partitions(database)


async def test_days_have_their_partitions(postgres_dsn: str) -> None:
    """
    With the width stored as day, today and the next two days have partitions, with the events of their day.
    """
    without_partitions(postgres_dsn, "day")
    async with opened_store(postgres_dsn, as_given=True) as store:
        tomorrow = at(records(1)[0], datetime.now(UTC) + timedelta(days=1))
        await store.write([*records(1), tomorrow])

    assert [day(0), day(1), day(2), "run_events_default"] == partitions_in(postgres_dsn)
    assert [1, 1] == [count(postgres_dsn, day(0)), count(postgres_dsn, day(1))]


async def test_the_server_says_what_the_time_is(postgres_dsn: str) -> None:
    """
    The ranges are those of the server's clock, and not of the host's.
    """
    without_partitions(postgres_dsn, "day")
    psql(
        postgres_dsn,
        "CREATE SCHEMA ahead; CREATE FUNCTION ahead.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS "
        "$$ SELECT pg_catalog.clock_timestamp() + interval '10 days' $$",
    )
    async with database_of(postgres_dsn) as database:

        async def plan(session: Session) -> list[str]:
            await session.run("SET LOCAL search_path = ahead, pg_catalog")
            return [new.name for new in (await plan_partitions(session))[1]]

        assert [day(10), day(11), day(12)] == await database.transact(plan)


async def test_another_width_begins_where_the_partitions_end(postgres_dsn: str) -> None:
    """
    After a change of the width new ranges begin where those that are there end, in both directions.
    """
    without_partitions(postgres_dsn, "day")
    await made_in(postgres_dsn)
    months = await made_in(postgres_dsn, Width.MONTH)
    again = await made_in(postgres_dsn, Width.DAY)

    assert "month" == months.width
    assert months.names == tuple(sorted(months.names))
    assert not {day(0), day(1), day(2)} & set(months.names)
    assert ahead(Width.MONTH, (), datetime.now(UTC))[-1].name == months.names[-1]
    assert Made(width="day") == again


async def test_ranges_are_read_from_the_catalog(postgres_dsn: str) -> None:
    """
    A partition of an operator with another name and other bounds is one: nothing is made over it.
    """
    async with session(postgres_dsn) as other:
        month = f"run_events_{datetime.now(UTC):%Y_%m}"
        await other.execute(f"ALTER TABLE poslife.{month} RENAME TO november_of_ours")
    async with opened_store(postgres_dsn, as_given=True) as store:
        await store.write(records(1))

    assert month not in partitions_in(postgres_dsn)
    assert 1 == count(postgres_dsn, "november_of_ours")


async def test_a_table_with_the_name_of_a_partition_is_reported(
    postgres_dsn: str, caplog: pytest.LogCaptureFixture
) -> None:
    """
    A detached partition keeps its name: it is reported, the others are made, and no event is refused.
    """
    without_partitions(postgres_dsn, "day")
    psql(postgres_dsn, f"CREATE TABLE poslife.{day(0)} (a integer)")
    with caplog.at_level(logging.WARNING, "poslife.sink"):
        async with opened_store(postgres_dsn, as_given=True) as store:
            await store.write(records(1))

    assert [day(1), day(2), "run_events_default"] == partitions_in(postgres_dsn)
    assert 1 == count(postgres_dsn, "run_events_default")
    assert f"poslife.{day(0)} exists and is no partition of run_events; attach" in caplog.text


@pytest.mark.parametrize(
    "statement", ["UPDATE poslife.settings SET value = 'hour'", "DELETE FROM poslife.settings"]
)
async def test_a_width_that_is_unknown_or_missing(postgres_dsn: str, statement: str) -> None:
    """
    Without a stored width it is a month; of an unknown one, of a newer release, nothing is made.
    """
    without_partitions(postgres_dsn)
    psql(
        postgres_dsn,
        f"ALTER TABLE poslife.settings DROP CONSTRAINT settings_partition_width_known; {statement}",
    )
    made = await made_in(postgres_dsn)

    if "hour" in statement:
        assert () == made.names
        assert "partition_width 'hour', expected day or month" in str(made.problem)
    else:
        assert ("month", 3, None) == (made.width, len(made.names), made.problem)


async def test_a_partition_that_another_process_has_made_is_left_alone(postgres_dsn: str) -> None:
    """
    Ranges are compared again under the lock: what another process has made meanwhile is not made over.
    """
    without_partitions(postgres_dsn, "day")
    first, *_ = ahead(Width.DAY, (), datetime.now(UTC))
    async with session(postgres_dsn) as other:
        async with other.transaction():
            await other.fetch("SELECT pg_advisory_xact_lock(31648266190939750)")
            making = asyncio.create_task(made_in(postgres_dsn))
            await somebody_waits(postgres_dsn)
            await other.execute(
                f"CREATE TABLE poslife.of_another PARTITION OF poslife.run_events "
                f"FOR VALUES FROM ('{first.begin}') TO ('{first.end}')"
            )
        made = await making

    assert (day(1), day(2)) == made.names
    assert ["of_another", day(1), day(2), "run_events_default"] == partitions_in(postgres_dsn)


async def test_a_lock_is_tried_for_again(postgres_dsn: str) -> None:
    """
    An owner's job tries several times for the lock of the default partition, half a second each time.
    """
    without_partitions(postgres_dsn, "day")
    async with session(postgres_dsn) as reader, database_of(postgres_dsn) as database:
        async with reader.transaction():
            await reader.fetch("SELECT FROM poslife.run_events_default")
            once = await make_partitions(database)
            making = asyncio.create_task(make_partitions(database, tries=100))
            await somebody_waits(postgres_dsn)
        made = await making

    assert ((), True) == (once.names, once.passing)
    assert f"partitions {day(0)} to {day(2)} not made: " in str(once.problem)
    assert ((day(0), day(1), day(2)), None) == (made.names, made.problem)


async def test_an_outage_is_no_error_of_the_store(
    postgres_dsn: str, caplog: pytest.LogCaptureFixture
) -> None:
    """
    Where the server is away nothing is made now, which is logged and not raised.
    """
    closed = Database(Dsn(url=postgres_dsn, size=1, statement_cache_size=0), Limits())
    with caplog.at_level(logging.INFO, "poslife.sink"):
        await PartitionKeeper(closed).keep()

    (line,) = caplog.messages
    assert line.startswith("no partition made now, retrying in an hour: ")


# -------------------------------------------------------------------------------------- the default partition


async def test_rows_of_a_time_without_a_partition_are_moved_later(postgres_dsn: str) -> None:
    """
    Days that have rows in the default partition get theirs later, and no other days do; rows from before the
    oldest partition stay there.
    """
    without_partitions(postgres_dsn, "day")
    now = datetime.now(UTC)
    begin, end = first_id(now - timedelta(days=30)), first_id(now - timedelta(days=29))
    psql(
        postgres_dsn,
        "CREATE TABLE poslife.oldest PARTITION OF poslife.run_events "
        f"FOR VALUES FROM ('{begin}') TO ('{end}');"
        "CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON poslife.oldest "
        "FOR EACH STATEMENT EXECUTE FUNCTION poslife.append_only()",
    )
    rows = [
        at(record, now - timedelta(days=days))
        for record, days in zip(records(5), [400, 9, 9, 5, 0], strict=True)
    ]
    rows[1] = replace(rows[1], header=replace(rows[1].header, id=event_id_at(now - timedelta(days=9), 8)))
    async with opened_store(postgres_dsn, as_given=True) as store:
        for name in partitions_in(postgres_dsn)[1:-1]:
            psql(postgres_dsn, f"DROP TABLE poslife.{name}")
        await store.write(rows)
    made = await made_in(postgres_dsn)

    assert (day(-9), day(-5), day(0), day(1), day(2)) == made.names
    assert (4, None) == (made.moved, made.problem)
    assert 1 == count(postgres_dsn, "run_events_default")
    assert [2, 1, 1] == [count(postgres_dsn, day(-days)) for days in (9, 5, 0)]


async def test_a_move_that_fails_leaves_everything_where_it_was(postgres_dsn: str) -> None:
    """
    A move is all or nothing: after an error there is no partition, and every row is in the default one.
    """
    async with opened_store(postgres_dsn) as store:
        without_partitions(postgres_dsn, "day")
        await store.write(records(5))
    psql(
        postgres_dsn,
        "CREATE FUNCTION poslife.fails() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'no'; END $$;"
        "CREATE TRIGGER fails BEFORE DELETE ON poslife.run_events_default FOR EACH ROW "
        "WHEN (OLD.sequence = 4) EXECUTE FUNCTION poslife.fails()",
    )
    made = await made_in(postgres_dsn)

    assert "not made" in str(made.problem)
    assert ["run_events_default"] == partitions_in(postgres_dsn)
    assert 5 == count(postgres_dsn, "run_events_default")


async def test_columns_are_moved_by_name(postgres_dsn: str) -> None:
    """
    The rows of a default partition whose columns are in another order keep their values.
    """
    async with opened_store(postgres_dsn) as store:
        without_partitions(postgres_dsn, "day")
        psql(
            postgres_dsn,
            "ALTER TABLE poslife.run_events DETACH PARTITION poslife.run_events_default;"
            "ALTER TABLE poslife.run_events_default DROP COLUMN venue, DROP COLUMN account;"
            "ALTER TABLE poslife.run_events_default ADD COLUMN account text, ADD COLUMN venue text;"
            "ALTER TABLE poslife.run_events ATTACH PARTITION poslife.run_events_default DEFAULT",
        )
        (record,) = records(1)
        header = replace(record.header, venue=Venue("bybit"), account=Account("main"))
        await store.write([replace(record, header=header)])
    made = await made_in(postgres_dsn)
    (stored,) = await stored_in(postgres_dsn)

    assert 1 == made.moved
    assert ("bybit", "main") == (stored.header.venue, stored.header.account)
