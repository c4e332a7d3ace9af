from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poslife import Account, Leg, MarginMode, OrderSide, PositionKey, Side, Symbol, Venue
from poslife._domain.identifiers import (
    aware,
    count,
    event_id_at,
    member,
    name,
    position_id,
    position_ref,
    position_ref_at,
)
from poslife._domain.identifiers import uuid as require_uuid
from poslife.errors import InvalidValue
from tests.values import AT, REF

entropies = st.integers(min_value=0, max_value=(1 << 74) - 1)
times = st.datetimes(min_value=datetime(1970, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds the zone


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("pending", id="the sentinel"),
        pytest.param(True, id="a bool"),
        pytest.param(0, id="zero"),
        pytest.param(-1, id="a negative number"),
        pytest.param(1.0, id="a float"),
        pytest.param(Decimal(1), id="a Decimal"),
        pytest.param("7", id="digits as text"),
        pytest.param(2**63, id="over 64 bits"),
        pytest.param(None, id="none"),
    ],
)
def test_an_id_is_a_number_that_a_repository_can_have_minted(value: object) -> None:
    """
    ``"pending"``, ``True``, 0 and 1.0 are no ids, and the refusal says which value came (incident 22).
    """
    with pytest.raises(InvalidValue, match="a positive int") as refused:
        position_id("PersistedPosition.id", value)

    assert "PersistedPosition.id" == refused.value.field
    assert value is refused.value.value
    assert repr(value) in str(refused.value)
    assert type(value).__name__ in str(refused.value)


@pytest.mark.parametrize("value", [1, 2**31, 2**63 - 1], ids=str)
def test_every_positive_64_bit_number_is_an_id(value: int) -> None:
    """
    An id over 2^31 is as good as any.
    """
    position_id("id", value)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("", id="empty"),
        pytest.param(" main", id="padded before"),
        pytest.param("main\n", id="padded after"),
        pytest.param("ma\x00in", id="a NUL"),
        pytest.param("ma\tin", id="a tab"),
        pytest.param("ma\x7fin", id="a delete"),
        pytest.param("ma\ud800in", id="a lone surrogate"),
        pytest.param("a" * 256, id="too long"),
        pytest.param(7, id="a number"),
        pytest.param(b"main", id="bytes"),
        pytest.param(None, id="none"),
    ],
)
def test_a_name_is_printable_text_without_surrounding_spaces(value: object) -> None:
    """
    What some store would refuse, cut or show wrongly is refused before it gets anywhere.
    """
    with pytest.raises(InvalidValue) as refused:
        name("PositionKey.account", value)

    assert "PositionKey.account" == refused.value.field
    assert value is refused.value.value


@pytest.mark.parametrize("value", ["x", "a" * 255, "BTC/USDT:USDT", "Konto Süd", "账户", "🦊"])
def test_a_name_may_be_in_any_script(value: str) -> None:
    """
    Letters of any script, spaces within and signs are taken.
    """
    name("PositionKey.account", value)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(datetime(2026, 1, 1), id="naive"),  # noqa: DTZ001
        pytest.param(datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=3))), id="Moscow"),
        pytest.param(datetime(2026, 1, 1, tzinfo=UTC).date(), id="a date"),
        pytest.param("2026-01-01T00:00:00Z", id="text"),
        pytest.param(1767225600, id="seconds"),
        pytest.param(None, id="none"),
    ],
)
def test_a_time_is_aware_and_in_utc(value: object) -> None:
    """
    A naive time, or one of another offset, once closed a row four hours before it opened (incident 42).
    """
    with pytest.raises(InvalidValue, match="aware UTC") as refused:
        aware("ClosedPosition.closed_at", value)

    assert "ClosedPosition.closed_at" == refused.value.field
    assert value is refused.value.value


@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(0), "Z")], ids=str)
def test_utc_is_taken_under_any_name(zone: tzinfo) -> None:
    """
    What counts is the offset.
    """
    aware("at", datetime(2026, 1, 1, tzinfo=zone))


@pytest.mark.parametrize("value", ["long", "LONG", 1, None, OrderSide.BUY], ids=repr)
def test_a_side_is_a_member_and_not_its_text(value: object) -> None:
    """
    ``"long"`` and a member of another enumeration are refused, and the refusal lists what is taken.
    """
    with pytest.raises(InvalidValue, match=r"Side\.LONG, Side\.SHORT"):
        member("Order.side", value, Side)


