"""
Queries for one account, and the responses of Bybit to them.
"""

from __future__ import annotations

from typing import Any

from poslife import Account, ClientOrderId, Symbol, Venue
from poslife.venues import OrderQuery, SnapshotScope
from tests.ccxt.offline import SYMBOLS

MAIN = Account("main")
BTC = Symbol("BTC/USDT:USDT")


def order_query(venue: str = "bybit", name: str = "a1") -> OrderQuery:
    return OrderQuery(
        venue=Venue(venue), account=MAIN, symbol=SYMBOLS[venue], client_order_id=ClientOrderId(name)
    )


def scope_of(venue: str, *symbols: Symbol) -> SnapshotScope:
    return SnapshotScope(venue=Venue(venue), account=MAIN, symbols=symbols or None)


def bybit_rows(*rows: dict[str, Any], cursor: str = "") -> dict[str, Any]:
    return {"retCode": 0, "retMsg": "OK", "result": {"list": list(rows), "nextPageCursor": cursor}}


def bybit_order(**changes: object) -> dict[str, Any]:
    return {
        "orderId": "o1",
        "orderLinkId": "a1",
        "symbol": "BTCUSDT",
        "side": "Buy",
        "orderType": "Market",
        "qty": "1",
        "cumExecQty": "1",
        "leavesQty": "0",
        "orderStatus": "Filled",
        "createdTime": "1767225600000",
        **changes,
    }
