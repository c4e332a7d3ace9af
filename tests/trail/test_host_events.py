"""
Making a host's event of any arguments: nothing raises, and misuse is kept and warned of.
"""

from __future__ import annotations

import asyncio
import json
import logging
import uuid
import warnings
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta, timezone
from enum import StrEnum
from typing import Any, NoReturn
from unittest.mock import Mock, create_autospec

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override

from poslife import ClosedPosition, PendingPosition, PersistedPosition, Severity
from poslife._trail.encoding import encode_payload
from poslife._trail.host_events import host_event
from poslife.errors import PoslifeMisuseWarning
from poslife.events import HostEvent
from poslife.memory import MemoryStore
from tests.tracker.scenes import tracking
from tests.values import AT, KEY, OTHER_REF, REF, RUN, closed, new_event_id, pending, persisted


def recorded(
    type: Any = "stop_loss.placed",
    about: Any = None,
    payload: Any = None,
    *,
    severity: Any = Severity.INFO,
    error: Any = None,
    now: Callable[[], Any] = lambda: AT,
) -> HostEvent:
    return host_event(
        type,
        about,
        {} if payload is None else payload,
        severity=severity,
        error=error,
        run=RUN,
        now=now,
        new_event_id=lambda _: new_event_id(),
    )


def content(event: HostEvent) -> Any:
    return json.loads(encode_payload(event.payload, event.error))


@pytest.mark.parametrize("about", [pending(), persisted(), closed()], ids=["pending", "persisted", "closed"])
def test_a_position_of_any_kind_is_named_by_its_ref(
    about: PendingPosition | PersistedPosition | ClosedPosition,
) -> None:
    """
    Pending or not, an event of it has its ref, its venue, account and symbol (incident 46).
    """
    header = recorded(about=about).header

    assert (REF, KEY.venue, KEY.account, KEY.symbol) == (
        header.ref,
        header.venue,
        header.account,
        header.symbol,
    )


def test_a_ref_will_do_and_so_will_nothing() -> None:
    """
    An event may be about a position that is known by its ref only, or about none.
    """
    assert (OTHER_REF, None) == (recorded(about=OTHER_REF).header.ref, recorded(about=OTHER_REF).header.venue)
    assert recorded(about=None).header.ref is None


def test_every_argument_is_kept() -> None:
    """
    Type, severity, time, run, payload and error stand in the event as they were given.
    """
    error = OSError("disk full")
    event = recorded("disk.full", None, {"free": 0}, severity=Severity.CRITICAL, error=error)

    assert ("disk.full", Severity.CRITICAL, AT, RUN) == (
        event.header.type,
        event.header.severity,
        event.header.occurred_at,
        event.header.run,
    )
    assert {"free": 0} == event.payload
    assert error is event.error


def test_a_type_may_be_a_member_of_a_hosts_enumeration() -> None:
    """
    A `StrEnum` is text.
    """

    class Kind(StrEnum):
        PLACED = "stop_loss.placed"

    assert "stop_loss.placed" == recorded(Kind.PLACED).header.type


class Torn(Mapping[str, object]):
    """
    A payload that raises when it is read.
    """

    @override
    def __getitem__(self, key: str) -> object:
        raise RuntimeError("torn")

    @override
    def __iter__(self) -> Iterator[str]:
        raise RuntimeError("torn")

    @override
    def __len__(self) -> int:
        raise RuntimeError("torn")


MISUSES: list[Any] = [
    pytest.param({"about": "pending"}, {"about": "pending"}, id="the sentinel"),
    pytest.param({"about": 7}, {"about": 7}, id="an id"),
    pytest.param({"about": uuid.UUID(int=1)}, {"about": str(uuid.UUID(int=1))}, id="another UUID"),
    pytest.param({"about": {"id": "pending"}}, {"about": {"id": "pending"}}, id="a dict"),
    pytest.param({"payload": "text"}, {"payload": "text"}, id="a payload that is text"),
    pytest.param({"payload": [1]}, {"payload": [1]}, id="a payload that is a list"),
    pytest.param({"severity": "error"}, {"severity": "error"}, id="a severity as text"),
    pytest.param({"severity": None}, {"severity": None}, id="no severity"),
    pytest.param({"error": "it broke"}, {"error": "it broke"}, id="an error as text"),
    pytest.param({"type": None}, {"type": None}, id="no type"),
    pytest.param({"type": ""}, {"type": ""}, id="an empty type"),
    pytest.param({"type": "a\x00b"}, {"type": "a\\x00b"}, id="a type with NUL"),
    pytest.param({"type": "a\ud800"}, {"type": "a\\ud800"}, id="a type with a surrogate"),
    pytest.param({"type": " padded"}, {"type": " padded"}, id="a padded type"),
    pytest.param({"type": "x" * 300}, {"type": "x" * 300}, id="a type of 300 characters"),
    pytest.param({"type": b"bytes"}, {"type": "base64:Ynl0ZXM="}, id="a type of bytes"),
]


