"""
What becomes of the key when an order is refused through ccxt.

hummingbot/hummingbot #8284: a maker bot's post-only order would match, and is refused; the next quote follows
within a second.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import ccxt.async_support as ccxt
import pytest

import poslife
from poslife import Account, InDoubt, Leg, PositionKey, Rejected, Side, Venue
from poslife.errors import KeyInDoubt
from tests.ccxt.everyday_refusals import EVERYDAY_REFUSALS, Body
from tests.ccxt.offline import SYMBOLS, Line, Request, on_line


class OrderFailed(Exception):
    """
    An exception of a host's own wrapper.
    """


def key(venue: str) -> PositionKey:
    return PositionKey(venue=Venue(venue), account=Account("main"), symbol=SYMBOLS[venue], leg=Leg.NET)


async def create(line: Line, client_order_id: str, amount: float = 1) -> object:
    symbol = SYMBOLS[line.client.id]
    return await line.client.create_order(
        symbol, "limit", "buy", amount, 100, {"clientOrderId": client_order_id}
    )


@pytest.mark.parametrize(
    "venue, body",
    [
        pytest.param("hyperliquid", EVERYDAY_REFUSALS["hyperliquid"][4], id="post-only"),
        pytest.param("bingx", EVERYDAY_REFUSALS["bingx"][1], id="minimum"),
        pytest.param("kucoin", None, id="amount below the precision"),
    ],
)
async def test_a_refused_order_frees_its_key(url: str, tmp_path: Path, venue: str, body: Body | None) -> None:
    """
    At venues where no look-up ends a doubt too: the next order follows at once.
    """
    line = on_line(venue)
    if body is not None:
        line.refuse(body)
    async with poslife.connect(url, journal=tmp_path / "events") as tracker:
        await tracker.recover()
        opening = tracker.opening(key(venue), side=Side.LONG, quantity=Decimal(1))
        with pytest.raises(ccxt.ExchangeError):
            async with opening:
                await opening.submit(
                    create(line, opening.client_order_id, amount=1 if body is not None else 0.0000001)
                )

        assert isinstance(opening.outcome, Rejected)
        assert (0 if body is None else 1) == len(line.sent)

        async with tracker.opening(key(venue), side=Side.LONG, quantity=Decimal(1)) as following:
            assert opening.client_order_id != following.client_order_id


async def test_an_order_whose_first_attempt_was_lost_holds_its_key(url: str, tmp_path: Path) -> None:
    """
    A wrapper sends again and is refused for a lack of funds: the lost order may have taken them.
    """
    line = on_line("bybit")

    def lose(_: Request) -> object:
        raise ccxt.RequestTimeout("bybit POST timed out")

    line.answers.append(lose)
    line.refuse({"retCode": 110007, "retMsg": "ab not enough for new order", "result": {}})

    async def place(client_order_id: str) -> object:
        try:
            return await create(line, client_order_id)
        except ccxt.NetworkError:
            try:
                return await create(line, client_order_id)
            except ccxt.ExchangeError as error:
                raise OrderFailed from error

    async with poslife.connect(url, journal=tmp_path / "events") as tracker:
        await tracker.recover()
        opening = tracker.opening(key("bybit"), side=Side.LONG, quantity=Decimal(1))
        with pytest.raises(OrderFailed):
            async with opening:
                await opening.submit(place(opening.client_order_id))

        assert isinstance(opening.outcome, InDoubt)
        with pytest.raises(KeyInDoubt):
            async with tracker.opening(key("bybit"), side=Side.LONG, quantity=Decimal(1)):
                raise AssertionError("the key is in doubt")
