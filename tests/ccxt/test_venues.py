"""
The rules of each venue, as the requests that the real clients send by them.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import ccxt.async_support as ccxt
import pytest

from poslife import PositionRef, Symbol, Venue, VenueOrderId
from poslife._domain.client_order_ids import client_order_id
from poslife._domain.identifiers import position_ref_at
from poslife.ccxt import VENUE_RULES, CcxtSource, VenueRules
from poslife.errors import UnknownVenueFormat, VenueUnavailable
from poslife.venues import FillQuery, OrderQuery, SnapshotScope
from tests.ccxt.offline import SYMBOLS, client, on_line
from tests.ccxt.queries import MAIN

REF: PositionRef = position_ref_at(datetime(2026, 1, 1, tzinfo=UTC), 1 << 70 | 12345)

SENT_AS = {
    "bybit": '"orderLinkId":"{}"',
    "binance": "newClientOrderId={}",
    "binanceusdm": "newClientOrderId={}",
    "binancecoinm": "newClientOrderId={}",
    "okx": '"clOrdId":"{}"',
    "gate": '"text":"t-{}"',
    "bitget": '"clientOid":"{}"',
    "hyperliquid": '"c":"{}"',
    "bingx": "clientOrderID={}",
    "kucoin": '"clientOid":"{}"',
    "kucoinfutures": '"clientOid":"{}"',
}

ASKED_AS = {
    "bybit": ["/v5/order/realtime?", "orderLinkId={}"],
    "binance": ["/fapi/v1/order?", "origClientOrderId={}"],
    "binanceusdm": ["/fapi/v1/order?", "origClientOrderId={}"],
    "binancecoinm": ["/dapi/v1/order?", "origClientOrderId={}"],
    "okx": ["/trade/order?", "clOrdId={}"],
    "gate": ["/orders/t-{}?"],
    "bitget": ["/mix/order/detail?", "clientOid={}"],
    "hyperliquid": ['"type":"orderStatus"', '"oid":"{}"'],
    "bingx": ["/trade/order?", "clientOrderId={}"],
    "kucoin": ["/orders/byClientOid?", "clientOid={}"],
    "kucoinfutures": ["/orders/byClientOid?", "clientOid={}"],
}

FILTERED_BY = {
    "bybit": "orderId=777",
    "binance": "orderId=777",
    "binanceusdm": "orderId=777",
    "binancecoinm": "orderId=777",
    "okx": "ordId=777",
    "gate": "/my_trades_timerange?",
    "bitget": "orderId=777",
    "hyperliquid": '"type":"userFillsByTime"',
    "bingx": "orderId=777",
    "kucoin": "orderId=777",
    "kucoinfutures": "orderId=777",
}


def test_every_supported_venue_is_tested() -> None:
    """
    No venue is in VENUE_RULES without these tests.
    """
    for tested in (SENT_AS, ASKED_AS, FILTERED_BY, SYMBOLS):
        assert set(VENUE_RULES) == set(tested)


@pytest.mark.parametrize("venue", sorted(VENUE_RULES))
async def test_an_order_is_sent_with_its_client_order_id(venue: str) -> None:
    """
    ``params={"clientOrderId": …}`` serves at every venue, as the tracker's documentation says.
    """
    line = on_line(venue)
    name = client_order_id(REF, 3, venue=Venue(venue))
    with pytest.raises(ccxt.RequestTimeout):
        await line.client.create_order(SYMBOLS[venue], "limit", "buy", 1, 100, params={"clientOrderId": name})

    assert SENT_AS[venue].format(name) in line.sent[-1].whole


@pytest.mark.parametrize("venue", sorted(VENUE_RULES))
async def test_an_order_is_looked_up_by_its_client_order_id(venue: str) -> None:
    """
    The request has that id and no other; a time-out is no answer.
    """
    line = on_line(venue)
    name = client_order_id(REF, 3, venue=Venue(venue))
    source = CcxtSource(line.client, account=MAIN)
    with pytest.raises(VenueUnavailable, match="RequestTimeout"):
        await source.find_order(
            OrderQuery(venue=Venue(venue), account=MAIN, symbol=SYMBOLS[venue], client_order_id=name)
        )

    request = line.sent[-1]
    for part in ASKED_AS[venue]:
        assert part.format(name) in request.whole
    assert "None" not in request.whole


@pytest.mark.parametrize("venue", sorted(VENUE_RULES))
async def test_an_order_is_looked_up_by_its_venue_order_id(venue: str) -> None:
    """
    It is used where it is known, because some venues forget the client order id sooner.
    """
    line = on_line(venue)
    name = client_order_id(REF, 3, venue=Venue(venue))
    source = CcxtSource(line.client, account=MAIN)
    with pytest.raises(VenueUnavailable):
        await source.find_order(
            OrderQuery(
                venue=Venue(venue),
                account=MAIN,
                symbol=SYMBOLS[venue],
                client_order_id=name,
                venue_order_id=VenueOrderId("777"),
            )
        )

    assert "777" in line.sent[-1].whole
    assert name not in line.sent[-1].whole


@pytest.mark.parametrize("venue", sorted(VENUE_RULES))
async def test_fills_are_requested_by_time_and_order(venue: str) -> None:
    """
    The venue filters by order if it can, else the source does.
    """
    line = on_line(venue)
    source = CcxtSource(line.client, account=MAIN)
    with pytest.raises(VenueUnavailable):
        await source.fills(
            FillQuery(
                venue=Venue(venue),
                account=MAIN,
                symbol=SYMBOLS[venue],
                since=datetime.now(UTC),
                venue_order_id=VenueOrderId("777"),
            )
        )

    assert FILTERED_BY[venue] in line.sent[-1].whole


async def test_every_kind_of_execution_is_requested_from_bybit() -> None:
    """
    ccxt's default, trades alone, would leave out liquidations.
    """
    line = on_line("bybit")
    source = CcxtSource(line.client, account=MAIN)
    with pytest.raises(VenueUnavailable):
        await source.fills(FillQuery(venue=Venue("bybit"), account=MAIN, symbol=Symbol("BTC/USDT:USDT")))

    assert "execType=&" in line.sent[-1].url


async def test_positions_are_requested_as_the_rules_say() -> None:
    """
    The request names its scope, regardless of the client's own defaults.
    """
    asked = {
        "bybit": ["/v5/position/list?", "settleCoin=USDT", "category=linear", "limit=200"],
        "binance": ["/fapi/v3/positionRisk?"],
        "binancecoinm": ["/dapi/v1/positionRisk?"],
        "okx": ["/account/positions"],
        "gate": ["/futures/usdt/positions?", "holding=true", "limit=100"],
        "bitget": ["/position/all-position?", "productType=USDT-FUTURES"],
        "hyperliquid": ['"type":"clearinghouseState"'],
        "bingx": ["/swap/v2/user/positions?"],
        "kucoin": ["/api/v1/positions"],
    }
    for venue, parts in asked.items():
        line = on_line(venue, defaultSubType="inverse" if venue in ("bybit", "binance") else "linear")
        source = CcxtSource(line.client, account=MAIN)
        with pytest.raises(VenueUnavailable):
            await source.snapshot(SnapshotScope(venue=Venue(venue), account=MAIN))

        for part in parts:
            assert part in line.sent[-1].whole


@pytest.mark.parametrize("venue", ["htx", "deribit", "krakenfutures", "mexc"])
def test_a_venue_where_orders_cannot_be_found_is_refused(venue: str) -> None:
    """
    The message gives the reason; a host that knows better passes its own rules.
    """
    with pytest.raises(UnknownVenueFormat, match=r"through ccxt \(ccxt .*rules=VenueRules"):
        CcxtSource(client(venue), account=MAIN)
    with pytest.raises(UnknownVenueFormat, match="woo"):
        CcxtSource(client("woo"), account=MAIN)
    rules = VenueRules(trades_window=timedelta(days=1), trades_span=timedelta(days=1), trades_limit=10)

    assert venue == CcxtSource(client(venue), account=MAIN, rules=rules).venue
