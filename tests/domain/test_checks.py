from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import Decimal

import pytest

from poslife import OrderSide, Side
from poslife._domain.checks import (
    require_bool,
    require_count,
    require_instance,
    require_label,
    require_member,
    require_name,
    require_names,
    require_position_id,
    require_position_ref,
    require_tuple_of,
    require_utc,
    require_uuid,
)
from poslife.errors import InvalidValue
from tests.values import REF


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
    ``"pending"``, ``True``, 0 and 1.0 are no ids, and the refusal shows the value (incident 22).
    """
    with pytest.raises(InvalidValue, match="a positive int") as refused:
        require_position_id("PersistedPosition.id", value)

    assert "PersistedPosition.id" == refused.value.field
    assert value is refused.value.value
    assert repr(value) in str(refused.value)
    assert type(value).__name__ in str(refused.value)


@pytest.mark.parametrize("value", [1, 2**31, 2**63 - 1], ids=str)
def test_every_positive_64_bit_number_is_an_id(value: int) -> None:
    """
    Every positive 64-bit int is an id, also over 2^31.
    """
    require_position_id("id", value)


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
    A name that a store might refuse, cut or display wrongly is refused at once.
    """
    with pytest.raises(InvalidValue) as refused:
        require_name("PositionKey.account", value)

    assert "PositionKey.account" == refused.value.field
    assert value is refused.value.value


@pytest.mark.parametrize(
    "value", ["None", "none", "null", "NULL", "nan", "NaN", "undefined", "pending", "Pending"]
)
def test_a_word_for_a_missing_value_is_no_identifier(value: str) -> None:
    """
    ``str(None)`` and its kind name no venue, account, symbol, order or trade (incident 22).
    """
    with pytest.raises(InvalidValue, match="a missing one") as refused:
        require_name("PositionKey.account", value)

    assert ("PositionKey.account", value) == (refused.value.field, refused.value.value)

    require_label("Fee.currency", value)


@pytest.mark.parametrize("value", ["NULL/USDT:USDT", "pending-1", "nonet", "_none"])
def test_a_name_may_hold_such_a_word(value: str) -> None:
    """
    Only the whole name counts.
    """
    require_name("PositionKey.symbol", value)


@pytest.mark.parametrize("value", ["x", "a" * 255, "BTC/USDT:USDT", "Konto Süd", "账户", "🦊"])
def test_a_name_may_be_in_any_script(value: str) -> None:
    """
    A name may have letters of any script, inner spaces and signs.
    """
    require_name("PositionKey.account", value)


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
    A naive time or another offset is refused; one closed a row four hours before it opened (incident 42).
    """
    with pytest.raises(InvalidValue, match="aware UTC") as refused:
        require_utc("ClosedPosition.closed_at", value)

    assert "ClosedPosition.closed_at" == refused.value.field
    assert value is refused.value.value


@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(0), "Z")], ids=str)
def test_utc_is_taken_under_any_name(zone: tzinfo) -> None:
    """
    Any zone with offset zero is UTC.
    """
    require_utc("at", datetime(2026, 1, 1, tzinfo=zone))


@pytest.mark.parametrize("value", ["long", "LONG", 1, None, OrderSide.BUY], ids=repr)
def test_a_side_is_a_member_and_not_its_text(value: object) -> None:
    """
    ``"long"`` and a member of another enumeration are refused, with the list of members.
    """
    with pytest.raises(InvalidValue, match=r"Side\.LONG, Side\.SHORT"):
        require_member("Order.side", value, Side)


@pytest.mark.parametrize("value", [-1, 1 << 31, True, 1.0, "1", None], ids=repr)
def test_a_count_is_an_int_from_zero(value: object) -> None:
    """
    A bool, a float, a str and an int out of range are no counts.
    """
    with pytest.raises(InvalidValue, match="an int from 0"):
        require_count("Order.ordinal", value)


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
    Another UUID, a str or a number is no ref.
    """
    with pytest.raises(InvalidValue, match="PositionRef"):
        require_position_ref("PendingPosition.ref", value)


@pytest.mark.parametrize("value", ["x", 7, None, "00000000-0000-0000-0000-000000000000"], ids=repr)
def test_a_run_is_a_uuid(value: object) -> None:
    """
    A str is no UUID, even if it looks like one.
    """
    with pytest.raises(InvalidValue, match="a UUID"):
        require_uuid("Order.run", value)


@pytest.mark.parametrize("value", [1, 0, "yes", "", None], ids=repr)
def test_nothing_truthy_or_falsy_stands_for_a_bool(value: object) -> None:
    """
    Only `True` and `False` are taken; a coroutine, taken for one, once blocked every signal (incident 21).
    """
    with pytest.raises(InvalidValue, match="expected True or False"):
        require_bool("Snapshot.complete", value)

    require_bool("Snapshot.complete", True)
    require_bool("Snapshot.complete", False)


@pytest.mark.parametrize(
    "kind, expected", [(str, "a str"), (OrderSide, "an OrderSide"), (uuid.UUID, "a UUID")]
)
def test_an_instance_is_asked_for_in_plain_english(kind: type, expected: str) -> None:
    """
    The refusal names the class, with the article that reads well.
    """
    with pytest.raises(InvalidValue) as refused:
        require_instance("FillQuery.cursor", 7, kind)

    assert f"FillQuery.cursor: expected {expected}, got 7 (int)" == str(refused.value)


@pytest.mark.parametrize("value", [["BTC"], "BTC", ("BTC", 7), None, {"BTC"}], ids=repr)
def test_a_tuple_is_no_list_and_no_text(value: object) -> None:
    """
    A list could change after it was checked, and the letters of a str are no symbols.
    """
    with pytest.raises(InvalidValue, match="a tuple of str"):
        require_tuple_of("SnapshotScope.symbols", value, str)


def test_each_name_of_a_tuple_is_checked() -> None:
    """
    One bad name refuses the tuple, whole, with what a name must be.
    """
    require_names("SnapshotScope.symbols", ())
    require_names("SnapshotScope.symbols", ("BTC/USDT:USDT", "ETH/USDT:USDT"))
    with pytest.raises(InvalidValue, match="a tuple of names, each a str of 1 to 255 printable") as refused:
        require_names("SnapshotScope.symbols", ("BTC/USDT:USDT", ""))

    assert ("BTC/USDT:USDT", "") == refused.value.value
