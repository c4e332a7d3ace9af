"""
Events that no change carries: written in batches, each once.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from typing_extensions import override

from poslife._domain.event_envelopes import EventHeader, RecordedEvent
from poslife._trail.dead_letters import decode_dead_letter
from poslife.conformance import (
    BatchWriterConformance,
    DeadLetterBoxConformance,
    FedRepository,
    FedWriter,
    LifeEventFeedConformance,
    RunEventFeedConformance,
    WriterWithBox,
)
from poslife.conformance._example_values import Examples
from poslife.errors import StorageRejected
from poslife.postgres import PostgresStore
from poslife.postgres._cells import event_of
from poslife.protocols import BatchWriter, DeadLetter, EventRecord, Repository
from poslife.testing.faults import FaultProxy, PostgresFaultProxy
from tests.postgres.support import count, opened_store, session
from tests.postgres_server import psql

STORED = """
    SELECT json_build_object(
        'event_id', event_id, 'type', type, 'schema', schema, 'ref', ref, 'venue', venue, 'account', account,
        'symbol', symbol, 'ordinal', ordinal, 'severity', severity,
        'occurred_at', occurred_at, 'recorded_at', recorded_at,
        'run', run, 'correlation', correlation, 'causation', causation, 'actor', actor,
        'version', NULL, 'index', NULL, 'sequence', sequence, 'content', payload,
        'digest', encode(digest, 'hex')
    )::text
    FROM poslife.run_events
    ORDER BY tableoid, ctid
