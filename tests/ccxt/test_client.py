"""
Checks of the client's settings and of the venue's last response.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import ccxt
import pytest

from poslife import Venue
from poslife.ccxt import VENUE_RULES, CcxtSource
from poslife.errors import ConfigurationError, VenueUnavailable
from poslife.venues import FillQuery
from tests.ccxt.offline import SYMBOLS, client, on_line
from tests.ccxt.queries import MAIN, bybit_rows, order_query, scope_of


@pytest.mark.parametrize("venue", sorted(VENUE_RULES))
@pytest.mark.parametrize("page", ["<html>back soon</html>", "", "{}", '{"x": 1}', "3"], ids=repr)
async def test_an_error_page_is_not_an_empty_list(venue: str, page: str) -> None:
    """
    ccxt parses a gateway's page with status 200 as a list without rows (incidents 2, 3, 41).
    """
    line = on_line(venue)
    source = CcxtSource(line.client, account=MAIN)
    for call in (
        lambda: source.snapshot(scope_of(venue)),
        lambda: source.fills(FillQuery(venue=Venue(venue), account=MAIN, symbol=SYMBOLS[venue])),
    ):
        line.answer_page(page)
        with pytest.raises(VenueUnavailable):
            await call()
    if venue == "bybit":
        line.answer_page(page)
        with pytest.raises(VenueUnavailable):
            await source.find_order(order_query(venue))


async def test_an_empty_list_is_an_answer() -> None:
    """
    So is null in place of one.
    """
    empty: dict[str, Any] = {
        "bybit": bybit_rows(),
        "binance": [],
        "okx": {"code": "0", "data": []},
        "gate": [],
        "bitget": {"code": "00000", "data": None},
        "kucoin": {"code": "200000", "data": []},
        "hyperliquid": {"assetPositions": [], "time": 1},
        "bingx": {"code": 0, "data": []},
    }
    for venue, answer in empty.items():
        line = on_line(venue)
        line.answer(answer)
        snapshot = await CcxtSource(line.client, account=MAIN).snapshot(scope_of(venue))

        assert ((), True) == (snapshot.positions, snapshot.complete)


def test_a_client_that_keeps_no_response_is_refused() -> None:
    """
    Without the last response an empty list cannot be distinguished from an error page.
    """
    exchange = client("bybit")
    exchange.enableLastHttpResponse = False
    with pytest.raises(ConfigurationError, match="enableLastHttpResponse"):
        CcxtSource(exchange, account=MAIN)


def test_a_client_that_blocks_is_refused() -> None:
    """
    It would block the event loop at each request.
    """
    with pytest.raises(ConfigurationError, match=r"ccxt\.async_support\.bybit"):
        CcxtSource(ccxt.bybit(), account=MAIN)


@pytest.mark.parametrize(
    "options",
    [
        {"maxRetriesOnFailure": 3},
        {"defaultMaxRetriesOnFailure": 1},
        {"v5/order/create": {"maxRetriesOnFailure": 1}},
    ],
    ids=str,
)
def test_a_client_that_repeats_submits_is_refused(options: dict[str, Any]) -> None:
    """
    For every request, or for the one path that creates orders.
    """
    with pytest.raises(ConfigurationError, match="sent again"):
        CcxtSource(client("bybit", **options), account=MAIN)


def test_a_client_that_cannot_read_sizes_is_refused() -> None:
    """
    With Decimal ccxt reads contractSize as None.
    """
    with pytest.raises(ConfigurationError, match="Decimal"):
        CcxtSource(client("bybit", number=Decimal), account=MAIN)
