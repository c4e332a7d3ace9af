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

__all__ = ["LEG_WORDS", "ConditionalOrders", "FeeFields", "LookupMethod", "TradeChannel", "VenueRules"]

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
class FeeFields:
    """
    The fields of a trade's ``info`` with its fees, where ccxt does not give them as the venue does.

    ccxt takes absolute values, so that a rebate looks paid, or keeps the venue's sign, or adds a part twice.

    Attributes:
        amount: The fields with the amount; the first that is there counts.
        currency: The field with the currency, or ``None`` where ccxt's currency is right.
        rows: The field with a list of fees, each with the fields above, or ``None`` for one fee in ``info``.
        paid_below_zero: The venue writes a paid fee as negative.
    """

    amount: tuple[str, ...]
    currency: str | None = None
    rows: str | None = None
    paid_below_zero: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeChannel:
    """
    The fields of trades that came by a private stream, or from one kind of account.

    Attributes:
        marks: Fields of ``info``; a trade that has them all came through this channel.
        order_name: The field of ``info`` with the client order id, or ``None`` for that of the rules.
        leg_fields: The fields that may name the leg; empty for those of the rules.
        fees: The fields with the fees, or ``None`` for those of the rules.
        time: The field with the time, or ``None`` for that of the rules.
    """

    marks: tuple[str, ...] = ()
    order_name: str | None = None
    leg_fields: tuple[str, ...] = ()
    fees: FeeFields | None = None
    time: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionalOrders:
    """
    The place of a venue's conditional orders, where they are apart from the others until they are triggered.

    No venue promises how long it shows an ended one there, so that not seeing one proves nothing.

    Attributes:
        lookups: ccxt's methods that look one up by its client order id, called in turn.
        id_lookups: The methods for its venue order id; empty for *lookups*.
        params: The parameters that ask for conditional orders.
        filtered: The lists take the order's name; else they are searched here.
        made_fields: The fields of ``info`` with the id of the order that the venue has made of it.
    """

    lookups: tuple[LookupMethod, ...] = ("fetch_order",)
    id_lookups: tuple[LookupMethod, ...] = ()
    params: Mapping[str, object] = field(default_factory=lambda: {"trigger": True})
    filtered: bool = True
    made_fields: tuple[str, ...] = ()


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
        conditional_together: The look-up finds conditional orders too.
        conditional: Their place, where they are apart. A venue with neither cannot be asked for them: the
            absence of an order that may be one is never proven.
        trade_order_name: The field of a trade's ``info`` with the client order id, or ``None``.
        trade_fees: The fields of ``info`` with a trade's fees, or ``None`` where ccxt's are right.
        trade_time: The field of ``info`` with the time of execution, in milliseconds or nanoseconds; ``None``
            where ccxt's time is right.
        trade_closed: The field of ``info`` with the quantity that the trade closed, or ``None``.
        trade_position_before: The field of ``info`` with the position before the trade, below zero for short;
            or ``None``.
        channels: The ways by which a trade is shown with other fields; the first whose marks it has counts.
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
        one_way: The venue has no hedge mode, so every trade and position is of the net leg.
        hedge_fields: The fields of ``info`` with the position mode; in one-way mode *leg_fields* name only a
            direction.
        hedge_words: Their values, in lower case, that mean hedge mode.
        close_in_position_side: In hedge mode a closing trade has the position's side, not the order's.
        pages: Responses come in pages, with a cursor in ``info``.
    """

    lookups: tuple[LookupMethod, ...] = ("fetch_order",)
    lookup_parameter: str = "clientOrderId"
    lookup_order_parameter: str = "orderId"
    lookup_window: timedelta | None = None
    conditional_together: bool = False
    conditional: ConditionalOrders | None = None
    trade_order_name: str | None = None
    trade_fees: FeeFields | None = None
    trade_time: str | None = None
    trade_closed: str | None = None
    trade_position_before: str | None = None
    channels: tuple[TradeChannel, ...] = ()
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
    one_way: bool = False
    hedge_fields: tuple[str, ...] = ()
    hedge_words: frozenset[str] = frozenset()
    close_in_position_side: bool = False
    pages: bool = False

    def channel_of(self, info: Mapping[str, object]) -> TradeChannel:
        """
        Return the fields of a trade with this ``info``.
        """
        came = next((one for one in self.channels if info.keys() >= set(one.marks)), TradeChannel())
        return TradeChannel(
            marks=came.marks,
            order_name=came.order_name or self.trade_order_name,
            leg_fields=came.leg_fields or self.leg_fields,
            fees=came.fees or self.trade_fees,
            time=came.time or self.trade_time,
        )
