"""
The columns of positions, orders, fills and events: one table for every SQL store. Pure.

Rows, statements, decoders and checks of schemas are made from it. A new column takes a field in
`poslife._domain`, a line here, and a line in each store's migrations.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import msgspec

from poslife._domain.event_envelopes import Actor, Severity
from poslife._domain.fills import Fee
from poslife._domain.identifiers import Leg, MarginMode, OrderSide, Side
from poslife._domain.orders import CloseReason, OrderPurpose, OrderStatus
from poslife._domain.position_status import PositionStatus
from poslife._domain.positions import Confidence, Origin

__all__ = [
    "EVENTS",
    "FILLS",
    "HEADER",
    "LIFE_EVENTS",
    "ORDERS",
    "POSITIONS",
    "RUN_EVENTS",
    "TABLES",
    "Column",
    "Encoded",
    "Kind",
    "names_of",
]


class Kind(enum.Enum):
    """
    The type of a column's values.
    """

    UUID = "uuid"
    INTEGER = "integer"
    """Up to 32 bits."""
    BIGINT = "bigint"
    """Up to 64 bits."""
    NUMBER = "number"
    """A `Decimal`, kept to its last digit."""
    TIME = "time"
    """In UTC, to the microsecond."""
    TEXT = "text"
    BYTES = "bytes"


class Encoded(NamedTuple):
    """
    Text that a value is written as, and read from.
    """

    write: Callable[[Any], str]
    read: Callable[[str], object]


def _fees_text(fees: tuple[Fee, ...]) -> str:
    return msgspec.json.encode(fees).decode()


FEES: Final = Encoded(_fees_text, msgspec.json.Decoder(tuple[Fee, ...]).decode)
"""
Fees as a JSON list of ``{"cost": text, "currency": text}``.
"""

JSON: Final = Encoded(bytes.decode, str.encode)
"""
JSON text, kept byte for byte.
"""


class Column(NamedTuple):
    """
    A column and the source of its values.

    Attributes:
        name: Its name, in every store.
        kind: The type of its values; those of an enumeration or an `Encoded` are text.
        null: It may be null.
        get: The path of attributes to its value; its name if empty. It is null for a class without the first
            attribute, and behind ``?.`` where the attribute before is ``None``.
        none: The text for ``None`` in a column that may not be null.
    """

    name: str
    kind: Kind | type[enum.Enum] | Encoded
    null: bool = False
    get: str = ""
    none: str | None = None

    @property
    def path(self) -> tuple[str, ...]:
        """
        The attributes of `get`.
        """
        return tuple((self.get or self.name).replace("?", "").split("."))

    @property
    def cells(self) -> Kind:
        """
        The type of its values in a store.
        """
        return self.kind if isinstance(self.kind, Kind) else Kind.TEXT


def names_of(columns: Sequence[Column]) -> tuple[str, ...]:
    """
    Return the names of columns.
    """
    return tuple(column.name for column in columns)


POSITIONS: Final = (
    Column("ref", Kind.UUID),
    Column("id", Kind.BIGINT, null=True),
    Column("status", PositionStatus),
    Column("version", Kind.INTEGER),
    Column("venue", Kind.TEXT, get="key.venue"),
    Column("account", Kind.TEXT, get="key.account"),
    Column("symbol", Kind.TEXT, get="key.symbol"),
    Column("leg", Leg, get="key.leg"),
    # Nulls are never equal, so that the unique index over the keys of live positions would not hold for them.
    Column("margin_mode", MarginMode, get="key.margin_mode", none=""),
    Column("side", Side),
    Column("confidence", Confidence, null=True),
    Column("origin", Origin, null=True),
    Column("requested_quantity", Kind.NUMBER),
    Column("requested_price", Kind.NUMBER, null=True),
    Column("entered_quantity", Kind.NUMBER, null=True),
    Column("entered_cost", Kind.NUMBER, null=True),
    Column("exited_quantity", Kind.NUMBER, null=True),
    Column("exited_cost", Kind.NUMBER, null=True),
    Column("stop_price", Kind.NUMBER, null=True, get="protection?.stop_price"),
    Column("stop_order_id", Kind.TEXT, null=True, get="protection?.stop_order_id"),
    Column("take_profit_price", Kind.NUMBER, null=True, get="protection?.take_profit_price"),
    Column("take_profit_order_id", Kind.TEXT, null=True, get="protection?.take_profit_order_id"),
    Column("close_reason", CloseReason, null=True, get="reason"),
    Column("created_at", Kind.TIME),
    Column("opened_at", Kind.TIME, null=True),
    Column("closed_at", Kind.TIME, null=True),
)
"""
The columns of a pending, a persisted or a closed position.
"""

ORDERS: Final = (
    Column("ref", Kind.UUID),
    Column("ordinal", Kind.INTEGER),
    Column("run", Kind.UUID),
    Column("purpose", OrderPurpose),
    Column("side", OrderSide),
    Column("quantity", Kind.NUMBER),
    Column("filled", Kind.NUMBER),
    Column("price", Kind.NUMBER, null=True),
    Column("trigger_price", Kind.NUMBER, null=True, get="trigger?.price"),
    Column("client_order_id", Kind.TEXT),
    Column("venue_order_id", Kind.TEXT, null=True),
    Column("status", OrderStatus),
    Column("prepared_at", Kind.TIME),
    Column("submitted_at", Kind.TIME, null=True),
    Column("close_reason", CloseReason, null=True),
)
"""
The columns of an order.
"""

FILLS: Final = (
    Column("venue", Kind.TEXT, get="fill.venue"),
    Column("account", Kind.TEXT, get="fill.account"),
    Column("symbol", Kind.TEXT, get="fill.symbol"),
    Column("trade_id", Kind.TEXT, get="fill.trade_id"),
    Column("side", OrderSide, get="fill.side"),
    Column("quantity", Kind.NUMBER, get="fill.quantity"),
    Column("price", Kind.NUMBER, get="fill.price"),
    Column("at", Kind.TIME, get="fill.at"),
    Column("venue_order_id", Kind.TEXT, null=True, get="fill.venue_order_id"),
    Column("client_order_id", Kind.TEXT, null=True, get="fill.client_order_id"),
    Column("leg", Leg, null=True, get="fill.leg"),
    Column("fees", FEES, get="fill.fees"),
    Column("closed", Kind.NUMBER, null=True, get="fill.closed"),
    Column("ref", Kind.UUID, null=True),
    Column("ordinal", Kind.INTEGER, null=True),
    Column("unclaimed_because", Kind.TEXT, null=True),
)
"""
The columns of a stored fill.
"""

HEADER: Final = (
    Column("event_id", Kind.UUID, get="header.id"),
    Column("type", Kind.TEXT, get="header.type"),
    Column("schema", Kind.INTEGER, get="header.schema"),
    Column("ref", Kind.UUID, null=True, get="header.ref"),
    Column("venue", Kind.TEXT, null=True, get="header.venue"),
    Column("account", Kind.TEXT, null=True, get="header.account"),
    Column("symbol", Kind.TEXT, null=True, get="header.symbol"),
    Column("ordinal", Kind.INTEGER, null=True, get="header.order"),
    Column("severity", Severity, get="header.severity"),
    Column("occurred_at", Kind.TIME, get="header.occurred_at"),
    Column("recorded_at", Kind.TIME),
    Column("run", Kind.UUID, get="header.run"),
    Column("correlation", Kind.UUID, null=True, get="header.correlation"),
    Column("causation", Kind.UUID, null=True, get="header.causation"),
    Column("actor", Actor, get="header.actor"),
)
"""
The columns of an event record in both tables of events.
"""

LIFE_EVENTS: Final = (
    *HEADER,
    Column("version", Kind.INTEGER),
    Column("index", Kind.INTEGER),
    Column("sequence", Kind.BIGINT, null=True),
    Column("format", Kind.INTEGER),
    Column("body", JSON, get="payload"),
    Column("salt", Kind.BYTES),
    Column("commitment", Kind.BYTES),
    Column("evidence", JSON, null=True),
    Column("evidence_salt", Kind.BYTES, null=True),
    Column("digest", Kind.BYTES),
)
"""
The columns of a life event's record.
"""

RUN_EVENTS: Final = (
    *HEADER,
    Column("sequence", Kind.BIGINT),
    Column("format", Kind.INTEGER),
    Column("payload", JSON, null=True),
    Column("salt", Kind.BYTES, null=True),
    Column("commitment", Kind.BYTES),
    Column("digest", Kind.BYTES),
)
"""
The columns of a host event's record. Payload and salt are null where they were erased.
"""

EVENTS: Final = (
    *HEADER,
    Column("version", Kind.INTEGER, null=True),
    Column("index", Kind.INTEGER, null=True),
    Column("sequence", Kind.BIGINT, null=True),
    Column("format", Kind.INTEGER),
    Column("content", JSON, null=True, get="payload"),
    Column("salt", Kind.BYTES, null=True),
    Column("commitment", Kind.BYTES),
    Column("evidence", JSON, null=True),
    Column("evidence_salt", Kind.BYTES, null=True),
    Column("digest", Kind.BYTES),
)
"""
The columns of an event record that is read from either table.
"""

TABLES: Final[Mapping[str, Sequence[Column]]] = MappingProxyType(
    {
        "positions": POSITIONS,
        "orders": ORDERS,
        "fills": FILLS,
        "life_events": LIFE_EVENTS,
        "run_events": RUN_EVENTS,
    }
)
"""
The columns of each table. A store may add columns that number the rows.
"""
