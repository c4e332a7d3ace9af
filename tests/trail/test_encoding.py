from __future__ import annotations

import dataclasses
import enum
import json
import math
import re
import time
from collections import OrderedDict, UserDict, deque
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from typing import Any, NamedTuple, cast
from unittest.mock import Mock
from uuid import UUID

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typing_extensions import override

from poslife import CloseReason, OrderPurpose, OrderSide, OrderStatus, Origin, Protection, Side
from poslife._domain.causation import EventContext
from poslife._domain.changes import Change
from poslife._domain.event_envelopes import LIFE_EVENT_SCHEMA, HostBody, UnknownBody
from poslife._domain.events import LIFE_EVENTS, LifeBody
from poslife._domain.identifiers import ChangeId
from poslife._domain.order_preparation import claim
from poslife._domain.plans import change_of
from poslife._trail.encoding import (
    decode_body,
    encode_body,
    encode_payload,
    error_summary,
    fingerprint,
)
from poslife.conformance._hostile_payloads import hostile_payloads
from poslife.errors import StorageRejected
from poslife.events import OrderRejected
from tests.values import AT, KEY, OTHER_RUN, REF, RUN, bought, name_of, new_event_id

LARGEST = 64 * 1024
NUL = re.compile(rb"\x00|(?<!\\)(?:\\\\)*\\u0000")

# Everything a payload may hold, and more: NUL and lone surrogates among the texts, NaN among the numbers.
texts = st.text(st.characters(exclude_categories=()))
keys = texts | st.none() | st.booleans() | st.integers() | st.floats() | st.tuples(st.integers(), texts)
scalars = (
    texts
    | st.none()
    | st.booleans()
    | st.integers(-(1 << 70), 1 << 70)
    | st.floats()
    | st.decimals()
    | st.uuids()
    | st.datetimes()
    | st.dates()
    | st.times()
    | st.timedeltas()
    | st.binary()
    | st.sampled_from([*Side, *CloseReason, KEY, bought("1"), RuntimeError("no"), object(), Side, Ellipsis])
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(keys, inner)
        | st.sets(texts | st.integers() | st.floats() | st.binary())
        | st.tuples(inner, inner)
    ),
    max_leaves=20,
)


def encoded(value: object) -> Any:
    """
    What a payload with *value* holds when it is read again, having been encoded as every store needs it.
    """
    data = encode_payload({"value": value})
    text = data.decode("utf-8")
    assert len(data) <= LARGEST
    assert not NUL.search(data)
    body = decode_body("host.event", 1, data, life=False)
    assert isinstance(body, HostBody)
    assert json.loads(text) == body.payload
    return body.payload.get("value", body.payload)


# --------------------------------------------------------------------------------------------- it is total


@settings(max_examples=60)
@given(st.dictionaries(keys, values))
def test_nothing_that_a_payload_holds_makes_encoding_fail(payload: dict[str, object]) -> None:
    """
    Whatever a host puts into a payload comes out as UTF-8 JSON without NUL, readable again (incidents 6, 45).
    """
    data = encode_payload(payload)

    assert len(data) <= LARGEST
    assert isinstance(json.loads(data), dict)
    assert not NUL.search(data)
    decode_body("host.event", 1, data, life=False)


@pytest.mark.parametrize("poison", sorted(hostile_payloads()))
def test_no_poison_makes_encoding_fail(poison: str) -> None:
    """
    Nothing of what broke audit trails before does so again (incident 45).
    """
    data = encode_payload(hostile_payloads()[poison])

    assert len(data) <= LARGEST
    assert isinstance(json.loads(data), dict)


class Hostile:
    """
    Raises, whatever it is asked.
    """

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(f"no {name}")

    @override
    def __repr__(self) -> str:
        raise RuntimeError("no repr")

    @override
    def __str__(self) -> str:
        raise RuntimeError("no str")


