"""
Any value as one of JSON's: exact where JSON can be exact, else text or a marker.
"""

from __future__ import annotations

import array
import asyncio
import collections
import dataclasses
import enum
import json
import math
import sys
import time
import uuid
from collections import OrderedDict, UserDict, deque
from datetime import UTC, date, datetime, timedelta, timezone
from datetime import time as time_of_day
from decimal import Decimal
from fractions import Fraction
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from typing_extensions import override

from poslife import Side
from poslife._trail.encoding import encode_payload
from tests.trail.hostile import (
    Awkward,
    FakeArray,
    FakeFrame,
    Level,
    LikeAttrs,
    LikeModel,
    LongDouble,
    Quote,
    RaisingMeta,
    Row,
    Weekdays,
    deep,
    numpy_scalar,
    written,
)


class Colour(enum.Enum):
    RED = "red"
    PAIR = (1, 2)
    SELF = Side.LONG


class Height(enum.IntEnum):
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


@pytest.mark.parametrize(
    "value, expected",
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
        pytest.param(Height.HIGH, 3, id="int enum"),
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
def test_a_value_is_written_as_json_has_it(value: object, expected: object) -> None:
    """
    Exact where JSON can be exact, as text where it has no word.
    """
    found = written(value)

    assert expected == found
    assert type(expected) is type(found)


EXACT: list[Any] = [
    pytest.param(-0.0, -0.0, id="minus zero"),
    pytest.param(5e-324, 5e-324, id="least float"),
    pytest.param(Decimal("-0.00"), "-0.00", id="Decimal minus zero"),
    pytest.param(Decimal("sNaN123"), "sNaN123", id="signalling NaN"),
    pytest.param(Decimal("-Infinity"), "-Infinity", id="Decimal infinity"),
    pytest.param(Decimal("1E+999999"), "1E+999999", id="huge Decimal"),
    pytest.param((1 << 64) - 1, (1 << 64) - 1, id="64 bits"),
    pytest.param(1 << 64, "18446744073709551616", id="65 bits"),
    pytest.param(-(10**300), str(-(10**300)), id="300 digits"),
    pytest.param(1 << 3000, hex(1 << 3000), id="3000 bits"),
    pytest.param(Fraction(1, 3), "Fraction(1, 3)", id="fraction"),
    pytest.param(1 + 2j, "(1+2j)", id="complex"),
    pytest.param(Weekdays.MONDAY | Weekdays.TUESDAY, 3, id="flags"),
    pytest.param(Level.A | Level.B, 3, id="int flags"),
    pytest.param(Row(1, Decimal("1.0")), [1, "1.0"], id="named tuple"),
    pytest.param(Quote(Decimal("1.10")), {"bid": "1.10", "note": None}, id="struct"),
    pytest.param(LikeModel(), "LikeModel(price=1)", id="model"),
    pytest.param(PurePosixPath("/tmp/x"), "PurePosixPath('/tmp/x')", id="pure path"),  # noqa: S108
    pytest.param(datetime(2026, 1, 1), "2026-01-01T00:00:00 (naive)", id="naive"),  # noqa: DTZ001
    pytest.param(
        datetime(2026, 7, 1, tzinfo=ZoneInfo("Europe/Moscow")), "2026-07-01T00:00:00+03:00", id="zone"
    ),
    pytest.param(datetime(1890, 1, 1, tzinfo=ZoneInfo("Europe/Amsterdam")), None, id="zone with seconds"),
    pytest.param(
        datetime(2026, 1, 1, tzinfo=timezone(-timedelta(minutes=1))),
        "2026-01-01T00:00:00-00:01",
        id="a minute west",
    ),
    pytest.param(datetime.max.replace(tzinfo=UTC), "9999-12-31T23:59:59.999999+00:00", id="last"),
    pytest.param(date(2026, 1, 1), "2026-01-01", id="date"),
    pytest.param(time_of_day(1, 2, tzinfo=UTC), "01:02:00+00:00", id="time of day"),
    pytest.param(timedelta.min, "-999999999 days, 0:00:00", id="timedelta"),
    pytest.param(uuid.UUID(int=7), "00000000-0000-0000-0000-000000000007", id="UUID"),
    pytest.param(memoryview(b"abcd").cast("B", (2, 2)), "base64:YWJjZA==", id="memoryview of two dimensions"),
    pytest.param(array.array("i", [1, 2]), [1, 2], id="array"),
    pytest.param({"a": 1}.values(), [1], id="values of a dict"),
    pytest.param(collections.Counter("aab"), {"a": 2, "b": 1}, id="counter"),
    pytest.param(collections.ChainMap({"a": 1}, {"b": 2}), {"a": 1, "b": 2}, id="chain map"),
    pytest.param(range(3), "range(0, 3)", id="range"),
    pytest.param(Side, "<enum 'Side'>", id="class"),
    pytest.param(asyncio.CancelledError, "<class 'asyncio.exceptions.CancelledError'>", id="error's class"),
    pytest.param(NotImplemented, "NotImplemented", id="NotImplemented"),
    pytest.param("\ud83d\ude00", "\\ud83d\\ude00", id="surrogate pair"),
    pytest.param("a\x00\x1f\x7f\u2028", "a\\x00\x1f\x7f\u2028", id="control characters"),
]


@pytest.mark.parametrize("value, expected", EXACT)
def test_what_is_written(value: object, expected: object) -> None:
    """
    Exact where JSON can be exact, as text where it has no word.
    """
    found = written(value)

    if expected is not None:
        assert expected == found
        assert repr(expected) == repr(found)


def test_the_system_path_and_attrs() -> None:
    """
    Fields of attrs one by one, and the one that raises says so.
    """
    assert {"price": "1.10", "gone": "<reading it raises AttributeError>"} == written(LikeAttrs())
    assert "x.db" in written(Path("x.db"))


def test_small_arrays_are_lists_and_large_ones_are_cut() -> None:
    """
    A thousand numbers are kept, of more the first hundred and the shape.
    """
    assert [[0, 1], [0, 1], [0, 1]] == written(FakeArray(3, 2))
    assert {"c0": [0, 1], "c1": [0, 1]} == written(FakeFrame(2, 2))
    large = written(FakeArray(10**6, 10**3))["$array"]
    assert ([10**6, 10**3], list(range(100))) == (large["shape"], large["beginning"])
    frame = written(FakeFrame(10**6, 5))["$array"]
    assert ("FakeFrame", list(range(20))) == (frame["type"], frame["beginning"]["c4"])
    assert written(FakeFrame(10, 10**6))["$array"]["beginning"] is None


def test_an_exception_may_be_a_value() -> None:
    """
    Inside a payload it is written like the error beside it.
    """
    assert "builtins.TimeoutError" == written([TimeoutError("10 s")])[0]["type"]


def test_keys_that_json_cannot_tell_apart_are_both_kept() -> None:
    """
    ``1`` and ``"1"``, ``None`` and ``"None"`` are two keys each, and neither value replaces the other.
    """
    found = written({1: "a", "1": "b", None: "c", "None": "d"})

    assert ["a", "b", "c", "d"] == sorted(found.values())
    assert {"1", "None"} <= set(found)


def test_a_cycle_ends() -> None:
    """
    A container within itself is a marker there; the same one twice side by side is none.
    """
    ring: list[object] = [1]
    ring.append(ring)
    twice = ["x"]

    assert [1, "<cycle: list>"] == written(ring)
    assert [["x"], ["x"]] == written([twice, twice])


def test_depth_ends() -> None:
    """
    What is nested too deeply ends in a marker, not in a `RecursionError`.
    """
    deep: list[object] = []
    for _ in range(10_000):
        deep = [deep]

    assert "<deeper than 32: list>" in json.dumps(written(deep))


def test_a_long_text_is_cut_and_says_how_long_it_was() -> None:
    """
    16,384 characters are kept of any text, and 12 KiB of any bytes.
    """
    assert written("x" * 20_000).endswith("x… (20000 characters)")
    assert written(b"x" * 20_000).endswith("… (20000 bytes)")


def test_a_class_without_a_name_does_no_harm() -> None:
    """
    Nor does a metaclass that raises.
    """

    class Nameless(metaclass=RaisingMeta):
        @override
        def __repr__(self) -> str:
            raise RuntimeError("no repr")

    assert "without a name" in written(Nameless())
    assert "without a name" in json.dumps(written({Nameless(): Nameless()}))


def test_a_repr_that_goes_too_deep_is_a_marker() -> None:
    """
    `RecursionError` is the value's, not the bot's.
    """
    value = Awkward(None, None)
    for _ in range(5000):
        value = Awkward(value, None)

    assert "whose repr raises RecursionError" in written(value)


@pytest.mark.parametrize("kind", ["list", "dict", "error"])
def test_a_hundred_thousand_levels_end(kind: str) -> None:
    """
    Depth, of a chain of errors too, ends in a marker.
    """
    started = time.thread_time()
    text = json.dumps(written(deep(kind, 100_000)))

    assert "deeper than 32" in text or "one too many" in text
    assert time.thread_time() - started < 2


@pytest.mark.parametrize(
    "one, other",
    [
        pytest.param({"a": 1, "b": 2}, {"b": 2, "a": 1}, id="order of keys"),
        pytest.param({1: "a", "1": "b"}, {"1": "b", 1: "a"}, id="keys that look alike"),
        pytest.param({"x", "y", "z", 1, (2,)}, {(2,), 1, "z", "y", "x"}, id="sets"),
        pytest.param(object(), object(), id="addresses"),
        pytest.param([lambda: 1], [lambda: 1], id="functions"),
        pytest.param({"k": frozenset("abcdef")}, {"k": frozenset("fedcba")}, id="frozen sets"),
    ],
)
def test_the_same_value_gives_the_same_bytes(one: object, other: object) -> None:
    """
    So that what is stored can be hashed, and compared.
    """
    assert encode_payload({"value": one}) == encode_payload({"value": other})


def test_the_digits_python_writes_make_no_difference() -> None:
    """
    Nor does a setting of the interpreter.
    """
    value = {"value": 1 << 2100}
    before = encode_payload(value)
    limit = sys.get_int_max_str_digits()
    try:
        for other in (640, 0):
            sys.set_int_max_str_digits(other)
            assert before == encode_payload(value)
    finally:
        sys.set_int_max_str_digits(limit)
