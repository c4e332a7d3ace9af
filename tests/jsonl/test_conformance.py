"""
The writer of JSON lines does what the contract says.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest
from typing_extensions import override

from poslife._domain.event_envelopes import RecordedEvent
from poslife.conformance import BatchWriterConformance, DeadLetterBoxConformance, WriterWithBox
from poslife.jsonl import JsonLinesWriter
from poslife.protocols import BatchWriter, DeadLetter
from tests.jsonl.files import buried, recorded


@contextmanager
def moved_away(folder: Path) -> Generator[None]:
    away = folder.with_name("away")
    folder.rename(away)
    try:
        yield
    finally:
        away.rename(folder)


class TestJsonLines(BatchWriterConformance):
    @pytest.fixture(autouse=True)
    def in_folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path / "logs"
        self.folder.mkdir()
        self.path = self.folder / "bot.jsonl"

    @override
    @asynccontextmanager
    async def writer(self) -> AsyncGenerator[BatchWriter]:
        async with JsonLinesWriter(self.path) as writer:
            yield writer

    @override
    async def stored(self) -> Sequence[RecordedEvent]:
        return recorded(self.path)

    @override
    async def buried(self) -> Sequence[DeadLetter]:
        return buried(self.path)

    @override
    @asynccontextmanager
    async def unreachable(self) -> AsyncGenerator[None]:
        with moved_away(self.folder):
            yield


class TestLetters(DeadLetterBoxConformance):
    @pytest.fixture(autouse=True)
    def in_folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path / "logs"
        self.folder.mkdir()
        self.path = self.folder / "bot.jsonl"

    @override
    @asynccontextmanager
    async def box(self) -> AsyncGenerator[WriterWithBox]:
        async with JsonLinesWriter(self.path) as writer:
            yield writer

    @override
    async def stored(self) -> Sequence[RecordedEvent]:
        return recorded(self.path)

    @override
    @asynccontextmanager
    async def unreachable(self) -> AsyncGenerator[None]:
        with moved_away(self.folder):
            yield