class HostileZone(tzinfo):
    @override
    def tzname(self, dt: datetime | None) -> str:
        raise RuntimeError("no name")

    @override
    def dst(self, dt: datetime | None) -> timedelta:
        raise RuntimeError("no saving")

    @override
    def utcoffset(self, dt: datetime | None) -> timedelta:
        raise RuntimeError("no offset")


class HostileNumber(Decimal):
    @override
    def __str__(self) -> str:
        raise RuntimeError("no text")


class HostileEnum(enum.Enum):
    ONE = 1

    @property
    def value(self) -> object:  # type: ignore[override]
        raise RuntimeError("no value")


class HostileList(list[object]):
    @override
    def __iter__(self) -> Iterator[object]:
        yield 1
        raise RuntimeError("no more")


class HostileError(Exception):
    @override
    def __str__(self) -> str:
        raise RuntimeError("no text")


class HostileText(str):  # noqa: SLOT000 - as a host would write it
    @override
    def __str__(self) -> str:
        raise RuntimeError("no text")

    @override
    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        raise RuntimeError("no bytes")


@dataclasses.dataclass
class HostileRecord:
    kept: int = 1

    @property
    def gone(self) -> int:
        raise RuntimeError("no")


def released() -> memoryview:
    view = memoryview(b"gone")
    view.release()
    return view


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(Hostile(), id="object"),
        pytest.param(datetime(2026, 1, 1, tzinfo=HostileZone()), id="time zone"),
        pytest.param(HostileNumber("1.5"), id="number"),
        pytest.param(HostileEnum.ONE, id="enum"),
        pytest.param(HostileList([1, 2]), id="list"),
        pytest.param(HostileError(), id="exception"),
        pytest.param(HostileText("text"), id="text"),
        pytest.param({HostileText("key"): 1}, id="key"),
        pytest.param({Hostile: Hostile()}, id="class as key"),
        pytest.param(released(), id="released memoryview"),
        pytest.param(memoryview(bytes(range(16)))[::2], id="memoryview with gaps"),
        pytest.param(Mock(spec=str), id="mock of a text"),
        pytest.param(Mock(spec=dict), id="mock of a dict"),
        pytest.param(Mock(spec=Decimal), id="mock of a number"),
        pytest.param(Mock(spec=datetime), id="mock of a time"),
    ],
)
def test_what_lies_or_raises_when_it_is_looked_at_is_written_as_it_can_be(value: object) -> None:
    """
    A value that raises at every touch costs nothing but itself: its neighbours are kept.
    """
    data = encode_payload({"before": 1, "value": value, "after": Decimal("1.50")}, HostileError())
    content = json.loads(data)

    assert (1, "1.50") == (content["before"], content["after"])
    assert "value" in content
    assert content["error"]["type"].endswith(".HostileError")


# ------------------------------------------------------------------------------------------ what it writes


class Colour(enum.Enum):
    RED = "red"
    PAIR = (1, 2)
    SELF = Side.LONG


class Level(enum.IntEnum):
    HIGH = 3


class Word(str, enum.Enum):  # noqa: UP042 - as hosts wrote it before StrEnum
    YES = "yes"


class Point(NamedTuple):
    x: int
    y: int


@dataclasses.dataclass
class Note:
    price: Decimal
    tags: list[str]


class LongDouble:
    def item(self) -> LongDouble:
        return LongDouble()

    @override
    def __repr__(self) -> str:
        return "1.5"


LongDouble.__module__ = "numpy"


def numpy_scalar(value: object) -> object:
    """
    As numpy makes them: a class of its module whose `item` gives the Python value.
    """

    class Float32:
        def item(self) -> object:
            return value

    Float32.__module__ = "numpy"
    return Float32()


