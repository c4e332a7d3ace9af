"""
The table of codes that do not prove a refusal.
"""

from __future__ import annotations

import ccxt.async_support as ccxt
import pytest

from poslife import OrderSide, Venue
from poslife.ccxt import VENUE_RULES, classify
from poslife.ccxt._codes import VENUE_CODES
from poslife.protocols import SubmitContext, SubmitVerdict


@pytest.mark.parametrize(
    "venue, message",
    [
        pytest.param(venue, message, id=f"{venue}-{message}")
        for venue, known in VENUE_CODES.items()
        for message in (*(f'{{"code":"{code}"}}' for code in sorted(known.codes)), *known.texts)
    ],
)
def test_every_code_and_text_leaves_the_order_in_doubt(venue: Venue, message: str) -> None:
    """
    Each is found in an exception's message, in any case, although the class is a refusal's.
    """
    context = SubmitContext(venue=venue, side=OrderSide.BUY, in_doubt_before=False)

    assert SubmitVerdict.REFUSED is classify(ccxt.InvalidOrder(f"{venue} no"), context)
    assert SubmitVerdict.UNKNOWN is classify(ccxt.InvalidOrder(f"{venue} {message}"), context)
    if "code" not in message:
        assert SubmitVerdict.UNKNOWN is classify(ccxt.InvalidOrder(f"{venue} {message.upper()}"), context)


def test_every_venue_with_codes_is_supported() -> None:
    """
    A table under a misspelt exchange id would never be read.
    """
    assert set(VENUE_CODES) <= set(VENUE_RULES)
