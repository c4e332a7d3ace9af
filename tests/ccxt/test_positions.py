"""
Conversion of ccxt's positions: what cannot be read raises, and nothing is guessed.
"""

from __future__ import annotations

from decimal import Context, Decimal, Inexact, localcontext
from typing import Any

import ccxt.async_support
import pytest

from poslife import Leg, MarginMode, PositionKey, Side, Venue
from poslife.ccxt import key_for, position_from
from poslife.errors import InvalidValue
from tests.ccxt.offline import client
from tests.ccxt.queries import BTC, MAIN

BYBIT = Venue("bybit")


def position(**changes: Any) -> dict[str, Any]:
    whole: dict[str, Any] = {
        "symbol": "BTC/USDT:USDT",
        "contracts": 0.5,
        "side": "long",
        "entryPrice": 60000.5,
        "info": {},
    }
    return {**whole, **changes}


@pytest.mark.parametrize(
    "changes, side, quantity",
    [
        ({}, Side.LONG, "0.5"),
        ({"contracts": "0.5"}, Side.LONG, "0.5"),
        ({"contracts": 0, "side": None}, None, "0"),
        ({"contracts": 0.0, "side": "short"}, None, "0"),
        ({"contracts": -3, "side": "short"}, Side.SHORT, "3"),
        ({"contracts": "-3", "side": None}, Side.SHORT, "3"),
        ({"contracts": 0.001, "side": None, "info": {"positionAmt": "-0.001"}}, Side.SHORT, "0.001"),
        ({"contracts": 1, "side": "both", "info": {"positionSide": "SHORT"}}, Side.SHORT, "1"),
        ({"contracts": 1, "side": None, "info": {"side": "Buy"}}, Side.LONG, "1"),
    ],
    ids=str,
)
def test_a_position(changes: dict[str, Any], side: Side | None, quantity: str) -> None:
    """
    Contracts alone decide flatness; the side is ccxt's, else a sign's, else the venue's own.
    """
    read = position_from(position(**changes), venue=BYBIT, account=MAIN)

    assert side is read.side
    assert Decimal(quantity) == read.quantity


@pytest.mark.parametrize("traps", [[], [Inexact]], ids=["rounding", "raising"])
def test_a_position_is_exact_whatever_the_hosts_decimal_context_is(traps: list[type[Inexact]]) -> None:
    """
    A host that calculates with three digits sees all that the venue holds (incident 44).
    """
    with localcontext(Context(prec=3, traps=traps)):
        read = position_from(position(contracts="-123456.789", side=None), venue=BYBIT, account=MAIN)

    assert (Side.SHORT, Decimal("123456.789")) == (read.side, read.quantity)


@pytest.mark.parametrize("changes", [{"contracts": None}, {"contracts": 1, "side": None}], ids=str)
def test_a_position_that_cannot_be_read(changes: dict[str, Any]) -> None:
    """
    No number is not zero, and no side is not long.
    """
    with pytest.raises(InvalidValue):
        position_from(position(**changes), venue=BYBIT, account=MAIN)


@pytest.mark.parametrize(
    "venue, info, leg",
    [
        ("binance", {"positionSide": "BOTH"}, Leg.NET),
        ("binance", {"positionSide": "SHORT"}, Leg.SHORT),
        ("okx", {"posSide": "net"}, Leg.NET),
        ("okx", {"posSide": "long"}, Leg.LONG),
        ("gate", {"mode": "single"}, Leg.NET),
        ("gate", {"mode": "dual_short"}, Leg.SHORT),
        ("bitget", {"holdSide": "long", "posMode": "one_way_mode"}, Leg.NET),
        ("bitget", {"holdSide": "long", "posMode": "hedge_mode"}, Leg.LONG),
        ("hyperliquid", {"type": "oneWay"}, Leg.NET),
        ("bingx", {"positionSide": "LONG", "onlyOnePosition": True}, Leg.NET),
        ("bingx", {"positionSide": "LONG", "onlyOnePosition": False}, Leg.LONG),
        ("bingx", {"positionSide": "BOTH"}, Leg.NET),
        ("kucoin", {}, Leg.NET),
    ],
    ids=str,
)
def test_a_leg_is_the_one_that_the_venue_names(venue: str, info: dict[str, Any], leg: Leg) -> None:
    """
    In one-way mode the field is only a direction on BingX and Bitget, and names no leg.
    """
    assert leg is position_from(position(info=info), venue=Venue(venue), account=MAIN).key.leg


@pytest.mark.parametrize(
    "changes, field",
    [
        ({"hedged": True, "side": None, "contracts": 0}, "side"),
        ({"symbol": None}, "symbol"),
        ({"contracts": True}, "contracts"),
        ({"contracts": float("nan")}, "contracts"),
        ({"contracts": "1e"}, "contracts"),
        ({"info": {"posSide": "sideways"}}, "posSide"),
    ],
    ids=str,
)
def test_a_position_with_a_field_that_cannot_be(changes: dict[str, Any], field: str) -> None:
    """
    The error names the field and the value.
    """
    with pytest.raises(InvalidValue, match=field):
        position_from(position(**changes), venue=Venue("okx"), account=MAIN)


def test_the_margin_mode_is_in_the_key_when_asked_for() -> None:
    """
    Then a position without one cannot be read.
    """
    read = position_from(position(marginMode="isolated"), venue=BYBIT, account=MAIN, margin_modes=True)

    assert MarginMode.ISOLATED is read.key.margin_mode
    with pytest.raises(InvalidValue, match="marginMode"):
        position_from(position(), venue=BYBIT, account=MAIN, margin_modes=True)


def test_a_position_too_small_for_a_notional_has_the_side_of_its_sign() -> None:
    """
    Binance: ccxt derives the side from the notional, which is "0" then.
    """
    small = position(contracts=0.001, side=None, info={"positionAmt": "0.001", "positionSide": "BOTH"})

    assert Side.LONG is position_from(small, venue=Venue("binance"), account=MAIN).side


def test_legs_of_hedge_mode() -> None:
    """
    The leg is Bybit's position index, else ccxt's side of a position that is hedged.
    """
    by_index = position_from(position(info={"positionIdx": "2"}, side="short"), venue=BYBIT, account=MAIN)
    by_word = position_from(position(hedged=True), venue=Venue("okx"), account=MAIN)

    assert Leg.SHORT is by_index.key.leg
    assert Leg.LONG is by_word.key.leg


def test_a_key_is_written_with_the_unified_symbol() -> None:
    """
    The venue's raw symbol is refused, and so is any symbol before the markets are loaded.
    """
    exchange = client("bybit")
    key = key_for(exchange, "BTC/USDT:USDT", account=MAIN, leg=Leg.LONG)

    assert PositionKey(venue=Venue("bybit"), account=MAIN, symbol=BTC, leg=Leg.LONG) == key
    with pytest.raises(InvalidValue, match="'BTCUSDT'"):
        key_for(exchange, "BTCUSDT", account=MAIN)
    with pytest.raises(InvalidValue, match="load_markets"):
        key_for(ccxt.async_support.bybit(), "BTC/USDT:USDT", account=MAIN)
