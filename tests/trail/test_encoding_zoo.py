"""
Whatever a host puts into a payload is told: no exception, no copy of a gigabyte, the same bytes again.
"""

from __future__ import annotations

import array
import asyncio
import collections
import dataclasses
import enum
import json
import re
import sys
import threading
import time
import tracemalloc
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from datetime import time as time_of_day
from decimal import Decimal
from fractions import Fraction
from pathlib import Path, PurePosixPath
from types import SimpleNamespace
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typing_extensions import override

from poslife import Side, redact_keys, redact_secrets
from poslife._trail.encoding import encode_payload
from poslife._trail.plain import encode_plain

LARGEST = 64 * 1024
NUL = re.compile(rb"\x00|(?<!\\)(?:\\\\)*\\u0000")
"""
NUL, as it is or as JSON escapes it; a backslash that was written out before ``u0000`` is none.
"""


def written(value: object, **beside: object) -> Any:
    """
    What a payload with *value* holds when it is read again, having been encoded as every store needs it.
    """
    encoded = encode_payload({"value": value, **beside})
    text = encoded.decode("utf-8")
    assert len(encoded) <= LARGEST
    assert not NUL.search(encoded)
    assert encoded == encode_payload({"value": value, **beside})
    content = json.loads(text)
    return content.get("value", content)


# ---------------------------------------------------------------------------------------- it raises nothing


class RaisingMeta(type):
    @override
    def __getattribute__(cls, name: str) -> Any:
        if name in ("__name__", "__qualname__", "__module__"):
            raise RuntimeError("no name")
        return super().__getattribute__(name)


def hostile(raised: BaseException) -> Mapping[str, Callable[[], object]]:
    """
    Values that raise this, each where it can.
    """

    def raising(*_: object, **__: object) -> Any:
        raise raised

    def made(*bases: type, **methods: object) -> Any:
        return type("Hostile", bases, dict.fromkeys(methods, raising))

    return {
        "repr": made(__repr__=1),
        "str of a key": lambda: {made(__str__=1, __repr__=1)(): 1},
        "class": type("Hostile", (), {"__class__": property(raising), "__repr__": raising}),
        "every attribute": made(__getattribute__=1, __repr__=1),
        "iterating a list": lambda: made(list, __iter__=1, __repr__=1)([1, 2]),
        "length of a text": lambda: made(
            str, __len__=1, __str__=1, __getitem__=1, replace=1, encode=1, isprintable=1
        )("kept"),
        "number": lambda: made(int, __int__=1, __index__=1, __lt__=1, __le__=1, __ge__=1, __repr__=1)(5),
        "float": lambda: made(float, __float__=1, __sub__=1, __repr__=1, __eq__=1, __hash__=1)(1.5),
        "decimal": lambda: made(Decimal, __str__=1, __repr__=1)("1.50"),
        "bytes": lambda: made(bytes, __len__=1, __getitem__=1, __iter__=1, __buffer__=1)(b"kept"),
        "keys of a dict": lambda: made(dict, keys=1, items=1, __iter__=1, __len__=1, __repr__=1)(a=1),
        "error": lambda: made(RuntimeError, __str__=1, __repr__=1, __getattribute__=1)("x"),
        "notes of an error": lambda: type("E", (RuntimeError,), {"__notes__": property(raising)})("x"),
        "field": lambda: dataclasses.make_dataclass("D", ["a"], namespace={"a": property(raising)}),
        "set": lambda: made(set, __iter__=1, __repr__=1)({1}),
    }


RAISED: list[BaseException] = [
    RuntimeError("mine"),
    MemoryError(),
    RecursionError(),
    asyncio.CancelledError(),
    GeneratorExit(),
    type("Panic", (BaseException,), {})("from an extension written in Rust"),
]


@pytest.mark.parametrize("where", sorted(hostile(RuntimeError())))
@pytest.mark.parametrize("raised", RAISED, ids=lambda raised: type(raised).__name__)
def test_nothing_that_a_value_raises_comes_out(where: str, raised: BaseException) -> None:
    """
    Exceptions of every kind, a cancellation and an extension's panic among them, cost that value alone.
    """
    value = hostile(raised)[where]()
    encoded = encode_payload({"before": 1, "value": value, "after": "x"}, redact=redact_secrets)
    content = json.loads(encoded)

    assert (1, "x") == (content["before"], content["after"])
    assert "value" in content


