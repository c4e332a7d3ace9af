"""
A host project: a bot with an exchange client and code of its own, that embeds poslife.

Type-checked with ``mypy --strict`` against the built wheel, as its own project would be.
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, assert_never

import ccxt.async_support as ccxt  # type: ignore[import-untyped]

import poslife
from poslife import (
    Account,
    BatchingSink,
    Closed,
    ClosedPosition,
    CloseReason,
    EventId,
    Fill,
    Opened,
    OrderSide,
    PendingPosition,
    PersistedPosition,
    Position,
    PositionKey,
    PositionTracker,
    Rejected,
    Side,
    Symbol,
    TradeId,
    Venue,
    VenueOrderId,
    Working,
)
from poslife.errors import DuplicatePosition, PoslifeError
from poslife.events import HostEvent, PositionOpened
from poslife.memory import MemoryStore
from poslife.protocols import EventSink


class PrintingSink:
    """
    A sink of the host's, composed by wrapping another.
    """

    def __init__(self, inner: EventSink) -> None:
        self.inner = inner

    def emit(self, event: HostEvent, /) -> EventId:
        print(event.header.type, event.payload)
        return self.inner.emit(event)

    async def flush(self, timeout: float | None = None, /) -> None:
        await self.inner.flush(timeout)

    async def aclose(self, deadline: float | None = None, /) -> None:
        await self.inner.aclose(deadline)


class Bot:
    def __init__(self, tracker: PositionTracker, exchange: Any) -> None:
        self.tracker = tracker
        self.exchange = exchange

    def key(self, symbol: str) -> PositionKey:
        return PositionKey(venue=Venue("bybit"), account=Account("main"), symbol=Symbol(symbol))

    async def enter(self, symbol: str, quantity: Decimal) -> PersistedPosition | None:
        opening = self.tracker.opening(self.key(symbol), side=Side.LONG, quantity=quantity)
        try:
            async with opening:
                order: dict[str, Any] = await opening.submit(
                    self.exchange.create_order(
                        symbol,
                        "market",
                        "buy",
                        float(quantity),
                        params={"clientOrderId": opening.client_order_id},
                    )
                )
                await opening.acknowledged(VenueOrderId(order["id"]), *self.fills(order))
        except DuplicatePosition as error:
            print("held already:", error.existing.ref)
            return None
        except ccxt.BaseError as error:
            print("the venue:", error)
        match opening.outcome:
            case Opened(position=position):
                return position
            case Working(position=position):
                print("working", position.ref)
            case Rejected(reason=reason) | poslife.InDoubt(reason=reason) | poslife.Abandoned(reason=reason):
                print(reason)
            case outcome:
                assert_never(outcome)
        return None

    async def leave(self, position: PersistedPosition) -> ClosedPosition | None:
        closing = self.tracker.closing(position, reason=CloseReason.STRATEGY)
        async with closing:
            order: dict[str, Any] = await closing.submit(
                self.exchange.create_order(
                    position.key.symbol,
                    "market",
                    "sell",
                    float(closing.quantity),
                    params={"clientOrderId": closing.client_order_id, "reduceOnly": True},
                )
            )
            await closing.acknowledged(VenueOrderId(order["id"]), *self.fills(order))
        return closing.outcome.position if isinstance(closing.outcome, Closed) else None

    def fills(self, order: dict[str, Any]) -> Sequence[Fill]:
        return [
            Fill(
                venue=Venue("bybit"),
                account=Account("main"),
                symbol=Symbol(trade["symbol"]),
                trade_id=TradeId(trade["id"]),
                side=OrderSide(trade["side"]),
                quantity=Decimal(str(trade["amount"])),
                price=Decimal(str(trade["price"])),
                at=datetime.now(UTC),
            )
            for trade in order["trades"] or []
        ]

    def show(self, position: Position) -> str:
        match position:
            case PendingPosition():
                return f"{position.ref} is pending"
            case PersistedPosition():
                return f"{position.id}: {position.quantity} at {position.entry_price}"
            case ClosedPosition():
                return f"{position.id}: closed, {position.reason.value}"
            case _:
                assert_never(position)

    async def tell(self, position: Position) -> None:
        async for event in self.tracker.history(position.ref):
            if isinstance(event.body, PositionOpened):
                print(event.body.entry_price)


async def main() -> None:
    store = MemoryStore()
    tracker = PositionTracker(repository=store, sink=PrintingSink(BatchingSink(store)))
    async with tracker:
        try:
            await tracker.recover()
        except PoslifeError as error:
            print(error)


if __name__ == "__main__":
    asyncio.run(main())