@pytest.mark.parametrize(
    "value, written",
    [
        pytest.param(Decimal("1.234e-9"), "1.234E-9", id="small Decimal"),
        pytest.param(Decimal("0.10"), "0.10", id="Decimal with a trailing zero"),
        pytest.param(Decimal("NaN"), "NaN", id="Decimal NaN"),
        pytest.param(math.nan, "nan", id="NaN"),
        pytest.param(-math.inf, "-inf", id="infinity"),
        pytest.param(1.5, 1.5, id="float"),
        pytest.param(True, True, id="bool"),
        pytest.param(None, None, id="none"),
        pytest.param((1 << 64) - 1, (1 << 64) - 1, id="64 bits"),
        pytest.param(1 << 64, str(1 << 64), id="65 bits"),
        pytest.param(-(1 << 63) - 1, str(-(1 << 63) - 1), id="65 bits below zero"),
        pytest.param(datetime(2026, 1, 2, 3, 4, 5, 6, UTC), "2026-01-02T03:04:05.000006+00:00", id="time"),
        pytest.param(
            datetime(2026, 1, 2, tzinfo=timezone(timedelta(hours=3))),
            "2026-01-02T00:00:00+03:00",
            id="offset",
        ),
        pytest.param(datetime(2026, 1, 2), "2026-01-02T00:00:00 (naive)", id="naive time"),  # noqa: DTZ001
        pytest.param(timedelta(seconds=1.5), "0:00:01.500000", id="duration"),
        pytest.param(UUID(int=1), "00000000-0000-0000-0000-000000000001", id="UUID"),
        pytest.param(Colour.RED, "red", id="enum"),
        pytest.param(Colour.PAIR, [1, 2], id="enum of a pair"),
        pytest.param(Colour.SELF, "long", id="enum of an enum"),
        pytest.param(Level.HIGH, 3, id="int enum"),
        pytest.param(Word.YES, "yes", id="text enum"),
        pytest.param(b"\xff\x00", "base64:/wA=", id="bytes"),
        pytest.param(bytearray(b"\xff"), "base64:/w==", id="bytearray"),
        pytest.param(memoryview(b"\xff"), "base64:/w==", id="memoryview"),
        pytest.param("a\x00b", "a\\x00b", id="NUL"),
        pytest.param("a\ud800b", "a\\ud800b", id="lone surrogate"),
        pytest.param("😀", "😀", id="emoji"),
        pytest.param({3, 1, 2}, [1, 2, 3], id="set"),
        pytest.param(frozenset({"b", "a"}), ["a", "b"], id="frozenset"),
        pytest.param({1: 2}.keys(), [1], id="keys"),
        pytest.param((1, "two"), [1, "two"], id="tuple"),
        pytest.param(Point(1, 2), [1, 2], id="named tuple"),
        pytest.param(OrderedDict([("b", 1), ("a", 2)]), {"a": 2, "b": 1}, id="ordered dict"),
        pytest.param(UserDict(a=1), {"a": 1}, id="user dict"),
        pytest.param(deque([1]), [1], id="deque"),
        pytest.param(Note(Decimal("1.0"), ["x"]), {"price": "1.0", "tags": ["x"]}, id="dataclass"),
        pytest.param(Note, repr(Note), id="class"),
        pytest.param(numpy_scalar(0.5), 0.5, id="numpy scalar"),
        pytest.param(numpy_scalar(math.nan), "nan", id="numpy NaN"),
        pytest.param(LongDouble(), "1.5", id="numpy scalar without a Python value"),
        pytest.param({"a": {"b": [None]}}, {"a": {"b": [None]}}, id="nested"),
    ],
)
def test_a_value_is_written_as_json_has_it(value: object, written: object) -> None:
    """
    Exact where JSON can be exact, as text where it has no word.
    """
    found = encoded(value)

    assert written == found
    assert type(written) is type(found)


def test_an_error_is_kept_with_its_traceback() -> None:
    """
    Its class, its message and where it came from, causes included; the payload's own ``error`` stays, too.
    """
    caught: BaseException | None = None
    try:
        try:
            _ = dict[str, int]()["price"]
        except KeyError as missing:
            raise ValueError("no price") from missing
    except ValueError as error:
        caught = error
    content = json.loads(encode_payload({"error": "mine"}, caught))

    assert ("builtins.ValueError", "no price") == (content["error"]["type"], content["error"]["message"])
    assert "KeyError: 'price'" in content["error"]["traceback"]
    assert "mine" in content.values()


