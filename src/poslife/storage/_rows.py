"""
Positions, orders and fills as rows, and back. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from poslife._domain.fills import Fill, StoredFill
from poslife._domain.identifiers import PositionKey
from poslife._domain.orders import Order, Trigger
from poslife._domain.position_status import PositionStatus
from poslife._domain.positions import (
    ClosedPosition,
    PendingPosition,
    PersistedPosition,
    Position,
)
from poslife._domain.protection import Protection
from poslife.storage._columns import FILLS, ORDERS, POSITIONS
from poslife.storage._mapping import Row, Value, reader_of, value_of, writer_of

__all__ = ["fill_from", "fill_row", "key_row", "order_from", "order_row", "position_from", "position_row"]


def key_row(key: PositionKey) -> tuple[str, str, str, str, str]:
    """
    Return venue, account, symbol, leg and margin mode.
    """
    return (
        key.venue,
        key.account,
        key.symbol,
        key.leg.value,
        "" if key.margin_mode is None else key.margin_mode.value,
    )


_pending_row: Final = writer_of(POSITIONS, PendingPosition)
_persisted_row: Final = writer_of(POSITIONS, PersistedPosition)
# A closed position has exited all that it has entered.
_closed_row: Final = writer_of(POSITIONS, ClosedPosition, exited_quantity="entered_quantity")


def position_row(position: Position) -> tuple[Value, ...]:
    """
    Return the row, with the columns `POSITIONS`.
    """
    match position:
        case PendingPosition():
            return _pending_row(position)
        case PersistedPosition():
            return _persisted_row(position)
        case ClosedPosition():
            return _closed_row(position)


def _protection(**fields: Any) -> Protection | None:
    if fields["stop_price"] is None and fields["take_profit_price"] is None:
        return None
    return Protection(**fields)


_read_pending: Final = reader_of(POSITIONS, PendingPosition, key=PositionKey)
_read_persisted: Final = reader_of(POSITIONS, PersistedPosition, key=PositionKey, protection=_protection)
_read_closed: Final = reader_of(POSITIONS, ClosedPosition, key=PositionKey)


def position_from(row: Row, orders: Sequence[Order]) -> Position:
    """
    Return the position of a row with the columns `POSITIONS`, and of its orders by ordinal.
    """
    match PositionStatus(value_of(row, "status", str)):
        case PositionStatus.PENDING | PositionStatus.ENDED:
            return _read_pending(row, orders=tuple(orders))
        case PositionStatus.OPEN | PositionStatus.CLOSING:
            return _read_persisted(row, orders=tuple(orders))
        case PositionStatus.CLOSED:
            return _read_closed(row, orders=tuple(orders))


def _trigger(price: Any) -> Trigger | None:
    return None if price is None else Trigger(price=price)


order_row: Final = writer_of(ORDERS, Order)
"""
Return the row, with the columns `ORDERS`.
"""

order_from: Final = reader_of(ORDERS, Order, trigger=_trigger)
"""
Return the order of a row with the columns `ORDERS`.
"""

fill_row: Final = writer_of(FILLS, StoredFill)
"""
Return the row, with the columns `FILLS`.
"""

fill_from: Final = reader_of(FILLS, StoredFill, fill=Fill)
"""
Return the fill of a row with the columns `FILLS`.
"""
