"""
The truth after a recovery: poslife holds what the venue holds, and can prove how it came to hold it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from functools import partial

from poslife import (
    CLIENT_ORDER_IDS,
    ClientOrderId,
    ClosedPosition,
    Order,
    OrderStatus,
    PendingPosition,
    PersistedPosition,
    Position,
    PositionKey,
    PositionRef,
    PositionStatus,
    StoredFill,
    TradeId,
)
from poslife._domain.client_order_ids import read_client_order_id
from poslife.events import RecordedEvent
from poslife.postgres import PostgresStore
from poslife.protocols import OwnerQuery
from poslife.protocols._pages import every_item
from poslife.sqlite import SqliteStore
from poslife.testing import bybit
from poslife.testing.bybit import SimulatedBybit, SimulatedOrder
from tests.crashes.bot import VENUE

__all__ = ["Dump", "check", "dump", "refs_at_venue"]

Store = SqliteStore | PostgresStore

Dump = dict[PositionRef, tuple[Position, Sequence[RecordedEvent], Sequence[StoredFill]]]
"""
All that is stored about positions.
"""

ENDED_AS = {
    bybit.OrderStatus.NEW: OrderStatus.WORKING,
    bybit.OrderStatus.PARTIALLY_FILLED: OrderStatus.WORKING,
    bybit.OrderStatus.FILLED: OrderStatus.FILLED,
    bybit.OrderStatus.CANCELLED: OrderStatus.CANCELED,
    bybit.OrderStatus.REJECTED: OrderStatus.REJECTED,
}


def refs_at_venue(venue: SimulatedBybit) -> set[PositionRef]:
    """
    The positions that the venue's orders are of, by the name we gave them.
    """
    return {_named(order)[0] for order in venue.orders}


def _named(order: SimulatedOrder) -> tuple[PositionRef, int]:
    read = read_client_order_id(ClientOrderId(order.order_link_id), venue=VENUE, formats=CLIENT_ORDER_IDS)
    assert read is not None, order
    return read.ref, read.ordinal


async def dump(store: Store, refs: Iterable[PositionRef]) -> Dump:
    """
    All that is stored about the positions *refs*.
    """
    dumped: Dump = {}
    for ref in sorted(refs):
        events = [event async for event in every_item(partial(store.list_history, ref))]
        fills = [fill async for fill in every_item(partial(store.list_fills, ref))]
        life = [event for event in events if event.version is not None]
        dumped[ref] = (await store.get(ref), life, fills)
    return dumped


async def check(store: Store, venue: SimulatedBybit, key: PositionKey, dumped: Dump) -> None:
    """
    Hold what is stored against what the venue knows.

    What each holds, every order and every fill of the venue's, once; no doubt is left, every story is whole,
    and the key is free exactly when nothing is held and nothing works.

    Args:
        store: An open store.
        venue: Where *key* was traded, and nothing else.
        key: Of an account in which nothing happened before.
        dumped: All positions of *key* there ever were.
    """
    live = await store.find_live(key)
    _holds_what_the_venue_holds(live, venue)
    for order in venue.orders:
        ref, ordinal = _named(order)
        _is_told_as_it_is(dumped[ref][0].orders[ordinal], order)
    for position, history, fills in dumped.values():
        _has_no_order_in_doubt(position, venue)
        _has_a_whole_story(position, history)
        _adds_up(position, fills)
    stored = [fill for _, _, fills in dumped.values() for fill in fills]
    _has_every_fill_once(stored, venue)
    trade_ids = tuple(TradeId(fill.execution_id) for fill in venue.fills)
    query = OwnerQuery(venue=VENUE, account=key.account, symbol=key.symbol, trade_ids=trade_ids)
    found = (await store.candidates_for(query)).stored
    assert set(trade_ids) == {one.fill.trade_id for one in found}
    assert () == (await store.list_unclaimed()).items
    assert () == (await store.list_in_doubt()).items


def _holds_what_the_venue_holds(live: Position | None, venue: SimulatedBybit) -> None:
    held = venue.position("BTCUSDT")
    works = any(order.status.is_open for order in venue.orders)
    match live:
        case None:
            assert not works
            assert Decimal(0) == held.size
        case PendingPosition():
            assert works
            assert Decimal(0) == held.size
        case PersistedPosition():
            assert held.signed_size == live.signed_quantity
            assert held.average_price == live.entry_price
            exits = any(order.closes for order in live.live_orders)
            assert live.status is (PositionStatus.CLOSING if exits else PositionStatus.OPEN)
        case ClosedPosition():
            raise AssertionError("a closed position holds a key")


def _is_told_as_it_is(ours: Order, theirs: SimulatedOrder) -> None:
    assert theirs.order_id == ours.venue_order_id
    assert theirs.filled_quantity == ours.filled
    assert ENDED_AS[theirs.status] is ours.status


def _has_no_order_in_doubt(position: Position, venue: SimulatedBybit) -> None:
    shown = {_named(order) for order in venue.orders}
    for order in position.orders:
        if (order.ref, order.ordinal) not in shown:
            assert order.status in (OrderStatus.ABANDONED, OrderStatus.REJECTED)


def _has_a_whole_story(position: Position, history: Sequence[RecordedEvent]) -> None:
    """
    Versions from 1 to the position's own without a gap, and in each its events from 0 on; none twice.
    """
    told: dict[int, list[int]] = {}
    for event in history:
        assert event.version is not None
        assert event.index is not None
        told.setdefault(event.version, []).append(event.index)
    assert list(range(1, position.version + 1)) == sorted(told)
    for indexes in told.values():
        assert list(range(len(indexes))) == sorted(indexes)
    assert len({event.header.id for event in history}) == len(history)


def _adds_up(position: Position, fills: Sequence[StoredFill]) -> None:
    entered = exited = Decimal(0)
    for stored in fills:
        if stored.fill.side is position.side.entered_by:
            entered += stored.fill.quantity
        else:
            exited += stored.fill.quantity
    match position:
        case PendingPosition():
            assert () == tuple(fills)
        case PersistedPosition():
            assert entered == position.entered_quantity
            assert exited == position.exited_quantity
        case ClosedPosition():
            assert position.entered_quantity == entered == exited


def _has_every_fill_once(stored: Sequence[StoredFill], venue: SimulatedBybit) -> None:
    ours = sorted((str(one.fill.trade_id), one.fill.quantity, one.fill.price) for one in stored)
    theirs = sorted((fill.execution_id, fill.quantity, fill.price) for fill in venue.fills)
    assert theirs == ours
    orders = {fill.execution_id: ClientOrderId(fill.order_link_id) for fill in venue.fills}
    for one in stored:
        named = read_client_order_id(orders[one.fill.trade_id], venue=VENUE, formats=CLIENT_ORDER_IDS)
        assert named == (one.ref, one.ordinal)
