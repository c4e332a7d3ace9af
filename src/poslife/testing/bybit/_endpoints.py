"""
The endpoints: how each request is parsed, checked and answered. Pure; HTTP is in ``_http_server``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from enum import Enum
from typing import TypeVar

from poslife.testing.bybit._exchange import Exchange
from poslife.testing.bybit._faults import DrawnFaults, Refusal
from poslife.testing.bybit._order_checks import OrderTicket, Refused
from poslife.testing.bybit._orders import (
    OrderStatus,
    OrderType,
    Side,
    SimulatedFill,
    SimulatedOrder,
    TimeInForce,
)
from poslife.testing.bybit._requests import Endpoint
from poslife.testing.bybit._responses import (
    Json,
    execution_row,
    instrument_row,
    milliseconds,
    order_row,
    position_row,
    ticker_row,
    wallet,
)

__all__ = ["execute_request"]

RECENT_CLOSED_ORDERS = 500
DEFAULT_WINDOW = timedelta(days=7)
NOT_SIMULATED = (
    "triggerPrice",
    "takeProfit",
    "stopLoss",
    "closeOnTrigger",
    "tpslMode",
    "orderFilter",
    "trailingStop",
)

Parameters = Mapping[str, str]
WordT = TypeVar("WordT", bound=Enum)
RowT = TypeVar("RowT")


def execute_request(
    exchange: Exchange, endpoint: Endpoint, parameters: Parameters, drawn: DrawnFaults
) -> Json:
    """
    Execute a request and return the ``result`` of its response.

    Args:
        exchange: The exchange.
        endpoint: The endpoint.
        parameters: The query or the body, every value as text.
        drawn: The faults that apply to this request.

    Raises:
        Refused: With the venue's return code.
    """
    exchange.settle()
    refusal = drawn.find(Refusal)
    if refusal is not None:
        if refusal.applied:
            _execute(exchange, endpoint, parameters, drawn)
        raise Refused(refusal.code, refusal.message)
    return _execute(exchange, endpoint, parameters, drawn)


def _execute(exchange: Exchange, endpoint: Endpoint, parameters: Parameters, drawn: DrawnFaults) -> Json:
    if endpoint is Endpoint.CREATE_ORDER:
        return _create_order(exchange, parameters, drawn)
    if endpoint is Endpoint.POSITIONS:
        return _positions(exchange, parameters, drawn)
    return _HANDLERS[endpoint](exchange, parameters)


# -- orders


def _create_order(exchange: Exchange, parameters: Parameters, drawn: DrawnFaults) -> Json:
    _check_category(parameters)
    for field in NOT_SIMULATED:
        if parameters.get(field, "") not in ("", "false", "0", "Order"):
            raise Refused(10001, f"params error: {field} is not simulated")
    order_type = _word(OrderType, parameters, "orderType")
    ticket = OrderTicket(
        symbol=_required(parameters, "symbol"),
        side=_word(Side, parameters, "side"),
        type=order_type,
        quantity=_number(parameters, "qty"),
        price=_number(parameters, "price") if order_type is OrderType.LIMIT else None,
        time_in_force=_word(TimeInForce, parameters, "timeInForce", default=TimeInForce.GTC),
        order_link_id=parameters.get("orderLinkId", ""),
        reduce_only=parameters.get("reduceOnly") == "true",
        position_index=_integer(parameters, "positionIdx", 0),
    )
    return _names(exchange.place(ticket, drawn.handling()))


def _cancel_order(exchange: Exchange, parameters: Parameters) -> Json:
    _check_category(parameters)
    _listed(exchange, _required(parameters, "symbol"))
    identifier = parameters.get("orderId") or parameters.get("orderLinkId")
    if not identifier:
        raise Refused(10001, "params error: orderId or orderLinkId is required")
    return _names(exchange.cancel(identifier))


def _names(order: SimulatedOrder) -> Json:
    return {"orderId": order.order_id, "orderLinkId": order.order_link_id}


def _open_orders(exchange: Exchange, parameters: Parameters) -> Json:
    _check_category(parameters)
    chosen = _choose_orders(exchange, parameters)
    closed = [order.order_id for order in exchange.account.visible_orders() if not order.status.is_open]
    recent = set(closed[-RECENT_CLOSED_ORDERS:])
    if _names_one(parameters):
        shown = [order for order in chosen if order.status.is_open or order.order_id in recent]
    elif parameters.get("openOnly") == "1":
        shown = [order for order in chosen if order.order_id in recent]
    else:
        shown = [order for order in chosen if order.status.is_open]
    return _page(shown, order_row, parameters, default=20, maximum=50)


def _order_history(exchange: Exchange, parameters: Parameters) -> Json:
    _check_category(parameters)
    chosen = [
        order for order in _choose_orders(exchange, parameters, any_symbol=True) if not order.status.is_open
    ]
    if parameters.get("orderStatus"):
        status = _word(OrderStatus, parameters, "orderStatus")
        chosen = [order for order in chosen if order.status is status]
    if not _names_one(parameters):
        start, end = _window(parameters, exchange.now())
        chosen = [order for order in chosen if start <= milliseconds(order.created_at) <= end]
    return _page(chosen, order_row, parameters, default=20, maximum=50)


def _choose_orders(
    exchange: Exchange, parameters: Parameters, *, any_symbol: bool = False
) -> Sequence[SimulatedOrder]:
    # The venue's own precedence: orderId, then orderLinkId, then symbol. It ignores empty and unknown
    # parameters.
    visible = exchange.account.visible_orders()
    if parameters.get("orderId"):
        return [order for order in visible if order.order_id == parameters["orderId"]]
    if parameters.get("orderLinkId"):
        return [order for order in visible if order.order_link_id == parameters["orderLinkId"]]
    in_scope = _scope(exchange, parameters, any_symbol=any_symbol)
    return [order for order in visible if in_scope(order.symbol)]


# -- executions, positions, wallet


def _executions(exchange: Exchange, parameters: Parameters) -> Json:
    _check_category(parameters)
    chosen: Sequence[SimulatedFill] = exchange.account.visible_fills()
    if parameters.get("orderId"):
        chosen = [fill for fill in chosen if fill.order_id == parameters["orderId"]]
    elif parameters.get("orderLinkId"):
        chosen = [fill for fill in chosen if fill.order_link_id == parameters["orderLinkId"]]
    else:
        in_scope = _scope(exchange, parameters, any_symbol=True)
        chosen = [fill for fill in chosen if in_scope(fill.symbol)]
    if parameters.get("execType"):
        chosen = [fill for fill in chosen if fill.kind.value == parameters["execType"]]
    start, end = _window(parameters, exchange.now())
    chosen = [fill for fill in chosen if start <= milliseconds(fill.executed_at) <= end]

    def row(fill: SimulatedFill) -> Json:
        return execution_row(fill, exchange.account.find_order(fill.order_id))

    return _page(chosen, row, parameters, default=50, maximum=100)


def _positions(exchange: Exchange, parameters: Parameters, drawn: DrawnFaults) -> Json:
    _check_category(parameters)
    in_scope = _scope(exchange, parameters)
    asked_by_symbol = bool(parameters.get("symbol"))
    chosen = [
        (symbol, position_index)
        for symbol in exchange.instruments
        if in_scope(symbol) and not drawn.hides(symbol)
        for position_index in exchange.position_indexes(symbol)
        # Only a request for one symbol returns its flat rows.
        if asked_by_symbol or exchange.account.visible_position(symbol, position_index).size
    ]

    def row(key: tuple[str, int]) -> Json:
        return position_row(exchange, *key)

    return _page(list(reversed(chosen)), row, parameters, default=20, maximum=200)


def _wallet(exchange: Exchange, parameters: Parameters) -> Json:
    if _required(parameters, "accountType") != "UNIFIED":
        raise Refused(10001, "accountType only support UNIFIED.")
    return wallet(exchange)


def _set_leverage(exchange: Exchange, parameters: Parameters) -> Json:
    _check_category(parameters)
    symbol = _listed(exchange, _required(parameters, "symbol"))
    leverage = _number(parameters, "buyLeverage")
    if not 1 <= leverage <= exchange.instruments[symbol].maximum_leverage:
        raise Refused(10001, "params error: buyLeverage invalid")
    if exchange.leverages[symbol] == leverage:
        raise Refused(110043, "leverage not modified")
    exchange.leverages[symbol] = leverage
    return {}


def _switch_mode(exchange: Exchange, parameters: Parameters) -> Json:
    _check_category(parameters)
    symbol = parameters.get("symbol")
    if not symbol and parameters.get("coin") != "USDT":
        raise Refused(10001, "params error: symbol or coin is required")
    mode = parameters.get("mode")
    if mode not in ("0", "3"):
        raise Refused(10001, "params error: mode is 0 or 3")
    exchange.switch_mode([_listed(exchange, symbol)] if symbol else exchange.instruments, hedged=mode == "3")
    return {}


# -- the market, the account


def _server_time(exchange: Exchange, _: Parameters) -> Json:
    nanoseconds = milliseconds(exchange.now()) * 1_000_000
    return {"timeSecond": str(nanoseconds // 1_000_000_000), "timeNano": str(nanoseconds)}


def _instruments(exchange: Exchange, parameters: Parameters) -> Json:
    _check_category(parameters)
    symbol = parameters.get("symbol")
    rows: list[Json] = []
    if parameters.get("status", "Trading") == "Trading":
        names = [_listed(exchange, symbol)] if symbol else list(exchange.instruments)
        rows = [instrument_row(exchange.instruments[name]) for name in names]
    return {"category": "linear", "list": rows, "nextPageCursor": ""}


def _tickers(exchange: Exchange, parameters: Parameters) -> Json:
    _check_category(parameters)
    symbol = parameters.get("symbol")
    names = [_listed(exchange, symbol)] if symbol else list(exchange.instruments)
    return {
        "category": "linear",
        "list": [ticker_row(exchange.instruments[name], exchange.mark_prices[name]) for name in names],
    }


def _query_api_key(_exchange: Exchange, _: Parameters) -> Json:
    return {"id": "1", "note": "simulated", "readOnly": 0, "unified": 0, "uta": 1, "isMaster": True}


def _account_info(_exchange: Exchange, _: Parameters) -> Json:
    return {"unifiedMarginStatus": 6, "marginMode": "REGULAR_MARGIN", "isMasterTrader": False}


_HANDLERS: Mapping[Endpoint, Callable[[Exchange, Parameters], Json]] = {
    Endpoint.ACCOUNT_INFO: _account_info,
    Endpoint.CANCEL_ORDER: _cancel_order,
    Endpoint.EXECUTIONS: _executions,
    Endpoint.INSTRUMENTS: _instruments,
    Endpoint.OPEN_ORDERS: _open_orders,
    Endpoint.ORDER_HISTORY: _order_history,
    Endpoint.QUERY_API_KEY: _query_api_key,
    Endpoint.SERVER_TIME: _server_time,
    Endpoint.SET_LEVERAGE: _set_leverage,
    Endpoint.SWITCH_MODE: _switch_mode,
    Endpoint.TICKERS: _tickers,
    Endpoint.WALLET: _wallet,
}


# -- parameters


def _check_category(parameters: Parameters) -> None:
    if parameters.get("category") != "linear":
        raise Refused(10001, "params error: only category linear is simulated")


def _listed(exchange: Exchange, symbol: str) -> str:
    if symbol not in exchange.instruments:
        raise Refused(10001, "Not supported symbols")
    return symbol


def _scope(exchange: Exchange, parameters: Parameters, *, any_symbol: bool = False) -> Callable[[str], bool]:
    symbol, base, settle = (parameters.get(field) for field in ("symbol", "baseCoin", "settleCoin"))
    if symbol:
        _listed(exchange, symbol)
        return lambda name: name == symbol
    if base:
        return lambda name: exchange.instruments[name].base == base
    if not settle and not any_symbol:
        raise Refused(
            10001,
            "Missing some parameters that must be filled in, symbol or settleCoin or baseCoin is required",
        )
    return lambda _: settle in (None, "", "USDT")


def _names_one(parameters: Parameters) -> bool:
    return bool(parameters.get("orderId") or parameters.get("orderLinkId"))


def _required(parameters: Parameters, field: str) -> str:
    value = parameters.get(field)
    if not value:
        raise Refused(10001, f"params error: {field} is required")
    return value


def _number(parameters: Parameters, field: str) -> Decimal:
    try:
        number = Decimal(_required(parameters, field))
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise Refused(10001, f"params error: {field} invalid")
    return number


def _integer(parameters: Parameters, field: str, default: int) -> int:
    value = parameters.get(field)
    if not value:
        return default
    if not value.isdecimal():
        raise Refused(10001, f"params error: {field} invalid")
    return int(value)


def _word(words: type[WordT], parameters: Parameters, field: str, *, default: WordT | None = None) -> WordT:
    value = parameters.get(field)
    if not value and default is not None:
        return default
    for word in words:
        if word.value == value:
            return word
    raise Refused(10001, f"params error: {field} invalid")


def _window(parameters: Parameters, now: datetime) -> tuple[int, int]:
    width = int(DEFAULT_WINDOW.total_seconds() * 1000)
    given_start, given_end = (_integer(parameters, field, -1) for field in ("startTime", "endTime"))
    end = given_end if given_end >= 0 else given_start + width if given_start >= 0 else milliseconds(now)
    start = given_start if given_start >= 0 else end - width
    if end - start > width:
        raise Refused(10001, "The time range between startTime and endTime cannot exceed 7 days")
    return start, end


def _page(
    oldest_first: Sequence[RowT],
    row: Callable[[RowT], Json],
    parameters: Parameters,
    *,
    default: int,
    maximum: int,
) -> Json:
    # Newest first. The cursor counts from the oldest row, so new rows do not shift it. As on the real venue,
    # every page with rows has a cursor, the last one too: only an empty page is the end.
    limit = min(max(_integer(parameters, "limit", default), 1), maximum)
    end = len(oldest_first)
    cursor = parameters.get("cursor")
    if cursor:
        position = cursor.replace("%3A", ":").removeprefix("before:")
        if not position.isdecimal():
            raise Refused(10001, "params error: cursor invalid")
        end = min(int(position), end)
    start = max(end - limit, 0)
    rows = [row(item) for item in reversed(oldest_first[start:end])]
    return {"category": "linear", "list": rows, "nextPageCursor": f"before%3A{start}" if rows else ""}
