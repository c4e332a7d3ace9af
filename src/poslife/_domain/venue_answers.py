"""
Questions to a venue and its answers: orders, fills, positions, each answer with the part it covers.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from poslife._domain.checks import (
    require_bool,
    require_instance,
    require_label,
    require_member,
    require_name,
    require_names,
    require_tuple_of,
    require_utc,
)
from poslife._domain.decimals import exact_negation, require_decimal, require_positive
from poslife._domain.event_envelopes import Json
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
    "UnreadableRow",
    "VenuePosition",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderQuery:
    """
    A query for one order.

    Attributes:
        venue: The order's venue.
        account: The order's account.
        symbol: The order's symbol.
        client_order_id: The client order id.
        venue_order_id: The venue's id of the order, or ``None`` where it is not known.
        conditional: True for an order with a trigger, ``None`` where it may be one. Such an order is also
            looked for among the venue's conditional orders.
    """

    venue: Venue
    account: Account
    symbol: Symbol
    client_order_id: ClientOrderId
    venue_order_id: VenueOrderId | None = None
    conditional: bool | None = False

    def __post_init__(self) -> None:
        _check_place("OrderQuery", self)
        require_name("OrderQuery.client_order_id", self.client_order_id)
        if self.venue_order_id is not None:
            require_name("OrderQuery.venue_order_id", self.venue_order_id)
        if self.conditional is not None:
            require_bool("OrderQuery.conditional", self.conditional)


def _check_place(owner: str, query: OrderQuery | FillQuery) -> None:
    require_name(f"{owner}.venue", query.venue)
    require_name(f"{owner}.account", query.account)
    require_name(f"{owner}.symbol", query.symbol)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderSeen:
    """
    An order that the venue showed.

    Attributes:
        venue_order_id: The venue's id of the order.
        client_order_id: The client order id as the venue gave it back, or ``None``.
        side: Buy or sell.
        quantity: The requested quantity in contracts, above zero.
        filled: The filled quantity in contracts, by the venue. Positions are booked from fills, never from
            this.
        status: Working, filled, canceled, expired or rejected.
        at: The time at which the answer was received.
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
    An answer of the venue that does not show the order. It is a hint, not a proof.

    Attributes:
        at: The time at which the answer was received.
        conclusive_since: The time from which the look-up finds every order made, or ``None`` where the venue
            promises nothing.
        reason: The reason why nothing is promised, if there is a particular one.
    """

    at: datetime
    conclusive_since: datetime | None
    reason: str | None = None

    def __post_init__(self) -> None:
        require_utc("OrderNotSeen.at", self.at)
        if self.conclusive_since is not None:
            require_utc("OrderNotSeen.conclusive_since", self.conclusive_since)
        if self.reason is not None:
            require_instance("OrderNotSeen.reason", self.reason, str)
            if self.conclusive_since is not None:
                raise InvalidValue(
                    "OrderNotSeen.conclusive_since", self.conclusive_since, "None, since a reason is given"
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class FillQuery:
    """
    A query for fills.

    Attributes:
        venue: The fills' venue.
        account: The fills' account.
        symbol: The fills' symbol.
        since: The time at or after which they were executed, by the venue's clock, or ``None`` for any.
        client_order_id: The client order id of their order, or ``None`` for any order.
        venue_order_id: The venue's id of their order, or ``None`` for any order.
        cursor: The `FillPage.next_cursor` of the page before, or ``None`` for the first page.
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
class UnreadableRow:
    """
    A row of a venue's answer or message that could not be read as a fill.

    Attributes:
        venue: The venue that showed it.
        account: The account that it was shown for.
        symbol: Its symbol, or ``None`` where the row does not say it.
        reason: The reason, with the field and its value.
        row: The row as JSON has it, cut, cleaned and without secrets.
    """

    venue: Venue
    account: Account
    symbol: Symbol | None
    reason: str
    row: Json

    def __post_init__(self) -> None:
        require_name("UnreadableRow.venue", self.venue)
        require_name("UnreadableRow.account", self.account)
        if self.symbol is not None:
            require_label("UnreadableRow.symbol", self.symbol)
        require_instance("UnreadableRow.reason", self.reason, str)


