"""
The bot over poslife, as the demo drives it, and how its tracker is made.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from decimal import Decimal
from pathlib import Path

from examples.demo.bot import Bot
from examples.demo.database import LOCK_TIMEOUT
from examples.demo.driver import Driver, Life
from examples.demo.witness import Emitted, Emitting, Witness
from poslife import (
    Account,
    BatchingSink,
    EventId,
    FurtherWriter,
    PersistedPosition,
    PositionTracker,
    SinkState,
    Symbol,
    Timings,
)
from poslife.ccxt import CcxtSource, classify
from poslife.errors import DuplicatePosition
from poslife.events import HostEvent
from poslife.journal import FileJournal
from poslife.jsonl import JsonLinesWriter
from poslife.postgres import PostgresStore
from poslife.protocols import Store
from poslife.sqlite import SqliteStore
from poslife.testing.bybit import BybitClient

PATIENCE = 15.0
CLIENT_TIMEOUT = 1.2
RECEIVE_WINDOW = 0.8

TIMINGS = Timings(
    submit_window=1.0,
    http_timeout=CLIENT_TIMEOUT,
    receive_window=RECEIVE_WINDOW,
    lookup_interval=0.2,
    fills_within=1.5,
    lease=60.0,
)
"""
Short, so that a proof of absence takes seconds; the lease is long, so that none is due in the outage.
"""


class WitnessedSink(BatchingSink):
    """
    A sink that leaves word of each event before and after it is accepted, for the accounts after a SIGKILL.
    """

    witness: Witness

    def emit(self, event: HostEvent, /) -> EventId:
        header = event.header
        name, about = str(header.id), "" if header.ref is None else str(header.ref)
        self.witness.write(Emitting(name, header.type, about, str(header.run)))
        emitted = super().emit(event)
        self.witness.write(Emitted(name, self.stats().writers))
        return emitted


@contextlib.asynccontextmanager
async def driving_the_bot(life: Life, witness: Witness, exchange: BybitClient) -> AsyncGenerator[BotDriver]:
    """
    Run the bot from its start to its end.

    Outside a demo `poslife.connect` makes such a tracker of a URL.
    """
    folder = Path(life.folder)
    postgres = "://" in life.database
    store: Store = (
        PostgresStore(life.database) if postgres else SqliteStore(life.database, lock_timeout=LOCK_TIMEOUT)
    )
    async with JsonLinesWriter(folder / "events.jsonl") as lines:
        sink = WitnessedSink(
            store,
            journal=FileJournal(folder / "events"),
            further=[FurtherWriter(name="file", writer=lines, required=True, life_events=False)],
        )
        sink.witness = witness
        tracker = PositionTracker(repository=store, sink=sink, classify=classify, timings=TIMINGS)
        async with tracker:
            bot = Bot(tracker, exchange, CcxtSource(exchange, account=Account("demo")))
            await bot.start()
            yield BotDriver(bot, tracker, sink)
    witness.write(Emitted("", sink.stats().writers))


class BotDriver(Driver):
    def __init__(self, bot: Bot, tracker: PositionTracker, sink: BatchingSink) -> None:
        self._bot = bot
        self._tracker = tracker
        self._sink = sink
        self._held: dict[str, PersistedPosition] = {}

    async def open(self, symbol: str, quantity: str) -> str:
        try:
            return type(await self._bot.open(Symbol(symbol), Decimal(quantity))).__name__
        except DuplicatePosition as error:
            return type(error).__name__

    async def close(self, symbol: str) -> str:
        return type(await self._bot.close(Symbol(symbol))).__name__

    async def sync(self) -> str:
        await self._bot.sync()
        return "Synced"

    async def record(self, kind: str, *, symbol: str = "", position: str = "") -> None:
        if symbol and symbol not in self._held:
            self._held[symbol] = await self._bot.held(Symbol(symbol))
        # mypy and pyright refuse the text for a position; the old bot's has a type that lets it pass.
        about = self._held[symbol] if symbol else position or None
        self._tracker.record(kind, about, {"signal": "momentum"})  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

    async def watch(self) -> str:
        async with asyncio.timeout(PATIENCE):
            while (state := self._sink.health().writers[0].state) is SinkState.OK:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        return state.name

    async def settle(self) -> str:
        await self._tracker.flush(PATIENCE)
        return "Stored"
