"""
ccxt's clients with private streams: messages go through their own handlers, and nothing is connected.
"""

from __future__ import annotations

import json
from typing import Any

import ccxt.pro

from tests.ccxt.offline import client

AT = 1767225600123
OURS = "01kf0000000000000000000000"
OURS_IN_HEX = "0x019bf000000070008000000000000000"


class _Wire:
    """
    The part of a websocket that ccxt's handlers use.
    """

    def __init__(self) -> None:
        self.subscriptions: dict[str, Any] = {}
        self.futures: dict[str, Any] = {}
        self.url = "wss://nowhere"

    def resolve(self, *_: object) -> None: ...

    def reject(self, *_: object) -> None: ...


def heard(made: Any, message: Any) -> list[dict[str, Any]]:
    """
    Return what ``watch_my_trades`` gives for a message of the private stream.
    """
    made.myTrades = None
    handler = getattr(made, "handle_my_trades", None) or made.handle_my_trade
    handler(_Wire(), json.loads(json.dumps(message)))
    return list(made.myTrades or [])


def listed(made: Any, row: Any, symbol: str) -> dict[str, Any]:
    """
    Return what ``fetch_my_trades`` gives for a row of the venue's list.
    """
    trade: dict[str, Any] = made.parse_trade(json.loads(json.dumps(row)), made.market(symbol))
    return trade


def streaming(venue: str) -> Any:
    """
    Return a client of ``ccxt.pro`` that has loaded its markets.
    """
    return client(venue, namespace=ccxt.pro)


def binance(**changes: object) -> dict[str, Any]:
    """
    Return the order of Binance's ORDER_TRADE_UPDATE.
    """
    return {
        "s": "BTCUSDT",
        "c": OURS,
        "S": "BUY",
        "o": "MARKET",
        "q": "2",
        "p": "0",
        "x": "TRADE",
        "X": "FILLED",
        "i": 77,
        "l": "2",
        "z": "2",
        "L": "60000",
        "N": "USDT",
        "n": "0.3",
        "T": AT,
        "t": 9,
        "m": False,
        "R": False,
        "ps": "LONG",
        "rp": "0",
        **changes,
    }


def binance_row(**changes: object) -> dict[str, Any]:
    return {
        "symbol": "BTCUSDT",
        "id": 9,
        "orderId": 77,
        "side": "BUY",
        "price": "60000",
        "qty": "2",
        "realizedPnl": "0",
        "quoteQty": "120000",
        "commission": "0.3",
        "commissionAsset": "USDT",
        "time": AT,
        "positionSide": "LONG",
        "buyer": True,
        "maker": False,
        **changes,
    }


def bybit_row(**changes: object) -> dict[str, Any]:
    return {
        "category": "linear",
        "symbol": "BTCUSDT",
        "execFee": "0.3",
        "execId": "e-9",
        "execPrice": "60000",
        "execQty": "2",
        "execType": "Trade",
        "execValue": "120000",
        "isMaker": False,
        "feeRate": "0.0006",
        "leavesQty": "0",
        "orderId": "77",
        "orderLinkId": OURS,
        "orderQty": "2",
        "orderType": "Market",
        "side": "Buy",
        "execTime": str(AT),
        "seq": 5,
        "closedSize": "0",
        **changes,
    }


def bybit(*rows: dict[str, Any]) -> dict[str, Any]:
    return {"topic": "execution", "creationTime": AT, "data": list(rows)}


def okx(**changes: object) -> dict[str, Any]:
    order = {
        "accFillSz": "3",
        "avgPx": "60000",
        "cTime": str(AT - 5000),
        "category": "normal",
        "clOrdId": OURS,
        "execType": "T",
        # The fee of the whole order, of which this is the second fill.
        "fee": "-0.45",
        "feeCcy": "USDT",
        "fillFee": "-0.3",
        "fillFeeCcy": "USDT",
        "fillPx": "60000",
        "fillSz": "2",
        "fillTime": str(AT),
        "instId": "BTC-USDT-SWAP",
        "instType": "SWAP",
        "ordId": "77",
        "ordType": "market",
        "posSide": "long",
        "px": "",
        "side": "buy",
        "state": "filled",
        "sz": "3",
        "tdMode": "cross",
        "tradeId": "9",
        "uTime": str(AT + 2),
        **changes,
    }
    return {"arg": {"channel": "orders", "instType": "ANY"}, "data": [order]}


