"""
The whole store behind a pooler of transactions, which leaves nothing on the pooler's connections.

Against a stand-in, and where there is a PgBouncer on PATH against that, too.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import asyncpg
import pytest
from typing_extensions import override

from poslife._domain.event_envelopes import RecordedEvent
from poslife._trail.dead_letters import decode_dead_letter
from poslife.conformance import (
    BatchWriterConformance,
    DeadLetterBoxConformance,
    FedRepository,
    FedWriter,
    KeptStore,
    LifeEventFeedConformance,
    RepositoryConformance,
    RunEventFeedConformance,
    TrailKeeperConformance,
    TrailReaderConformance,
    WriterWithBox,
)
from poslife.conformance._example_changes import begin
from poslife.errors import StorageRejected, StorageUnavailable
from poslife.postgres import PostgresStore
from poslife.protocols import BatchWriter, DeadLetter, Repository
from poslife.testing.faults import PostgresFaultProxy
from tests.postgres.pooler import POOLERS, pooled
from tests.postgres.support import away, count, opened_store, records, refusing, session, stored_in
from tests.postgres_roles import as_bot
from tests.postgres_server import psql

# Whole suites once more: on one Python, and on each server.
pytestmark = pytest.mark.slow

each_pooler = pytest.mark.parametrize("pooler", POOLERS)


class _Behind:
    """
    A store, a proxy, a pooler and a server.
    """

    @pytest.fixture(autouse=True, params=POOLERS)
    def _use_database(self, postgres_dsn: str, request: pytest.FixtureRequest) -> None:
        self.dsn = postgres_dsn
        self.pooler: str = request.param

    @asynccontextmanager
    async def opened(self, *, as_owner: bool = False) -> AsyncGenerator[PostgresStore]:
        async with (
            pooled(self.dsn if as_owner else as_bot(self.dsn), self.pooler) as dsn,
            PostgresFaultProxy.for_dsn(dsn) as proxy,
            opened_store(proxy.dsn, statement_cache_size=0, as_given=as_owner) as store,
        ):
            self.network = proxy.network
            self.made = store
            yield store

    async def stored(self) -> Sequence[RecordedEvent]:
        return await stored_in(self.dsn)

    @asynccontextmanager
    async def refusing(self, type: str, /) -> AsyncGenerator[None]:
        async with refusing(self.dsn, type):
            yield


class TestRepositoryBehindAPooler(_Behind, RepositoryConformance):
    @override
    @asynccontextmanager
    async def repository(self) -> AsyncGenerator[Repository]:
        async with self.opened() as store:
            yield store

    @override
    @asynccontextmanager
    async def beside(self, repository: Repository, /) -> AsyncGenerator[Repository]:
        async with opened_store(self.dsn) as store:
            yield store

    @override
    @asynccontextmanager
    async def unreachable(self, repository: Repository, /) -> AsyncGenerator[None]:
        async with away(self.network):
            yield


class TestBatchWriterBehindAPooler(_Behind, BatchWriterConformance):
    @override
    @asynccontextmanager
    async def writer(self) -> AsyncGenerator[BatchWriter]:
        async with self.opened() as store:
            yield store

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
        store: PostgresStore = self.made
        return store

    @override
    @asynccontextmanager
    async def unreachable(self) -> AsyncGenerator[None]:
        async with away(self.network):
            yield


class TestBoxBehindAPooler(_Behind, DeadLetterBoxConformance):
    @override
    @asynccontextmanager
    async def box(self) -> AsyncGenerator[WriterWithBox]:
        async with self.opened() as store:
            yield store

    @override
    @asynccontextmanager
    async def unreachable(self) -> AsyncGenerator[None]:
        async with away(self.network):
            yield


class TestFeedBehindAPooler(_Behind, LifeEventFeedConformance):
    @override
    @asynccontextmanager
    async def repository(self) -> AsyncGenerator[FedRepository]:
        async with self.opened() as store:
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


class TestRunFeedBehindAPooler(_Behind, RunEventFeedConformance):
    @override
    @asynccontextmanager
    async def writer(self) -> AsyncGenerator[FedWriter]:
        async with self.opened() as store:
            yield store

    @override
    @asynccontextmanager
    async def unreachable(self) -> AsyncGenerator[None]:
        async with away(self.network):
            yield


class TestTrailReaderBehindAPooler(_Behind, TrailReaderConformance):
    @override
    @asynccontextmanager
    async def store(self) -> AsyncGenerator[KeptStore]:
        async with self.opened(as_owner=True) as store:
            yield store

    @override
    @asynccontextmanager
    async def unreachable(self) -> AsyncGenerator[None]:
        async with away(self.network):
            yield


class TestTrailKeeperBehindAPooler(_Behind, TrailKeeperConformance):
    @override
    @asynccontextmanager
    async def store(self) -> AsyncGenerator[KeptStore]:
        async with self.opened(as_owner=True) as store:
            yield store

    @override
    @asynccontextmanager
    async def unreachable(self) -> AsyncGenerator[None]:
        async with away(self.network):
            yield


@each_pooler
@pytest.mark.parametrize("kind", ["kept statements", "no statements kept", "borrowed"])
async def test_nothing_is_left_on_what_the_pooler_lends(postgres_dsn: str, pooler: str, kind: str) -> None:
    """
    Migrating, opening, trading, events and a probe leave no setting, lock or table on a pooler's connection.
    """
    async with pooled(as_bot(postgres_dsn), pooler, size=1) as dsn:
        before = await left_in(dsn)
        async with stored_by(kind, dsn) as store:
            story = await begin(store)
            await story.closed(store)
            batch = records(5)
            await store.write(batch[:2])
            await store.write(batch)
            await store.probe()

            assert (await store.read_life_events()).items
        assert before == await left_in(dsn)
    assert 5 == count(postgres_dsn, "run_events")


@asynccontextmanager
async def stored_by(kind: str, dsn: str) -> AsyncGenerator[PostgresStore]:
    if kind == "borrowed":
        async with asyncpg.create_pool(dsn, min_size=1, max_size=2, statement_cache_size=0) as pool:
            store = PostgresStore.borrowing(pool)
            await store.open()
            yield store
            await store.aclose()
    else:
        # With one connection and one client prepared statements work by chance.
        async with opened_store(dsn, statement_cache_size=100 if kind == "kept statements" else 0) as store:
            yield store


async def left_in(dsn: str) -> list[str]:
    connection = await asyncpg.connect(dsn, statement_cache_size=0)
    try:
        rows = await connection.fetch(
            "SELECT name || '=' || setting FROM pg_settings "
            "UNION ALL SELECT locktype FROM pg_locks WHERE locktype = 'advisory' "
            "UNION ALL SELECT relname FROM pg_class WHERE relpersistence = 't' ORDER BY 1"
        )
    finally:
        await connection.close()
    return [row[0] for row in rows]


@each_pooler
async def test_a_refused_event_and_one_in_doubt(postgres_dsn: str, pooler: str) -> None:
    """
    Behind a pooler a lost reply stores nothing twice, and a refused event is named and the others stored.
    """
    batch = records(6)
    bad = replace(batch[3], header=replace(batch[3].header, type="poison"))
    async with (
        pooled(as_bot(postgres_dsn), pooler) as dsn,
        PostgresFaultProxy.for_dsn(dsn) as proxy,
        opened_store(proxy.dsn, statement_cache_size=0) as store,
    ):
        lost = proxy.drop_reply_to_commit()
        with pytest.raises(StorageUnavailable):
            await store.write(batch[:3])
        await store.write(batch[:3])
        psql(postgres_dsn, "ALTER TABLE poslife.run_events ADD CONSTRAINT poison CHECK (type <> 'poison')")
        with pytest.raises(StorageRejected, match="poison"):
            await store.write([bad, *batch[4:]])
        await store.write(batch[4:])

        assert lost.sprung
    assert 5 == count(postgres_dsn, "run_events")


@each_pooler
async def test_a_pooler_of_statements_is_refused(postgres_dsn: str, pooler: str) -> None:
    """
    A pooler of statements, which allows no transactions, is an error when the store is opened.
    """
    async with pooled(as_bot(postgres_dsn), pooler, mode="statement") as dsn:
        store = PostgresStore(dsn, statement_cache_size=0)
        with pytest.raises(StorageUnavailable, match="statement pooling mode"):
            await store.open()
        await store.aclose()
