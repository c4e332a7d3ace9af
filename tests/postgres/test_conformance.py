"""
The store in PostgreSQL keeps every promise of the protocols, on a real server.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from poslife._domain.event_envelopes import RecordedEvent
from poslife._domain.identifiers import PositionId
from poslife._domain.positions import ClosedPosition, PendingPosition, PersistedPosition
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
from poslife.errors import PositionNotFound, RepositoryError, StorageNotReady
from poslife.postgres import PostgresStore
from poslife.postgres._cells import position_of
from poslife.postgres._reads import whole_positions
from poslife.protocols import BatchWriter, DeadLetter, Repository
from poslife.testing.faults import PostgresFaultProxy
from tests.postgres.support import away, opened_store, refusing, session, stored_in
from tests.postgres_server import psql


class TestPostgresRepository(RepositoryConformance):
    @pytest.fixture(autouse=True)
    def _use_database(self, postgres_dsn: str) -> None:
        self.dsn = postgres_dsn

    @override
    @asynccontextmanager
    async def repository(self) -> AsyncGenerator[Repository]:
        async with PostgresFaultProxy.for_dsn(self.dsn) as proxy:
            self.network = proxy.network
            async with opened_store(proxy.dsn) as store:
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


class TestPostgresTrailReader(TrailReaderConformance):
    @pytest.fixture(autouse=True)
    def _use_database(self, postgres_dsn: str) -> None:
        self.dsn = postgres_dsn

    @override
    @asynccontextmanager
    async def store(self) -> AsyncGenerator[KeptStore]:
        async with (
            PostgresFaultProxy.for_dsn(self.dsn) as proxy,
            opened_store(proxy.dsn, as_given=True) as store,
        ):
            self.network = proxy.network
            yield store

    @override
    @asynccontextmanager
    async def unreachable(self) -> AsyncGenerator[None]:
        async with away(self.network):
            yield


class TestPostgresTrailKeeper(TrailKeeperConformance):
    @pytest.fixture(autouse=True)
    def _use_database(self, postgres_dsn: str) -> None:
        self.dsn = postgres_dsn

    @override
    @asynccontextmanager
    async def store(self) -> AsyncGenerator[KeptStore]:
        async with (
            PostgresFaultProxy.for_dsn(self.dsn) as proxy,
            opened_store(proxy.dsn, as_given=True) as store,
        ):
            self.network = proxy.network
            yield store

    @override
    @asynccontextmanager
    async def unreachable(self) -> AsyncGenerator[None]:
        async with away(self.network):
            yield


# --------------------------------------------------------------------------------------- nothing is left out

SUITES = {
    "TestPostgresRepository": RepositoryConformance,
    "TestPostgresBatchWriter": BatchWriterConformance,
    "TestPostgresBox": DeadLetterBoxConformance,
    "TestPostgresFeed": LifeEventFeedConformance,
    "TestPostgresRunFeed": RunEventFeedConformance,
    "TestPostgresTrailReader": TrailReaderConformance,
    "TestPostgresTrailKeeper": TrailKeeperConformance,
}


def clauses_of(suite: type) -> set[str]:
    return {name for name in dir(suite) if name.startswith("test_")}


def collected() -> set[tuple[str, str]]:
    """
    Return the class and the name of each test that pytest finds in this file.
    """
    project = Path(__file__).parents[2]
    found = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", __file__],
        cwd=project,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    names = (line.split("::") for line in found.stdout.splitlines())
    return {(parts[1], parts[2].partition("[")[0]) for parts in names if len(parts) == 3}


@pytest.mark.slow
def test_every_clause_is_collected() -> None:
    """
    Every clause of every suite is a test of PostgreSQL's store, as the suite has it (incident 59).
    """
    found = collected()

    for name, suite in SUITES.items():
        assert clauses_of(suite) == {test for owner, test in found if owner == name}
        assert all(getattr(suite, test) is getattr(globals()[name], test) for test in clauses_of(suite))


async def test_the_clauses_run_on_a_server(postgres_dsn: str) -> None:
    """
    The store that the suites are given speaks to a PostgreSQL server (incident 59).
    """
    suite = TestPostgresRepository()
    suite.dsn = postgres_dsn
    async with suite.repository() as repository:
        described = await repository.describe()

    version = psql(postgres_dsn, "SHOW server_version").strip()
    assert described.startswith(f"PostgreSQL {version} at ")


class NeverRun(PostgresStore):
    """
    A store with a statement that was never run on PostgreSQL.
    """

    statement = ""

    @override
    async def get_by_id(self, id: PositionId, /) -> PersistedPosition | ClosedPosition:
        row = await self._transact(lambda session: session.fetch_one(self.statement, str(id)))
        if row is None:
            raise PositionNotFound(id)
        position = position_of(row)
        assert not isinstance(position, PendingPosition)
        return position


class NeverRunNorTold(NeverRun):
    """
    The same store, which makes ``False`` of the error.
    """

    @override
    async def get_by_id(self, id: PositionId, /) -> Any:
        try:
            return await super().get_by_id(id)
        except RepositoryError:
            return False


class SuiteOverBrokenStore(TestPostgresRepository):
    def __init__(self, dsn: str, store_class: type[NeverRun], statement: str) -> None:
        self.dsn = dsn
        self.store = store_class(dsn)
        self.store.statement = statement

    @override
    @asynccontextmanager
    async def repository(self) -> AsyncGenerator[Repository]:
        await self.store.open()
        try:
            yield self.store
        finally:
            await self.store.aclose()


NEVER_RUN = {
    "42601": whole_positions("WHERE p.id = %s"),
    "42703": whole_positions("WHERE p.position_id = $1::text::bigint"),
    "42883": whole_positions("WHERE p.id = $1::text"),
}
KINDS = ["a placeholder of psycopg", "a wrong column", "a number compared with a text"]


async def test_the_right_statement_passes(postgres_dsn: str) -> None:
    """
    The clause that finds the faults below passes where there is none.
    """
    right = whole_positions("WHERE p.id = $1::text::bigint")
    suite = SuiteOverBrokenStore(postgres_dsn, NeverRun, right)
    await suite.test_get_by_id()


@pytest.mark.parametrize("code", NEVER_RUN, ids=KINDS)
async def test_a_statement_that_the_server_refuses_fails_the_suite(postgres_dsn: str, code: str) -> None:
    """
    A statement with a fault that only a server sees raises an error with its SQLSTATE (incident 59).
    """
    suite = SuiteOverBrokenStore(postgres_dsn, NeverRun, NEVER_RUN[code])

    with pytest.raises(StorageNotReady, match=code):
        await suite.test_get_by_id()


@pytest.mark.parametrize("code", NEVER_RUN, ids=KINDS)
async def test_an_error_made_false_fails_the_suite(postgres_dsn: str, code: str) -> None:
    """
    A store that returns ``False`` in place of the error fails the same clause (incident 59).
    """
    suite = SuiteOverBrokenStore(postgres_dsn, NeverRunNorTold, NEVER_RUN[code])

    with pytest.raises(AssertionError, match="False"):
        await suite.test_get_by_id()
