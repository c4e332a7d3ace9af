"""
The bot: how a host uses poslife. Its exchange client, its orders and its handling of errors are its own.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from ccxt.base.errors import BaseError

from poslife import (
    ClosingOutcome,
    Fill,
    OpeningOutcome,
    Order,
    OrderPurpose,
    OrderStatus,
    PendingPosition,
    PersistedPosition,
    Position,
    PositionKey,
    PositionTracker,
    Protection,
    Recovery,
    Severity,
    Side,
    Symbol,
    VenueOrderId,
)
from poslife.errors import VenueUnavailable
from poslife.protocols import VenueSource
from poslife.testing.bybit import BybitClient
from poslife.venues import FillQuery, SnapshotScope

__all__ = ["Bot", "Synced"]

logger = logging.getLogger("bot")


@dataclass(frozen=True, slots=True, kw_only=True)
class Synced:
    """
    What a periodic look found.

    Attributes:
        filled: The positions that had fills we had not heard of.
        recovery: What became of orders in doubt.
    """

    filled: Sequence[Position]
    recovery: Recovery


class Bot:
    """
    Opens, protects and closes positions as its strategy says, and looks at the venue from time to time.

    Args:
        tracker: What it holds; entered already.
        exchange: The client that sends its orders.
        source: What `PositionTracker.recover` and the bot itself ask the venue by.
    """

    def __init__(self, tracker: PositionTracker, exchange: BybitClient, source: VenueSource) -> None:
        self._tracker = tracker
        self._exchange = exchange
        self._source = source

    async def start(self) -> Recovery:
        """
        Find out what became of the orders that an earlier life of this bot left.
        """
        recovery = await self._tracker.recover(self._source)
        self._tracker.record("bot.started", None, {"settled": len(recovery.settled)})
        return recovery

    async def open(self, symbol: Symbol, quantity: Decimal) -> OpeningOutcome:
        """
        Buy.

        Raises:
            DuplicatePosition: There is a position already. `KeyInDoubt`: there may be one.
        """
        self._tracker.record("signal.received", None, {"symbol": symbol, "quantity": quantity})
        opening = self._tracker.opening(self._key(symbol), side=Side.LONG, quantity=quantity)
        try:
            async with opening:  # the intention is stored, and the key is ours
                self._tracker.record("signal.accepted", opening.position, {"strategy": "demo"})
                answer = await opening.submit(
                    self._exchange.create_order(
                        symbol, "market", "buy", quantity, params={"clientOrderId": opening.client_order_id}
                    )
                )
                venue_order_id = VenueOrderId(answer["id"])
                await opening.acknowledged(venue_order_id)
                await opening.acknowledged(venue_order_id, *await self._fills_of(symbol, opening.order))
        except (BaseError, VenueUnavailable) as error:
            # What it means for the position is the outcome's to say; what the bot makes of it is the bot's.
            logger.warning("opening %s: %s", symbol, error)
        return opening.outcome

    async def protect(self, position: PersistedPosition, price: Decimal) -> Order:
        """
        Place a take-profit order; the same steps as in a block, as plain calls.
        """
        symbol, steps = position.key.symbol, self._tracker.steps
        order = await steps.prepare(
            position.ref, purpose=OrderPurpose.PROTECT, quantity=position.quantity, price=price
        )
        await steps.submitting(position.ref, order.ordinal)
        try:
            answer = await self._exchange.create_order(
                symbol,
                "limit",
                position.side.left_by.value,
                order.quantity,
                price,
                params={"clientOrderId": order.client_order_id, "reduceOnly": True},
            )
        except BaseError as error:
            await steps.doubted(position.ref, order.ordinal, reason=str(error))
            raise
        venue_order_id = VenueOrderId(answer["id"])
        await steps.acknowledged(position.ref, order.ordinal, venue_order_id=venue_order_id)
        await steps.protected(
            position.ref, Protection(take_profit_price=price, take_profit_order_id=venue_order_id)
        )
        self._tracker.record("take_profit.placed", position, {"price": price, "order": venue_order_id})
        return order

    async def close(self, position: PersistedPosition) -> ClosingOutcome:
        """
        Sell all of it.
        """
        symbol = position.key.symbol
        await self._withdraw_protection(position)
        closing = self._tracker.closing(position)
        try:
            async with closing:
                answer = await closing.submit(
                    self._exchange.create_order(
                        symbol,
                        "market",
                        position.side.left_by.value,
                        closing.quantity,
                        params={"clientOrderId": closing.client_order_id, "reduceOnly": True},
                    )
                )
                venue_order_id = VenueOrderId(answer["id"])
                await closing.acknowledged(venue_order_id)
                await closing.acknowledged(venue_order_id, *await self._fills_of(symbol, closing.order))
        except (BaseError, VenueUnavailable) as error:
            logger.warning("closing %s: %s", symbol, error)
        return closing.outcome

    async def sync(self) -> Synced:
        """
        The periodic look: fetch fills of what works, ask about what is in doubt, compare what is held.
        """
        filled: list[Position] = []
        async for position in self._tracker.live():
            for order in position.orders:
                if order.status is OrderStatus.WORKING:
                    fills = await self._fills_of(position.key.symbol, order)
                    applied = await self._tracker.apply_fills(*fills)
                    filled += applied.positions
        recovery = await self._tracker.recover(self._source)
        scope = SnapshotScope(venue=self._source.venue, account=self._source.account)
        snapshot = await self._source.snapshot(scope)
        async for position in self._tracker.live():
            # Only what is held can be missing: a pending position is no phantom.
            if isinstance(position, PersistedPosition):
                believed = position.quantity if position.side is Side.LONG else -position.quantity
                held = snapshot.quantity_of(position.key)
                if held is not None and held != believed:
                    facts = {"held": held, "believed": believed}
                    self._tracker.record("sync.differs", position, facts, severity=Severity.ERROR)
        self._tracker.record("sync.done", None, {"filled": len(filled), "settled": len(recovery.settled)})
        return Synced(filled=filled, recovery=recovery)

    async def held(self, symbol: Symbol) -> PersistedPosition:
        """
        The open position of *symbol*.

        Raises:
            LookupError: There is none.
        """
        position = await self._tracker.find_live(self._key(symbol))
        match position:
            case PersistedPosition():
                return position
            case PendingPosition() | None:
                raise LookupError(f"nothing is held of {symbol}")

    async def _withdraw_protection(self, position: PersistedPosition) -> None:
        """
        Cancel the orders that would sell what the exit is about to sell.
        """
        for order in position.live_orders:
            if order.purpose is OrderPurpose.PROTECT and order.venue_order_id is not None:
                await self._exchange.cancel_order(order.venue_order_id, position.key.symbol)
                await self._tracker.steps.canceled(position.ref, order.ordinal)
                await self._tracker.steps.protected(position.ref, None)

    async def _fills_of(self, symbol: Symbol, order: Order) -> Sequence[Fill]:
        """
        What the venue shows of an order: its acknowledgement says nothing about fills.
        """
        query = FillQuery(
            venue=self._source.venue,
            account=self._source.account,
            symbol=symbol,
            client_order_id=order.client_order_id,
            venue_order_id=order.venue_order_id,
        )
        fills: list[Fill] = []
        while True:
            page = await self._source.fills(query)
            fills += page.fills
            if page.next_cursor is None:
                return fills
            query = replace(query, cursor=page.next_cursor)

    def _key(self, symbol: Symbol) -> PositionKey:
        return PositionKey(venue=self._source.venue, account=self._source.account, symbol=symbol)
