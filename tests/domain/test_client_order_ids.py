from __future__ import annotations

import re
import string
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poslife import CLIENT_ORDER_IDS, ClientOrderIdFormat, PositionRef, Venue
from poslife._domain.client_order_ids import LAST_ORDINAL, OrderName, client_order_id, read_client_order_id
from poslife._domain.identifiers import position_ref_at
from poslife.errors import InvalidValue, UnknownVenueFormat
from tests.values import AT, REF

VENUES = sorted(CLIENT_ORDER_IDS)
each_venue = pytest.mark.parametrize("venue", VENUES)

refs = st.builds(
    position_ref_at, st.just(AT) | st.datetimes(timezones=st.just(AT.tzinfo)), st.integers(0, (1 << 74) - 1)
).filter(lambda ref: ref.int >> 80 < 1 << 48)
ordinals = st.integers(0, LAST_ORDINAL)

# What each venue's documentation takes: https://bybit-exchange.github.io, https://www.okx.com/docs-v5, …
TAKEN = {
    "binance": r"[\.A-Z\:/a-z0-9_-]{1,36}",
    "binancecoinm": r"[\.A-Z\:/a-z0-9_-]{1,36}",
    "binanceusdm": r"[\.A-Z\:/a-z0-9_-]{1,36}",
    "bingx": r"[a-z0-9_-]{1,40}",
    "bitget": r"[\.A-Z\:/a-z0-9_-]{1,40}",
    "bybit": r"[A-Za-z0-9_-]{1,36}",
    # ccxt puts `t-` before it; with that it has at most 30 characters.
    "gate": r"[0-9A-Za-z_.-]{1,28}",
    "hyperliquid": r"0x[0-9a-f]{32}",
    "kucoin": r"[A-Za-z0-9_-]{1,40}",
    "kucoinfutures": r"[A-Za-z0-9_-]{1,40}",
    "okx": r"[A-Za-z0-9]{1,32}",
}


def test_every_venue_known_is_tested() -> None:
    """
    The list above has every venue that poslife knows.
    """
    assert VENUES == sorted(TAKEN)


@given(refs, ordinals)
def test_every_venue_gives_ref_and_ordinal_back(ref: PositionRef, ordinal: int) -> None:
    """
    Clearing the low 16 bits of a client order id gives the ref back, at every known venue.
    """
    for venue in VENUES:
        name = client_order_id(ref, ordinal, venue=venue)

        assert OrderName(ref, ordinal) == read_client_order_id(name, venue=venue)


@given(refs, ordinals)
def test_every_venue_takes_its_ids(ref: PositionRef, ordinal: int) -> None:
    """
    An id has the alphabet and length that the venue's documentation gives.
    """
    for venue in VENUES:
        name = client_order_id(ref, ordinal, venue=venue)

        assert re.fullmatch(TAKEN[venue], name, re.ASCII)
        assert len(name) <= CLIENT_ORDER_IDS[venue].most


@given(refs, ordinals, refs, ordinals)
def test_two_orders_have_two_ids(one: PositionRef, first: int, other: PositionRef, second: int) -> None:
    """
    Ids are equal exactly if ref and ordinal are.
    """
    for venue in VENUES:
        same = client_order_id(one, first, venue=venue) == client_order_id(other, second, venue=venue)

        assert ((one, first) == (other, second)) is same


@each_venue
@given(text=st.text() | st.text(alphabet=string.ascii_letters + string.digits, min_size=24, max_size=36))
def test_a_foreign_id_is_nobodys(venue: Venue, text: str) -> None:
    """
    A text is read only if poslife would write it so.
    """
    read = read_client_order_id(text, venue=venue)

    if read is not None:
        written = client_order_id(read.ref, read.ordinal, venue=venue)
        assert text in (written, CLIENT_ORDER_IDS[venue].returned_prefix + written)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("x-40PTWbMI1234", id="a broker's"),
        pytest.param(str(uuid4()), id="a UUID"),
        pytest.param(uuid4().hex, id="a UUID without dashes"),
        pytest.param("8" + "0" * 25, id="over 128 bits"),
        pytest.param("z" * 26, id="the largest"),
        pytest.param("0" * 26, id="no UUIDv7"),
        pytest.param("0" * 25 + "O", id="a letter Crockford leaves out"),
        pytest.param("t-" + "0" * 26, id="prefixed, no UUIDv7"),
        pytest.param("0x" + "0" * 32, id="hex, no UUIDv7"),
        pytest.param("\u0660" * 26, id="digits of another script"),
    ],
)
@each_venue
def test_what_others_send_is_not_taken_for_ours(venue: Venue, text: str) -> None:
    """
    Ids of brokers, other bots and the venue's own site are not read.
    """
    assert read_client_order_id(text, venue=venue) is None