@pytest.mark.parametrize("raised", [KeyboardInterrupt(), SystemExit(1)], ids=["Ctrl-C", "exit"])
def test_what_ends_the_process_goes_through(raised: BaseException) -> None:
    """
    A Ctrl-C or an exit may arrive while a value is looked at: it is not swallowed.
    """
    with pytest.raises(type(raised)):
        encode_payload({"value": hostile(raised)["repr"]()})


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


def test_where_there_is_no_stack_left_it_says_so() -> None:
    """
    At the end of the stack an event is still told, as one that could not be encoded.
    """
    found: list[bytes] = []

    def deeper() -> None:
        try:
            deeper()
        except RecursionError:
            found.append(encode_payload({"value": {1, 2}, "more": [object()]}))
            raise

    with pytest.raises(RecursionError):
        deeper()

    assert all(isinstance(json.loads(encoded), dict) for encoded in found)


def test_a_dict_that_another_thread_changes() -> None:
    """
    Whatever state it is met in, it is told.
    """
    shared: dict[str, object] = {f"k{number}": [number] for number in range(50)}
    done = threading.Event()

    def change() -> None:
        number = 0
        while not done.is_set():
            number += 1
            shared[f"n{number % 100}"] = {number}
            shared.pop(f"n{(number + 50) % 100}", None)

    changing = threading.Thread(target=change)
    changing.start()
    try:
        encoded = [encode_payload(shared) for _ in range(300)]
    finally:
        done.set()
        changing.join()

    assert all(isinstance(json.loads(one), dict) for one in encoded)


# ----------------------------------------------------------------------------------------- it holds nobody up


def raised_with(message: str) -> BaseException:
    error = RuntimeError(message)
    error.__cause__ = ValueError(message)
    error.add_note(message)
    return error


