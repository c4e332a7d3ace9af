"""
One value of each type with every field set, to compare with the value that a store gives back.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from poslife._domain.event_envelopes import LIFE_EVENT_SCHEMA, Actor, EventHeader, Json, Severity
from poslife._domain.events import (
    ClosingWithdrawn,
    FillApplied,
    FillConflicted,
    FillUnclaimed,
    LifeBody,
    OrderAbandoned,
    OrderAcknowledged,
    OrderAmended,
    OrderEnded,
    OrderInDoubt,
    OrderPrepared,
    OrderRejected,
    OrderSeenAtVenue,
    OrderSubmitting,
    OrderTakenOver,
    PositionClaimed,
    PositionClosed,
    PositionClosing,
    PositionEnded,
    PositionIncreased,
    PositionOpened,
    PositionProtected,
    PositionReduced,
)
from poslife._domain.fills import Fee, Fill, StoredFill
from poslife._domain.identifiers import (
    ClientOrderId,
    Leg,
    MarginMode,
    OrderSide,
    PositionKey,
    PositionRef,
    RunId,
    Side,
    TradeId,
    VenueOrderId,
)
from poslife._domain.orders import CloseReason, Order, OrderPurpose, OrderStatus, Trigger
from poslife._domain.positions import ClosedPosition, Confidence, Origin, PendingPosition, PersistedPosition
from poslife._domain.protection import Protection
from poslife.conformance._example_values import ACCOUNT, VENUE, Examples
from poslife.conformance._filled import filled

__all__ = [
    "EVIDENCE",
    "filled",
    "full_closed",
    "full_exit",
    "full_fill",
    "full_header",
    "full_held",
    "full_order",
    "full_pending",
    "life_bodies",
]


EVIDENCE: Final[dict[str, Json]] = {
    "reason": 'insufficient \N{POUND SIGN}, said "they"\nafter 10 s',
    "answers": [{"code": 110007, "asked": None, "whole": True}],
}
"""
Evidence of a life event.
"""


def full_key(examples: Examples) -> PositionKey:
    """
    Return a key with every field set.
    """
    return PositionKey(
        venue=VENUE,
        account=ACCOUNT,
        symbol=examples.symbol(),
        leg=Leg.SHORT,
        margin_mode=MarginMode.ISOLATED,
    )


def full_order(examples: Examples, ref: PositionRef, ordinal: int = 0) -> Order:
    """
    Return an entry order with every field set that an entry can have, but no fill.
    """
    return replace(
        examples.order(ref, ordinal, status=OrderStatus.WORKING),
        side=OrderSide.SELL,
        quantity=Decimal("12.5"),
        price=Decimal("1.75"),
        trigger=Trigger(price=Decimal("1.625")),
    )


def full_exit(examples: Examples, ref: PositionRef, ordinal: int) -> Order:
    """
    Return an exit order with every field set.
    """
    order = replace(
        examples.order(ref, ordinal, purpose=OrderPurpose.EXIT, status=OrderStatus.WORKING),
        side=OrderSide.BUY,
        quantity=Decimal("7.25"),
        filled=Decimal("0.125"),
        price=Decimal("1.5"),
        trigger=Trigger(price=Decimal("1.375")),
        close_reason=CloseReason.OPERATOR,
    )
    return filled(order, examples)


def full_pending(examples: Examples) -> PendingPosition:
    """
    Return a pending position with every field set.
    """
    ref = examples.ref()
    pending = PendingPosition(
        ref=ref,
        key=full_key(examples),
        side=Side.SHORT,
        requested_quantity=Decimal("12.5"),
        requested_price=Decimal("1.875"),
        orders=(full_order(examples, ref),),
        created_at=examples.at(),
    )
    return filled(pending, examples)


def full_held(examples: Examples, held: PersistedPosition) -> PersistedPosition:
    """
    Return *held* one version later, with every field set and no two alike.
    """
    full = replace(
        held,
        confidence=Confidence.SUSPECT,
        origin=Origin.ADOPTED,
        entered_quantity=Decimal("11.5"),
        entered_cost=Decimal("20.125"),
        exited_quantity=Decimal("3.5"),
        exited_cost=Decimal("6.0625"),
        orders=(*held.orders, full_exit(examples, held.ref, len(held.orders))),
        protection=Protection(
            stop_price=Decimal("2.5"),
            stop_order_id=examples.venue_order(),
            take_profit_price=Decimal("0.5"),
            take_profit_order_id=examples.venue_order(),
        ),
        version=held.version + 1,
    )
    return filled(full, examples)


def full_closed(examples: Examples, closed: ClosedPosition) -> ClosedPosition:
    """
    Return *closed* with every field set and no two alike.
    """
    full = replace(closed, reason=CloseReason.STOP_LOSS, exited_cost=Decimal("18.75"))
    return filled(full, examples)


def full_fill(examples: Examples, key: PositionKey, ref: PositionRef | None) -> StoredFill:
    """
    Return a fill with every field set: of the second order of *ref*, or unclaimed where there is none.
    """
    order = examples.order(examples.ref() if ref is None else ref)
    fill = Fill(
        venue=key.venue,
        account=key.account,
        symbol=key.symbol,
        trade_id=examples.trade(),
        side=OrderSide.SELL,
        quantity=Decimal("0.375"),
        price=Decimal("1.625"),
        at=examples.at(),
        venue_order_id=examples.venue_order(),
        client_order_id=order.client_order_id,
        leg=Leg.LONG,
        fees=(
            Fee(cost=Decimal("0.00012"), currency="USDT"),
            Fee(cost=Decimal("-0.0000034"), currency="BNB"),
        ),
        closed=Decimal("0.125"),
    )
    return StoredFill(
        fill=filled(fill, examples),
        ref=ref,
        ordinal=None if ref is None else 1,
        unclaimed_because="two positions could have it" if ref is None else None,
    )


def full_header(
    examples: Examples, pending: PendingPosition, kind: str, *, schema: int = LIFE_EVENT_SCHEMA
) -> EventHeader:
    """
    Return a header with every field set.
    """
    header = EventHeader(
        id=examples.event_id(),
        type=kind,
        schema=schema,
        ref=pending.ref,
        venue=pending.key.venue,
        account=pending.key.account,
        symbol=pending.key.symbol,
        order=3,
        severity=Severity.WARNING,
        occurred_at=examples.at(),
        run=examples.run,
        correlation=examples.change_id(),
        causation=examples.event_id(),
        actor=Actor.RECOVERY,
    )
    return filled(header, examples)


def life_bodies() -> tuple[LifeBody, ...]:
    """
    Return one body of each life event, with every field set.
    """
    side, quantity, price = OrderSide.SELL, Decimal("0.375"), Decimal("1.234E-9")
    ours, theirs, trade = ClientOrderId("ours-1"), VenueOrderId("theirs-1"), TradeId("trade-1")
    opened_at = datetime(2026, 3, 4, 5, 6, 7, 890123, tzinfo=UTC)
    return (
        PositionClaimed(side=Side.SHORT, requested_quantity=quantity, requested_price=price),
        OrderPrepared(
            purpose=OrderPurpose.INCREASE,
            side=side,
            quantity=quantity,
            price=price,
            client_order_id=ours,
            trigger_price=Decimal("1.625"),
        ),
        OrderSubmitting(client_order_id=ours),
        OrderAcknowledged(venue_order_id=theirs),
        OrderAmended(
            quantity_before=quantity,
            quantity=Decimal("4.75"),
            price_before=price,
            price=Decimal("1.9375"),
        ),
        OrderSeenAtVenue(venue_order_id=theirs, before=OrderStatus.IN_DOUBT, after=OrderStatus.WORKING),
        OrderRejected(),
        OrderInDoubt(),
        OrderAbandoned(),
        OrderEnded(status=OrderStatus.CANCELED, filled=quantity, overfilled=True),
        OrderTakenOver(from_run=_RUN),
        FillApplied(
            trade_id=trade, side=side, quantity=quantity, price=price, venue_order_id=theirs, late=True
        ),
        FillUnclaimed(
            trade_id=trade,
            side=side,
            quantity=quantity,
            price=price,
            venue_order_id=theirs,
        ),
        FillConflicted(
            trade_id=trade,
            stored_side=OrderSide.BUY,
            stored_quantity=quantity,
            stored_price=price,
            seen_side=side,
            seen_quantity=Decimal("0.5"),
            seen_price=Decimal("1E+13"),
        ),
        PositionEnded(),
        PositionOpened(side=Side.SHORT, quantity=quantity, entry_price=price, origin=Origin.IMPORTED),
        PositionIncreased(quantity=quantity, entry_price=price),
        PositionReduced(quantity=quantity),
        PositionProtected(
            protection=Protection(
                stop_price=Decimal("2.5"),
                stop_order_id=theirs,
                take_profit_price=Decimal("0.5"),
                take_profit_order_id=VenueOrderId("theirs-2"),
            )
        ),
        PositionClosing(reason=CloseReason.TAKE_PROFIT),
        ClosingWithdrawn(quantity=quantity),
        PositionClosed(
            reason=CloseReason.LIQUIDATION,
            entry_price=price,
            exit_price=Decimal("2.5"),
            opened_at=opened_at,
            closed_at=opened_at.replace(hour=6),
        ),
    )


_RUN = RunId(Examples().run)
