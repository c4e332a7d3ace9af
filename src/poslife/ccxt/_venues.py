"""
What is known of each venue: how an order is found by our name for it, and what its answers cover. Data.

Windows are a little shorter than the venue's own, since a question takes time to arrive.
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
A method of ccxt's that shows orders.
"""

_WORDS: Mapping[str, Leg] = MappingProxyType(
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
_INDEXES: Mapping[str, Leg] = MappingProxyType({"0": Leg.NET, "1": Leg.LONG, "2": Leg.SHORT})


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueRules:
    """
    One venue, as ccxt shows it.

    Attributes:
        lookups: The methods of ccxt's that are asked for an order, one after the other until one shows it.
        lookup_parameter: Their parameter that takes our name for an order.
        lookup_order_parameter: That of a list, which takes the venue's name.
        lookup_window: An order made within this time would be found by our name, whatever became of it;
            ``None`` where the venue promises nothing, so that absence there is never proven.
        trade_order_name: Where a trade's ``info`` has our name for its order, or ``None``.
        trade_id_parts: What a trade's id is made of, where the venue's own is not unique.
        trade_sequence: Where ``info`` numbers trades in the order they were made: ccxt sorts by time and id,
            and so mixes those of one millisecond.
        trade_kind: Where ``info`` says what kind of execution a trade is, or ``None`` where all are trades.
        executions: The kinds that change a position; others but *no_executions* cannot be read.
        no_executions: The kinds that are shown as trades and change no position: funding payments.
        trades_parameter: The parameter of ``fetch_my_trades`` that filters by our name, or ``None``.
        trades_order_parameter: The one that filters by the venue's, or ``None``.
        trades_extra: Further parameters of that call.
        trades_window: For how long fills are trusted to be shown.
        trades_span: How much time one call may cover.
        trades_limit: The most trades in one answer.
        trades_of_all: The answer is cut before ccxt picks the symbol: then all symbols are asked for.
        positions_extra: Parameters of ``fetch_positions`` for the whole account.
        positions_cover: What ccxt says of the markets that this covers.
        positions_beyond: Markets whose ``info`` has this are not covered after all.
        positions_by_symbol: Asked for one symbol, the venue answers for any, also beyond *positions_cover*.
        positions_limit: The most positions in one answer.
        leg_fields: Where ``info`` says which leg it is; the first that is there counts.
        legs: The leg for each word, in lower case, found there.
        hedge_fields: Where ``info`` says whether *leg_fields* name a leg, or only a direction.
        hedge_words: The words, in lower case, for hedge mode.
        close_in_position_side: In hedge mode a closing trade has its position's side, not its order's.
        fees_negated_where: Where ``info`` has this field, ccxt shows a fee that was paid as negative.
        pages: Answers come in pages, with a cursor in ``info``.
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
    # Canceled and expired orders without a fill are shown for three days.
    lookup_window=timedelta(hours=71),
    trade_sequence="id",
    trades_order_parameter="orderId",
    trades_window=timedelta(days=179),
    trades_span=timedelta(days=6, hours=23),
    trades_limit=1000,
    positions_extra=MappingProxyType({"subType": "linear"}),
    positions_cover=MappingProxyType({"contract": True, "linear": True, "option": False}),
    leg_fields=("positionSide",),
    legs=_WORDS,
)
_KUCOIN = VenueRules(
    lookup_parameter="clientOid",
    trades_order_parameter="orderId",
    trades_window=timedelta(days=7),
    trades_span=timedelta(hours=23),
    trades_limit=1000,
    positions_cover=MappingProxyType({"contract": True}),
    leg_fields=("positionSide",),
    legs=_WORDS,
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
            # `fetch_order` reaches the account's last 500 closed orders alone, and by our name it sends an
            # empty `orderId` too; the lists take the name, and the second goes on where the first ends.
            lookups=("fetch_open_orders", "fetch_canceled_and_closed_orders"),
            lookup_parameter="orderLinkId",
            # Canceled and rejected orders without a fill are shown for a day.
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
            # ccxt asks for Trade alone, which hides liquidations and auto-deleveraging; empty is all kinds.
            trades_extra=MappingProxyType({"execType": ""}),
            trades_window=timedelta(days=729),
            trades_span=timedelta(days=6, hours=23),
            trades_limit=100,
            positions_extra=MappingProxyType({"settleCoin": "USDT", "subType": "linear"}),
            positions_cover=MappingProxyType({"contract": True, "linear": True, "settle": "USDT"}),
            positions_by_symbol=True,
            positions_limit=200,
            leg_fields=("positionIdx",),
            legs=_INDEXES,
            pages=True,
        ),
        Venue("okx"): VenueRules(
            # Canceled orders without a fill are shown for two hours.
            lookup_window=timedelta(minutes=115),
            trade_order_name="clOrdId",
            trade_sequence="billId",
            trades_order_parameter="ordId",
            trades_window=timedelta(days=89),
            trades_span=timedelta(days=89),
            trades_limit=100,
            positions_cover=MappingProxyType({"contract": True, "option": False}),
            leg_fields=("posSide",),
            legs=_WORDS,
        ),
        Venue("gate"): VenueRules(
            # A name of ours is searched for until a minute after its order has ended.
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
            legs=_WORDS,
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
            legs=_WORDS,
            hedge_fields=("posMode", "holdMode"),
            hedge_words=frozenset({"hedge_mode"}),
            close_in_position_side=True,
            fees_negated_where="execId",
        ),
        Venue("hyperliquid"): VenueRules(
            trade_order_name="cloid",
            # Trade ids come more than once.
            trade_id_parts=("id", "order", "timestamp"),
            # Only the last 10,000 fills are kept, however old.
            trades_window=timedelta(days=1),
            trades_span=timedelta(days=1),
            trades_limit=2000,
            trades_of_all=True,
            positions_cover=MappingProxyType({"swap": True, "settle": "USDC"}),
            # Each exchange built by others on top answers for itself.
            positions_beyond="hip3",
            leg_fields=("type",),
            legs=_WORDS,
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
            legs=_WORDS,
            hedge_fields=("onlyOnePosition",),
            hedge_words=frozenset({"false"}),
        ),
        Venue("kucoin"): _KUCOIN,
        Venue("kucoinfutures"): _KUCOIN,
    }
)
"""
The venues that are known.

HTX, Deribit, krakenfutures and mexc are not: through ccxt an order cannot be found there by a name of ours,
or not even be sent under one. BingX shows the fills of linear contracts without an id and a side, so that
they cannot be read: what an order there has filled is not known from them.
"""

_REFUSED: Mapping[Venue, str] = MappingProxyType(
    {
        Venue("htx"): "ccxt leaves out a client order id there that is not an integer",
        Venue("deribit"): "ccxt sends `label` there, and finds no order by it",
        Venue("krakenfutures"): "ccxt finds no order there by its client order id",
        Venue("mexc"): "ccxt finds no order there by its client order id",
    }
)


def rules_of(venue: Venue, rules: VenueRules | None = None) -> VenueRules:
    """
    *rules*, or those known for *venue*.

    Raises:
        UnknownVenueFormat: There are none.
    """
    known = VENUE_RULES.get(venue) if rules is None else rules
    if known is None:
        because = f" ({_REFUSED[venue]})" if venue in _REFUSED else ""
        raise UnknownVenueFormat(
            venue, VENUE_RULES, missing=f"way to ask through ccxt{because}", give="rules=VenueRules(…)"
        )
    return known