def test_an_exception_may_be_a_value() -> None:
    """
    Inside a payload it is told like the error beside it.
    """
    assert "builtins.TimeoutError" == encoded([TimeoutError("10 s")])[0]["type"]


def test_keys_that_json_cannot_tell_apart_are_both_kept() -> None:
    """
    ``1`` and ``"1"``, ``None`` and ``"None"`` are two keys each, and neither value replaces the other.
    """
    found = encoded({1: "a", "1": "b", None: "c", "None": "d"})

    assert ["a", "b", "c", "d"] == sorted(found.values())
    assert {"1", "None"} <= set(found)


def test_a_cycle_ends() -> None:
    """
    A container within itself is a marker there; the same one twice side by side is none.
    """
    ring: list[object] = [1]
    ring.append(ring)
    twice = ["x"]

    assert [1, "<cycle: list>"] == encoded(ring)
    assert [["x"], ["x"]] == encoded([twice, twice])


def test_depth_ends() -> None:
    """
    What is nested too deeply ends in a marker, not in a `RecursionError`.
    """
    deep: list[object] = []
    for _ in range(10_000):
        deep = [deep]

    assert "<deeper than 32: list>" in json.dumps(encoded(deep))


def test_an_oversize_payload_keeps_its_beginning_its_size_and_its_digest() -> None:
    """
    Over 64 KiB the rest is let go, and what is kept says so; what went wrong is kept, too.
    """
    rows = ["é" * 1000] * 50
    content = json.loads(encode_payload({"a": "first", "rows": rows}, OSError("disk full")))
    found = content["$oversize"]

    assert found["beginning"].startswith('{"a":"first","error":{')
    assert found["bytes"] > 100_000
    assert 64 == len(found["sha256"])
    assert "builtins.OSError: disk full" == found["error"]


def test_a_long_text_is_cut_and_says_how_long_it_was() -> None:
    """
    16,384 characters are kept of any text, and 12 KiB of any bytes.
    """
    assert encoded("x" * 20_000).endswith("x… (20000 characters)")
    assert encoded(b"x" * 20_000).endswith("… (20000 bytes)")


class Endless(Mapping[str, object]):
    """
    Never runs out of keys.
    """

    @override
    def __getitem__(self, key: str) -> object:
        return key

    @override
    def __iter__(self) -> Iterator[str]:
        number = 0
        while True:
            number += 1
            yield str(number)

    @override
    def __len__(self) -> int:
        return 1


def same_list_at_every_level() -> list[object]:
    level: list[object] = [0]
    for _ in range(31):
        level = [level, level]
    return level


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(Endless(), id="endless mapping"),
        pytest.param(same_list_at_every_level(), id="2^31 paths"),
        pytest.param([0] * 5_000_000, id="5 million numbers"),
        pytest.param(dict.fromkeys(range(1_000_000)), id="a million keys"),
        pytest.param(["x" * 20_000] * 100_000, id="2 GB of text"),
        pytest.param([RuntimeError("x" * 20_000)] * 100_000, id="many exceptions"),
        pytest.param("x" * 50_000_000, id="50 MB of text"),
        pytest.param(b"x" * 50_000_000, id="50 MB"),
    ],
)
def test_a_payload_without_end_holds_nobody_up(value: object) -> None:
    """
    No more of a payload is read than the largest one holds, so that no event keeps a trade waiting.
    """
    started = time.perf_counter()
    data = encode_payload({"value": value})

    assert time.perf_counter() - started < 2
    assert len(data) <= LARGEST


def test_what_was_not_read_to_its_end_says_so() -> None:
    """
    The size and the digest are then of the part that was read.
    """
    assert json.loads(encode_payload({"value": [0] * 100_000}))["$oversize"]["more"]
    assert "more" not in json.loads(encode_payload({"value": ["é" * 16_000] * 3}))["$oversize"]


