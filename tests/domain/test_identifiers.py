from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poslife import Account, Leg, MarginMode, PositionKey, Side, Symbol, Venue
from poslife._domain.checks import (
    require_position_ref,
)
from poslife._domain.identifiers import event_id_at, position_ref_at
from poslife.errors import InvalidValue
from tests.values import AT

entropies = st.integers(min_value=0, max_value=(1 << 74) - 1)
times = st.datetimes(min_value=datetime(1970, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds the zone


@given(times, entropies)
def test_a_new_ref_is_a_uuid7_of_its_time_with_its_low_bits_free(at: datetime, entropy: int) -> None:
    """
    A ref has 48 bits of milliseconds, version 7, the RFC's variant, and 16 zero bits.
    """
    ref = position_ref_at(at, entropy)

    require_position_ref("ref", ref)
    assert (7, uuid.RFC_4122) == (ref.version, ref.variant)
    assert int((at - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(milliseconds=1)) - (ref.int >> 80) in (
        0,
        1,
    )
    assert 0 == ref.int & 0xFFFF


@given(times, entropies, entropies)
def test_ids_of_different_entropy_differ(at: datetime, one: int, other: int) -> None:
    """
    An event id holds all 74 random bits, so two ids differ if their entropy does.
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
    A refused key says which field was given which value.
    """
    fields: dict[str, Any] = {"venue": "bybit", "account": "main", "symbol": "BTC/USDT:USDT", field: value}

    with pytest.raises(InvalidValue) as refused:
        PositionKey(**fields)

    assert f"PositionKey.{field}" == refused.value.field
    assert value is refused.value.value


def test_a_key_reads_well() -> None:
    """
    A key's text leaves out the net leg and a missing margin mode.
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
    Orders that enter a position open its side; orders that leave it open the other.
    """
    assert side is side.entered_by.opens
    assert side is not side.left_by.opens