@each_venue
def test_upper_case_is_foreign(venue: Venue) -> None:
    """
    An id in upper case is not read, for one id has one text.
    """
    name = client_order_id(REF, 3, venue=venue)

    assert read_client_order_id(name.upper(), venue=venue) is None


def test_a_prefix_that_comes_back_is_read() -> None:
    """
    An id reads the same with and without the ``t-`` that ccxt adds for gate, and only at gate.
    """
    gate, bybit = Venue("gate"), Venue("bybit")
    name = client_order_id(REF, 65535, venue=gate)

    assert not name.startswith("t-")
    assert OrderName(REF, 65535) == read_client_order_id(f"t-{name}", venue=gate)
    assert OrderName(REF, 65535) == read_client_order_id(name, venue=gate)
    assert read_client_order_id(f"t-t-{name}", venue=gate) is None
    assert read_client_order_id(f"t-{name}", venue=bybit) is None


def test_an_unknown_venue_is_refused_and_told_how_to_become_known() -> None:
    """
    An unknown venue raises an error with the known venues and the argument that adds one.
    """
    nowhere = Venue("nowhere")
    for use in (
        lambda: client_order_id(REF, 0, venue=nowhere),
        lambda: read_client_order_id("x", venue=nowhere),
    ):
        with pytest.raises(UnknownVenueFormat, match=r"'nowhere'.*bybit.*client_order_ids=") as unknown:
            use()

        assert ("nowhere", tuple(VENUES)) == (unknown.value.venue, unknown.value.known)


def test_a_host_can_bring_a_format() -> None:
    """
    A host's format is used with its prefix and the prefix that its venue adds.
    """
    venue = Venue("woo")
    formats = {venue: ClientOrderIdFormat(prefix="pl", returned_prefix="woo-", most=30)}
    name = client_order_id(REF, 5, venue=venue, formats=formats)

    assert name.startswith("pl")
    assert 28 == len(name)
    assert OrderName(REF, 5) == read_client_order_id(f"woo-{name}", venue=venue, formats=formats)
    assert read_client_order_id(name.removeprefix("pl"), venue=venue, formats=formats) is None


@pytest.mark.parametrize(
    "fields, named",
    [
        pytest.param({"most": 25}, "most", id="crockford does not fit"),
        pytest.param({"alphabet": "hex", "prefix": "0x", "most": 33}, "most", id="hex does not fit"),
        pytest.param({"prefix": "x" * 11, "most": 36}, "most", id="the prefix does not fit"),
        pytest.param({"alphabet": "base64", "most": 36}, "alphabet", id="an unknown alphabet"),
        pytest.param({"prefix": "é", "most": 36}, "prefix", id="a prefix out of ASCII"),
        pytest.param(
            {"returned_prefix": "é", "most": 36}, "returned_prefix", id="a returned prefix out of ASCII"
        ),
        pytest.param({"prefix": 7, "most": 36}, "prefix", id="a prefix that is no text"),
        pytest.param({"most": "36"}, "most", id="a length as text"),
        pytest.param({"most": True}, "most", id="a length as a bool"),
    ],
)
def test_a_format_that_cannot_hold_an_id_is_refused(fields: dict[str, Any], named: str) -> None:
    """
    A format is checked when it is made, and not when the first order is sent.
    """
    with pytest.raises(InvalidValue, match=rf"^ClientOrderIdFormat\.{named}: "):
        ClientOrderIdFormat(**fields)


@pytest.mark.parametrize("ordinal", [-1, LAST_ORDINAL + 1, True, "0", 1.0], ids=repr)
def test_an_ordinal_has_16_bits(ordinal: Any) -> None:
    """
    An ordinal of more than 16 bits is refused, for it would change the ref.
    """
    with pytest.raises(InvalidValue, match="ordinal"):
        client_order_id(REF, ordinal, venue=Venue("bybit"))


@pytest.mark.parametrize("ref", ["pending", uuid4(), UUID(int=REF.int | 1)], ids=["text", "v4", "low bits"])
def test_only_a_ref_is_written(ref: Any) -> None:
    """
    A UUID that is no ref is refused, for it could not be read back.
    """
    with pytest.raises(InvalidValue, match="ref"):
        client_order_id(ref, 0, venue=Venue("bybit"))
