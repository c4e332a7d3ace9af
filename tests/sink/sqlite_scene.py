"""
A bot that trades into a real SQLite file.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from poslife import BatchingSink, EventId, RunId
from poslife.events import verify_trail
from poslife.journal import FileJournal
from poslife.sqlite import SqliteStore
from tests.sink.zoo import Found, TradingBot, assert_all_there
from tests.sqlite.files import cells

__all__ = ["PROJECT", "Scene", "found_in", "scene"]

PROJECT = Path(__file__).parents[2]


def found_in(path: Path) -> list[Found]:
    """
    The events in the file, stored in the order they came, and then those buried.
    """
    stored = cells(path, "SELECT event_id, rowid, run, sequence FROM run_events ORDER BY rowid")
    buried = cells(path, "SELECT event_id FROM dead_letters")
    return [
        *(
            Found(EventId(UUID(str(event))), False, int(str(turn)), RunId(UUID(str(run))), int(str(sequence)))
            for event, turn, run, sequence in stored
        ),
        *(Found(EventId(UUID(str(row[0]))), True, None) for row in buried),
    ]


@dataclass(slots=True, kw_only=True)
class Scene:
    """
    What a test may turn against the bot.

    Attributes:
        path: The file.
        sink: The bot's.
        bot: Trades all the while.
    """

    path: Path
    sink: BatchingSink
    bot: TradingBot


@asynccontextmanager
async def scene(
    path: Path, directory: Path, *, is_poison: Callable[[int], bool] = lambda _: False
) -> AsyncGenerator[Scene]:
    """
    All goes well when it is entered, and has when it is left: then the file's books are held against the
    bot's.
    """
    store = SqliteStore(path, lock_timeout=0.1)
    await store.open()
    sink = BatchingSink(store, journal=FileJournal(directory / "journal"), batch=100, linger=0.01)
    bot = TradingBot(sink, is_poison=is_poison)
    try:
        async with bot:
            await bot.emits(100)
            yield Scene(path=path, sink=sink, bot=bot)
            await bot.emits(100)
        await sink.aclose(15)
        assert () == (await verify_trail(store)).faults
    finally:
        await store.aclose()
    assert_all_there(bot, found_in(path))