@pytest.mark.parametrize("value", [-1, 1 << 31, True, 1.0, "1", None], ids=repr)
def test_a_count_is_an_int_from_zero(value: object) -> None:
    """
    A bool, a float, a text and a number out of range are no counts.
    """
    with pytest.raises(InvalidValue, match="an int from 0"):
        count("Order.ordinal", value)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("pending", id="the sentinel"),
        pytest.param(str(REF), id="its text"),
        pytest.param(uuid.uuid4(), id="a UUIDv4"),
        pytest.param(uuid.UUID(int=REF.int | 1), id="low bits set"),
        pytest.param(uuid.UUID(int=0), id="nil"),
        pytest.param(None, id="none"),
        pytest.param(7, id="a number"),
    ],
)
def test_a_ref_is_a_uuid7_with_room_for_an_ordinal(value: object) -> None:
    """
    Another UUID, a text or a number is no ref.
    """
    with pytest.raises(InvalidValue, match="PositionRef"):
        position_ref("PendingPosition.ref", value)


@pytest.mark.parametrize("value", ["x", 7, None, "00000000-0000-0000-0000-000000000000"], ids=repr)
def test_a_run_is_a_uuid(value: object) -> None:
    """
    A text is none, however it looks.
    """
    with pytest.raises(InvalidValue, match="a UUID"):
        require_uuid("Order.run", value)


@given(times, entropies)
def test_a_new_ref_is_a_uuid7_of_its_time_with_its_low_bits_free(at: datetime, entropy: int) -> None:
    """
    48 bits of milliseconds, version 7, the RFC's variant, and 12 zero bits.
    """
    ref = position_ref_at(at, entropy)

    position_ref("ref", ref)
    assert (7, uuid.RFC_4122) == (ref.version, ref.variant)
    assert int((at - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(milliseconds=1)) - (ref.int >> 80) in (
        0,
        1,
    )
    assert 0 == ref.int & 0xFFF


@given(times, entropies, entropies)
def test_ids_of_different_entropy_differ(at: datetime, one: int, other: int) -> None:
    """
    All 74 random bits are in an event id, so that two differ where their entropy does.
    """
    assert (one == other) is (event_id_at(at, one) == event_id_at(at, other))


def test_ids_sort_by_time() -> None:
    """
    An id of a later millisecond is greater, whatever the entropy.
    """
    assert event_id_at(AT, (1 << 74) - 1) < event_id_at(AT + timedelta(milliseconds=1), 0)


def test_two_venues_one_symbol_are_two_keys() -> None:
    """
    The same symbol on another venue, in another account, leg or margin mode is another key (incident 38).
    """
    key = PositionKey(venue=Venue("binance"), account=Account("main"), symbol=Symbol("BTC/USDT:USDT"))
    others = {
        PositionKey(venue=Venue("bybit"), account=key.account, symbol=key.symbol),
        PositionKey(venue=key.venue, account=Account("second"), symbol=key.symbol),
        PositionKey(venue=key.venue, account=key.account, symbol=Symbol("BTC/USDC:USDC")),
        PositionKey(venue=key.venue, account=key.account, symbol=key.symbol, leg=Leg.LONG),
        PositionKey(venue=key.venue, account=key.account, symbol=key.symbol, margin_mode=MarginMode.ISOLATED),
    }

    assert 5 == len(others)
    assert key not in others
    assert 6 == len({str(one) for one in (key, *others)})
    assert key == PositionKey(venue=key.venue, account=key.account, symbol=key.symbol)


@pytest.mark.parametrize(
    "field, value",
    [
        ("venue", ""),
        ("venue", 7),
        ("account", " main"),
        ("account", None),
        ("symbol", "BTC\x00"),
        ("leg", "net"),
        ("leg", None),
        ("margin_mode", "cross"),
    ],
)
def test_a_key_refuses_what_names_nothing(field: str, value: object) -> None:
    """
    A key says which of its fields was given what.
    """
    fields: dict[str, Any] = {"venue": "bybit", "account": "main", "symbol": "BTC/USDT:USDT", field: value}

    with pytest.raises(InvalidValue) as refused:
        PositionKey(**fields)

    assert f"PositionKey.{field}" == refused.value.field
    assert value is refused.value.value


def test_a_key_reads_well() -> None:
    """
    The net leg and no margin mode go without saying.
    """
    key = PositionKey(venue=Venue("bybit"), account=Account("main"), symbol=Symbol("BTC/USDT:USDT"))

    assert "bybit:main BTC/USDT:USDT" == str(key)
    assert "bybit:main BTC/USDT:USDT long isolated" == str(
        PositionKey(
            venue=key.venue,
            account=key.account,
            symbol=key.symbol,
            leg=Leg.LONG,
            margin_mode=MarginMode.ISOLATED,
        )
    )


@pytest.mark.parametrize("side", list(Side))
def test_a_side_is_entered_and_left_by_opposite_orders(side: Side) -> None:
    """
    What enters a position opens that side, and what leaves it opens the other.
    """
    assert side is side.entered_by.opens
    assert side is not side.left_by.opens
