"""
The store in memory does what the contracts say.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from typing_extensions import override

from poslife.conformance import RepositoryConformance
from poslife.memory import MemoryStore
from poslife.protocols import Repository
from poslife.testing.clock import ManualClock


class TestMemoryRepository(RepositoryConformance):
    def setup_method(self) -> None:
        self.clock = ManualClock()

    @override
    @asynccontextmanager
    async def repository(self) -> AsyncGenerator[Repository]:
        repository = MemoryStore(clock=self.clock)
        await repository.open()
        yield repository
        await repository.aclose()

    @override
    async def let_lease_run_out(self, seconds: float, /) -> None:
        self.clock.advance(seconds)
