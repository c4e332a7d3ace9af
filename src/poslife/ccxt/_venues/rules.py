"""
`VenueRules`: how an order is found at one venue, and what its responses say and cover.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import Literal

from poslife._domain.identifiers import Leg

__all__ = ["LEG_WORDS", "LookupMethod", "VenueRules"]

LookupMethod = Literal["fetch_order", "fetch_open_orders", "fetch_canceled_and_closed_orders"]
"""
A method of ccxt that returns orders.
"""

LEG_WORDS: Mapping[str, Leg] = MappingProxyType(
    {
        "both": Leg.NET,
        "net": Leg.NET,
        "oneway": Leg.NET,
        "single": Leg.NET,
        "long": Leg.LONG,
        "dual_long": Leg.LONG,
        "short": Leg.SHORT,
        "dual_short": Leg.SHORT,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueRules:
    """
    The rules of one venue, as ccxt presents it.

    Attributes:
        lookups: ccxt's methods that look an order up, called in turn until one returns it.
        lookup_parameter: Their parameter for the client order id.
        lookup_order_parameter: The list methods' parameter for the venue order id.
        lookup_window: An order created within this time is found by its client order id, in every state;
            ``None`` where the venue promises nothing, so that absence is never proven.
        trade_order_name: The field of a trade's ``info`` with the client order id, or ``None``.
        trade_id_parts: The fields that form a trade's id, where the venue's own id is not unique.
        trade_sequence: The field of ``info`` that numbers trades in order of execution: ccxt sorts by time
            and id, and so mixes trades of one millisecond.
        trade_kind: The field of ``info`` with the kind of execution, or ``None`` where all are trades.
        executions: The kinds that change a position. A kind in neither this nor *no_executions* is an error.
        no_executions: The kinds that are returned as trades but change no position, such as funding payments.
        trades_parameter: The parameter of ``fetch_my_trades`` that filters by client order id, or ``None``.
        trades_order_parameter: The parameter that filters by venue order id, or ``None``.
        trades_extra: Further parameters of ``fetch_my_trades``.
        trades_window: The age up to which the venue is trusted to return fills.
        trades_span: The longest time that one call may cover.
        trades_limit: The maximum number of trades in one response.
        trades_of_all: The response is cut before ccxt filters by symbol, so all symbols are requested.
        positions_extra: Parameters of ``fetch_positions`` for the whole account.
        positions_cover: The market fields, and their values, of the markets that this request covers.
        positions_beyond: Markets whose ``info`` has this field are not covered after all.
        positions_by_symbol: A request for one symbol works for every market, also outside *positions_cover*.
        positions_limit: The maximum number of positions in one response.
        leg_fields: The fields of ``info`` that may name the leg; the first with a value counts.
        legs: The leg for each of their values, in lower case.
        hedge_fields: The fields of ``info`` with the position mode; in one-way mode *leg_fields* name only a
            direction.
        hedge_words: Their values, in lower case, that mean hedge mode.
        close_in_position_side: In hedge mode a closing trade has the position's side, not the order's.
        fees_negated_where: If ``info`` has this field, ccxt returns a paid fee as negative.
        pages: Responses come in pages, with a cursor in ``info``.
    """

    lookups: tuple[LookupMethod, ...] = ("fetch_order",)
    lookup_parameter: str = "clientOrderId"
    lookup_order_parameter: str = "orderId"
    lookup_window: timedelta | None = None
    trade_order_name: str | None = None
    trade_id_parts: tuple[str, ...] = ("id",)
    trade_sequence: str | None = None
    trade_kind: str | None = None
    executions: frozenset[str] = frozenset()
    no_executions: frozenset[str] = frozenset()
    trades_parameter: str | None = None
    trades_order_parameter: str | None = None
    trades_extra: Mapping[str, object] = field(default_factory=dict[str, object])
    trades_window: timedelta
    trades_span: timedelta
    trades_limit: int
    trades_of_all: bool = False
    positions_extra: Mapping[str, object] = field(default_factory=dict[str, object])
    positions_cover: Mapping[str, object] = field(default_factory=dict[str, object])
    positions_beyond: str | None = None
    positions_by_symbol: bool = False
    positions_limit: int | None = None
    leg_fields: tuple[str, ...] = ()
    legs: Mapping[str, Leg] = field(default_factory=dict[str, Leg])
    hedge_fields: tuple[str, ...] = ()
    hedge_words: frozenset[str] = frozenset()
    close_in_position_side: bool = False
    fees_negated_where: str | None = None
    pages: bool = False