@pytest.mark.parametrize("given, misuse", MISUSES)
def test_invalid_arguments_are_kept_with_a_warning(given: dict[str, Any], misuse: dict[str, Any]) -> None:
    """
    The event is stored with severity ERROR and what came, and a warning says so (incidents 22, 45, 46, 57).
    """
    with pytest.warns(PoslifeMisuseWarning, match=next(iter(given))):
        event = recorded(**given)

    assert Severity.ERROR is event.header.severity
    assert misuse == content(event)["misuse"]
    if "type" in given:
        assert "poslife.misuse" == event.header.type


def test_the_rest_of_a_misused_event_is_kept() -> None:
    """
    What was given rightly beside it is not lost.
    """
    with pytest.warns(PoslifeMisuseWarning):
        event = recorded("phantom.closed", "pending", {"symbol": "DBRUSDT"}, error=OSError("x"))

    assert "phantom.closed" == event.header.type
    assert {"symbol": "DBRUSDT", "misuse": {"about": "pending"}} == {
        key: value for key, value in content(event).items() if key != "error"
    }


@pytest.mark.parametrize(
    "given",
    [
        pytest.param({"payload": Torn()}, id="payload"),
        pytest.param({"about": Mock()}, id="mock"),
        pytest.param({"about": Mock(spec=PendingPosition)}, id="mock of a pending position"),
        pytest.param({"about": create_autospec(ClosedPosition)}, id="autospec of a closed position"),
        pytest.param({"about": Mock(spec=uuid.UUID)}, id="mock of a UUID"),
        pytest.param({"type": Mock(spec=str)}, id="mock of a text"),
        pytest.param({"severity": Mock(spec=Severity)}, id="mock of a severity"),
        pytest.param({"error": Mock(spec=OSError)}, id="mock of an error"),
    ],
)
def test_nothing_that_a_hosts_tests_put_in_place_breaks_a_record(given: dict[str, Any]) -> None:
    """
    A stand-in that only says what it is does no harm, nor does a payload that raises when it is read.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PoslifeMisuseWarning)
        event = recorded(**given)

    assert isinstance(content(event), dict)


def test_a_warning_turned_into_an_error_breaks_no_trade(caplog: pytest.LogCaptureFixture) -> None:
    """
    Under ``-W error`` the misuse is logged instead.
    """
    with caplog.at_level(logging.ERROR, "poslife.tracker"), warnings.catch_warnings(action="error"):
        event = recorded("phantom.closed", "pending")

    assert {"about": "pending"} == content(event)["misuse"]
    assert "phantom.closed" in caplog.text


def test_a_hosts_own_way_to_show_warnings_breaks_no_trade(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Whatever `warnings.showwarning` raises, the event is made.
    """

    def explode(*_: object, **__: object) -> None:
        raise OSError("no such terminal")

    with warnings.catch_warnings(action="always"):
        monkeypatch.setattr(warnings, "showwarning", explode)
        event = recorded("phantom.closed", "pending")

    assert Severity.ERROR is event.header.severity


class Unending(Mapping[str, object]):
    """
    A payload without an end.
    """

    @override
    def __getitem__(self, key: str) -> object:
        return 1

    @override
    def __iter__(self) -> Iterator[str]:
        number = 0
        while True:
            number += 1
            yield str(number)

    @override
    def __len__(self) -> int:
        return 1


def test_a_payload_without_end_ends() -> None:
    """
    No more keys of a mapping are taken than can be stored.
    """
    assert "$oversize" in content(recorded(payload=Unending()))


