"""
What is known of each venue: how an order is found by our name for it, and what its answers cover. Data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType

from poslife._identifiers import Venue

__all__ = ["VENUE_RULES", "VenueRules"]


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueRules:
    """
    One venue, as ccxt shows it.

    Attributes:
        lookup_parameter: The parameter of ccxt's ``fetch_order`` that takes our name for an order.
        lookup_extra: Further parameters of that call.
        lookup_window: An order made within this time would be found, whatever became of it; ``None``
            where the venue
            promises nothing, so that absence there is never proven.
        trade_order_name: Where a trade's ``info`` has our name for its order, or ``None``.
        trades_parameter: The parameter of ``fetch_my_trades`` that filters by our name, or ``None``.
        trades_order_parameter: The one that filters by the venue's, or ``None``.
        trades_extra: Further parameters of that call.
        trades_window: How far back one call reaches.
        trades_limit: The most trades in one answer.
        positions_limit: The most positions in one answer.
        pages: Answers come in pages, with a cursor in ``info``.
        trade_id_parts: What a trade's id is made of, where its own is not unique.
    """

    lookup_parameter: str = "clientOrderId"
    lookup_extra: Mapping[str, object] = field(default_factory=dict[str, object])
    lookup_window: timedelta | None = None
    trade_order_name: str | None = None
    trades_parameter: str | None = None
    trades_order_parameter: str | None = None
    trades_extra: Mapping[str, object] = field(default_factory=dict[str, object])
    trades_window: timedelta
    trades_limit: int
    positions_limit: int | None = None
    pages: bool = False
    trade_id_parts: tuple[str, ...] = ("id",)


_BINANCE = VenueRules(
    lookup_window=timedelta(days=3),
    trades_window=timedelta(days=7),
    trades_limit=1000,
    trades_order_parameter="orderId",
)
_KUCOIN = VenueRules(lookup_parameter="clientOid", trades_window=timedelta(days=7), trades_limit=100)

VENUE_RULES: Mapping[Venue, VenueRules] = MappingProxyType(
    {
        Venue("binance"): _BINANCE,
        Venue("binanceusdm"): _BINANCE,
        Venue("binancecoinm"): _BINANCE,
        Venue("bybit"): VenueRules(
            lookup_parameter="orderLinkId",
            lookup_extra={"acknowledged": True},
            # Canceled and rejected orders without a fill are shown for a day.
            lookup_window=timedelta(hours=23),
            trade_order_name="orderLinkId",
            trades_parameter="orderLinkId",
            trades_order_parameter="orderId",
            # ccxt asks for Trade alone, which hides liquidations and auto-deleveraging.
            trades_extra={"execType": ""},
            trades_window=timedelta(days=7),
            trades_limit=100,
            positions_limit=200,
            pages=True,
        ),
        Venue("okx"): VenueRules(
            # Canceled orders without a fill are shown for two hours.
            lookup_window=timedelta(hours=2),
            trade_order_name="clOrdId",
            trades_order_parameter="ordId",
            trades_window=timedelta(days=3),
            trades_limit=100,
        ),
        Venue("gate"): VenueRules(
            # An order's text is searched for a minute after it has ended.
            lookup_window=timedelta(seconds=60),
            trade_order_name="text",
            trades_window=timedelta(days=7),
            trades_limit=1000,
        ),
        Venue("bitget"): VenueRules(
            lookup_parameter="clientOid",
            trade_order_name="clientOid",
            trades_order_parameter="orderId",
            trades_window=timedelta(days=7),
            trades_limit=100,
        ),
        Venue("hyperliquid"): VenueRules(
            trade_order_name="cloid",
            trades_window=timedelta(days=7),
            trades_limit=2000,
            trade_id_parts=("id", "order", "timestamp"),
        ),
        Venue("bingx"): VenueRules(trades_window=timedelta(days=7), trades_limit=512),
        Venue("kucoin"): _KUCOIN,
        Venue("kucoinfutures"): _KUCOIN,
    }
)
"""
The venues that are known. HTX, Deribit, krakenfutures and mexc are not: through ccxt their orders cannot be
found, or not
even be sent, by a name of ours.
"""
