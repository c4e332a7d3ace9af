"""
The error responses by which venues refuse orders every day. Data.

Sources: freqtrade/freqtrade #8681 (OKX 51112) and #6739 (Binance -2022), ccxt/ccxt #12442 and #7040 (Binance
-4061) and #14437 (Bitget 40808), germangar/whook #13 (Bitget 400172), hummingbot/hummingbot #8284
(Hyperliquid), the answers quoted in ccxt's tables of codes, and the venues' lists of codes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Body = Mapping[str, Any]


def plain(code: object, text: str) -> Body:
    return {"code": code, "msg": text, "data": None}


def bybit(code: int, text: str) -> Body:
    return {"retCode": code, "retMsg": text, "result": {}, "retExtInfo": {}, "time": 1}


def okx(code: str, text: str) -> Body:
    row = {"clOrdId": "a1", "ordId": "", "sCode": code, "sMsg": text, "tag": ""}
    return {"code": "1", "msg": "All operations failed", "data": [row]}


def gate(label: str, text: str = "said so") -> Body:
    return {"label": label, "message": text}


def hyperliquid(*statuses: object) -> Body:
    return {"status": "ok", "response": {"type": "order", "data": {"statuses": list(statuses)}}}


def error(text: str) -> Body:
    return hyperliquid({"error": text})


EVERYDAY_REFUSALS: Mapping[str, tuple[Body, ...]] = {
    "binanceusdm": (
        plain(-2019, "Margin is insufficient."),
        plain(-2022, "ReduceOnly Order is rejected."),
        plain(-4061, "Order's position side does not match user's setting."),
        plain(-4164, "Order's notional must be no smaller than 5 (unless you choose reduce only)."),
        plain(
            -5022, "Due to the order could not be executed as maker, the Post Only order will be rejected."
        ),
        plain(-4131, "The counterparty's best price does not meet the PERCENT_PRICE filter limit."),
        plain(-1111, "Precision is over the maximum defined for this asset."),
        plain(-2027, "Exceeded the maximum allowable position at current leverage."),
        plain(-1021, "Timestamp for this request is outside of the recvWindow."),
        plain(-4003, "Quantity less than or equal to zero."),
        plain(-4140, "Invalid symbol status for opening position"),
    ),
    "bybit": (
        bybit(110007, "ab not enough for new order"),
        bybit(110017, "current position is zero, cannot fix reduce-only order qty"),
        bybit(110094, "Order does not meet minimum order value 5USDT"),
        bybit(10001, "position idx not match position mode"),
        bybit(10002, "invalid request, please check your server timestamp or recv_window param"),
        bybit(110003, "Order price is out of permissible range"),
        bybit(110066, "No trading is allowed at the current time"),
        bybit(170140, "Order value exceeded lower limit"),
        bybit(170218, "The LIMIT-MAKER order is rejected due to invalid price."),
    ),
    "okx": (
        okx("51008", "Order failed. Insufficient USDT margin in account"),
        okx("51112", "Close order size exceeds available size for this position"),
        okx("51121", "Order quantity must be a multiple of the lot size."),
        okx("51000", "Parameter posSide error"),
        okx(
            "51169", "Order failed because you don't have any positions in this direction to reduce or close."
        ),
        okx(
            "51170",
            "Failed to place order. A reduce-only order can't be the same direction as your position.",
        ),
        okx("51023", "Position does not exist"),
        plain("50102", "Timestamp request expired"),
    ),
    "gate": (
        gate("INSUFFICIENT_AVAILABLE", "balance not enough"),
        gate("ORDER_POC_IMMEDIATE", "order price 1700 while counter price 1793.55"),
        gate("POC_FILL_IMMEDIATELY", "Order would match and take immediately so its cancelled"),
        gate("EMPTY_POSITION", "empty position"),
        gate("INCREASE_POSITION", "reduce only would increase"),
        gate("RISK_LIMIT_EXCEEDED", "limit"),
        gate("CONTRACT_IN_DELISTING"),
        gate("ORDER_FOK"),
    ),
    "bitget": (
        plain("40762", "The order size is greater than the max open size"),
        plain("40774", "The order type for unilateral position must also be the unilateral position type."),
        plain("400172", "side mismatch"),
        plain("22002", "No position to close"),
        plain("45110", "less than the minimum amount 5 USDT"),
        plain("40808", "Parameter verification exception delegate count 0 > 0"),
        plain("40004", "Request timestamp expired"),
        plain("25203", "Insufficient margin"),
    ),
    "kucoin": (
        plain("300003", "Account.Available balance insufficient"),
        plain("300012", "Order Error. Short order price must be larger than the liquidation price"),
        plain(
            "330005", "The order's margin mode does not match the selected one. Please switch and try again."
        ),
        plain("100001", "Quantity parameter cannot be empty."),
        plain("300009", "No open positions to close."),
        plain("126009", "Trading pair is suspended from creating orders"),
    ),
    "hyperliquid": (
        error("Order must have minimum value of $10. asset=0"),
        error("Insufficient margin to place order. asset=0"),
        error("Reduce only order would increase position. asset=0"),
        error("Order could not immediately match against any resting orders. asset=0"),
        error("Post only order would have immediately matched, bbo was 1@2. asset=0"),
        error("Order price cannot be more than 80% away from the reference price"),
        error("Price must be divisible by tick size. asset=0"),
        {"status": "err", "response": "User or API Wallet 0xb8a6f8b26223de27c3 does not exist."},
        {
            "status": "err",
            "response": "Too many cumulative requests sent (3 > 2) for cumulative volume traded $4",
        },
    ),
    "bingx": (
        plain(101204, "Insufficient margin"),
        plain(109400, "Invalid parameters, the minimum order amount is 0.0001 BTC"),
        plain(101290, "The Reduce Only order can only decrease the position"),
        plain(100440, "The order price deviates greatly from the market price"),
        plain(110425, "Please ensure that the minimum nominal value of the order must be greater than 2u"),
        plain(80012, '{"Code":101253,"Msg":"margin is not enough"}'),
    ),
}
"""
Responses that say of one new order that it was not taken.
"""

DOUBTFUL_ANSWERS: Mapping[str, tuple[Body, ...]] = {
    "binanceusdm": (
        plain(-1007, "Timeout waiting for response from backend server. Send status unknown."),
        plain(-1001, "Internal error; unable to process your request. Please try again."),
        plain(-4116, "ClientOrderId is duplicated."),
        plain(-4117, "Stop order is triggering."),
        plain(-99999, "a new code"),
        {**plain(-2019, "Margin is insufficient."), "orderId": 12345},
    ),
    "bybit": (
        bybit(10016, "System error. Please try again later."),
        bybit(110072, "OrderLinkedID is duplicate"),
        bybit(170035, "Submitted to the system for processing!"),
        bybit(110008, "Order has been finished or canceled"),
        bybit(10006, "Too many visits"),
    ),
    "okx": (
        okx("51016", "Duplicated client order ID"),
        okx("0", ""),
        okx("98765", "a new code"),
        plain("50004", "Endpoint request timeout"),
        plain("1", "Operation failed"),
        {"code": "1", "msg": "", "data": [{"ordId": "777", "sCode": "51008", "sMsg": "Insufficient margin"}]},
        {"code": "1", "msg": "", "data": [{"ordId": "", "sCode": "0"}, {"ordId": "", "sCode": "51008"}]},
        {"code": "1", "msg": "", "data": [{"ordId": "", "sCode": "51008"}, {"ordId": "", "sCode": "51008"}]},
    ),
    "gate": (
        gate("INVALID_PARAM_VALUE", "order text already exists"),
        gate("BAD_REQUEST", "upstream timed out"),
        gate("REPEATED_CREATION"),
        gate("SERVER_ERROR"),
        gate("INTERNAL"),
        gate("ORDER_CLOSED"),
        gate("NEW"),
    ),
    "bitget": (
        plain("40015", "System is abnormal, please try again later"),
        plain("40786", "Duplicate clientOid"),
        plain("40010", "Duplicate clientOid"),
        plain("25001", "Operation timed out"),
        plain("45001", "Unknown error"),
    ),
    "kucoin": (
        plain("408000", "Network timeout, please try again later"),
        plain("126044", "clientOid duplicate"),
        plain("400100", "The clientOid is duplicate"),
        plain("100001", "error.getOrder.orderNotExist"),
        plain("500000", "Internal Server Error"),
    ),
    "hyperliquid": (
        error("Invalid nonce: duplicate nonce"),
        error("Something new"),
        {"status": "err", "response": "Internal error"},
        hyperliquid({"resting": {"oid": 77}}, {"error": "Insufficient margin to place order. asset=0"}),
        hyperliquid(
            {"error": "Order has zero size."}, {"error": "Insufficient margin to place order. asset=0"}
        ),
    ),
    "bingx": (
        plain(109201, "the same order number is only allowed to be submitted once within 1 second"),
        plain(109400, "Invalid parameters, clientOrderId already exists"),
        plain(80012, "service unavailable"),
        plain(101500, "rpc timeout"),
        plain(109500, "The current system is busy, please try again later"),
    ),
}
"""
Responses after which the order may exist: duplicates, time-outs, internal errors, batches, new codes.
"""
