"""
The feed of life events after a restore on another server, and on one that was set back.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest

from poslife import BatchingSink, FurtherWriter
from poslife.conformance._example_changes import Story, begin
from poslife.errors import InvalidValue, StorageUnavailable
from poslife.postgres import PostgresStore
from poslife.protocols import EventRecord, FeedToken, LifeEventFeed
from poslife.testing.faults import PostgresFaultProxy
from tests.postgres.support import (
    as_role,
    count,
    opened_store,
    role_in,
    session,
    somebody_waits,
)
from tests.postgres_server import DEFAULT_VERSION, Databases, LocalServer, dump, psql, restore
from tests.sink.fakes import FakeJournal, FakeStore, HurriedClock, event
from tests.tampering import tamper_postgres

NEXT_ID = "SELECT pg_snapshot_xmax(pg_current_snapshot())"


@pytest.fixture(scope="module")
def other_server() -> Iterator[Databases]:
    """
    A second server.
    """
    server = LocalServer(os.environ.get("POSLIFE_TEST_POSTGRES", DEFAULT_VERSION))
    try:
        yield Databases(administration_dsn=server.dsn())
    finally:
        server.close()


@pytest.fixture
def other_dsn(other_server: Databases) -> Iterator[str]:
    """
    An empty database on the second server.
    """
    dsn = other_server.create()
    yield dsn
    other_server.drop(dsn)


def raise_ids(dsn: str, *, above: str) -> None:
    """
    Use up transaction ids until they are higher than those of the other server.
    """
    missing = int(psql(above, NEXT_ID)) - int(psql(dsn, NEXT_ID)) + 3000
    psql(
        dsn,
        f"DO $$ BEGIN FOR number IN 1..{missing} LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$",
    )


async def read_all(
    feed: LifeEventFeed, after: FeedToken | None = None
) -> tuple[list[EventRecord], FeedToken | None]:
    items: list[EventRecord] = []
    while (page := await feed.read_life_events(after)).items:
        items += page.items
        after = page.next
    return items, after


async def write_events(store: PostgresStore, number: int, story: Story | None = None) -> Story:
    """
    Have positions opened and closed until there are so many life events more.
    """
    story = await begin(store) if story is None else story
    there = 0
    while there < number:
        closed = await story.closed(store)
        there += len((await store.list_history(closed.ref)).items)
    return story


def epochs(dsn: str) -> list[str]:
    return psql(dsn, "SELECT epoch FROM poslife.epochs ORDER BY epoch").split()


def ids(items: Sequence[EventRecord]) -> list[str]:
    return [str(item.header.id) for item in items]


class Copy(FakeStore):
    """
    A further writer that remembers the ids of life events, and passes over those that it has.
    """

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []

    async def write(self, records: Sequence[EventRecord], /) -> None:
        self.ids += [i for i in ids([one for one in records if one.version is not None]) if i not in self.ids]


async def relay(store: PostgresStore, copy: Copy, directory: Path) -> None:
    """
    Relay the store's life events to the copy, as a process does that keeps its journal in a directory.
    """
    sink = BatchingSink(
        FakeStore(),
        journal=FakeJournal(directory),
        feed=store,
        further=[FurtherWriter(name="copy", writer=copy)],
        clock=HurriedClock(),
        linger=0.0,
    )
    sink.emit(event(0))
    await sink.aclose(60)


@pytest.mark.slow
async def test_a_dump_restored_on_a_new_server_gives_every_event(
    postgres_dsn: str, other_dsn: str, tmp_path: Path
) -> None:
    """
    Restored on a server with lower transaction ids, the feed gives 1,200 of 1,200 events in their order; a
    relay and a reader go on where they were, and new events come behind.
    """
    raise_ids(postgres_dsn, above=other_dsn)
    copy = Copy()
    async with opened_store(postgres_dsn, as_given=True) as store:
        story = await write_events(store, 900)
        _, token = await read_all(store)
        await relay(store, copy, tmp_path / "one")
        await write_events(store, 300, story)
        before, _ = await read_all(store)
    restore(other_dsn, dump(postgres_dsn))

    assert 1200 <= len(before) == count(other_dsn, "life_events")
    async with opened_store(other_dsn, as_given=True) as store:
        after, _ = await read_all(store)
        await story.closed(store)
        with_new, _ = await read_all(store)
        rest, _ = await read_all(store, token)
        await relay(store, copy, tmp_path / "two")

    assert ids(before) == ids(after) == ids(with_new)[: len(before)]
    assert count(other_dsn, "life_events") == len(with_new) > len(before)
    assert ids(with_new)[-len(rest) :] == ids(rest)
    assert len(with_new) - 900 >= len(rest) > 300
    assert ids(with_new) == copy.ids
    assert ["1", "2"] == epochs(other_dsn)


@pytest.mark.slow
async def test_a_dump_restored_on_a_server_with_higher_ids(postgres_dsn: str, other_dsn: str) -> None:
    """
    Restored on a server whose transaction ids are higher, the feed is complete, and a new epoch begins too.
    """
    raise_ids(other_dsn, above=postgres_dsn)
    async with opened_store(postgres_dsn, as_given=True) as store:
        story = await write_events(store, 20)
        before, token = await read_all(store)
    restore(other_dsn, dump(postgres_dsn))
    async with opened_store(other_dsn, as_given=True) as store:
        after, _ = await read_all(store)
        await write_events(store, 4, story)
        new, _ = await read_all(store, token)

    assert ids(before) == ids(after)
    assert count(other_dsn, "life_events") == len(before) + len(new)
    assert {"2"} == set(psql(other_dsn, "SELECT epoch FROM poslife.life_events WHERE epoch > 1").split())


@pytest.mark.slow
async def test_a_restored_dump_of_yesterday(postgres_dsn: str, other_dsn: str, tmp_path: Path) -> None:
    """
    A token of events that the backup does not have is refused; a relay begins anew and repeats nothing.
    """
    raise_ids(postgres_dsn, above=other_dsn)
    copy = Copy()
    async with opened_store(postgres_dsn, as_given=True) as store:
        story = await write_events(store, 20)
        yesterday = dump(postgres_dsn)
        await write_events(store, 20, story)
        today, token = await read_all(store)
        await relay(store, copy, tmp_path / "one")
    restore(other_dsn, yesterday)
    async with opened_store(other_dsn, as_given=True) as store:
        with pytest.raises(InvalidValue, match="the `next` of a page of this database's feed"):
            await store.read_life_events(token)
        await write_events(store, 4, story)
        all_there, _ = await read_all(store)
        await relay(store, copy, tmp_path / "two")

    assert [*ids(today), *(i for i in ids(all_there) if i not in ids(today))] == copy.ids


@pytest.mark.slow
async def test_a_pool_that_connects_to_another_server(
    postgres_dsn: str, other_dsn: str, caplog: pytest.LogCaptureFixture
) -> None:
    """
    A running bot whose pool reaches a restored backup commits in a new epoch, without being opened again.
    """
    raise_ids(postgres_dsn, above=other_dsn)
    async with asyncpg.create_pool(postgres_dsn, min_size=0) as pool:
        store = PostgresStore.borrowing(pool, command_timeout=60, connect_timeout=60, lock_timeout=60)
        await store.open()
        story = await write_events(store, 20)
        _, token = await read_all(store)
        restore(other_dsn, dump(postgres_dsn))
        pool.set_connect_args(other_dsn)
        await pool.expire_connections()
        claim = story.claim(story.pending())
        with caplog.at_level(logging.WARNING, "poslife.sink"):
            first = await store.commit(claim)
            await asyncio.gather(*(story.closed(store) for _ in range(8)))
        new, _ = await read_all(store, token)
        await store.aclose()

    assert not first.repeated
    assert 20 + len(new) <= count(other_dsn, "life_events")
    assert count(other_dsn, "life_events", "epoch = 2") == len(new)
    assert 1 == sum("epoch 2 of its events begins" in line for line in caplog.messages)
    assert ["1"] == epochs(postgres_dsn)


AS_ON_ANOTHER_SERVER = "UPDATE poslife.epochs SET system_identifier = 1"


async def test_one_epoch_begins_for_all(postgres_dsn: str) -> None:
    """
    Stores that open at once on another server begin one epoch together; later ones go on in it.
    """
    tamper_postgres(postgres_dsn, AS_ON_ANOTHER_SERVER)
    for _ in range(2):
        stores = [PostgresStore(postgres_dsn, pool_size=1, connect_timeout=60) for _ in range(8)]
        await asyncio.gather(*(store.open() for store in stores))
        await asyncio.gather(*(store.aclose() for store in stores))

    assert ["1", "2"] == epochs(postgres_dsn)
    asked = "SELECT system_identifier FROM pg_control_system()"
    assert psql(postgres_dsn, asked) == psql(
        postgres_dsn, "SELECT system_identifier FROM poslife.epochs WHERE epoch = 2"
    )


async def test_an_open_on_the_same_server_reads_once(postgres_dsn: str) -> None:
    """
    Where the epoch goes on, an open asks once, locks nothing and writes nothing.
    """
    async with PostgresFaultProxy.for_dsn(postgres_dsn) as proxy, opened_store(proxy.dsn, as_given=True):
        texts = [statement.sql for statement in proxy.statements]

    assert 1 == sum("pg_control_system" in text for text in texts)
    assert not [text for text in texts if "advisory" in text or text.lstrip().startswith("INSERT")]


async def test_an_epoch_waits_for_commits_that_are_under_way(postgres_dsn: str) -> None:
    """
    No event is committed to an epoch that has ended: a reader may be past it.
    """
    async with opened_store(postgres_dsn) as store, session(postgres_dsn) as other:
        story = await begin(store)
        await story.closed(store)
        tamper_postgres(postgres_dsn, AS_ON_ANOTHER_SERVER)
        transaction = other.transaction()
        await transaction.start()
        # A commit's first statement.
        await other.execute("SELECT FROM poslife.positions FOR NO KEY UPDATE")
        second = PostgresStore(postgres_dsn, connect_timeout=60)
        opening = asyncio.create_task(second.open())
        await somebody_waits(postgres_dsn)

        assert ["1"] == epochs(postgres_dsn)
        closing = asyncio.create_task(story.closed(store))
        await transaction.rollback()
        await asyncio.gather(opening, closing)
        await second.aclose()

    assert ["1", "2"] == epochs(postgres_dsn)
    written = psql(postgres_dsn, "SELECT DISTINCT epoch FROM poslife.life_events ORDER BY epoch").split()
    assert ["1", "2"] == written


SET_BACK = """
BEGIN;
SET LOCAL poslife.append_only = 'off';
UPDATE poslife.life_events SET commit_xid = (pg_current_xact_id()::text::bigint + 1000000)::text::xid8;
COMMIT
"""


async def test_a_server_that_was_set_back(postgres_dsn: str) -> None:
    """
    A transaction id that lies in the future begins an epoch on the same server: its files were set back.
    """
    async with opened_store(postgres_dsn) as store:
        await write_events(store, 10)
    psql(postgres_dsn, SET_BACK)
    async with opened_store(postgres_dsn) as store:
        found, _ = await read_all(store)

    assert count(postgres_dsn, "life_events") == len(found)
    assert ["1", "2"] == epochs(postgres_dsn)


async def test_a_list_of_epochs_that_was_not_restored(postgres_dsn: str) -> None:
    """
    Events of an epoch that the list does not have belong to an earlier one than the next.
    """
    tamper_postgres(postgres_dsn, AS_ON_ANOTHER_SERVER)
    async with opened_store(postgres_dsn) as store:
        await write_events(store, 10)
    tamper_postgres(postgres_dsn, "DELETE FROM poslife.epochs WHERE epoch = 2")
    async with opened_store(postgres_dsn) as store:
        found, _ = await read_all(store)

    assert count(postgres_dsn, "life_events") == len(found)
    assert ["1", "3"] == epochs(postgres_dsn)


async def test_a_role_that_may_not_ask_for_the_server(
    postgres_dsn: str, caplog: pytest.LogCaptureFixture
) -> None:
    """
    Without the right to call pg_control_system the transaction ids decide: an epoch begins where one lies in
    the future, and not because the server is another one.
    """
    psql(postgres_dsn, "REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC")
    with role_in(postgres_dsn) as role, caplog.at_level(logging.INFO, "poslife.sink"):
        psql(postgres_dsn, f"GRANT poslife_bot TO {role}")
        tamper_postgres(postgres_dsn, AS_ON_ANOTHER_SERVER)
        async with opened_store(as_role(postgres_dsn, role), as_given=True) as store:
            await write_events(store, 10)
        first = epochs(postgres_dsn)
        psql(postgres_dsn, SET_BACK)
        async with opened_store(as_role(postgres_dsn, role), as_given=True) as store:
            found, _ = await read_all(store)
    # A role that may ask does not take a server that is not known for another one.
    async with opened_store(postgres_dsn, as_given=True):
        pass

    assert ["1"] == first
    assert ["1", "2"] == epochs(postgres_dsn)
    assert "" == psql(postgres_dsn, "SELECT system_identifier FROM poslife.epochs WHERE epoch = 2").strip()
    assert count(postgres_dsn, "life_events") == len(found)
    assert any("by transaction ids alone" in line for line in caplog.messages)


async def test_a_store_that_reads_only_begins_no_epoch(postgres_dsn: str) -> None:
    """
    A store that only reads leaves a restored database as it is.
    """
    tamper_postgres(postgres_dsn, AS_ON_ANOTHER_SERVER)
    store = PostgresStore(postgres_dsn, reads_only=True)
    await store.open()
    await store.read_life_events()
    await store.aclose()

    assert ["1"] == epochs(postgres_dsn)


async def test_an_outage_while_the_epoch_is_checked(postgres_dsn: str) -> None:
    """
    A connection that is lost then is an outage, and no right that is missing.
    """
    async with PostgresFaultProxy.for_dsn(postgres_dsn) as proxy:
        proxy.cut_before(matching=lambda sql: "pg_control_system" in sql)
        store = PostgresStore(proxy.dsn, connect_timeout=60)
        with pytest.raises(StorageUnavailable):
            await store.open()
        await store.open()
        await store.aclose()


async def test_a_page_of_the_feed_is_a_range_of_the_index(postgres_dsn: str) -> None:
    """
    Both bounds of a page are conditions of the index: a transaction that stays open costs readers nothing.
    """
    async with PostgresFaultProxy.for_dsn(postgres_dsn) as proxy:
        async with opened_store(proxy.dsn, as_given=True) as store:
            await store.read_life_events()
        (asked,) = (one.sql for one in proxy.statements if "pg_snapshot_xmin" in one.sql)
    async with session(postgres_dsn) as other:
        await other.execute("SET enable_seqscan = off; SET enable_bitmapscan = off")
        plan = [row[0] for row in await other.fetch(f"EXPLAIN {asked}", "1", "0", str(UUID(int=0)), "10")]

    assert any("life_events_by_commit" in line for line in plan)
    assert any("ROW(epoch, commit_xid) < ROW(" in line and "Index Cond" in line for line in plan)
