"""
Venues' recorded responses, replayed through ccxt's own parsers: converted correctly, or refused by name.

The recordings are not part of the project. They are read from beside it, or from POSLIFE_RECORDED_ANSWERS.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import ccxt.async_support as ccxt
import pytest

from poslife import Account, Fill, Leg, OrderSide, OrderStatus, Side, Venue
from poslife.ccxt import VENUE_RULES, fill_from, fills_from, order_seen_from, position_from
from poslife.errors import InvalidValue, UnknownVenueFormat

_BESIDE = Path(__file__).parents[3] / "shared" / "data" / "ccxt"
RECORDED = Path(os.environ.get("POSLIFE_RECORDED_ANSWERS", _BESIDE))
MAIN = Account("main")
AT = datetime(2026, 1, 1, tzinfo=UTC)

pytestmark = pytest.mark.skipif(
    not RECORDED.is_dir(), reason="the recorded answers do not lie beside the project"
)

_ACCOUNT = {"enableUnifiedAccount": True, "enableUnifiedMargin": False}


@dataclass(frozen=True, slots=True)
class Case:
    venue: str
    number: int

    def __str__(self) -> str:
        return f"{self.venue}-{self.number}"


def recording(venue: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((RECORDED / f"{venue}.json").read_text())
    return found


async def replay(case: Case, number: object) -> tuple[str, list[dict[str, Any]]]:
    """
    Return the method that was called, and what ccxt makes of the recorded response.
    """
    data = recording(case.venue)
    recorded = data["cases"][case.number]
    client: Any = getattr(ccxt, case.venue)(
        {
            "apiKey": "key",
            "secret": "c2VjcmV0",
            "password": "pw",
            "uid": "uid",
            "walletAddress": "0x" + "0" * 40,
            "privateKey": "0x" + "11" * 32,
            "enableRateLimit": False,
            "number": number,
        }
    )
    client.set_markets(
        data["markets"], {code: {"id": code, "code": code, "precision": 1e-8} for code in data["currencies"]}
    )
    client.options = client.deep_extend(client.options, _ACCOUNT, data["options"])

    async def fetch(*_: object, **__: object) -> object:
        return json.loads(json.dumps(recorded["httpResponse"]))

    client.fetch = fetch
    shown = await getattr(client, recorded["method"])(*recorded["input"])
    return recorded["method"], [shown] if isinstance(shown, dict) else shown


def cases(*methods: str) -> list[Any]:
    if not RECORDED.is_dir():
        return [pytest.param(Case("none", 0), id="none")]
    found = [
        Case(file.stem, number)
        for file in sorted(RECORDED.glob("*.json"))
        for number, case in enumerate(recording(file.stem)["cases"])
        if case["method"].startswith(methods)
    ]
    return [pytest.param(case, id=str(case)) for case in found]


def facts(fill: Fill | None) -> tuple[object, ...]:
    assert fill is not None
    return (
        fill.side,
        fill.quantity,
        fill.price,
        fill.leg,
        tuple((fee.cost, fee.currency) for fee in fill.fees),
    )


BUY, SELL = OrderSide.BUY, OrderSide.SELL

TRADES: Mapping[str, tuple[object, ...]] = {
    "binance": (BUY, Decimal("0.01"), Decimal("36567.1"), Leg.NET, ((Decimal("0.1462684"), "USDT"),)),
    # The trade has its position's side; the order that closed it was a sale.
    "bitget": (SELL, Decimal("0.1"), Decimal("72.25"), Leg.LONG, ((Decimal("0.004335"), "USDT"),)),
    # ccxt returns a paid fee there as negative.
    "bitget uta": (BUY, Decimal("0.0001"), Decimal("107003.7"), None, ((Decimal("0.00642022"), "USDT"),)),
    "bybit": (BUY, Decimal("0.1"), Decimal("85.11"), None, ((Decimal("0.00468105"), "USDT"),)),
    "gate": (SELL, Decimal(1), Decimal("68.42"), None, ((Decimal("0.003421"), "USDT"),)),
    "kucoinfutures": (BUY, Decimal(1), Decimal("72.5"), None, ((Decimal("0.00435"), "USDT"),)),
    "okx": (BUY, Decimal("0.1"), Decimal("67.84"), Leg.NET, ((Decimal("0.0001"), "LTC"),)),
    "hyperliquid": (BUY, Decimal("0.5"), Decimal("132.31"), Leg.NET, ((Decimal("0.023154"), "USDC"),)),
    # A liquidation is a trade like any other.
    "hyperliquid liquidated": (
        SELL,
        Decimal("5.2"),
        Decimal("21.147"),
        Leg.NET,
        ((Decimal("0.047504"), "USDC"),),
    ),
    "bingx inverse": (BUY, Decimal(2), Decimal("182.652"), Leg.LONG, ((Decimal("0.00005475"), "SOL"),)),
}


@pytest.mark.parametrize("number", [str, float])
@pytest.mark.parametrize("case", cases("fetchMyTrades"))
async def test_a_recorded_trade(case: Case, number: object) -> None:
    """
    Side, size, price, leg and fees are the venue's; a funding payment is no fill, and no id is made up.
    """
    venue = Venue(case.venue)
    _, rows = await replay(case, number)
    if venue not in VENUE_RULES:
        with pytest.raises(UnknownVenueFormat):
            fill_from(rows[0], venue=venue, account=MAIN)
    elif venue == "bingx" and rows[0]["id"] is None:
        with pytest.raises(InvalidValue, match=r"trade\.(side|id)"):
            fill_from(rows[0], venue=venue, account=MAIN)
    elif rows[0]["info"].get("execType") == "Funding":
        assert () == fills_from(rows, venue=venue, account=MAIN).fills
    else:
        read = [facts(fill_from(one, venue=venue, account=MAIN)) for one in rows]
        name = {"bingx": "bingx inverse"}.get(case.venue, case.venue)
        if "execId" in rows[0]["info"] and venue == "bitget":
            name = "bitget uta"
        if rows[0]["symbol"] == "HYPE/USDC:USDC":
            name = "hyperliquid liquidated"
        assert TRADES[name] == read[0]


@pytest.mark.parametrize("number", [str, float])
@pytest.mark.parametrize("case", cases("fetchPosition"))
async def test_a_recorded_position(case: Case, number: object) -> None:
    """
    Flatness by contracts alone, one leg for each row; a row without a size is refused, not flat.
    """
    venue = Venue(case.venue)
    _, rows = await replay(case, number)
    for one in rows:
        if venue not in VENUE_RULES:
            with pytest.raises(UnknownVenueFormat):
                position_from(one, venue=venue, account=MAIN)
        elif one["contracts"] is None:
            with pytest.raises(InvalidValue, match=r"position\.contracts"):
                position_from(one, venue=venue, account=MAIN)
        else:
            read = position_from(one, venue=venue, account=MAIN)
            said = {"long": Side.LONG, "short": Side.SHORT}.get(str(one["side"]))
            hedged = {Leg.NET: (None, False), Leg.LONG: (None, True), Leg.SHORT: (None, True)}

            assert abs(Decimal(str(one["contracts"]))) == read.quantity
            assert (said if read.quantity else None) is read.side
            assert one.get("hedged") in hedged[read.key.leg]


@pytest.mark.parametrize("number", [str, float])
@pytest.mark.parametrize("case", cases("fetchOrder", "fetchOpenOrder", "fetchClosedOrder"))
async def test_a_recorded_order(case: Case, number: object) -> None:
    """
    An order of a venue that is known is read, and ended only where it has ended.
    """
    venue = Venue(case.venue)
    _, rows = await replay(case, number)
    if venue not in VENUE_RULES:
        return
    for one in rows:
        seen = order_seen_from(one, venue=venue, at=AT)

        assert one["id"] == seen.venue_order_id
        assert Decimal(str(one["filled"])) == seen.filled
        assert (one["status"] == "open") is (seen.status is OrderStatus.WORKING)
        assert seen.client_order_id is None or not seen.client_order_id.startswith("t-")