GIANT = 24 << 20
"""
Large enough to see a copy; a gigabyte takes the same way.
"""


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: "x" * GIANT, id="text"),
        pytest.param(lambda: "é" * GIANT, id="text beyond ASCII"),
        pytest.param(lambda: type("T", (str,), {})("x" * GIANT), id="subclass of text"),
        pytest.param(lambda: b"x" * GIANT, id="bytes"),
        pytest.param(lambda: bytearray(GIANT), id="bytearray"),
        pytest.param(lambda: memoryview(bytearray(GIANT)), id="memoryview"),
        pytest.param(lambda: array.array("d", bytes(GIANT)), id="array"),
        pytest.param(lambda: raised_with("x" * GIANT), id="error"),
        pytest.param(lambda: {"x" * GIANT: 1}, id="key"),
        pytest.param(lambda: [0] * (GIANT // 8), id="list"),
        pytest.param(lambda: collections.deque([0] * (GIANT // 8)), id="deque"),
    ],
)
def test_a_giant_is_not_copied(make: Callable[[], object]) -> None:
    """
    Of 24 MiB no quarter is copied, nor of 1 GiB: what cannot be kept is not read.
    """
    value = make()
    payload = {"value": value}
    encode_payload({"value": RuntimeError("warm")})
    tracemalloc.start()
    try:
        encoded = encode_payload(payload, redact=redact_secrets)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert len(encoded) <= LARGEST
    assert peak < 6 << 20


def deep(kind: str, depth: int) -> object:
    value: Any = 1
    for _ in range(depth):
        match kind:
            case "list":
                value = [value]
            case "dict":
                value = {"d": value}
            case _:
                error = RuntimeError("deep")
                error.__context__ = value if isinstance(value, BaseException) else None
                value = error
    return value


@pytest.mark.parametrize("kind", ["list", "dict", "error"])
def test_a_hundred_thousand_levels_end(kind: str) -> None:
    """
    Depth, of a chain of errors too, ends in a marker.
    """
    started = time.perf_counter()
    text = json.dumps(written(deep(kind, 100_000)))

    assert "deeper than 32" in text or "one too many" in text
    assert time.perf_counter() - started < 2


def test_a_repr_that_goes_too_deep_is_a_marker() -> None:
    """
    `RecursionError` is the value's, not the bot's.
    """
    value = Awkward(None, None)
    for _ in range(5000):
        value = Awkward(value, None)

    assert "whose repr raises RecursionError" in written(value)


class Endless(Sequence[int]):
    @override
    def __getitem__(self, index: Any) -> Any:
        return index

    @override
    def __len__(self) -> int:
        return sys.maxsize

    @override
    def __iter__(self) -> Iterator[int]:
        number = 0
        while True:
            yield number
            number += 1


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(Endless(), id="sequence"),
        pytest.param((number for number in iter(int, 1)), id="generator"),
        pytest.param(range(10**18), id="range"),
        pytest.param(iter(int, 1), id="iterator"),
        pytest.param({Endless().__len__: Endless()}, id="below a key"),
        pytest.param(ExceptionGroup("many", [RuntimeError("x" * 5000)] * 100_000), id="group"),
        pytest.param(10 ** (10**6), id="a million digits"),
        pytest.param(-(1 << (1 << 24)), id="16 million bits"),
    ],
)
def test_what_has_no_end_ends(value: object) -> None:
    """
    A generator is not even begun; of the rest no more is read than can be kept.
    """
    started = time.perf_counter()
    written(value)

    assert time.perf_counter() - started < 2


# ---------------------------------------------------------------------------------------------- it is exact


class Weekdays(enum.Flag):
    MONDAY = 1
    TUESDAY = 2


class Level(enum.IntFlag):
    A = 1
    B = 2


class Row(NamedTuple):
    a: int
    b: Decimal


class Quote(msgspec.Struct):
    bid: Decimal
    note: str | None = None


class LikeAttrs:
    __attrs_attrs__ = (SimpleNamespace(name="price"), SimpleNamespace(name="gone"))

    def __init__(self) -> None:
        self.price = Decimal("1.10")


class LikeModel:
    """
    As pydantic's: no fields that are ours to read, and a repr.
    """

    def model_dump(self) -> dict[str, int]:
        raise AssertionError("a host's method is not called")

    @override
    def __repr__(self) -> str:
        return "LikeModel(price=1)"


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


def test_an_order_as_ccxt_has_it() -> None:
    """
    What a bot records most of all comes back as it was, whichever way it was encoded.
    """
    order: dict[str, object] = {
        "info": {"orderId": "1", "cumExecQty": "0.1", "flags": ["a", None, True]},
        "id": "1",
        "timestamp": 1767225600000,
        "price": 60000.5,
        "fee": {"cost": Decimal("0.01"), "currency": "USDT", "rate": None},
        "trades": [],
    }
    as_json = json.loads(json.dumps(order, default=str))

    assert as_json == written(order)
    assert as_json == written(collections.OrderedDict(order))


# ------------------------------------------------------------------------------------------ it is canonical


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


texts = st.text(st.characters(exclude_categories=()))
plain_values = st.recursive(
    texts
    | st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.decimals()
    | st.uuids()
    | st.sampled_from(
        ["BTC/USDT:USDT", "secret=abcdefgh12345", "x" * 1100, "x" * 17_000, 1 << 64, -(1 << 63), -0.0]
    ),
    lambda inner: (
        st.lists(inner) | st.tuples(inner) | st.dictionaries(texts | st.sampled_from(["apiKey", "a"]), inner)
    ),
    max_leaves=25,
)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(texts, plain_values), st.sampled_from([None, redact_secrets, redact_keys("a")]))
def test_the_short_way_gives_the_bytes_of_the_long_one(payload: dict[str, object], redact: Any) -> None:
    """
    What is encoded as it stands is what flattening would have made of it, to the byte.
    """
    short = encode_plain(payload, redact)
    long = encode_payload(collections.OrderedDict(payload), redact=redact)

    assert short in (None, long)
    assert long == encode_payload(payload, redact=redact)


def test_most_payloads_go_the_short_way() -> None:
    """
    Texts, numbers, Decimals, and what ccxt returns.
    """
    levels = [[60000.5 + step, 0.1] for step in range(200)]

    plain: list[dict[str, object]] = [
        {},
        {"symbol": "BTC/USDT:USDT", "price": Decimal("1.5"), "n": 1, "f": 1.5, "ok": True, "none": None},
        {"bids": levels, "asks": levels},
        {"orders": [{"id": "1", "fee": {"cost": 0.1}}] * 20},
    ]
    others: list[object] = [float("nan"), 1 << 64, "\x00", "\ud800", "x" * 1100, {1: 2}, object()]

    assert None not in [encode_plain(payload, redact_secrets) for payload in plain]
    assert {None} == {encode_plain({"value": other}, None) for other in others}


# ------------------------------------------------------------------------------------------ errors, arrays


