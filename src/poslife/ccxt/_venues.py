"""
Rules of each venue: how an order is found by its client order id, and what the responses cover. Data.

Time windows are slightly shorter than the venue's own, because a request takes time to arrive.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from types import MappingProxyType
from typing import Literal

from poslife._domain.identifiers import Leg, Venue
from poslife.errors import UnknownVenueFormat

__all__ = ["VENUE_RULES", "LookupMethod", "VenueRules", "rules_of"]

LookupMethod = Literal["fetch_order", "fetch_open_orders", "fetch_canceled_and_closed_orders"]
"""
A method of ccxt that returns orders.
"""

_LEG_WORDS: Mapping[str, Leg] = MappingProxyType(
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
_LEG_INDEXES: Mapping[str, Leg] = MappingProxyType({"0": Leg.NET, "1": Leg.LONG, "2": Leg.SHORT})


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


_BINANCE = VenueRules(
    # Canceled and expired orders without a fill are returned for three days.
    lookup_window=timedelta(hours=71),
    trade_sequence="id",
    trades_order_parameter="orderId",
    trades_window=timedelta(days=179),
    trades_span=timedelta(days=6, hours=23),
    trades_limit=1000,
    positions_extra=MappingProxyType({"subType": "linear"}),
    positions_cover=MappingProxyType({"contract": True, "linear": True, "option": False}),
    leg_fields=("positionSide",),
    legs=_LEG_WORDS,
)
_KUCOIN = VenueRules(
    lookup_parameter="clientOid",
    trades_order_parameter="orderId",
    trades_window=timedelta(days=7),
    trades_span=timedelta(hours=23),
    trades_limit=1000,
    positions_cover=MappingProxyType({"contract": True}),
    leg_fields=("positionSide",),
    legs=_LEG_WORDS,
)

VENUE_RULES: Mapping[Venue, VenueRules] = MappingProxyType(
    {
        Venue("binance"): _BINANCE,
        Venue("binanceusdm"): _BINANCE,
        Venue("binancecoinm"): replace(
            _BINANCE,
            positions_extra=MappingProxyType({"subType": "inverse"}),
            positions_cover=MappingProxyType({"contract": True, "inverse": True, "option": False}),
        ),
        Venue("bybit"): VenueRules(
            # `fetch_order` reaches only the account's last 500 closed orders, and with a client order id it
            # also sends an empty `orderId`. The lists accept the id, and the second continues the first.
            lookups=("fetch_open_orders", "fetch_canceled_and_closed_orders"),
            lookup_parameter="orderLinkId",
            # Canceled and rejected orders without a fill are returned for a day.
            lookup_window=timedelta(hours=23),
            trade_order_name="orderLinkId",
            trade_sequence="seq",
            trade_kind="execType",
            executions=frozenset(
                {
                    "Trade",
                    "AdlTrade",
                    "BustTrade",
                    "Delivery",
                    "Settle",
                    "BlockTrade",
                    "MovePosition",
                    "FutureSpread",
                }
            ),
            no_executions=frozenset({"Funding"}),
            trades_parameter="orderLinkId",
            trades_order_parameter="orderId",
            # ccxt's default, Trade, leaves out liquidations and auto-deleveraging; empty means all kinds.
            trades_extra=MappingProxyType({"execType": ""}),
            trades_window=timedelta(days=729),
            trades_span=timedelta(days=6, hours=23),
            trades_limit=100,
            positions_extra=MappingProxyType({"settleCoin": "USDT", "subType": "linear"}),
            positions_cover=MappingProxyType({"contract": True, "linear": True, "settle": "USDT"}),
            positions_by_symbol=True,
            positions_limit=200,
            leg_fields=("positionIdx",),
            legs=_LEG_INDEXES,
            pages=True,
        ),
        Venue("okx"): VenueRules(
            # Canceled orders without a fill are returned for two hours.
            lookup_window=timedelta(minutes=115),
            trade_order_name="clOrdId",
            trade_sequence="billId",
            trades_order_parameter="ordId",
            trades_window=timedelta(days=89),
            trades_span=timedelta(days=89),
            trades_limit=100,
            positions_cover=MappingProxyType({"contract": True, "option": False}),
            leg_fields=("posSide",),
            legs=_LEG_WORDS,
        ),
        Venue("gate"): VenueRules(
            # A client order id is found until a minute after its order has ended.
            lookup_window=timedelta(seconds=50),
            trade_order_name="text",
            trade_sequence="trade_id",
            trades_window=timedelta(days=30),
            trades_span=timedelta(days=30),
            trades_limit=1000,
            positions_extra=MappingProxyType({"settle": "usdt", "holding": True}),
            positions_cover=MappingProxyType({"swap": True, "linear": True, "settle": "USDT"}),
            positions_limit=100,
            leg_fields=("mode",),
            legs=_LEG_WORDS,
        ),
        Venue("bitget"): VenueRules(
            lookup_parameter="clientOid",
            trade_order_name="clientOid",
            trade_sequence="tradeId",
            trades_order_parameter="orderId",
            trades_window=timedelta(days=89),
            trades_span=timedelta(days=6, hours=23),
            trades_limit=100,
            positions_extra=MappingProxyType({"productType": "USDT-FUTURES"}),
            positions_cover=MappingProxyType({"contract": True, "linear": True, "settle": "USDT"}),
            leg_fields=("holdSide", "posSide"),
            legs=_LEG_WORDS,
            hedge_fields=("posMode", "holdMode"),
            hedge_words=frozenset({"hedge_mode"}),
            close_in_position_side=True,
            fees_negated_where="execId",
        ),
        Venue("hyperliquid"): VenueRules(
            trade_order_name="cloid",
            # Trade ids are not unique.
            trade_id_parts=("id", "order", "timestamp"),
            # Only the last 10,000 fills are kept, however old.
            trades_window=timedelta(days=1),
            trades_span=timedelta(days=1),
            trades_limit=2000,
            trades_of_all=True,
            positions_cover=MappingProxyType({"swap": True, "settle": "USDC"}),
            # Builder-deployed exchanges (HIP-3) must be requested one by one.
            positions_beyond="hip3",
            leg_fields=("type",),
            legs=_LEG_WORDS,
        ),
        Venue("bingx"): VenueRules(
            trade_order_name="clientOrderID",
            trades_order_parameter="orderId",
            trades_window=timedelta(days=29),
            trades_span=timedelta(days=29),
            trades_limit=512,
            positions_extra=MappingProxyType({"subType": "linear"}),
            positions_cover=MappingProxyType({"swap": True, "linear": True}),
            leg_fields=("positionSide",),
            legs=_LEG_WORDS,
            hedge_fields=("onlyOnePosition",),
            hedge_words=frozenset({"false"}),
        ),
        Venue("kucoin"): _KUCOIN,
        Venue("kucoinfutures"): _KUCOIN,
    }
)
"""
The supported venues.

HTX, Deribit, krakenfutures and mexc are not supported: through ccxt an order there cannot be found by its
client order id, or not even be sent with one. BingX returns the fills of linear contracts without an id and
a side, so they cannot be read, and the filled quantity of an order there is not known from them.
"""

_UNSUPPORTED: Mapping[Venue, str] = MappingProxyType(
    {
        Venue("htx"): "ccxt drops a client order id that is not an integer",
        Venue("deribit"): "ccxt sends the client order id as `label`, and finds no order by it",
        Venue("krakenfutures"): "ccxt finds no order by its client order id",
        Venue("mexc"): "ccxt finds no order by its client order id",
    }
)


def rules_of(venue: Venue, rules: VenueRules | None = None) -> VenueRules:
    """
    Return *rules* if given, else those in `VENUE_RULES`.

    Raises:
        UnknownVenueFormat: There are none.
    """
    known = VENUE_RULES.get(venue) if rules is None else rules
    if known is None:
        reason = f" ({_UNSUPPORTED[venue]})" if venue in _UNSUPPORTED else ""
        raise UnknownVenueFormat(
            venue, VENUE_RULES, missing=f"way to ask through ccxt{reason}", give="rules=VenueRules(…)"
        )
    return known
