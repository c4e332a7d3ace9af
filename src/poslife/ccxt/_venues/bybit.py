"""
Bybit.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType

from poslife._domain.identifiers import Leg
from poslife.ccxt._venues.rules import VenueRules

__all__ = ["BYBIT"]

_LEG_INDEXES: Mapping[str, Leg] = MappingProxyType({"0": Leg.NET, "1": Leg.LONG, "2": Leg.SHORT})

BYBIT = VenueRules(
    conditional_together=True,
    # `fetch_order` reaches only the account's last 500 closed orders, and with a client order id it
    # also sends an empty `orderId`. The lists accept the id, and the second continues the first.
    lookups=("fetch_open_orders", "fetch_canceled_and_closed_orders"),
    lookup_parameter="orderLinkId",
    # Canceled and rejected orders without a fill are returned for a day.
    lookup_window=timedelta(hours=23),
    trade_order_name="orderLinkId",
    trade_closed="closedSize",
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
)
