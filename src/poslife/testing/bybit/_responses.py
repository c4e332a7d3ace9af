"""
The rows of the venue's responses: numbers and times as text, absent values as empty text. Pure.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TypeAlias

from poslife.testing.bybit._exchange import Exchange
from poslife.testing.bybit._instruments import Instrument
from poslife.testing.bybit._orders import ExecutionKind, OrderType, SimulatedFill, SimulatedOrder
from poslife.testing.bybit._position_state import as_decimal

__all__ = [
    "Json",
    "envelope",
    "execution_row",
    "instrument_row",
    "milliseconds",
    "order_row",
    "position_row",
    "ticker_row",
    "wallet",
]

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | bool | None"


def milliseconds(at: datetime) -> int:
    """
    Return the Unix time in milliseconds, the venue's unit.
    """
    return round(at.timestamp() * 1000)


def text(number: Decimal) -> str:
    """
    Return *number* as text without an exponent and without trailing zeros.
    """
    return format(number.normalize(), "f") if number else "0"


def envelope(result: Json, *, at: datetime, code: int = 0, message: str = "OK") -> Json:
    """
    Return the frame around every result.
    """
    return {"retCode": code, "retMsg": message, "result": result, "retExtInfo": {}, "time": milliseconds(at)}


def instrument_row(instrument: Instrument) -> Json:
    """
    Return a row of ``market/instruments-info``.
    """
    return {
        "symbol": instrument.symbol,
        "contractType": "LinearPerpetual",
        "status": "Trading",
        "baseCoin": instrument.base,
        "quoteCoin": "USDT",
        "settleCoin": "USDT",
        "launchTime": "1585526400000",
        "deliveryTime": "0",
        "deliveryFeeRate": "",
        "priceScale": str(max(0, -int(instrument.tick_size.normalize().as_tuple().exponent))),
        "leverageFilter": {
            "minLeverage": "1",
            "maxLeverage": text(instrument.maximum_leverage),
            "leverageStep": "0.01",
        },
        "priceFilter": {
            "minPrice": text(instrument.tick_size),
            "maxPrice": text(instrument.tick_size * 100_000_000),
            "tickSize": text(instrument.tick_size),
        },
        "lotSizeFilter": {
            "minOrderQty": text(instrument.minimum_quantity),
            "maxOrderQty": text(instrument.maximum_quantity),
            "maxMktOrderQty": text(instrument.maximum_quantity),
            "postOnlyMaxOrderQty": text(instrument.maximum_quantity),
            "qtyStep": text(instrument.quantity_step),
            "minNotionalValue": text(instrument.minimum_notional),
        },
        "unifiedMarginTrade": True,
        "fundingInterval": 480,
        "copyTrading": "none",
        "isPreListing": False,
    }


def ticker_row(instrument: Instrument, mark_price: Decimal) -> Json:
    """
    Return a row of ``market/tickers``.
    """
    price = text(mark_price)
    return {
        "symbol": instrument.symbol,
        "lastPrice": price,
        "indexPrice": price,
        "markPrice": price,
        "prevPrice24h": price,
        "price24hPcnt": "0",
        "highPrice24h": price,
        "lowPrice24h": price,
        "prevPrice1h": price,
        "openInterest": "0",
        "openInterestValue": "0",
        "turnover24h": "0",
        "volume24h": "0",
        "fundingRate": "0.0001",
        "nextFundingTime": "0",
        "predictedDeliveryPrice": "",
        "basisRate": "",
        "deliveryFeeRate": "",
        "deliveryTime": "0",
        "bid1Price": price,
        "bid1Size": "1",
        "ask1Price": price,
        "ask1Size": "1",
    }


def order_row(order: SimulatedOrder) -> Json:
    """
    Return a row of ``order/realtime`` or ``order/history``.
    """
    return {
        "orderId": order.order_id,
        "orderLinkId": order.order_link_id,
        "symbol": order.symbol,
        "side": order.side.value,
        "orderType": order.type.value,
        "timeInForce": order.time_in_force.value,
        "qty": text(order.quantity),
        "price": text(order.price),
        "avgPrice": text(order.filled_value / order.filled_quantity) if order.filled_quantity else "",
        "cumExecQty": text(order.filled_quantity),
        "cumExecValue": text(order.filled_value),
        "cumExecFee": text(order.fee),
        "cumFeeDetail": {"USDT": text(order.fee)} if order.fee else {},
        "leavesQty": text(order.open_quantity),
        "leavesValue": text(order.open_quantity * order.price),
        "orderStatus": order.status.value,
        "rejectReason": order.reject_reason,
        "cancelType": "CancelByUser" if order.reject_reason == "EC_PerCancelRequest" else "UNKNOWN",
        "createType": "CreateByUser" if order.from_api else "CreateByClosing",
        "reduceOnly": order.reduce_only,
        "closeOnTrigger": False,
        "positionIdx": order.position_index,
        "stopOrderType": "",
        "tpslMode": "",
        "triggerDirection": 0,
        "triggerPrice": "",
        "triggerBy": "",
        "takeProfit": "",
        "stopLoss": "",
        "blockTradeId": "",
        "isLeverage": "",
        "orderIv": "",
        "smpType": "None",
        "smpGroup": 0,
        "smpOrderId": "",
        "lastPriceOnCreated": "",
        "createdTime": str(milliseconds(order.created_at)),
        "updatedTime": str(milliseconds(order.updated_at)),
    }


def execution_row(fill: SimulatedFill, order: SimulatedOrder | None) -> Json:
    """
    Return a row of ``execution/list``. A funding payment has no order.
    """
    is_limit = order is not None and order.type is OrderType.LIMIT
    return {
        "execId": fill.execution_id,
        "orderId": fill.order_id,
        "orderLinkId": fill.order_link_id,
        "symbol": fill.symbol,
        "side": fill.side.value,
        "orderType": "UNKNOWN" if order is None else "Limit" if is_limit else "Market",
        "orderPrice": text(order.price) if order is not None else "0",
        "orderQty": text(order.quantity) if order is not None else "0",
        "leavesQty": text(fill.leaves_quantity),
        "execType": fill.kind.value,
        "execQty": text(fill.quantity),
        "execPrice": text(fill.price),
        "execValue": text(fill.value),
        "execFee": text(fill.fee),
        "feeRate": text(fill.fee_rate),
        "feeCurrency": "",
        "execTime": str(milliseconds(fill.executed_at)),
        "closedSize": text(fill.closed_quantity),
        "execPnl": text(fill.realised_pnl),
        "isMaker": fill.is_maker,
        "isLeverage": "",
        "createType": "" if fill.kind is ExecutionKind.FUNDING else "CreateByUser",
        "stopOrderType": "UNKNOWN",
        "markPrice": text(fill.price),
        "indexPrice": "",
        "underlyingPrice": "",
        "blockTradeId": "",
        "tradeIv": "",
        "markIv": "",
        "extraFees": "",
        "marketUnit": "",
        "seq": 0,
    }


def position_row(exchange: Exchange, symbol: str, position_index: int) -> Json:
    """
    Return a row of ``position/list``, flat or not.
    """
    state = exchange.account.visible_position(symbol, position_index)
    position = state.view(symbol, position_index)
    mark_price = exchange.mark_prices[symbol]
    average = position.average_price
    unrealised = (mark_price - average) * position.signed_size if average is not None else Decimal(0)
    changed = position.updated_at
    return {
        "symbol": symbol,
        "positionIdx": position_index,
        "side": "" if position.side is None else position.side.value,
        "size": text(position.size),
        "avgPrice": text(average) if average is not None else "0",
        "positionValue": text(abs(as_decimal(state.cost))) if position.size else "",
        "markPrice": text(mark_price),
        "leverage": text(exchange.leverages[symbol]),
        "positionIM": text(exchange.position_margin(symbol, position_index)),
        "positionMM": text(position.size * mark_price / 200),
        "unrealisedPnl": text(unrealised) if position.size else "",
        "curRealisedPnl": text(position.realised_pnl - position.fees),
        "cumRealisedPnl": text(position.realised_pnl - position.fees),
        "liqPrice": "",
        "bustPrice": "",
        "positionBalance": "0",
        "positionStatus": "Normal",
        "autoAddMargin": 0,
        "adlRankIndicator": 2 if position.size else 0,
        "riskId": 1,
        "riskLimitValue": "2000000",
        "tradeMode": 0,
        "isReduceOnly": False,
        "tpslMode": "Full",
        "takeProfit": "",
        "stopLoss": "",
        "trailingStop": "0",
        "seq": 0,
        "createdTime": str(milliseconds(position.opened_at)) if position.opened_at is not None else "0",
        "updatedTime": str(milliseconds(changed)) if changed is not None else "0",
    }


def wallet(exchange: Exchange) -> Json:
    """
    Return the result of ``account/wallet-balance``: one unified account in USDT.
    """
    held = [(key, state) for key, state in exchange.account.visible_positions() if state.size]
    position_margin = sum((exchange.position_margin(*key) for key, _ in held), Decimal(0))
    unrealised = sum(
        (state.size * exchange.mark_prices[key[0]] - as_decimal(state.cost) for key, state in held),
        Decimal(0),
    )
    cash = exchange.account.visible_cash()
    order_margin = exchange.order_margin()
    coin: Json = {
        "coin": "USDT",
        "walletBalance": text(cash),
        "equity": text(cash + unrealised),
        "usdValue": text(cash + unrealised),
        "unrealisedPnl": text(unrealised),
        "totalPositionIM": text(position_margin),
        "totalOrderIM": text(order_margin),
        "totalPositionMM": "0",
        "locked": "0",
        "borrowAmount": "0",
        "accruedInterest": "0",
        "bonus": "0",
        "cumRealisedPnl": "0",
        "availableToWithdraw": "",
        "availableToBorrow": "",
    }
    account: Json = {
        "accountType": "UNIFIED",
        "totalEquity": text(cash + unrealised),
        "totalWalletBalance": text(cash),
        "totalMarginBalance": text(cash + unrealised),
        "totalAvailableBalance": text(exchange.available()),
        "totalPerpUPL": text(unrealised),
        "totalInitialMargin": text(position_margin + order_margin),
        "totalMaintenanceMargin": "0",
        "accountIMRate": "0",
        "accountMMRate": "0",
        "accountLTV": "0",
        "coin": [coin],
    }
    return {"list": [account]}
