"""
Whatever a host puts into a payload is encoded: no exception, no copy of a gigabyte, the same bytes again.
"""

from __future__ import annotations

import array
import collections
import json
import threading
import time
import tracemalloc
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any
from unittest.mock import Mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poslife import CloseReason, Side, redact_secrets
from poslife._trail.encoding import decode_body, encode_payload
from poslife.conformance._hostile_payloads import hostile_payloads
from tests.trail.hostile import (
    LARGEST,
    NUL,
    RAISED,
    Awkward,
    EndlessMapping,
    EndlessSequence,
    FakeArray,
    Hostile,
    HostileEnum,
    HostileError,
    HostileList,
    HostileNumber,
    HostileText,
    HostileZone,
    Level,
    Quote,
    RaisingMeta,
    Weekdays,
    hostile,
    raised_with,
    released,
    same_list_at_every_level,
    texts,
    written,
)
from tests.values import KEY, bought

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


def test_where_there_is_no_stack_left_it_says_so() -> None:
    """
    At the end of the stack an event is kept, as one that could not be encoded.
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
    In whatever state it is met, it is encoded.
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


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(EndlessSequence(), id="sequence"),
        pytest.param((number for number in iter(int, 1)), id="generator"),
        pytest.param(range(10**18), id="range"),
        pytest.param(iter(int, 1), id="iterator"),
        pytest.param({EndlessSequence().__len__: EndlessSequence()}, id="below a key"),
        pytest.param(ExceptionGroup("many", [RuntimeError("x" * 5000)] * 100_000), id="group"),
        pytest.param(10 ** (10**6), id="a million digits"),
        pytest.param(-(1 << (1 << 24)), id="16 million bits"),
    ],
)
def test_what_has_no_end_ends(value: object) -> None:
    """
    A generator is not even begun; of the rest no more is read than can be kept.
    """
    started = time.thread_time()
    written(value)

    assert time.thread_time() - started < 2


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(EndlessMapping(), id="endless mapping"),
        pytest.param(same_list_at_every_level(), id="2^31 paths"),
        pytest.param([0] * 5_000_000, id="5 million numbers"),
        pytest.param(dict.fromkeys(range(1_000_000)), id="a million keys"),
        pytest.param(["x" * 20_000] * 100_000, id="2 GB of text"),
        pytest.param([RuntimeError("x" * 20_000)] * 100_000, id="many exceptions"),
        pytest.param("x" * 50_000_000, id="50 MB of text"),
        pytest.param(b"x" * 50_000_000, id="50 MB"),
    ],
)
def test_a_payload_without_end_is_encoded_in_time(value: object) -> None:
    """
    No more of a payload is read than the largest one holds, so that no event keeps a trade waiting.
    """
    started = time.thread_time()
    data = encode_payload({"value": value})

    assert time.thread_time() - started < 2
    assert len(data) <= LARGEST


trees: st.SearchStrategy[Any] = st.recursive(
    texts
    | st.floats()
    | st.decimals()
    | st.binary()
    | st.datetimes()
    | st.integers(-(1 << 200), 1 << 200)
    | st.sampled_from(
        [Side.LONG, Weekdays.MONDAY, Level.B, EndlessSequence(), FakeArray(2), RaisingMeta, object()]
    ),
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
def test_any_tree_is_encoded_and_the_same_way_again(payload: dict[str, object], redact: Any) -> None:
    """
    UTF-8 JSON without NUL, within its size, and the same bytes when it is encoded once more.
    """
    encoded = encode_payload(payload, redact=redact)

    assert len(encoded) <= LARGEST
    assert isinstance(json.loads(encoded.decode("utf-8")), dict)
    assert not NUL.search(encoded)
    assert encoded == encode_payload(payload, redact=redact)
