"""
The store in PostgreSQL does what the contracts say, with a pool of its own and with a host's.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
from typing_extensions import override

from poslife.conformance import RepositoryConformance
from poslife.postgres import PostgresStore
from poslife.protocols import Repository
from poslife.testing.faults import PostgresFaultProxy


class TestPostgresRepository(RepositoryConformance):
    @pytest.fixture(autouse=True)
    def _use_database(self, postgres_dsn: str) -> None:
        self.dsn = postgres_dsn

    @override
    @asynccontextmanager
    async def repository(self) -> AsyncGenerator[Repository]:
        async with PostgresFaultProxy.for_dsn(self.dsn) as proxy:
            self.network = proxy.network
            store = PostgresStore(proxy.dsn)
            await store.open()
            yield store
            await store.aclose()

    @override
    @asynccontextmanager
    async def beside(self, repository: Repository, /) -> AsyncGenerator[Repository]:
        store = PostgresStore(self.dsn)
        await store.open()
        yield store
        await store.aclose()

    @override
    @asynccontextmanager
    async def unreachable(self, repository: Repository, /) -> AsyncGenerator[None]:
        self.network.refuse()
        self.network.reset_all()
        yield
        self.network.accept()
