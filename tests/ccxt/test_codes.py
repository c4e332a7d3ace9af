"""
The tables of codes that do not prove a refusal, and of those that do.
"""

from __future__ import annotations

import json

import ccxt.async_support as ccxt
import pytest

from poslife import OrderSide, Venue
from poslife.ccxt import VENUE_RULES, classify
from poslife.ccxt._codes import VENUE_CODES
from poslife.protocols import SubmitContext, SubmitVerdict


def verdict(venue: Venue, error: Exception) -> SubmitVerdict:
    return classify(error, SubmitContext(venue=venue, side=OrderSide.BUY, in_doubt_before=False))


def answer(code: str, text: str = "") -> str:
    return json.dumps({"code": code, "msg": text})


@pytest.mark.parametrize("venue", VENUE_CODES)
def test_every_code_and_text_leaves_the_order_in_doubt(venue: Venue) -> None:
    """
    Each is found in an exception's message, in any case, although the class is a refusal's.
    """
    known = VENUE_CODES[venue]
    refusal = min(known.refusals.codes, default="")
    text = min(known.refusals.texts, default="")

    assert SubmitVerdict.REFUSED is verdict(venue, ccxt.InvalidOrder(f"{venue} {answer(refusal, text)}"))
    for code in known.doubts:
        assert SubmitVerdict.UNKNOWN is verdict(venue, ccxt.InvalidOrder(f"{venue} {answer(code, text)}")), (
            code
        )
    for part in known.doubt_texts:
        for said in (part, part.upper()):
            message = f"{venue} {answer(refusal, f'{text} {said}')}"
            assert SubmitVerdict.UNKNOWN is verdict(venue, ccxt.InvalidOrder(message)), said


@pytest.mark.parametrize("venue", VENUE_CODES)
def test_every_code_and_text_of_a_refusal_proves_it(venue: Venue) -> None:
    """
    Each does whatever class ccxt gives it, unless that is a time-out or an order that exists.
    """
    known = VENUE_CODES[venue].refusals
    messages = [answer(code) for code in known.codes] + [answer("", text.upper()) for text in known.texts]

    for message in messages:
        assert SubmitVerdict.REFUSED is verdict(venue, ccxt.ExchangeError(f"{venue} {message}")), message
        for kind in (ccxt.RequestTimeout, ccxt.ExchangeNotAvailable, ccxt.DuplicateOrderId, ccxt.BadResponse):
            assert SubmitVerdict.UNKNOWN is verdict(venue, kind(f"{venue} {message}")), message
    for code in known.codes:
        assert SubmitVerdict.UNKNOWN is verdict(venue, ccxt.OrderNotFound(f"{venue} {answer(code)}")), code


@pytest.mark.parametrize("venue", VENUE_CODES)
def test_a_code_on_no_table_leaves_the_order_in_doubt(venue: Venue) -> None:
    """
    Whatever class a newer ccxt gives it, and although another code beside it is a refusal's.
    """
    refusal = min(VENUE_CODES[venue].refusals.codes, default="")
    for kind in (ccxt.InvalidOrder, ccxt.InsufficientFunds, ccxt.BadRequest, ccxt.AuthenticationError):
        assert SubmitVerdict.UNKNOWN is verdict(venue, kind(f"{venue} {answer('NEW_1')}"))
        two = json.dumps({"code": "NEW_1", "data": {"code": refusal}})
        assert SubmitVerdict.UNKNOWN is verdict(venue, kind(f"{venue} {two}"))
        assert SubmitVerdict.UNKNOWN is verdict(venue, kind(f'{venue} {{"code":"{refusal}'))


def test_every_supported_venue_has_codes() -> None:
    """
    A table under a misspelt exchange id would never be read.
    """
    assert set(VENUE_CODES) == set(VENUE_RULES)
