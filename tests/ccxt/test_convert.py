"""
ccxt's dictionaries become ours; what cannot be read raises, and nothing is guessed.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import ccxt.async_support as ccxt
import pytest

from poslife import Account, Leg, OrderSide, Side, Venue
from poslife.ccxt import CcxtSource, fill_from, position_from
from poslife.errors import ConfigurationError, InvalidValue, UnknownVenueFormat
from poslife.testing.bybit import bybit_client

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


def test_legs_of_hedge_mode() -> None:
    """
    Bybit's position index, else ccxt's word that the position is hedged.
    """
    by_index = position_from(position(info={"positionIdx": "2"}, side="short"), venue=BYBIT, account=MAIN)
    by_word = position_from(position(hedged=True), venue=Venue("okx"), account=MAIN)

    assert Leg.SHORT is by_index.key.leg
    assert Leg.LONG is by_word.key.leg


async def test_a_client_that_cannot_serve_is_refused() -> None:
    """
    One that repeats submits, reads numbers into Decimal, or cannot find orders by a name of ours.
    """
    client: Any = bybit_client("http://127.0.0.1:9")
    client.options["maxRetriesOnFailure"] = 3
    with pytest.raises(ConfigurationError, match="sent again"):
        CcxtSource(client, account=MAIN)
    client.options["maxRetriesOnFailure"] = 0
    client.number = Decimal
    with pytest.raises(ConfigurationError, match="Decimal"):
        CcxtSource(client, account=MAIN)
    await client.close()
    for venue in ("htx", "deribit", "krakenfutures", "mexc"):
        with pytest.raises(UnknownVenueFormat, match=venue):
            CcxtSource(getattr(ccxt, venue)(), account=MAIN)