def test_a_reason_is_one_line_however_long_the_error() -> None:
    """
    A 194-character error once broke a rollback: what is stored as a reason has a bound (incident 18).
    """
    assert "builtins.OSError: disk full" == error_summary(OSError("disk full"))
    assert len(error_summary(OSError("x" * 100_000))) < 2100
    assert "whose str raises RuntimeError" in error_summary(HostileError())


# --------------------------------------------------------------------------------------------- life events

BODIES: dict[str, dict[str, object]] = {
    "position.claimed": {
        "side": Side.SHORT,
        "requested_quantity": Decimal("1.234e-9"),
        "requested_price": Decimal("1e13"),
    },
    "order.prepared": {
        "purpose": OrderPurpose.PROTECT,
        "side": OrderSide.SELL,
        "quantity": Decimal("123456789.012345678"),
        "price": Decimal("0.10"),
        "client_order_id": name_of(3),
    },
    "order.submitting": {"client_order_id": name_of(4)},
    "order.acknowledged": {"venue_order_id": "v-1"},
    "order.seen_at_venue": {
        "venue_order_id": "v-2",
        "before": OrderStatus.IN_DOUBT,
        "after": OrderStatus.CANCELED,
    },
    "order.rejected": {"reason": "insufficient funds"},
    "order.in_doubt": {"reason": "time-out"},
    "order.abandoned": {"reason": "never sent"},
    "order.ended": {"status": OrderStatus.EXPIRED, "filled": Decimal("3.50"), "overfilled": True},
    "order.taken_over": {"from_run": OTHER_RUN},
    "fill.applied": {
        "trade_id": "t-1",
        "side": OrderSide.SELL,
        "quantity": Decimal("1.1"),
        "price": Decimal("2.2"),
        "venue_order_id": "v-3",
        "late": True,
    },
    "fill.unclaimed": {
        "trade_id": "t-2",
        "side": OrderSide.BUY,
        "quantity": Decimal("3.3"),
        "price": Decimal("4.4"),
        "venue_order_id": "v-4",
        "reason": "nobody's",
    },
    "fill.conflicted": {
        "trade_id": "t-3",
        "stored_side": OrderSide.BUY,
        "stored_quantity": Decimal("5.5"),
        "stored_price": Decimal("6.6"),
        "seen_side": OrderSide.SELL,
        "seen_quantity": Decimal("7.7"),
        "seen_price": Decimal("8.8"),
    },
    "position.ended": {},
    "position.opened": {
        "side": Side.SHORT,
        "quantity": Decimal("9.9"),
        "entry_price": Decimal("0.3333333333333333333333333333333333"),
        "origin": Origin.ADOPTED,
    },
    "position.increased": {"quantity": Decimal(10), "entry_price": Decimal("11.5")},
    "position.reduced": {"quantity": Decimal("0.5")},
    "position.protected": {
        "protection": Protection(
            stop_price=Decimal("3.1766"),
            stop_order_id=cast("Any", "s-1"),
            take_profit_price=Decimal("4.5"),
            take_profit_order_id=cast("Any", "p-1"),
        )
    },
    "position.closing": {"reason": CloseReason.OPERATOR},
    "position.closing_withdrawn": {"quantity": Decimal("12.5")},
    "position.closed": {
        "reason": CloseReason.LIQUIDATION,
        "entry_price": Decimal("1.5"),
        "exit_price": Decimal("2.5"),
        "opened_at": AT,
        "closed_at": AT + timedelta(microseconds=1),
    },
}


def test_every_life_event_is_written_down_here() -> None:
    """
    A class that is added gets its line above, with every field it has.
    """
    assert set(LIFE_EVENTS) == set(BODIES)
    for kind, body in LIFE_EVENTS.items():
        assert [field.name for field in dataclasses.fields(body)] == list(BODIES[kind])
        assert kind == body.type


