"""
The tables of what proves a refusal, against the venues' answers and against ccxt's own tables.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import cast

import ccxt.async_support as ccxt
import pytest

from poslife import OrderSide, Venue
from poslife.ccxt import classify
from poslife.ccxt._codes import VENUE_CODES
from poslife.protocols import SubmitContext, SubmitVerdict
from tests.ccxt.everyday_refusals import DOUBTFUL_ANSWERS, EVERYDAY_REFUSALS, Body
from tests.ccxt.offline import SYMBOLS, on_line
from tests.ccxt.other_codes import OTHER_CODES, OTHER_TEXTS

REFUSAL_CLASSES = (
    ccxt.InsufficientFunds,
    ccxt.AuthenticationError,
    ccxt.BadRequest,
    ccxt.ArgumentsRequired,
    ccxt.NotSupported,
    ccxt.OperationRejected,
    ccxt.InvalidOrder,
)
NOT_REFUSALS = (ccxt.OrderNotFound, ccxt.OrderNotCached, ccxt.DuplicateOrderId)
ONE_OF_EACH = ("binance", "bybit", "okx", "gate", "bitget", "kucoin", "bingx", "hyperliquid")


def each(answers: Mapping[str, tuple[Body, ...]]) -> list[object]:
    return [
        pytest.param(venue, body, id=f"{venue}-{number}")
        for venue, bodies in answers.items()
        for number, body in enumerate(bodies)
    ]


async def verdict_on(venue: str, body: Body, *, in_doubt_before: bool = False) -> SubmitVerdict:
    line = on_line(venue)
    line.refuse(body, status=400 if venue in {"binanceusdm", "gate", "bitget"} else 200)
    name = "0x" + "ab" * 16 if venue == "hyperliquid" else "a1"
    with pytest.raises(ccxt.BaseError) as raised:
        await line.client.create_order(SYMBOLS[venue], "limit", "buy", 1, 100, {"clientOrderId": name})
    context = SubmitContext(venue=Venue(venue), side=OrderSide.BUY, in_doubt_before=in_doubt_before)
    return classify(raised.value, context)


@pytest.mark.parametrize("venue, body", each(EVERYDAY_REFUSALS))
async def test_an_everyday_refusal_is_a_refusal(venue: str, body: Body) -> None:
    """
    The venue's own error says that the order was not taken, whatever class ccxt gives it.
    """
    assert SubmitVerdict.REFUSED is await verdict_on(venue, body)


@pytest.mark.parametrize("venue, body", each(DOUBTFUL_ANSWERS))
async def test_an_answer_after_which_the_order_may_exist_is_no_refusal(venue: str, body: Body) -> None:
    """
    Duplicates, time-outs, internal errors, several statuses, an order's id, and codes on no table.
    """
    assert SubmitVerdict.UNKNOWN is await verdict_on(venue, body)


@pytest.mark.parametrize(
    "venue, body",
    [
        ("okx", EVERYDAY_REFUSALS["okx"][0]),
        ("gate", EVERYDAY_REFUSALS["gate"][0]),
        ("bitget", EVERYDAY_REFUSALS["bitget"][7]),
        ("hyperliquid", EVERYDAY_REFUSALS["hyperliquid"][1]),
        ("bingx", EVERYDAY_REFUSALS["bingx"][5]),
    ],
)
async def test_a_lack_of_funds_is_no_refusal_while_an_earlier_order_is_in_doubt(
    venue: str, body: Body
) -> None:
    """
    The order in doubt may have taken the funds, also where ccxt does not raise InsufficientFunds.
    """
    assert SubmitVerdict.UNKNOWN is await verdict_on(venue, body, in_doubt_before=True)


def of_ccxt(table: Mapping[str, object]) -> Iterator[tuple[str, type[Exception]]]:
    """
    Yield the codes and texts of ccxt's table of exceptions, with their classes.
    """
    for key, held in table.items():
        if isinstance(held, Mapping):
            yield from of_ccxt(cast("Mapping[str, object]", held))
        elif isinstance(held, type):
            yield key, held


@pytest.mark.parametrize("venue", ONE_OF_EACH)
def test_every_code_that_ccxt_calls_a_refusal_is_on_one_table(venue: str) -> None:
    """
    A code is a refusal, a doubt, or about something else; codes that a newer ccxt adds are listed here.
    """
    known = VENUE_CODES[Venue(venue)]
    others = set(OTHER_CODES.get(venue, "").split()) | set(OTHER_TEXTS.get(venue, ()))
    unjudged = sorted(
        f"{key}: {kind.__name__}"
        for key, kind in set(of_ccxt(getattr(ccxt, venue)().exceptions))
        if issubclass(kind, REFUSAL_CLASSES)
        and not issubclass(kind, NOT_REFUSALS)
        and not (key in others or key in known.doubts or key in known.refusals.codes)
        # ccxt's translation to Python turns "this" into "self".
        and not any(text in key.lower().replace(" self ", " this ") for text in known.refusals.texts)
    )

    assert [] == unjudged


@pytest.mark.parametrize("venue", VENUE_CODES)
def test_no_code_is_on_two_tables(venue: Venue) -> None:
    """
    A code either proves a refusal or leaves the order in doubt.
    """
    known = VENUE_CODES[venue]
    others = set(OTHER_CODES.get(venue, "").split())

    assert set() == known.refusals.codes & (known.doubts | others | known.envelopes)
    assert set() == known.doubts & others
    assert known.refusals.funds <= known.refusals.codes


@pytest.mark.parametrize("venue", ONE_OF_EACH)
def test_no_refusal_is_a_failure_to_ccxt(venue: str) -> None:
    """
    ccxt gives no code of a refusal the class of a time-out, an unavailable venue or a duplicate.
    """
    known = VENUE_CODES[Venue(venue)].refusals
    doubtful = (ccxt.RequestTimeout, ccxt.ExchangeNotAvailable, ccxt.DDoSProtection, ccxt.DuplicateOrderId)

    assert [] == [
        key
        for key, kind in of_ccxt(getattr(ccxt, venue)().exceptions)
        if key in known.codes and issubclass(kind, doubtful)
    ]
