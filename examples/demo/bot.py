"""
The bot: how a host uses poslife. Its exchange client, its orders and its handling of errors are its own.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from ccxt.base.errors import BaseError

from poslife import (
    ClosingOutcome,
    Fill,
    OpeningOutcome,
    Order,
    OrderStatus,
    PersistedPosition,
    PositionKey,
    PositionTracker,
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

logger = logging.getLogger("bot")


class Bot:
    """
    Opens and closes positions as its strategy says, and synchronises with the venue periodically.

    Args:
        tracker: Entered already.
        exchange: The client that sends the orders.
        source: Where fills, orders and positions are looked up.
    """

    def __init__(self, tracker: PositionTracker, exchange: BybitClient, source: VenueSource) -> None:
        self._tracker = tracker
        self._exchange = exchange
        self._source = source

    async def start(self) -> Recovery:
        """
        Find out what became of the orders that an earlier run of this bot left.
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
            async with opening:  # the intention is committed, and the key is ours
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
            # The outcome has what the error means for the position.
            logger.warning("opening %s: %s", symbol, error)
        return opening.outcome

    async def close(self, symbol: Symbol) -> ClosingOutcome:
        """
        Sell all of it.
        """
        position = await self.held(symbol)
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

    async def sync(self) -> Recovery:
        """
        Fetch fills of working orders, find out what became of orders in doubt, and compare positions.
        """
        async for position in self._tracker.live():
            for order in position.orders:
                if order.status is OrderStatus.WORKING:
                    fills = await self._fills_of(position.key.symbol, order)
                    await self._tracker.apply_fills(*fills)
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
        self._tracker.record("sync.done", None, {"settled": len(recovery.settled)})
        return recovery

    async def held(self, symbol: Symbol) -> PersistedPosition:
        """
        Return the open position of *symbol*.

        Raises:
            LookupError: There is none.
        """
        match await self._tracker.find_live(self._key(symbol)):
            case PersistedPosition() as position:
                return position
            case _:
                raise LookupError(f"no open position in {symbol}")

    async def _fills_of(self, symbol: Symbol, order: Order) -> Sequence[Fill]:
        """
        Look up an order's fills, which its acknowledgement does not have.
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