@dataclass(frozen=True, slots=True, kw_only=True)
class FillPage:
    """
    A page of fills, oldest first. Iterating over it gives the fills.

    Attributes:
        fills: The fills that the venue showed.
        complete: True if no queried fill up to *at* is missing, once all pages are read.
        next_cursor: The cursor of the next page, or ``None`` on the last one.
        at: The time at which the answer was received.
        unreadable: The rows that could not be read. A page that has any is not *complete*: they may be fills.
    """

    fills: tuple[Fill, ...]
    complete: bool
    next_cursor: str | None
    at: datetime
    unreadable: tuple[UnreadableRow, ...] = ()

    def __post_init__(self) -> None:
        require_tuple_of("FillPage.fills", self.fills, Fill)
        require_bool("FillPage.complete", self.complete)
        if self.next_cursor is not None:
            require_instance("FillPage.next_cursor", self.next_cursor, str)
        require_utc("FillPage.at", self.at)
        require_tuple_of("FillPage.unreadable", self.unreadable, UnreadableRow)
        if self.complete and self.unreadable:
            raise InvalidValue("FillPage.complete", self.complete, "False, since rows are unreadable")

    def __iter__(self) -> Iterator[Fill]:
        return iter(self.fills)

    def __len__(self) -> int:
        return len(self.fills)

    def __getitem__(self, index: int) -> Fill:
        return self.fills[index]

    def __bool__(self) -> bool:
        """
        Return whether the page holds anything, an unreadable row included.
        """
        return bool(self.fills or self.unreadable)


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotScope:
    """
    The part of an account that a snapshot is to cover.

    Attributes:
        venue: The venue.
        account: The account.
        symbols: The symbols, or ``None`` for all that the adapter can see.
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
    A position as the venue shows it. A flat one is explicit: its quantity is zero.

    Attributes:
        key: Its key.
        side: Long or short; ``None`` only if it is flat.
        quantity: The quantity in contracts, zero or more.
        entry_price: The entry price in the quote currency as the venue computes it, or ``None`` where it does
            not give one.
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
    The positions that a venue showed in one answer.

    Attributes:
        scope: The part of the account that it was to cover.
        covers: The symbols it covers, including those it shows no row for; ``None`` for every symbol of the
            account.
        complete: True if every position within *covers* is in it. Only then does absence mean anything.
        positions: The positions shown.
        unreadable: The rows that could not be read, one sentence each. Nothing is known of their symbols.
        asked_at: The time before the request.
        at: The time at which the answer was received.
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
        Return the quantity that the venue holds of *key* in contracts, or ``None`` where that is not known.

        Above zero for long, below for short, zero for flat. It is not known where the key is not shown and
        the snapshot is incomplete, does not cover the symbol or has unreadable rows; nor where it shows a
        quantity of the symbol in another mode than the key's: hedge or one-way, with or without a margin
        mode.
        """
        if (self.scope.venue, self.scope.account) != (key.venue, key.account):
            return None
        for position in self.positions:
            if position.key == key:
                return exact_negation(position.quantity) if position.side is Side.SHORT else position.quantity
        if any(position.quantity and _is_in_another_mode(position.key, key) for position in self.positions):
            return None
        covered = self.covers is None or key.symbol in self.covers
        return Decimal(0) if covered and self.complete and not self.unreadable else None


def _is_in_another_mode(shown: PositionKey, key: PositionKey) -> bool:
    """
    Return whether *shown* is of the same symbol as *key* in another mode, and so may be the same position.
    """
    if (shown.venue, shown.account, shown.symbol) != (key.venue, key.account, key.symbol):
        return False
    one_way = (shown.leg is Leg.NET, key.leg is Leg.NET)
    without_mode = (shown.margin_mode is None, key.margin_mode is None)
    return one_way[0] is not one_way[1] or without_mode[0] is not without_mode[1]


class SubmitVerdict(enum.Enum):
    """
    The meaning of an exception that was raised by a submit.
    """

    REFUSED = "refused"
    """The venue has definitely not accepted the order."""
    UNKNOWN = "unknown"
    """The venue may have accepted the order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitContext:
    """
    The circumstances of a submit, for a classifier of its exceptions.

    Attributes:
        venue: The venue that the order was sent to.
        side: Buy or sell.
        in_doubt_before: True if an earlier order of the position is in doubt. Then even a lack of funds may
            be due to that order.
    """

    venue: Venue
    side: OrderSide
    in_doubt_before: bool
