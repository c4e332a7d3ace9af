"""
Events by COPY over a connection for them; after a doubt only those that are missing.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from poslife.errors import StorageBusy, StorageNotReady, StorageRejected, StorageUnavailable
from poslife.postgres import PostgresStore
from poslife.testing.faults import Answer, Cut, FaultProxy, PostgresFaultProxy, Step
from poslife.testing.faults._postgres_dsn import redirect_dsn, upstream_of
from poslife.testing.faults._postgres_wire import MessageReader
from tests.postgres.support import count, opened_store, records, session
from tests.postgres_roles import as_bot
from tests.postgres_server import psql


def ways(proxy: PostgresFaultProxy) -> list[str]:
    """
    Return the way of each batch: a question for the stored events, or a COPY.
    """
    told = {"\nSELECT e.event_id": "asks", 'COPY "poslife"': "writes"}
    return [way for one in proxy.statements for begin, way in told.items() if one.sql.startswith(begin)]


@asynccontextmanager
async def proxied(
    dsn: str, *, command_timeout: float = 10.0, lock_timeout: float = 3.0
) -> AsyncGenerator[tuple[PostgresFaultProxy, PostgresStore]]:
    async with PostgresFaultProxy.for_dsn(as_bot(dsn)) as proxy:
        store = PostgresStore(proxy.dsn, command_timeout=command_timeout, lock_timeout=lock_timeout)
        await store.open()
        try:
            yield proxy, store
        finally:
            await store.aclose()


async def test_the_first_batch_is_asked_for_and_those_after_it_are_not(postgres_dsn: str) -> None:
    """
    The table is asked before the first batch, which an earlier process may have stored, and not later.
    """
    async with proxied(postgres_dsn) as (proxy, store):
        for first in (1, 11, 21):
            await store.write(records(10, first=first))

        assert ["asks", "writes", "writes", "writes"] == ways(proxy)
    assert 30 == count(postgres_dsn, "run_events")


async def test_a_repetition_stores_nothing_twice(postgres_dsn: str) -> None:
    """
    After a unique violation the other events of the batch are stored, and the next batch is in doubt too.
    """
    batch = records(10)
    async with proxied(postgres_dsn) as (proxy, store):
        await store.write(records(1, first=100))
        await store.write([*batch[:2], *batch[5:7]])
        proxy.forget()
        await store.write(batch)

        assert ["writes", "asks", "writes"] == ways(proxy)
        proxy.forget()
        await store.write(batch)

        assert ["asks"] == ways(proxy)
        proxy.forget()
        for first in (200, 300):
            await store.write(records(1, first=first))

        assert ["asks", "writes", "writes"] == ways(proxy)
    assert 13 == count(postgres_dsn, "run_events")


async def test_an_event_twice_in_one_batch_is_stored_once(postgres_dsn: str) -> None:
    """
    An event that is twice in a batch is stored once, in doubt or not.
    """
    first, second, third = records(3)
    async with opened_store(postgres_dsn) as store:
        await store.write([first, first, second])
        await store.write(records(1, first=100))
        await store.write([third, second, third])

    assert 4 == count(postgres_dsn, "run_events")


async def test_no_events_are_no_work(postgres_dsn: str) -> None:
    """
    An empty batch sends nothing to the server.
    """
    async with proxied(postgres_dsn) as (proxy, store):
        await store.write([])

        assert [] == ways(proxy)


async def test_a_lost_reply_is_in_doubt(postgres_dsn: str) -> None:
    """
    A batch whose reply was lost is stored once when it is repeated.
    """
    batch = records(10)
    async with proxied(postgres_dsn) as (proxy, store):
        await store.write(records(1, first=100))
        proxy.forget()
        proxy.drop_reply(matching=lambda sql: sql.startswith('COPY "poslife"'))
        with pytest.raises(StorageUnavailable):
            await store.write(batch)
        await store.write(batch)

        assert ["writes", "asks"] == ways(proxy)
    assert 11 == count(postgres_dsn, "run_events")


class SwallowingHalfACopy:
    """
    A network that passes the first part of a COPY, and nothing after it.
    """

    def __init__(self) -> None:
        self._messages = MessageReader(from_client=True)
        self._parts = 0

    def requested(self, data: bytes, /) -> Iterator[Step]:
        for message in self._messages.feed(data):
            self._parts = self._parts + 1 if message.kind == b"d" else 0
            # Encryption would hide the statements.
            yield (
                Answer(b"N")
                if message.asks_for_encryption
                else Cut.SILENCE
                if self._parts > 1
                else message.raw
            )

    def replied(self, data: bytes, /) -> Iterator[Step]:
        yield data


@asynccontextmanager
async def swallowing_half_a_copy(
    dsn: str, *, command_timeout: float, lock_timeout: float
) -> AsyncGenerator[tuple[FaultProxy, PostgresStore]]:
    async with FaultProxy(upstream_of(dsn), tap=SwallowingHalfACopy) as network:
        store = PostgresStore(
            redirect_dsn(as_bot(dsn), network.host, network.port),
            command_timeout=command_timeout,
            lock_timeout=lock_timeout,
        )
        await store.open()
        try:
            yield network, store
        finally:
            await store.aclose()


@pytest.mark.slow
@pytest.mark.parametrize("probed", [False, True], ids=["written again", "probed first"])
async def test_a_retry_does_not_wait_for_its_own_old_backend(postgres_dsn: str, *, probed: bool) -> None:
    """
    A retry terminates the former backend, whose open COPY holds some of the events.
    """
    batch = records(501)
    limits = {"command_timeout": 2.0, "lock_timeout": 1.5}
    async with swallowing_half_a_copy(postgres_dsn, **limits) as (_, store):
        # With a trigger on the table the server stores row by row, else a thousand at a time.
        psql(
            postgres_dsn,
            "CREATE FUNCTION public.passes() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';"
            "CREATE TRIGGER passes BEFORE INSERT ON poslife.run_events "
            "FOR EACH ROW EXECUTE FUNCTION public.passes()",
        )
        with pytest.raises(StorageUnavailable):
            await store.write(batch)

        assert 1 == copying(postgres_dsn)
        if probed:
            await store.probe()

            assert 0 == copying(postgres_dsn)
        began = time.monotonic()
        for first in range(0, len(batch), 100):  # in one part each
            await store.write(batch[first : first + 100])

        assert time.monotonic() - began < 1.4
    assert 501 == count(postgres_dsn, "run_events")


def copying(dsn: str) -> int:
    return int(
        psql(
            dsn,
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
            "AND state = 'active' AND query LIKE 'COPY%'",
        )
    )


async def test_the_row_is_named(postgres_dsn: str) -> None:
    """
    A refusal by a constraint, by a trigger or by poslife's own check names the row.
    """
    batch = records(10)
    batch[6] = replace(batch[6], header=replace(batch[6].header, type="poison"))
    async with opened_store(postgres_dsn) as store:
        psql(postgres_dsn, "ALTER TABLE poslife.run_events ADD CONSTRAINT poison CHECK (type <> 'poison')")
        await store.write(records(1, first=100))
        with pytest.raises(StorageRejected, match="poison") as named:
            await store.write(batch)
        with pytest.raises(StorageRejected, match="malformed") as looked_at:
            await store.write([*records(2, first=200), replace(batch[0], payload=b'{"a":"\x00"}')])

        assert (6, 2) == (named.value.row, looked_at.value.row)
        await store.write(batch[:6])
    assert 7 == count(postgres_dsn, "run_events")


async def test_a_triggers_word_is_about_its_row(postgres_dsn: str) -> None:
    """
    A trigger's error in a COPY names its row, so that the sink need not bisect the batch.
    """
    psql(
        postgres_dsn,
        "CREATE FUNCTION poslife.refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN IF NEW.type = 'poison' THEN RAISE 'not here'; END IF; RETURN NEW; END $$;"
        "CREATE TRIGGER refuse BEFORE INSERT ON poslife.run_events "
        "FOR EACH ROW EXECUTE FUNCTION poslife.refuse()",
    )
    batch = records(5)
    batch[3] = replace(batch[3], header=replace(batch[3].header, type="poison"))
    async with opened_store(postgres_dsn) as store:
        await store.write(records(1, first=100))
        with pytest.raises(StorageRejected, match="not here") as caught:
            await store.write(batch)

        assert 3 == caught.value.row


@pytest.mark.parametrize(
    "change", [{"sequence": 0}, {"sequence": True}, {"sequence": 1 << 63}, {"sequence": None}]
)
async def test_a_value_that_the_driver_would_turn_is_refused(
    postgres_dsn: str, change: dict[str, object]
) -> None:
    """
    A value that the driver would change, such as ``True`` for 1, is refused before it is sent (sink facts,
    5).
    """
    batch = records(3)
    batch[1] = replace(batch[1], **change)  # type: ignore[arg-type]
    async with opened_store(postgres_dsn) as store:
        with pytest.raises(StorageRejected) as caught:
            await store.write(batch)

        assert 1 == caught.value.row
    assert 0 == count(postgres_dsn, "run_events")


async def test_no_right_is_needed_but_to_read_and_to_insert(postgres_dsn: str) -> None:
    """
    SELECT and INSERT are the only rights needed, in doubt too: no temporary table is made.
    """
    database = postgres_dsn.rpartition("/")[2]
    psql(
        postgres_dsn,
        f"REVOKE TEMPORARY ON DATABASE {database} FROM PUBLIC;"
        "REVOKE UPDATE ON ALL TABLES IN SCHEMA poslife FROM poslife_bot;"
        "GRANT UPDATE ON poslife.positions, poslife.orders, poslife.runs, poslife.dead_letters "
        "TO poslife_bot",
    )
    batch = records(4)
    async with opened_store(postgres_dsn) as store:
        await store.write(batch[:2])
        await store.write(batch)
        await store.probe()

    assert 4 == count(postgres_dsn, "run_events")


async def test_a_probe_leaves_nothing(postgres_dsn: str) -> None:
    """
    A probe leaves no event, over its own connection or over a host's pool.
    """
    async with opened_store(postgres_dsn) as store:
        await store.probe()
        await store.write(records(1))
        await store.probe()
    async with opened_store(postgres_dsn, statement_cache_size=0) as store:
        await store.probe()

    assert 1 == count(postgres_dsn, "run_events")


DAMAGES = {
    "ALTER TABLE poslife.run_events RENAME TO away": "ALTER TABLE poslife.away RENAME TO run_events",
    "ALTER TABLE poslife.run_events RENAME COLUMN actor TO away": (
        "ALTER TABLE poslife.run_events RENAME COLUMN away TO actor"
    ),
    "ALTER TABLE poslife.run_events DETACH PARTITION poslife.run_events_{month};"
    "ALTER TABLE poslife.run_events DETACH PARTITION poslife.run_events_default": (
        "ALTER TABLE poslife.run_events ATTACH PARTITION poslife.run_events_default DEFAULT"
    ),
}


@pytest.mark.parametrize("damage", DAMAGES, ids=["table", "column", "partition"])
@pytest.mark.parametrize("doubtful", [True, False], ids=["in doubt", "clear"])
async def test_what_is_missing_holds_the_stream(postgres_dsn: str, damage: str, doubtful: bool) -> None:  # noqa: FBT001 - a case
    """
    A missing table or right is `StorageNotReady` for write and probe until it is there again.
    """
    async with opened_store(postgres_dsn) as store:
        if not doubtful:
            await store.write(records(1, first=100))
        psql(postgres_dsn, damage.format(month=f"{datetime.now(UTC):%Y_%m}"))
        with pytest.raises(StorageNotReady):
            await store.write(records(3))
        with pytest.raises(StorageNotReady):
            await store.probe()
        psql(postgres_dsn, DAMAGES[damage])
        await store.probe()
        await store.write(records(3))

    assert 3 <= count(postgres_dsn, "run_events")


async def test_somebody_elses_lock_is_busy(postgres_dsn: str) -> None:
    """
    A lock of another transaction is reported as such, so that no event is suspected.
    """
    async with opened_store(postgres_dsn, lock_timeout=0.2) as store, session(postgres_dsn) as other:
        await store.write(records(1, first=100))
        async with other.transaction():
            await other.execute("LOCK TABLE poslife.run_events IN ACCESS EXCLUSIVE MODE")
            with pytest.raises(StorageBusy):
                await store.write(records(3))
        await store.write(records(3))
