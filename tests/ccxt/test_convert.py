"""
ccxt's dictionaries become ours; what cannot be read raises, and nothing is guessed.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from poslife import Account, Leg, MarginMode, OrderSide, Side, Venue
from poslife.ccxt import fill_from, fills_from, position_from
from poslife.errors import InvalidValue

BYBIT, MAIN = Venue("bybit"), Account("main")


def trade(**changes: Any) -> dict[str, Any]:
    whole: dict[str, Any] = {
        "id": "t1",
        "order": "o1",
        "symbol": "BTC/USDT:USDT",
        "side": "buy",
        "amount": "0.1",
        "price": "60000.5",
        "timestamp": 1767225600123,
        "fee": {"cost": "0.033", "currency": "USDT"},
        "info": {"orderLinkId": "c1", "execType": "Trade"},
    }
    return {**whole, **changes}


def position(**changes: Any) -> dict[str, Any]:
    whole: dict[str, Any] = {
        "symbol": "BTC/USDT:USDT",
        "contracts": 0.5,
        "side": "long",
        "entryPrice": 60000.5,
        "info": {},
    }
    return {**whole, **changes}


def test_a_trade() -> None:
    """
    Text, or a float by its shortest text: the same fill.
    """
    fill = fill_from(trade(), venue=BYBIT, account=MAIN)
    floats = fill_from(trade(amount=0.1, price=60000.5), venue=BYBIT, account=MAIN)

    assert fill is not None
    assert fill == floats
    assert (Decimal("0.1"), Decimal("60000.5")) == (fill.quantity, fill.price)
    assert ("c1", "o1", OrderSide.BUY) == (fill.client_order_id, fill.venue_order_id, fill.side)
    assert Decimal("0.033") == fill.fees[0].cost
    assert 123000 == fill.at.microsecond


def test_a_funding_payment_is_no_fill() -> None:
    """
    On Bybit it comes as a trade, with an amount and a side.
    """
    assert fill_from(trade(info={"execType": "Funding"}), venue=BYBIT, account=MAIN) is None


@pytest.mark.parametrize("field", ["id", "side", "amount", "price", "timestamp", "symbol"])
def test_a_trade_without_what_matters_cannot_be_read(field: str) -> None:
    """
    No side is guessed, no price made up (incident 5).
    """
    with pytest.raises(InvalidValue, match=field):
        fill_from(trade(**{field: None}), venue=BYBIT, account=MAIN)


def test_fees_may_be_negative_text_several_or_none() -> None:
    """
    They are kept as they come; none said is not free of charge, but nothing.
    """
    negative = fill_from(trade(fee={"cost": "-0.5", "currency": "BNB"}), venue=BYBIT, account=MAIN)
    several = fill_from(
        trade(fees=[{"cost": 1, "currency": "USDT"}, {"cost": 2.5, "currency": "BNB"}]),
        venue=BYBIT,
        account=MAIN,
    )
    none = fill_from(trade(fee={"cost": None, "currency": None}), venue=BYBIT, account=MAIN)

    assert negative is not None
    assert several is not None
    assert none is not None
    assert Decimal("-0.5") == negative.fees[0].cost
    assert [Decimal(1), Decimal("2.5")] == [fee.cost for fee in several.fees]
    assert () == none.fees


def test_ids_that_are_not_unique_are_made_so() -> None:
    """
    Hyperliquid's trade ids repeat: the order and the time make them one.
    """
    fill = fill_from(trade(), venue=Venue("hyperliquid"), account=MAIN)

    assert fill is not None
    assert "t1:o1:1767225600123" == fill.trade_id


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
    Flatness by contracts alone; the side by its word, else a sign, else the venue's own word.
    """
    read = position_from(position(**changes), venue=BYBIT, account=MAIN)

    assert side is read.side
    assert Decimal(quantity) == read.quantity


@pytest.mark.parametrize("changes", [{"contracts": None}, {"contracts": 1, "side": None}], ids=str)
def test_a_position_that_cannot_be_read(changes: dict[str, Any]) -> None:
    """
    No number is not zero, and no side is not long.
    """
    with pytest.raises(InvalidValue):
        position_from(position(**changes), venue=BYBIT, account=MAIN)