"""


async def stored_in(dsn: str) -> Sequence[RecordedEvent]:
    """
    The host events, in the order they were stored.
    """
    async with session(dsn) as other:
        await other.execute("SET TimeZone = 'UTC'")
        return [event_of(row[0]) for row in await other.fetch(STORED)]


@asynccontextmanager
async def refusing(dsn: str, type: str) -> AsyncGenerator[None]:
    """
    Meanwhile the table refuses events of a type for good.
    """
    psql(dsn, f"ALTER TABLE poslife.run_events ADD CONSTRAINT poison CHECK (type <> '{type}')")
    yield
    psql(dsn, "ALTER TABLE poslife.run_events DROP CONSTRAINT poison")


@asynccontextmanager
async def away(network: FaultProxy) -> AsyncGenerator[None]:
    """
    Meanwhile the server cannot be reached.
    """
    network.refuse()
    network.reset_all()
    yield
    network.accept()


class TestPostgresBatchWriter(BatchWriterConformance):
    @pytest.fixture(autouse=True)
    def _use_database(self, postgres_dsn: str) -> None:
        self.dsn = postgres_dsn

    @override
    @asynccontextmanager
    async def writer(self) -> AsyncGenerator[BatchWriter]:
        async with PostgresFaultProxy.for_dsn(self.dsn) as proxy, opened_store(proxy.dsn) as store:
            self.network = proxy.network
            self.store = store
            yield store

    @override
    async def stored(self) -> Sequence[RecordedEvent]:
        return await stored_in(self.dsn)

    @override
    async def buried(self) -> Sequence[DeadLetter]:
        async with session(self.dsn) as other:
            rows = await other.fetch("SELECT record, reason, attempts FROM poslife.dead_letters")
        return [
            DeadLetter(
                record=decode_dead_letter(row["record"]), reason=row["reason"], attempts=row["attempts"]
            )
            for row in rows
        ]

    @override
    def repository(self) -> Repository:
        store: PostgresStore = self.store
        return store

    @override
    @asynccontextmanager
    async def refusing(self, type: str, /) -> AsyncGenerator[None]:
        async with refusing(self.dsn, type):
            yield

    @override
    @asynccontextmanager
    async def unreachable(self) -> AsyncGenerator[None]:
        async with away(self.network):
            yield


class TestPostgresBox(DeadLetterBoxConformance):
    @pytest.fixture(autouse=True)
    def _use_database(self, postgres_dsn: str) -> None:
        self.dsn = postgres_dsn

    @override
    @asynccontextmanager
    async def box(self) -> AsyncGenerator[WriterWithBox]:
        async with PostgresFaultProxy.for_dsn(self.dsn) as proxy, opened_store(proxy.dsn) as store:
            self.network = proxy.network
            yield store

    @override
    async def stored(self) -> Sequence[RecordedEvent]:
        return await stored_in(self.dsn)

    @override
    @asynccontextmanager
    async def refusing(self, type: str, /) -> AsyncGenerator[None]:
        async with refusing(self.dsn, type):
            yield

    @override
    @asynccontextmanager
    async def unreachable(self) -> AsyncGenerator[None]:
        async with away(self.network):
            yield


class TestPostgresFeed(LifeEventFeedConformance):
    @pytest.fixture(autouse=True)
    def _use_database(self, postgres_dsn: str) -> None:
        self.dsn = postgres_dsn

    @override
    @asynccontextmanager
    async def repository(self) -> AsyncGenerator[FedRepository]:
        async with PostgresFaultProxy.for_dsn(self.dsn) as proxy, opened_store(proxy.dsn) as store:
            self.network = proxy.network
            yield store

    @override
    @asynccontextmanager
    async def beside(self, repository: FedRepository, /) -> AsyncGenerator[FedRepository]:
        async with opened_store(self.dsn) as store:
            yield store

    @override
    @asynccontextmanager
    async def unreachable(self) -> AsyncGenerator[None]:
        async with away(self.network):
            yield


class TestPostgresRunFeed(RunEventFeedConformance):
    @pytest.fixture(autouse=True)
    def _use_database(self, postgres_dsn: str) -> None:
        self.dsn = postgres_dsn

    @override
    @asynccontextmanager
    async def writer(self) -> AsyncGenerator[FedWriter]:
        async with PostgresFaultProxy.for_dsn(self.dsn) as proxy, opened_store(proxy.dsn) as store:
            self.network = proxy.network
            yield store

    @override
    @asynccontextmanager
    async def unreachable(self) -> AsyncGenerator[None]:
        async with away(self.network):
            yield


def a_record(payload: bytes = b'{"a":1}') -> EventRecord:
    examples = Examples()
    header = EventHeader(id=examples.event_id(), type="bot.told", occurred_at=examples.at(), run=examples.run)
    return EventRecord(header=header, recorded_at=examples.at(), sequence=1, payload=payload)


@pytest.mark.parametrize(
    "payload", [b"\xff", b'"\xed\xa0\x80"', b'{"a":"\x00"}'], ids=["not_utf8", "surrogate", "nul"]
)
async def test_bytes_that_are_no_text_are_refused(postgres_dsn: str, payload: bytes) -> None:
    """
    A payload that the column cannot hold is refused for good, so that the sink can bury it.
    """
    async with opened_store(postgres_dsn) as store:
        with pytest.raises(StorageRejected):
            await store.write([a_record(payload)])
        await store.bury(DeadLetter(record=a_record(payload), reason="no \x00 text \ud800"))

    assert count(postgres_dsn, "run_events") == 0
    assert psql(postgres_dsn, "SELECT reason FROM poslife.dead_letters").strip() == "no \\x00 text \\ud800"


async def test_payloads_are_kept_byte_for_byte(postgres_dsn: str) -> None:
    """
    What is stored can be hashed: no byte of the JSON is turned.
    """
    payload = '{"b":1.10,"a":1e2,"a":"dup","n":"\\u0000","é":"\N{ROCKET}"}'.encode()
    async with opened_store(postgres_dsn) as store:
        await store.write([a_record(payload)])

    assert payload == psql(postgres_dsn, "SELECT payload FROM poslife.run_events").strip().encode()


@pytest.mark.slow
async def test_lost_replies_of_a_write(postgres_dsn: str) -> None:
    """
    Whichever reply of a write is lost, writing again stores every event once.
    """
    from poslife.errors import StorageUnavailable

    examples = Examples()
    async with (
        PostgresFaultProxy.for_dsn(postgres_dsn) as proxy,
        opened_store(proxy.dsn, pool_size=1) as store,
    ):
        await store.write([])
        for number in range(1, 4):
            header = replace(a_record().header, id=examples.event_id())
            record = replace(a_record(), header=header)
            trap = proxy.drop_reply(number)
            for _ in range(2):
                try:
                    await store.write([record])
                except StorageUnavailable:
                    continue
            proxy.disarm()

            assert trap.sprung
            assert count(postgres_dsn, "run_events", f"event_id = '{header.id}'") == 1