def okx_row(**changes: object) -> dict[str, Any]:
    return {
        "side": "buy",
        "fillSz": "2",
        "fillPx": "60000",
        "fee": "-0.3",
        "ordId": "77",
        "instType": "SWAP",
        "instId": "BTC-USDT-SWAP",
        "clOrdId": OURS,
        "posSide": "long",
        "billId": "1",
        "execType": "T",
        "tradeId": "9",
        "feeCcy": "USDT",
        # The time at which the row was made, a millisecond later.
        "ts": str(AT + 1),
        "fillTime": str(AT),
        **changes,
    }


def gate(**changes: object) -> dict[str, Any]:
    row = {
        "id": "9",
        "create_time": AT // 1000,
        "create_time_ms": AT,
        "contract": "BTC_USDT",
        "order_id": "77",
        "size": 2,
        "price": "60000",
        "role": "taker",
        "text": f"t-{OURS}",
        "fee": 0.3,
        "point_fee": 0,
        **changes,
    }
    return {"time": AT // 1000, "channel": "futures.usertrades", "event": "update", "result": [row]}


def gate_row(**changes: object) -> dict[str, Any]:
    return {
        "contract": "BTC_USDT",
        "trade_id": "9",
        "order_id": "77",
        "size": "2",
        "price": "60000",
        "role": "taker",
        "text": f"t-{OURS}",
        "fee": "0.3",
        "point_fee": "0",
        "close_size": "0",
        "create_time": AT / 1000,
        **changes,
    }


def bitget(**changes: object) -> dict[str, Any]:
    row = {
        "orderId": "77",
        "tradeId": "9",
        "clientOid": OURS,
        "symbol": "BTCUSDT",
        "orderType": "market",
        "side": "buy",
        "price": "60000",
        "baseVolume": "2",
        "quoteVolume": "120000",
        "profit": "0",
        "tradeSide": "open",
        "posMode": "hedge_mode",
        "tradeScope": "taker",
        "cTime": str(AT),
        "uTime": str(AT + 3),
        "feeDetail": [
            {"feeCoin": "USDT", "deduction": "no", "totalDeductionFee": "0", "totalFee": "-0.3"},
        ],
        **changes,
    }
    arg = {"instType": "USDT-FUTURES", "channel": "fill", "instId": "default"}
    return {"action": "snapshot", "arg": arg, "ts": AT, "data": [row]}


def bitget_row(**changes: object) -> dict[str, Any]:
    return {
        "tradeId": "9",
        "symbol": "BTCUSDT",
        "orderId": "77",
        "price": "60000",
        "baseVolume": "2",
        "side": "buy",
        "quoteVolume": "120000",
        "profit": "0",
        "enterPointSource": "api",
        "tradeSide": "open",
        "posMode": "hedge_mode",
        "tradeScope": "taker",
        "cTime": str(AT),
        "clientOid": OURS,
        "feeDetail": [
            {"deduction": "no", "feeCoin": "USDT", "totalDeductionFee": "0", "totalFee": "-0.3"},
        ],
        **changes,
    }


def bitget_unified(**changes: object) -> dict[str, Any]:
    row = {
        "symbol": "BTCUSDT",
        "orderType": "market",
        "updatedTime": str(AT + 7),
        "side": "buy",
        "orderId": "77",
        "execPnl": "0",
        "feeDetail": [{"feeCoin": "USDT", "fee": "0.3"}],
        "execTime": str(AT),
        "tradeScope": "taker",
        "tradeSide": "open",
        "execId": "9",
        "execPrice": "60000",
        "holdSide": "long",
        "execValue": "120000",
        "category": "USDT-FUTURES",
        "execQty": "2",
        "clientOid": OURS,
        **changes,
    }
    return {"action": "snapshot", "arg": {"instType": "UTA", "topic": "fill"}, "ts": AT, "data": [row]}


def bitget_unified_row(**changes: object) -> dict[str, Any]:
    return {
        "execId": "9",
        "orderId": "77",
        "clientOid": OURS,
        "category": "USDT-FUTURES",
        "symbol": "BTCUSDT",
        "orderType": "market",
        "side": "buy",
        "holdSide": "long",
        "tradeSide": "open",
        "execPrice": "60000",
        "execQty": "2",
        "execValue": "120000",
        "tradeScope": "taker",
        "feeDetail": [{"feeCoin": "USDT", "fee": "0.3"}],
        "createdTime": str(AT),
        "updatedTime": str(AT + 7),
        "execPnl": "0",
        **changes,
    }


def hyperliquid_row(**changes: object) -> dict[str, Any]:
    return {
        "coin": "BTC",
        "px": "60000",
        "sz": "2",
        "side": "B",
        "time": AT,
        "startPosition": "0.0",
        "dir": "Open Long",
        "closedPnl": "0.0",
        "hash": "0xab",
        "oid": 77,
        "crossed": True,
        # With the builder's part, by the venue's documentation.
        "fee": "0.3",
        "builderFee": "0.1",
        "tid": 9,
        "feeToken": "USDC",
        "cloid": OURS_IN_HEX,
        **changes,
    }


def hyperliquid(*rows: dict[str, Any]) -> dict[str, Any]:
    return {"channel": "userFills", "data": {"isSnapshot": False, "user": "0x0", "fills": list(rows)}}


def kucoin(**changes: object) -> dict[str, Any]:
    row = {
        "symbol": "XBTUSDTM",
        "orderType": "market",
        "side": "buy",
        "orderId": "77",
        "liquidity": "taker",
        "type": "match",
        "orderTime": AT - 1,
        "size": "2",
        "filledSize": "2",
        "matchPrice": "60000",
        "matchSize": "2",
        "tradeId": "9",
        "clientOid": OURS,
        "remainSize": "0",
        "status": "match",
        "ts": AT * 1_000_000,
        **changes,
    }
    return {
        "topic": "/contractMarket/tradeOrders",
        "type": "message",
        "subject": "orderChange",
        "data": row,
    }


def kucoin_row(**changes: object) -> dict[str, Any]:
    return {
        "symbol": "XBTUSDTM",
        "tradeId": "9",
        "orderId": "77",
        "side": "buy",
        "liquidity": "taker",
        "price": "60000",
        "size": 2,
        "value": "120",
        "feeRate": "0.0006",
        "fixFee": "0",
        "feeCurrency": "USDT",
        "tradeTime": AT * 1_000_000,
        "fee": "0.3",
        "settleCurrency": "USDT",
        "orderType": "market",
        "tradeType": "trade",
        # The time at which the row was made.
        "createdAt": AT + 37,
        **changes,
    }


def bingx(**changes: object) -> dict[str, Any]:
    order = {
        "s": "BTC-USDT",
        "c": OURS,
        "i": "77",
        "S": "BUY",
        "o": "MARKET",
        "q": "2",
        "p": "60000",
        "ap": "60000",
        "x": "TRADE",
        "X": "FILLED",
        "N": "USDT",
        "n": "-0.3",
        "T": AT,
        "t": "9",
        "l": "2",
        "L": "60000",
        "ps": "LONG",
        "rp": "0",
        "z": "2",
        **changes,
    }
    return {"e": "ORDER_TRADE_UPDATE", "E": AT, "o": order}


def bingx_row(**changes: object) -> dict[str, Any]:
    return {
        "orderId": "77",
        "symbol": "BTC-USDT",
        "type": "MARKET",
        "side": "BUY",
        "positionSide": "LONG",
        "tradeId": "9",
        "volume": "2",
        "tradePrice": "60000",
        "amount": "120000",
        "realizedPnl": "0",
        "commission": "-0.3",
        "currency": "USDT",
        "clientOrderID": OURS,
        "buyer": True,
        "maker": False,
        "tradeTime": AT,
        **changes,
    }