@pytest.mark.parametrize(
    "info, side, leg",
    [
        ({"posMode": "hedge_mode", "tradeSide": "open"}, OrderSide.BUY, Leg.LONG),
        ({"posMode": "hedge_mode", "tradeSide": "close"}, OrderSide.SELL, Leg.LONG),
        ({"posMode": "hedge_mode", "tradeSide": "burst_close_short"}, OrderSide.BUY, Leg.SHORT),
        ({"posMode": "hedge_mode", "tradeSide": "reduce_close_long"}, OrderSide.SELL, Leg.LONG),
        ({"posMode": "one_way_mode", "tradeSide": "buy_single"}, OrderSide.BUY, Leg.NET),
        ({}, OrderSide.BUY, None),
    ],
    ids=str,
)
def test_bitgets_closing_trades_have_the_positions_side(
    info: dict[str, Any], side: OrderSide, leg: Leg | None
) -> None:
    """
    In hedge mode a close of a long comes as a buy: taken as it is, it would double the position.
    """
    fill = fill_from(trade(info=info), venue=Venue("bitget"), account=MAIN)

    assert fill is not None
    assert (side, leg) == (fill.side, fill.leg)


def test_a_close_or_open_that_bitget_does_not_tell_cannot_be_read() -> None:
    """
    A new word for it is not guessed at.
    """
    info = {"posMode": "hedge_mode", "tradeSide": "novelty"}
    with pytest.raises(InvalidValue, match="tradeSide"):
        fill_from(trade(info=info), venue=Venue("bitget"), account=MAIN)


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
def test_a_leg_is_what_the_venue_says(venue: str, info: dict[str, Any], leg: Leg) -> None:
    """
    Where a word is only a direction, as in one-way mode on BingX and Bitget, it names no leg.
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
    And then it has to be known.
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


@pytest.mark.parametrize(
    "changes, field",
    [
        ({"timestamp": "soon"}, "timestamp"),
        ({"timestamp": 1e300}, "timestamp"),
        ({"amount": "much"}, "amount"),
        ({"fees": "none"}, "fees"),
        ({"fees": [3]}, "fees"),
        ({"fee": {"cost": "x", "currency": "USDT"}}, "fee"),
    ],
    ids=str,
)
def test_a_trade_with_a_field_that_cannot_be(changes: dict[str, Any], field: str) -> None:
    """
    The error names the field and the value.
    """
    with pytest.raises(InvalidValue, match=field):
        fill_from(trade(**changes), venue=BYBIT, account=MAIN)


def test_fills_of_an_order() -> None:
    """
    Its trades, of which there may be none, and which may be left out.
    """
    rows = [trade(), trade(id="t2", info={"execType": "Funding"}), trade(id="t3")]

    assert ["t1", "t3"] == [fill.trade_id for fill in fills_from(rows, venue=BYBIT, account=MAIN)]
    assert () == fills_from(None, venue=BYBIT, account=MAIN)
    with pytest.raises(InvalidValue, match="trade"):
        fills_from([3], venue=BYBIT, account=MAIN)  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]


def test_a_name_comes_back_as_it_was_sent() -> None:
    """
    ccxt puts "t-" before it on Gate; other texts there are nobody's name.
    """
    named = fill_from(trade(info={"text": "t-abc"}), venue=Venue("gate"), account=MAIN)
    unnamed = fill_from(trade(info={"text": ""}), venue=Venue("gate"), account=MAIN)

    assert named is not None
    assert unnamed is not None
    assert ("abc", None) == (named.client_order_id, unnamed.client_order_id)


def test_legs_of_hedge_mode() -> None:
    """
    Bybit's position index, else ccxt's word that the position is hedged.
    """
    by_index = position_from(position(info={"positionIdx": "2"}, side="short"), venue=BYBIT, account=MAIN)
    by_word = position_from(position(hedged=True), venue=Venue("okx"), account=MAIN)

    assert Leg.SHORT is by_index.key.leg
    assert Leg.LONG is by_word.key.leg