@pytest.mark.parametrize("kind", list(BODIES))
def test_a_life_event_is_read_as_it_was_written(kind: str) -> None:
    """
    Every field comes back, of its own type, no digit lost (incidents 36, 44).
    """
    body: LifeBody = LIFE_EVENTS[kind](**cast("Any", BODIES[kind]))
    again = decode_body(kind, LIFE_EVENT_SCHEMA, encode_body(body), life=True)

    assert body == again
    assert repr(body) == repr(again)


@pytest.mark.parametrize("kind", [kind for kind, fields in BODIES.items() if fields])
def test_what_may_be_missing_comes_back_missing(kind: str) -> None:
    """
    ``None`` is ``None`` again, wherever a field may be that.
    """
    kinds = LIFE_EVENTS[kind]
    empty = {
        field.name: None if "None" in str(field.type) else BODIES[kind][field.name]
        for field in dataclasses.fields(kinds)
    }
    body: LifeBody = kinds(**cast("Any", empty))

    assert body == decode_body(kind, LIFE_EVENT_SCHEMA, encode_body(body), life=True)


@pytest.mark.parametrize(
    "kind, schema",
    [
        pytest.param("position.teleported", LIFE_EVENT_SCHEMA, id="unknown type"),
        pytest.param("position.closed", LIFE_EVENT_SCHEMA + 1, id="newer schema"),
    ],
)
def test_an_event_of_a_newer_release_is_read_whole(kind: str, schema: int) -> None:
    """
    What this release does not know is given as it stands, with everything in it.
    """
    content = {"reason": "beamed", "to": {"x": [1, 2.5, None, True]}, "when": "2031-01-01"}

    assert UnknownBody(content=cast("Any", content)) == decode_body(
        kind, schema, msgspec.json.encode(content), life=True
    )


def test_a_hosts_event_may_have_a_life_events_name() -> None:
    """
    Where it is stored says what it is, not what it is called.
    """
    assert HostBody(payload={"reason": "x"}) == decode_body(
        "position.closed", 1, encode_payload({"reason": "x"}), life=False
    )


# --------------------------------------------------------------------------------------------- fingerprints


def claimed(**fields: Any) -> Change:
    values: dict[str, Any] = {
        "ref": REF,
        "key": KEY,
        "side": Side.LONG,
        "quantity": Decimal(1),
        "price": None,
        "run": RUN,
        "client_order_id": name_of(0),
        "at": AT,
    }
    plan = claim(**(values | fields))
    event_ids = iter([new_event_id() for _ in range(2)])
    return change_of(
        plan,
        id=ChangeId(UUID(int=1)),
        run=RUN,
        at=AT,
        around=EventContext(),
        new_event_id=lambda: next(event_ids),
    )


def test_a_fingerprint_tells_changes_apart() -> None:
    """
    The same change has the same one, and any other value another.
    """
    change = claimed()
    others = [
        claimed(quantity=Decimal(2)),
        claimed(price=Decimal(1)),
        claimed(run=OTHER_RUN),
        dataclasses.replace(change, at=AT + timedelta(microseconds=1)),
        dataclasses.replace(change, events=change.events[:1]),
        dataclasses.replace(change, id=ChangeId(UUID(int=2))),
    ]

    assert fingerprint(change) == fingerprint(dataclasses.replace(change))
    assert len(others) == len({fingerprint(other) for other in others} - {fingerprint(change)})
    assert 32 == len(fingerprint(change))


def test_a_text_that_no_store_keeps_is_refused_for_good() -> None:
    """
    A lone surrogate in a change is `StorageRejected`, not a `UnicodeEncodeError` out of some driver.
    """
    change = claimed()
    broken = dataclasses.replace(change.events[0], body=OrderRejected(reason="\ud800"))

    with pytest.raises(StorageRejected, match="not valid Unicode"):
        fingerprint(dataclasses.replace(change, events=(broken,)))
