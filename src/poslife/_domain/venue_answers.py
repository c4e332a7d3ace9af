"""
What a venue says: orders looked up, fills, positions; each with what the answer covers. Pure.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from poslife._domain.checks import (
    require_bool,
    require_instance,
    require_member,
    require_name,
    require_names,
    require_tuple_of,
    require_utc,
)
from poslife._domain.decimals import require_decimal, require_positive
from poslife._domain.fills import Fill
from poslife._domain.identifiers import (
    Account,
    ClientOrderId,
    Leg,
    OrderSide,
    PositionKey,
    Side,
    Symbol,
    Venue,
    VenueOrderId,
)
from poslife._domain.orders import OrderStatus
from poslife.errors import InvalidValue

__all__ = [
    "FillPage",
    "FillQuery",
    "OrderNotSeen",
    "OrderQuery",
    "OrderSeen",
    "Snapshot",
    "SnapshotScope",
    "SubmitContext",
    "SubmitVerdict",
    "VenuePosition",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderQuery:
    """
    Which order is asked for.

    Attributes:
        venue: Where.
        account: In which account.
        symbol: Of which symbol.
        client_order_id: Our name for it.
        venue_order_id: The venue's name for it, where it is known.
    """

    venue: Venue
    account: Account
    symbol: Symbol
    client_order_id: ClientOrderId
    venue_order_id: VenueOrderId | None = None

    def __post_init__(self) -> None:
        _check_place("OrderQuery", self)
        require_name("OrderQuery.client_order_id", self.client_order_id)
        if self.venue_order_id is not None:
            require_name("OrderQuery.venue_order_id", self.venue_order_id)


def _check_place(owner: str, query: OrderQuery | FillQuery) -> None:
    require_name(f"{owner}.venue", query.venue)
    require_name(f"{owner}.account", query.account)
    require_name(f"{owner}.symbol", query.symbol)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderSeen:
    """
    The venue showed the order.

    Attributes:
        venue_order_id: The venue's name for it.
        client_order_id: Our name for it, as the venue gave it back, or ``None``.
        side: Buy or sell.
        quantity: What was asked for, in contracts.
        filled: What the venue says is filled; the position is booked from fills, never from this.
        status: Where it is: working, filled, canceled, expired or rejected.
        at: When the answer was received.
    """

    venue_order_id: VenueOrderId
    client_order_id: ClientOrderId | None
    side: OrderSide
    quantity: Decimal
    filled: Decimal
    status: OrderStatus
    at: datetime

    def __post_init__(self) -> None:
        require_name("OrderSeen.venue_order_id", self.venue_order_id)
        if self.client_order_id is not None:
            require_name("OrderSeen.client_order_id", self.client_order_id)
        require_member("OrderSeen.side", self.side, OrderSide)
        require_positive("OrderSeen.quantity", self.quantity)
        if require_decimal("OrderSeen.filled", self.filled) < 0:
            raise InvalidValue("OrderSeen.filled", self.filled, "a Decimal of zero or more")
        require_member("OrderSeen.status", self.status, OrderStatus)
        require_utc("OrderSeen.at", self.at)
        if self.status in (
            OrderStatus.PREPARED,
            OrderStatus.SUBMITTING,
            OrderStatus.IN_DOUBT,
            OrderStatus.ABANDONED,
        ):
            raise InvalidValue(
                "OrderSeen.status",
                self.status,
                "a status that a venue can show: working, filled, canceled, expired or rejected",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderNotSeen:
    """
    The venue answered, and did not show the order. That is a hint, not a proof.

    Attributes:
        at: When the answer was received.
        conclusive_since: The look-up would have found an order made at or after this time; ``None`` where the
            venue promises nothing.
    """

    at: datetime
    conclusive_since: datetime | None

    def __post_init__(self) -> None:
        require_utc("OrderNotSeen.at", self.at)
        if self.conclusive_since is not None:
            require_utc("OrderNotSeen.conclusive_since", self.conclusive_since)


@dataclass(frozen=True, slots=True, kw_only=True)
class FillQuery:
    """
    Which fills are asked for.

    Attributes:
        venue: Where.
        account: In which account.
        symbol: Of which symbol.
        since: Executed at or after this time.
        client_order_id: Only this order's, by our name.
        venue_order_id: Only this order's, by the venue's name.
        cursor: `FillPage.next_cursor` of the page before.
    """

    venue: Venue
    account: Account
    symbol: Symbol
    since: datetime | None = None
    client_order_id: ClientOrderId | None = None
    venue_order_id: VenueOrderId | None = None
    cursor: str | None = None

    def __post_init__(self) -> None:
        _check_place("FillQuery", self)
        if self.since is not None:
            require_utc("FillQuery.since", self.since)
        if self.client_order_id is not None:
            require_name("FillQuery.client_order_id", self.client_order_id)
        if self.venue_order_id is not None:
            require_name("FillQuery.venue_order_id", self.venue_order_id)
        if self.cursor is not None:
            require_instance("FillQuery.cursor", self.cursor, str)


@dataclass(frozen=True, slots=True, kw_only=True)
class FillPage:
    """
    Fills, oldest first.

    Attributes:
        fills: What the venue showed.
        complete: Nothing that was asked for is missing up to *at*, once all pages are read.
        next_cursor: Where to go on, or ``None`` on the last page.
        at: When the answer was received.
    """

    fills: tuple[Fill, ...]
    complete: bool
    next_cursor: str | None
    at: datetime

    def __post_init__(self) -> None:
        require_tuple_of("FillPage.fills", self.fills, Fill)
        require_bool("FillPage.complete", self.complete)
        if self.next_cursor is not None:
            require_instance("FillPage.next_cursor", self.next_cursor, str)
        require_utc("FillPage.at", self.at)


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotScope:
    """
    What a snapshot is asked to cover.

    Attributes:
        venue: Where.
        account: In which account.
        symbols: Only these, or ``None`` for all the adapter can see.
    """

    venue: Venue
    account: Account
    symbols: tuple[Symbol, ...] | None = None

    def __post_init__(self) -> None:
        require_name("SnapshotScope.venue", self.venue)
        require_name("SnapshotScope.account", self.account)
        if self.symbols is not None:
            require_names("SnapshotScope.symbols", self.symbols)


@dataclass(frozen=True, slots=True, kw_only=True)
class VenuePosition:
    """
    One position as the venue shows it. A flat one is explicit: its quantity is zero.

    Attributes:
        key: What it is.
        side: Long or short; ``None`` only when it is flat.
        quantity: In contracts, zero or more.
        entry_price: As the venue reckons it, or ``None`` where it does not say.
    """

    key: PositionKey
    side: Side | None
    quantity: Decimal
    entry_price: Decimal | None = None

    def __post_init__(self) -> None:
        require_instance("VenuePosition.key", self.key, PositionKey)
        if self.side is not None:
            require_member("VenuePosition.side", self.side, Side)
        if require_decimal("VenuePosition.quantity", self.quantity) < 0:
            raise InvalidValue("VenuePosition.quantity", self.quantity, "a Decimal of zero or more")
        if self.side is None and self.quantity:
            raise InvalidValue("VenuePosition.side", self.side, "a Side, since the quantity is not zero")
        if self.entry_price is not None:
            require_positive("VenuePosition.entry_price", self.entry_price)


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """
    What one venue said at one time.

    Attributes:
        scope: What it was asked to cover.
        covers: The symbols it says something about, those it shows no row for included; ``None`` where it
            covers every symbol of the account.
        complete: Every position within *covers* is in it; only then does absence mean anything.
        positions: What it shows.
        unreadable: Rows that could not be read, one sentence each. Their symbols say nothing.
        asked_at: Before the request.
        at: When the answer was received.
    """

    scope: SnapshotScope
    covers: tuple[Symbol, ...] | None
    complete: bool
    positions: tuple[VenuePosition, ...]
    unreadable: tuple[str, ...] = ()
    asked_at: datetime
    at: datetime

    def __post_init__(self) -> None:
        require_instance("Snapshot.scope", self.scope, SnapshotScope)
        if self.covers is not None:
            require_names("Snapshot.covers", self.covers)
        require_bool("Snapshot.complete", self.complete)
        require_tuple_of("Snapshot.positions", self.positions, VenuePosition)
        require_tuple_of("Snapshot.unreadable", self.unreadable, str)
        require_utc("Snapshot.asked_at", self.asked_at)
        require_utc("Snapshot.at", self.at)

    def quantity_of(self, key: PositionKey) -> Decimal | None:
        """
        What the venue holds of *key*, signed; ``None`` where the snapshot does not say.

        Positive for long, negative for short, zero for nothing. A venue that shows the symbol in another
        mode than the key's, hedge or one-way, with or without its margin mode, does not say.
        """
        if (self.scope.venue, self.scope.account) != (key.venue, key.account):
            return None
        for position in self.positions:
            if position.key == key:
                return -position.quantity if position.side is Side.SHORT else position.quantity
        if any(position.quantity and _is_in_another_mode(position.key, key) for position in self.positions):
            return None
        covered = self.covers is None or key.symbol in self.covers
        return Decimal(0) if covered and self.complete and not self.unreadable else None


def _is_in_another_mode(shown: PositionKey, key: PositionKey) -> bool:
    """
    Whether a venue shows the symbol in another mode than *key* is of: then it may be the same position.
    """
    if (shown.venue, shown.account, shown.symbol) != (key.venue, key.account, key.symbol):
        return False
    one_way = (shown.leg is Leg.NET, key.leg is Leg.NET)
    without_mode = (shown.margin_mode is None, key.margin_mode is None)
    return one_way[0] is not one_way[1] or without_mode[0] is not without_mode[1]


class SubmitVerdict(enum.Enum):
    """
    What an exception out of a submit means.
    """

    REFUSED = "refused"
    """The venue has definitely not taken the order."""
    UNKNOWN = "unknown"
    """It may have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitContext:
    """
    What a classifier may need to know of the submit.

    Attributes:
        venue: Where it went.
        side: Buy or sell.
        in_doubt_before: An earlier order of the position is in doubt; then even a lack of funds may be its
            doing.
    """

    venue: Venue
    side: OrderSide
    in_doubt_before: bool
