"""
Conversion of ccxt's trades: what cannot be read raises, and nothing is guessed.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Context, Decimal, Inexact, localcontext
from typing import Any

import pytest

from poslife import Leg, OrderSide, TradeId, Venue
from poslife.ccxt import CcxtSource, fill_from, fills_from
from poslife.errors import InvalidValue
from poslife.venues import FillQuery
from tests.ccxt.offline import on_line
from tests.ccxt.queries import BTC, MAIN, bybit_rows

BYBIT = Venue("bybit")


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


def test_a_trade() -> None:
    """
    A number as text and as a float gives the same fill.
    """
    fill = fill_from(trade(), venue=BYBIT, account=MAIN)
    floats = fill_from(trade(amount=0.1, price=60000.5), venue=BYBIT, account=MAIN)

    assert fill is not None
    assert fill == floats
    assert (Decimal("0.1"), Decimal("60000.5")) == (fill.quantity, fill.price)
    assert ("c1", "o1", OrderSide.BUY) == (fill.client_order_id, fill.venue_order_id, fill.side)
    assert Decimal("0.033") == fill.fees[0].cost
    assert 123000 == fill.at.microsecond


@pytest.mark.parametrize("traps", [[], [Inexact]], ids=["rounding", "raising"])
def test_a_fill_is_exact_whatever_the_hosts_decimal_context_is(traps: list[type[Inexact]]) -> None:
    """
    A host that calculates with three digits loses none of a fill's (incident 44).
    """
    with localcontext(Context(prec=3, traps=traps)):
        fill = fill_from(
            trade(amount="-123456.789", fee={"cost": "-0.01234567", "currency": "USDT"}),
            venue=BYBIT,
            account=MAIN,
        )

    assert fill is not None
    assert Decimal("123456.789") == fill.quantity
    assert Decimal("-0.01234567") == fill.fees[0].cost


@pytest.mark.parametrize("word", ["None", "null", "NaN", "undefined", "pending", " "])
@pytest.mark.parametrize("field", ["id", "order", "symbol"])
def test_a_word_for_a_missing_value_identifies_nothing(field: str, word: str) -> None:
    """
    A row whose id is such a word costs itself, and is said (incident 22).
    """
    page = fills_from([trade(**{field: word}), trade()], venue=BYBIT, account=MAIN)

    assert [TradeId("t1")] == [fill.trade_id for fill in page.fills]
    assert [word] == [row.row[field] for row in page.unreadable if isinstance(row.row, dict)]


@pytest.mark.parametrize("word", ["None", "null", "pending"])
def test_another_programs_word_for_no_client_order_id_is_none(word: str) -> None:
    """
    The fill of such an order is read all the same.
    """
    fill = fill_from(trade(info={"orderLinkId": word, "execType": "Trade"}), venue=BYBIT, account=MAIN)

    assert fill is not None
    assert fill.client_order_id is None


def test_a_funding_payment_is_no_fill() -> None:
    """
    Bybit returns it as a trade, with an amount and a side.
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
    They are kept as they come; a fee that is not reported is absent, not zero.
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


def test_ids_that_are_not_unique_are_extended() -> None:
    """
    Hyperliquid's trade ids repeat: the order and the time make them unique.
    """
    fill = fill_from(trade(), venue=Venue("hyperliquid"), account=MAIN)

    assert fill is not None
    assert "t1:o1:1767225600123" == fill.trade_id


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
    In hedge mode the close of a long is returned as a buy, which would double the position.
    """
    fill = fill_from(trade(info=info), venue=Venue("bitget"), account=MAIN)

    assert fill is not None
    assert (side, leg) == (fill.side, fill.leg)


def test_an_unknown_trade_side_of_bitget_cannot_be_read() -> None:
    """
    A new value is not guessed at.
    """
    info = {"posMode": "hedge_mode", "tradeSide": "novelty"}
    with pytest.raises(InvalidValue, match="tradeSide"):
        fill_from(trade(info=info), venue=Venue("bitget"), account=MAIN)


@pytest.mark.parametrize(
    "changes, field",
    [
        ({"timestamp": "soon"}, "timestamp"),
        ({"timestamp": 1e300}, "timestamp"),
        ({"amount": "much"}, "amount"),
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
    An order may have no trades, and ccxt may leave the list out.
    """
    rows = [trade(), trade(id="t2", info={"execType": "Funding"}), trade(id="t3")]

    assert ["t1", "t3"] == [fill.trade_id for fill in fills_from(rows, venue=BYBIT, account=MAIN)]
    assert () == fills_from(None, venue=BYBIT, account=MAIN).fills


def test_a_client_order_id_is_given_as_it_was_sent() -> None:
    """
    Gate returns it with the prefix "t-"; an empty text is none.
    """
    named = fill_from(trade(info={"text": "t-abc"}), venue=Venue("gate"), account=MAIN)
    unnamed = fill_from(trade(info={"text": ""}), venue=Venue("gate"), account=MAIN)

    assert named is not None
    assert unnamed is not None
    assert ("abc", None) == (named.client_order_id, unnamed.client_order_id)


async def test_an_unknown_kind_of_execution_costs_itself() -> None:
    """
    It may or may not change a position, so the page is not complete; its neighbours are read.
    """
    line = on_line("bybit")
    line.answer(
        bybit_rows(
            *(
                {
                    "execId": f"e{number}",
                    "symbol": "BTCUSDT",
                    "side": "Buy",
                    "execQty": "1",
                    "execPrice": "1",
                    "execTime": f"{1767225600000 + number}",
                    "execType": kind,
                }
                for number, kind in enumerate(("Trade", "Novelty", "Trade"))
            )
        )
    )
    page = await CcxtSource(line.client, account=MAIN).fills(
        FillQuery(
            venue=Venue("bybit"), account=MAIN, symbol=BTC, since=datetime.fromtimestamp(1767225600, UTC)
        )
    )

    assert ["e0", "e2"] == [fill.trade_id for fill in page]
    assert not page.complete
    assert ["Novelty" in one.reason for one in page.unreadable] == [True]