def test_an_error_is_told_with_all_it_came_from() -> None:
    """
    Causes, contexts, notes and the errors of a group; each with its own traceback.
    """

    def fail() -> None:
        raise OSError("disk full")

    def told() -> BaseException:
        try:
            try:
                fail()
            except OSError as first:
                first.add_note("on the second disk")
                raise LookupError("no price") from first
        except LookupError as second:
            return ExceptionGroup("both", [second, ValueError("beside")])
        raise AssertionError

    content = json.loads(encode_payload({}, told()))["error"]
    text = content["traceback"]

    assert "builtins.ExceptionGroup" == content["type"]
    for words in (
        "OSError: disk full",
        "on the second disk",
        "LookupError: no price",
        "direct cause",
        "ValueError: beside",
        "in fail",
        "2 of 2",
    ):
        assert words in text


def test_of_a_long_traceback_the_end_is_kept() -> None:
    """
    The error itself stands at the end.
    """

    def down(depth: int) -> None:
        if not depth:
            raise RuntimeError("at the bottom")
        names = {f"a_long_local_name_{number}": number for number in range(3)}
        if names:
            other(depth - 1)

    def other(depth: int) -> None:
        # Two functions in turns, for a frame that repeats is told once.
        down(depth)

    error: BaseException | None = None
    for _ in range(8):
        try:
            down(100)
        except RuntimeError as caught:
            caught.__context__ = error
            error = caught
    content = json.loads(encode_payload({}, error))["error"]

    assert content["traceback"].endswith("RuntimeError: at the bottom\n")
    assert "characters)" in content["traceback"][:30]
    assert len(content["traceback"]) < 17_000


def test_an_error_that_is_its_own_cause_ends() -> None:
    """
    A circle of causes is told once round.
    """
    one, other = RuntimeError("one"), ValueError("other")
    one.__cause__, other.__cause__ = other, one
    text = json.loads(encode_payload({}, one))["error"]["traceback"]

    assert "shown before" in text
    assert text.endswith("RuntimeError: one\n")


class FakeArray:
    """
    As numpy's: `shape`, `flat` and `tolist`.
    """

    def __init__(self, *shape: int) -> None:
        self.shape = shape

    @property
    def flat(self) -> Iterator[int]:
        return iter(range(10**9))

    def tolist(self) -> list[object]:
        if len(self.shape) == 1:
            return list(range(self.shape[0]))
        return [FakeArray(*self.shape[1:]).tolist() for _ in range(self.shape[0])]


FakeArray.__module__ = "numpy"


class FakeFrame:
    """
    As pandas's: `shape`, `head` and `to_dict`.
    """

    def __init__(self, rows: int, columns: int) -> None:
        self.shape = (rows, columns)

    def head(self, rows: int) -> FakeFrame:
        return FakeFrame(min(rows, self.shape[0]), self.shape[1])

    def to_dict(self, orient: str) -> dict[str, list[int]]:
        assert "list" == orient
        return {f"c{column}": list(range(self.shape[0])) for column in range(self.shape[1])}


FakeFrame.__module__ = "pandas.core.frame"


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


# -------------------------------------------------------------------------------------- trees of all of it


class Awkward:
    def __init__(self, inner: object, raised: BaseException | None) -> None:
        self.inner, self.raised = inner, raised

    @override
    def __repr__(self) -> str:
        if self.raised is not None:
            raise self.raised
        return f"Awkward({self.inner!r})"

    @override
    def __hash__(self) -> int:
        return 1

    @override
    def __eq__(self, other: object) -> bool:
        return self is other


trees: st.SearchStrategy[Any] = st.recursive(
    texts
    | st.floats()
    | st.decimals()
    | st.binary()
    | st.datetimes()
    | st.integers(-(1 << 200), 1 << 200)
    | st.sampled_from([Side.LONG, Weekdays.MONDAY, Level.B, Endless(), FakeArray(2), RaisingMeta, object()]),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.integers() | texts | st.none(), inner)
        | st.builds(Awkward, inner, st.none() | st.sampled_from(RAISED))
        | st.builds(Quote, inner)
        | st.builds(RuntimeError, inner)
        | st.builds(collections.deque, st.lists(inner))
    ),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(texts, trees), st.sampled_from([None, redact_secrets]))
def test_any_tree_is_told_and_told_the_same_again(payload: dict[str, object], redact: Any) -> None:
    """
    UTF-8 JSON without NUL, within its size, and the same bytes when it is encoded once more.
    """
    encoded = encode_payload(payload, redact=redact)

    assert len(encoded) <= LARGEST
    assert isinstance(json.loads(encoded.decode("utf-8")), dict)
    assert not NUL.search(encoded)
    assert encoded == encode_payload(payload, redact=redact)
