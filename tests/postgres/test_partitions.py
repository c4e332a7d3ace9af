"""
Each month has its partition of the host events.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest

from poslife._domain.identifiers import event_id_at
from poslife.errors import StorageBusy
from poslife.postgres import PostgresStore
from poslife.postgres._partitions import months_from
from tests.postgres.support import count, opened_store, records, session
from tests.postgres_server import psql


async def test_months_have_their_partitions(postgres_dsn: str) -> None:
    """
    This month and the next two have partitions; an event of long ago is in the default one.
    """
    today = records(1)
    old = [
        replace(
            today[0], header=replace(today[0].header, id=event_id_at(datetime(2020, 5, 5, tzinfo=UTC), 7))
        )
    ]
    async with opened_store(postgres_dsn, as_given=True) as store:
        await store.write(today)
        await store.write(old)
    expected = [month.name for month in months_from(datetime.now(UTC), 3)]
    there = psql(
        postgres_dsn,
        "SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'poslife.run_events'::regclass",
    ).split()

    assert [*(f"poslife.{name}" for name in expected), "poslife.run_events_default"] == sorted(there)
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
    A role without the right to make a partition gets a warning, and the default one takes its events.
    """
    psql(postgres_dsn, f"DROP TABLE poslife.run_events_{datetime.now(UTC):%Y_%m}")
    with caplog.at_level(logging.WARNING, "poslife.sink"):
        async with opened_store(postgres_dsn) as store:
            await store.write(records(2))

    assert 2 == count(postgres_dsn, "run_events_default")
    assert "the default one takes the events" in caplog.text


@pytest.mark.parametrize(
    "when", [datetime(2026, 12, 31, 23, 59, tzinfo=UTC), datetime(2028, 2, 29, tzinfo=UTC)]
)
def test_months_follow_each_other_without_a_gap(when: datetime) -> None:
    """
    The first id of a month is the end of the month before, over a year's end and in a leap year.
    """
    months = months_from(when, 15)

    assert all(one.end == other.begin for one, other in itertools.pairwise(months))
    assert 15 == len({month.name for month in months})
    assert months[0].begin <= UUID(int=event_id_at(when, 0).int) < months[0].end


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
