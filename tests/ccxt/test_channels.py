"""
One execution, shown by a private stream and by the list of trades: the same fill.

The messages have the shape of the venues' documents and go through ccxt's own handlers.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from poslife import Fee, Fill, Leg, OrderSide, Venue
from poslife.ccxt import VENUE_RULES, fill_from, fills_from
from tests.ccxt import streams
from tests.ccxt.offline import SYMBOLS
from tests.ccxt.queries import MAIN
from tests.ccxt.streams import OURS, OURS_IN_HEX, heard, listed, streaming
from tests.ccxt.test_trades import trade

# Venue: a message of the stream, a row of the list, and the leg of both.
SHOWN: dict[str, tuple[Any, Any, Leg | None]] = {
    "binance": (streams.binance(), streams.binance_row(), Leg.LONG),
    "binanceusdm": (streams.binance(), streams.binance_row(), Leg.LONG),
    "binancecoinm": (
        streams.binance(s="BTCUSD_PERP"),
        streams.binance_row(symbol="BTCUSD_PERP"),
        Leg.LONG,
    ),
    "bybit": (streams.bybit(streams.bybit_row()), streams.bybit_row(), None),
    "okx": (streams.okx(), streams.okx_row(), Leg.LONG),
    "gate": (streams.gate(), streams.gate_row(), None),
    "bitget": (streams.bitget(), streams.bitget_row(), Leg.LONG),
    "hyperliquid": (
        streams.hyperliquid(streams.hyperliquid_row()),
        streams.hyperliquid_row(),
        Leg.NET,
    ),
    "bingx": (streams.bingx(), streams.bingx_row(), Leg.LONG),
    "kucoin": (streams.kucoin(), streams.kucoin_row(), None),
    "kucoinfutures": (streams.kucoin(), streams.kucoin_row(), None),
}

# The lists of these venues do not carry the client order id.
_NAMELESS_IN_THE_LIST = {"binance", "binanceusdm", "binancecoinm", "kucoin", "kucoinfutures"}


@asynccontextmanager
async def client_of(venue: str) -> AsyncGenerator[Any]:
    made = streaming(venue)
    try:
        yield made
    finally:
        await made.close()


async def both(venue: str, message: Any, row: Any) -> tuple[Fill, Fill]:
    """
    The fills of a message and of a row.
    """
    async with client_of(venue) as made:
        (live,) = fills_from(heard(made, message), venue=Venue(venue), account=MAIN)
        (past,) = fills_from([listed(made, row, SYMBOLS[venue])], venue=Venue(venue), account=MAIN)
    return live, past


def test_every_known_venue_is_shown_here() -> None:
    """
    A venue is known by both its channels.
    """
    assert sorted(VENUE_RULES) == sorted(SHOWN)


@pytest.mark.parametrize("venue", sorted(SHOWN))
async def test_one_execution_is_one_fill(venue: str) -> None:
    """
    Every field that both channels show is equal, so that neither booking nor fee depends on the channel.
    """
    message, row, leg = SHOWN[venue]
    live, past = await both(venue, message, row)
    name = OURS_IN_HEX if venue == "hyperliquid" else OURS
    fee = Fee(cost=Decimal("0.3"), currency="USDC" if venue == "hyperliquid" else "USDT")

    assert (name, leg, leg) == (live.client_order_id, live.leg, past.leg)
    assert (None if venue in _NAMELESS_IN_THE_LIST else name) == past.client_order_id
    assert datetime(2026, 1, 1, tzinfo=UTC) + timedelta(milliseconds=123) == live.at
    # KuCoin's stream shows no fees.
    assert (() if venue in {"kucoin", "kucoinfutures"} else (fee,), (fee,)) == (live.fees, past.fees)
    # Gate's stream does not show what was closed.
    assert past == replace(live, client_order_id=past.client_order_id, fees=past.fees, closed=past.closed)
    assert venue == "gate" or past.closed == live.closed


async def test_the_fees_of_a_unified_account_of_bitget() -> None:
    """
    A paid fee is positive in both of its channels, and in those of a classic account.
    """
    live, past = await both("bitget", streams.bitget_unified(), streams.bitget_unified_row())

    assert (Fee(cost=Decimal("0.3"), currency="USDT"),) == live.fees
    assert (live, Leg.LONG) == (past, live.leg)


@pytest.mark.parametrize(
    "venue, message, row",
    [
        ("okx", streams.okx(fillFee="0.1"), streams.okx_row(fee="0.1")),
        (
            "bitget",
            streams.bitget(feeDetail=[{"feeCoin": "USDT", "totalFee": "0.1"}]),
            streams.bitget_row(feeDetail=[{"feeCoin": "USDT", "totalFee": "0.1"}]),
        ),
        (
            "bitget",
            streams.bitget_unified(feeDetail=[{"feeCoin": "USDT", "fee": "-0.1"}]),
            streams.bitget_unified_row(feeDetail=[{"feeCoin": "USDT", "fee": "-0.1"}]),
        ),
        ("bingx", streams.bingx(n="0.1"), streams.bingx_row(commission="0.1")),
        ("binanceusdm", streams.binance(n="-0.1"), streams.binance_row(commission="-0.1")),
        (
            "bybit",
            streams.bybit(streams.bybit_row(execFee="-0.1")),
            streams.bybit_row(execFee="-0.1"),
        ),
        ("gate", streams.gate(fee=-0.1), streams.gate_row(fee="-0.1")),
        (
            "hyperliquid",
            streams.hyperliquid(streams.hyperliquid_row(fee="-0.1", builderFee="0.05")),
            streams.hyperliquid_row(fee="-0.1", builderFee="0.05"),
        ),
    ],
    ids=["okx", "bitget", "bitget unified", "bingx", "binance", "bybit", "gate", "hyperliquid"],
)
async def test_a_rebate_is_negative(venue: str, message: Any, row: Any) -> None:
    """
    It is earned in both channels, also where ccxt takes the absolute value or keeps the venue's sign.
    """
    live, past = await both(venue, message, row)

    assert ([Decimal("-0.1")], [Decimal("-0.1")]) == (
        [fee.cost for fee in live.fees],
        [fee.cost for fee in past.fees],
    )


async def test_all_fees_of_a_trade_of_bitget_are_read() -> None:
    """
    ccxt reads the first of them.
    """
    fees = [{"feeCoin": "USDT", "totalFee": "-0.2"}, {"feeCoin": "BGB", "totalFee": "-0.01"}]
    live, past = await both("bitget", streams.bitget(feeDetail=fees), streams.bitget_row(feeDetail=fees))

    assert (
        Fee(cost=Decimal("0.2"), currency="USDT"),
        Fee(cost=Decimal("0.01"), currency="BGB"),
    ) == live.fees
    assert live == past


async def test_the_fee_of_another_coin_at_hyperliquid() -> None:
    """
    ccxt takes it for USDC in the stream.
    """
    row = streams.hyperliquid_row(feeToken="USDH")
    live, past = await both("hyperliquid", streams.hyperliquid(row), row)

    assert ["USDH"] == [fee.currency for fee in live.fees]
    assert live == past


async def test_a_closing_trade_of_bitgets_hedge_mode() -> None:
    """
    A buy that closes is a sale of the long leg, in the stream as in the list.
    """
    live, past = await both(
        "bitget", streams.bitget(tradeSide="close"), streams.bitget_row(tradeSide="close")
    )

    assert (OrderSide.SELL, Leg.LONG) == (live.side, live.leg)
    assert live == past


@pytest.mark.parametrize(
    "venue, info, side, closed",
    [
        ("bybit", {"execType": "Trade", "closedSize": "0"}, "buy", "0"),
        ("bybit", {"execType": "Trade", "closedSize": "0.4"}, "sell", "0.4"),
        ("bybit", {"execType": "Trade", "closedSize": ""}, "sell", None),
        ("bybit", {"execType": "Trade"}, "sell", None),
        ("gate", {"close_size": "-0.4"}, "sell", "0.4"),
        ("gate", {"close_size": "5"}, "buy", "1"),
        ("gate", {}, "buy", None),
        ("hyperliquid", {"startPosition": "0.0"}, "buy", "0"),
        ("hyperliquid", {"startPosition": "3.0"}, "buy", "0"),
        ("hyperliquid", {"startPosition": "-0.4"}, "buy", "0.4"),
        ("hyperliquid", {"startPosition": "0.4"}, "sell", "0.4"),
        ("hyperliquid", {"startPosition": "-3"}, "sell", "0"),
        ("hyperliquid", {"startPosition": "x"}, "sell", None),
        ("okx", {"closedSize": "1"}, "sell", None),
    ],
    ids=str,
)
def test_what_a_trade_closed_is_read(venue: str, info: dict[str, str], side: str, closed: str | None) -> None:
    """
    The part of its quantity that closed a position, where the venue shows it; unreadable is unknown.
    """
    fill = fill_from(trade(amount="1", side=side, info=info), venue=Venue(venue), account=MAIN)

    assert fill is not None
    assert (None if closed is None else Decimal(closed)) == fill.closed


async def test_a_private_message_without_a_trade_id_is_said() -> None:
    """
    BingX leaves it out for contracts: the message is unreadable, not a fill with a made-up id.
    """
    async with client_of("bingx") as made:
        page = fills_from(heard(made, streams.bingx(t=None)), venue=Venue("bingx"), account=MAIN)

    assert () == page.fills
    assert ["trade.id" in one.reason for one in page.unreadable] == [True]
