"""
The old way: the same bot before poslife, for comparison and not as an example.

Its event logger and its repository are those of the incident that poslife was written for: a queue, batches,
``except`` that logs and goes on, methods that return ``False``. A position is registered as ``"pending"``
before its order is sent, and the periodic sync closes what the exchange does not show. Two things are the
demo's: each event has a name to be counted by, and batches are written twice a second instead of every five,
which is to this bot's advantage.
"""

# Catching everything and logging a line is the subject of this file.
# ruff: noqa: BLE001, TRY400, SIM105

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from examples.demo.database import Connection
from poslife.testing.bybit import BybitClient

logger = logging.getLogger("old_way")


async def create_tables(database: Connection, *, postgres: bool) -> None:
    # SQLite takes 'pending' for an integer, unless the table is strict.
    key, strict = ("SERIAL", "") if postgres else ("INTEGER", "STRICT")
    await database.execute(
        f"CREATE TABLE IF NOT EXISTS old_way_positions (id {key} PRIMARY KEY, symbol TEXT NOT NULL,"
        f" quantity TEXT NOT NULL, status TEXT NOT NULL) {strict}"
    )
    await database.execute(
        f"CREATE TABLE IF NOT EXISTS old_way_events (id {key} PRIMARY KEY, event_type TEXT NOT NULL,"
        f" event_data TEXT NOT NULL, position_id INTEGER, symbol TEXT) {strict}"
    )


@dataclass
class OldPosition:
    id: int
    symbol: str
    quantity: Decimal


class OldEventLogger:
    batch_size = 50
    flush_interval = 0.5

    def __init__(self, database: Connection, named: Callable[[str, object], str]) -> None:
        self.database = database
        self.named = named
        self.queued = self.tried = 0
        self.queue: asyncio.Queue[tuple[object, ...]] = asyncio.Queue()
        self.shutdown = False

    async def log_event(
        self,
        event_type: str,
        data: dict[str, object],
        position_id: int | None = None,
        symbol: str | None = None,
    ) -> None:
        data["event"] = self.named(event_type, position_id)
        await self.queue.put((event_type, json.dumps(data, default=str), position_id, symbol))
        self.queued += 1

    async def event_worker(self) -> None:
        """
        Write a batch every few seconds, or when it is full.
        """
        batch: list[tuple[object, ...]] = []
        loop = asyncio.get_running_loop()
        last_flush = loop.time()
        while not self.shutdown or not self.queue.empty():
            try:
                batch.append(await asyncio.wait_for(self.queue.get(), 0.1))
            except TimeoutError:
                pass
            if len(batch) >= self.batch_size or loop.time() - last_flush >= self.flush_interval:
                await self.write_batch(batch)
                batch = []
                last_flush = loop.time()
        await self.write_batch(batch)

    async def write_batch(self, batch: Sequence[tuple[object, ...]]) -> None:
        try:
            await self.database.executemany(
                "INSERT INTO old_way_events (event_type, event_data, position_id, symbol)"
                " VALUES ($1, $2, $3, $4)",
                batch,
            )
        except Exception as error:
            logger.error("EventLogger batch write failed, %d events: %s", len(batch), error)
        self.tried += len(batch)


class OldRepository:
    def __init__(self, database: Connection) -> None:
        self.database = database

    async def run(self, statement: str, *arguments: object) -> list[tuple[object, ...]]:
        try:
            return await self.database.execute(statement, *arguments)
        except Exception as error:
            logger.error("Failed to update positions: %s", error)
            return []

    async def create_position(self, symbol: str, quantity: Decimal) -> int | None:
        insert = "INSERT INTO old_way_positions (symbol, quantity, status) VALUES ($1, $2, 'active')"
        rows = await self.run(f"{insert} RETURNING id", symbol, str(quantity))
        return int(str(rows[0][0])) if rows else None

    async def update_position_status(self, position_id: int, status: str) -> bool:
        update = "UPDATE old_way_positions SET status = $1 WHERE id = $2 RETURNING id"
        return bool(await self.run(update, status, position_id))

    async def active_positions(self) -> list[OldPosition]:
        rows = await self.run("SELECT id, symbol, quantity FROM old_way_positions WHERE status = 'active'")
        return [
            OldPosition(id=int(str(number)), symbol=str(symbol), quantity=Decimal(str(quantity)))
            for number, symbol, quantity in rows
        ]


class OldBot:
    def __init__(self, exchange: BybitClient, repository: OldRepository, events: OldEventLogger) -> None:
        self.exchange = exchange
        self.repository = repository
        self.events = events
        self.positions: dict[str, OldPosition] = {}

    async def start(self) -> None:
        for position in await self.repository.active_positions():
            self.positions[position.symbol] = position
        await self.events.log_event("bot_started", {"positions": len(self.positions)})

    async def open(self, symbol: str, quantity: Decimal) -> OldPosition | None:
        await self.events.log_event("signal_received", {"quantity": quantity}, symbol=symbol)
        if symbol in self.positions:
            await self.events.log_event("signal_skipped", {"reason": "position exists"}, symbol=symbol)
            return None
        # Registered beforehand, so that the stream of updates finds it.
        position = OldPosition(id="pending", symbol=symbol, quantity=quantity)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        self.positions[symbol] = position
        try:
            order = await self.exchange.create_order(symbol, "market", "buy", quantity)
        except Exception as error:
            logger.error("Order failed for %s, position creation rolled back: %s", symbol, error)
            await self.events.log_event("order_failed", {"error": str(error)}, symbol=symbol)
            return None
        position.quantity = Decimal(order.get("filled") or quantity)
        created = await self.repository.create_position(symbol, position.quantity)
        if created is not None:
            position.id = created
        await self.events.log_event(
            "position_created", {"quantity": position.quantity}, position_id=position.id, symbol=symbol
        )
        return position

    async def close(self, symbol: str) -> bool:
        position = self.positions[symbol]
        try:
            await self.exchange.create_order(
                symbol, "market", "sell", position.quantity, params={"reduceOnly": True}
            )
        except Exception as error:
            logger.error("Close failed for %s: %s", symbol, error)
            return False
        del self.positions[symbol]
        await self.repository.update_position_status(position.id, "closed")
        await self.events.log_event("position_closed", {}, position_id=position.id, symbol=symbol)
        return True

    async def sync(self) -> None:
        """
        Close what the exchange does not show.
        """
        try:
            shown = await self.exchange.fetch_positions()
        except Exception as error:
            logger.error("Sync failed: %s", error)
            return
        held = {row["symbol"] for row in shown if row["contracts"]}
        phantoms = [position for symbol, position in self.positions.items() if symbol not in held]
        for position in phantoms:
            del self.positions[position.symbol]
            await self.repository.update_position_status(position.id, "closed")
            logger.info("Cleaned phantom position: %s", position.symbol)
            await self.events.log_event(
                "phantom_position_closed",
                {"reason": "not_on_exchange"},
                position_id=position.id,
                symbol=position.symbol,
            )
        await self.events.log_event("sync_done", {"positions": len(self.positions)})
