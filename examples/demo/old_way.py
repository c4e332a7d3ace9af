"""
The old way: the same bot as it was before poslife. A foil, and no example.

Its event logger and its repository are those of the incident that poslife was written for: a queue, a batch,
one ``executemany``, ``except`` that logs and goes on; an id column of integers; methods that return
``False``. So is what it does with them: a position is registered as ``"pending"`` before its order is sent,
and the periodic sync closes what the exchange does not show. Only the store is the demo's, and each event
carries a number by which it can be counted. Batches are written twice a second, not every five seconds, so
that more is written before something happens: that is to the foil's advantage.
"""

# Catching everything and logging a line is what this file is about.
# ruff: noqa: BLE001, TRY400, SIM105

from __future__ import annotations

import asyncio
import itertools
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from poslife.testing.bybit import BybitClient

__all__ = ["OldBot", "OldEventLogger", "OldPosition", "OldRepository", "OldStore"]

logger = logging.getLogger("old_way")


class OldStore(Protocol):
    """
    A database, as both its users see it.
    """

    async def execute(self, statement: str, *arguments: object) -> list[tuple[object, ...]]:
        """
        Run one statement, and return its rows.
        """
        ...

    async def executemany(self, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
        """
        Run one statement for every row, in one transaction.
        """
        ...


@dataclass
class OldPosition:
    """
    What is held, or about to be.
    """

    id: int
    symbol: str
    quantity: Decimal
    target_order: str | None = None


class OldEventLogger:
    """
    Collects events in a queue and writes them in batches.
    """

    batch_size = 50
    flush_interval = 0.5

    def __init__(self, store: OldStore, told: Callable[[str, str, object], None], first: int = 1) -> None:
        self.store = store
        self.told = told
        self.numbers = itertools.count(first)
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
        """
        Queue an event.
        """
        number = next(self.numbers)
        row = (event_type, json.dumps({**data, "number": number}, default=str), position_id, symbol)
        await self.queue.put(row)
        self.queued += 1
        self.told(str(number), event_type, position_id)

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
        """
        Write a batch.
        """
        try:
            await self.store.executemany(
                "INSERT INTO old_way_events (event_type, event_data, position_id, symbol)"
                " VALUES ($1, $2, $3, $4)",
                batch,
            )
        except Exception as error:
            logger.error("EventLogger batch write failed, %d events: %s", len(batch), error)
        self.tried += len(batch)


class OldRepository:
    """
    Writes positions.
    """

    def __init__(self, store: OldStore) -> None:
        self.store = store

    async def create_position(self, symbol: str, quantity: Decimal) -> int | None:
        """
        Store a position and return its id.
        """
        try:
            rows = await self.store.execute(
                "INSERT INTO old_way_positions (symbol, quantity, status) VALUES ($1, $2, 'active')"
                " RETURNING id",
                symbol,
                str(quantity),
            )
        except Exception as error:
            logger.error("Failed to create position: %s", error)
            return None
        return int(str(rows[0][0]))

    async def update_position_status(self, position_id: int, status: str) -> bool:
        """
        Change the status of a position.
        """
        try:
            rows = await self.store.execute(
                "UPDATE old_way_positions SET status = $1 WHERE id = $2 RETURNING id", status, position_id
            )
        except Exception as error:
            logger.error("Failed to update position status: %s", error)
            return False
        return bool(rows)

    async def active_positions(self) -> list[OldPosition]:
        """
        The positions that a restart begins with.
        """
        try:
            rows = await self.store.execute(
                "SELECT id, symbol, quantity FROM old_way_positions WHERE status = 'active'"
            )
        except Exception as error:
            logger.error("Failed to load positions: %s", error)
            return []
        return [
            OldPosition(id=int(str(number)), symbol=str(symbol), quantity=Decimal(str(quantity)))
            for number, symbol, quantity in rows
        ]


class OldBot:
    """
    Opens, protects and closes positions, and closes those that the exchange does not show.
    """

    def __init__(self, exchange: BybitClient, repository: OldRepository, events: OldEventLogger) -> None:
        self.exchange = exchange
        self.repository = repository
        self.events = events
        self.positions: dict[str, OldPosition] = {}

    async def start(self) -> None:
        """
        Load what was held.
        """
        for position in await self.repository.active_positions():
            self.positions[position.symbol] = position
        await self.events.log_event("bot_started", {"positions": len(self.positions)})

    async def open(self, symbol: str, quantity: Decimal) -> OldPosition | None:
        """
        Buy.
        """
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

    async def protect(self, symbol: str, price: Decimal) -> bool:
        """
        Place a take-profit order.
        """
        position = self.positions[symbol]
        try:
            order = await self.exchange.create_order(
                symbol, "limit", "sell", position.quantity, price, params={"reduceOnly": True}
            )
        except Exception as error:
            logger.error("Take profit failed for %s: %s", symbol, error)
            return False
        position.target_order = str(order["id"])
        await self.events.log_event(
            "take_profit_placed", {"price": price}, position_id=position.id, symbol=symbol
        )
        return True

    async def close(self, symbol: str) -> bool:
        """
        Sell all of it.
        """
        position = self.positions[symbol]
        try:
            if position.target_order is not None:
                await self.exchange.cancel_order(position.target_order, symbol)
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

    async def sync(self) -> list[OldPosition]:
        """
        Close what the exchange does not show.
        """
        try:
            shown = await self.exchange.fetch_positions()
        except Exception as error:
            logger.error("Sync failed: %s", error)
            return []
        held = {row["symbol"] for row in shown if row["contracts"]}
        phantoms = [position for symbol, position in self.positions.items() if symbol not in held]
        for position in phantoms:
            del self.positions[position.symbol]
            await self.repository.update_position_status(position.id, "closed")
            logger.info("Cleaned phantom position: %s", position.symbol)
            await self.events.log_event(
                "phantom_position_closed",
                {"position_id": position.id, "reason": "not_on_exchange"},
                position_id=position.id,
                symbol=position.symbol,
            )
        await self.events.log_event("sync_done", {"positions": len(self.positions)})
        return phantoms