def test_a_huge_dict_is_not_copied_whole() -> None:
    """
    Of a million keys no more are taken than can be stored.
    """
    assert len(recorded(payload=dict.fromkeys(map(str, range(200_000)), 1)).payload) == 64 * 1024


def test_what_the_host_changes_later_changes_no_event() -> None:
    """
    A payload that is used again for the next event stays what it was in this one.
    """
    payload = {"price": 1}
    event = recorded(payload=payload)
    payload["price"] = 2

    assert {"price": 1} == event.payload


def raising() -> Any:
    raise OSError("no clock")


@pytest.mark.parametrize(
    "now, clock",
    [
        pytest.param(lambda: datetime(2026, 1, 1), "2026-01-01T00:00:00 (naive)", id="naive"),  # noqa: DTZ001
        pytest.param(
            lambda: AT.astimezone(timezone(timedelta(hours=3))), "2026-01-02T06:04:05.678901+03:00", id="zone"
        ),
        pytest.param(lambda: 1767225600.0, None, id="a number"),
        pytest.param(raising, None, id="raises"),
    ],
)
def test_a_clock_that_is_wrong_breaks_no_trade(now: Callable[[], Any], clock: str | None) -> None:
    """
    The system's time stands in for a host's clock that gives no UTC time; the event says so (incident 42).
    """
    with pytest.warns(PoslifeMisuseWarning, match="clock"):
        event = recorded(now=now)

    assert timedelta(0) == event.header.occurred_at.utcoffset()
    assert Severity.ERROR is event.header.severity
    if clock is not None:
        assert clock == content(event)["misuse"]["clock"]


def liar(kind: type) -> Any:
    """
    An object that says it is whatever it is asked for.
    """

    def lie(_: object) -> type:
        return kind

    return type("Liar", (), {"__class__": property(lie)})()


@pytest.mark.parametrize("field", ["type", "about", "payload", "severity", "error"])
@pytest.mark.parametrize("kind", [str, dict, uuid.UUID, Severity, OSError, PendingPosition])
def test_no_lie_is_believed(field: str, kind: type) -> None:
    """
    An object that only says what it is, is misuse, and no exception.
    """
    with pytest.warns(PoslifeMisuseWarning, match=field):
        event = recorded(**{field: liar(kind)})

    assert field in content(event)["misuse"]


@pytest.mark.parametrize("raised", [asyncio.CancelledError, GeneratorExit, RecursionError])
def test_nothing_a_payload_raises_comes_out(raised: type[BaseException]) -> None:
    """
    Kinds of `BaseException`, too, where they come from a value.
    """

    class Raises(Torn):
        @override
        def __iter__(self) -> Iterator[str]:
            raise raised

    with pytest.warns(PoslifeMisuseWarning, match="payload_error"):
        event = recorded(payload=Raises())

    assert raised.__name__ in content(event)["misuse"]["payload_error"]["type"]


@given(st.text(st.characters(exclude_categories=())), st.text(max_size=300))
def test_any_text_makes_a_header_or_misuse(kind: str, symbol: str) -> None:
    """
    Whatever the type is, the header is made: of any characters, of any length (incident 45).
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PoslifeMisuseWarning)
        event = recorded(kind, None, {"symbol": symbol})

    assert event.header.type in (kind, "poslife.misuse")
    assert symbol == event.payload["symbol"]


async def test_a_payload_that_raises_when_it_is_read_breaks_no_trade() -> None:
    """
    It is recorded with severity ERROR and what it raised.
    """

    class Torn(dict[str, object]):
        @override
        def keys(self) -> NoReturn:
            raise RuntimeError("dictionary changed size during iteration")

        @override
        def __iter__(self) -> NoReturn:
            raise RuntimeError("dictionary changed size during iteration")

    class Loud(str):
        __slots__ = ()

        @override
        def __str__(self) -> NoReturn:
            raise RuntimeError("loud")

    released = memoryview(b"x")
    released.release()
    store = MemoryStore()
    async with tracking(store) as tracker:
        with pytest.warns(UserWarning, match="payload"):
            tracker.record("torn", None, Torn(a=1))
        tracker.record("released", None, {"view": released, "loud": Loud("x")})
        await tracker.flush(5)
    assert {"torn", "released"} <= {event.header.type for event in store.recorded_events()}
