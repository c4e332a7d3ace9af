"""
Each run says by which versions and settings it worked (feature 114).
"""

from __future__ import annotations

import hashlib
import json
import math
import platform
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from importlib import metadata
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

import poslife
from poslife import BatchingSink, PositionTracker, Timings, Venue, connect
from poslife._domain.client_order_ids import ClientOrderIdFormat
from poslife._tracker.manifest import ccxt_version, configuration_digest, installed_version
from poslife.errors import InvalidValue
from poslife.events import HostBody
from poslife.memory import MemoryStore
from poslife.protocols import DescribesDriver, EventSink, FeedToken, Journal, Store
from poslife.testing.clock import ManualClock
from tests.tracker.crashed import Bot

CONFIGURATION: Mapping[str, object] = {
    "symbols": ["BTC/USDT:USDT", "DBR/USDT:USDT"],
    "leverage": 3,
    "risk": {"stop": Decimal("0.02"), "from": date(2026, 1, 1), "enabled": True, "most": None},
}


def digest(configuration: Any, timings: Timings | None = None) -> str:
    return configuration_digest(configuration, Timings() if timings is None else timings, {})


async def _payloads(store: Store) -> list[dict[str, object]]:
    found: list[dict[str, object]] = []
    after: FeedToken | None = None
    while (page := await store.read_run_events(after)).items:
        found += [
            json.loads(record.payload)
            for record in page.items
            if record.header.type == "run.started" and record.payload is not None
        ]
        after = page.next
    return found


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


async def test_a_run_begins_with_its_manifest(url: str, tmp_path: Path) -> None:
    """
    On every store `run.started` has versions, timings and the digest of the configuration (feature 114).
    """
    stores: list[Store] = []

    def sink(store: Store, journal: Journal | None) -> EventSink:
        stores.append(store)
        return BatchingSink(store, journal=journal)

    timings = Timings(lease=60)
    tracker = connect(
        url,
        timings=timings,
        journal=tmp_path / "events",
        sink=sink,
        host_version="bot 4.2+g1a2b3c",
        configuration=CONFIGURATION,
    )
    async with tracker:
        await tracker.flush(60)
        (payload,) = await _payloads(stores[0])
        where = await stores[0].describe()
    driver = {"sqlite": f"SQLite {sqlite3.sqlite_version}", "memory": None}.get(
        url.partition(":")[0], f"asyncpg {_installed('asyncpg')}"
    )

    assert {
        "store": where,
        "driver": driver,
        "poslife": poslife.__version__,
        "python": platform.python_version(),
        "ccxt": _installed("ccxt"),
        "host": "bot 4.2+g1a2b3c",
        "configuration": digest(CONFIGURATION, timings),
        "timings": asdict(timings),
    } == payload


async def test_a_run_after_a_lost_lease_has_its_manifest(clock: ManualClock) -> None:
    """
    The run that `recover` begins after `RunLost` says the same, and why it began (feature 114).
    """
    store = MemoryStore(clock=clock)
    bot = Bot(store, clock)
    tracker = await bot.start()
    await store.end_run(tracker.run)
    await tracker.recover()
    await bot.stop()
    first, second = sorted(await _payloads(store), key=len)

    assert {**first, "because": "the run before lost its lease", "error": second["error"]} == second


async def test_a_host_that_says_nothing_has_a_manifest_too() -> None:
    """
    Without version and configuration these are null, and the digest of the settings (feature 114).
    """
    store = MemoryStore()
    async with PositionTracker(repository=store, sink=BatchingSink(store)):
        pass
    (payload,) = await _payloads(store)

    assert (None, digest(None)) == (payload["host"], payload["configuration"])


def test_the_digest_is_over_canonical_json() -> None:
    """
    It is the SHA-256 over JSON with sorted keys, as the reference says, settings of the tracker included.
    """
    form = ClientOrderIdFormat(most=40, prefix="x")
    text = json.dumps(
        {
            "configuration": {"a": "ü", "b": [1, 2.5, None, True], "c": {"d": "0.10"}},
            "timings": asdict(Timings()),
            "client_order_ids": {"mex": asdict(form)},
        },
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
    )
    configuration = {"c": {"d": Decimal("0.10")}, "b": (1, 2.5, None, True), "a": "ü"}

    assert hashlib.sha256(text.encode()).hexdigest() == configuration_digest(
        configuration, Timings(), {Venue("mex"): form}
    )


def test_the_order_of_keys_does_not_matter() -> None:
    """
    The same configuration has the same digest, in whatever order, by whatever mapping.
    """

    class Mode(Enum):
        LIVE = "live"

    one = {"a": {"x": 1, "y": [1, 2]}, "mode": "live", "path": "/etc/bot", "at": "2026-01-01 00:00:00+00:00"}
    other = {
        "at": datetime(2026, 1, 1, tzinfo=UTC),
        "path": PurePosixPath("/etc/bot"),
        "mode": Mode.LIVE,
        "a": {"y": (1, 2), "x": 1},
    }

    assert digest(one) == digest(other)


@pytest.mark.parametrize(
    "other",
    [
        {"a": 2, "b": [1, 2]},
        {"a": 1, "b": [2, 1]},
        {"a": 1, "b": [1, 2], "c": None},
        {"a": "1", "b": [1, 2]},
        {"a": True, "b": [1, 2]},
        {"a": 1},
        {},
        None,
    ],
)
def test_another_configuration_has_another_digest(other: object) -> None:
    """
    A value, a type, an order or a key that differs changes the digest.
    """
    assert digest({"a": 1, "b": [1, 2]}) != digest(other)


def test_timings_are_part_of_the_digest() -> None:
    """
    Other timings are another configuration; 5 and 5.0 seconds are the same, and an infinity is taken.
    """
    assert digest({}) != digest({}, Timings(commit=11))
    assert digest({}, Timings(commit=11)) == digest({}, Timings(commit=11.0))
    assert digest({}, Timings(commit=math.inf)) != digest({})


@pytest.mark.parametrize(
    "secret",
    [
        {"apiKey": "k1"},
        {"nested": {"secret": {"key": "k1"}}},
        {"list": [{"password": "k1"}]},
        {"password": ["k1"]},
        {"url": "postgresql://bot:k1@db/bot"},
        {"header": "Authorization: Bearer abcdefghijk1"},
    ],
)
def test_secrets_do_not_count(secret: Mapping[str, object]) -> None:
    """
    A secret changes no digest, so none can be found by trying.
    """
    other = json.loads(json.dumps(secret).replace("k1", "k2"))

    assert secret != other
    assert digest(secret) == digest(other)


def _cycle() -> dict[str, object]:
    inner: list[object] = []
    inner.append(inner)
    return {"a": inner}


@pytest.mark.parametrize(
    "configuration, place",
    [
        ("text", "configuration:"),
        ([("a", 1)], "configuration:"),
        ({1: "a"}, "configuration:"),
        ({"a": {None: 1}}, "configuration['a']:"),
        ({"a": {"b": [0, float("nan")]}}, "configuration['a']['b'][1]:"),
        ({"a": Decimal("Infinity")}, "configuration['a']:"),
        ({"a": 1 << 2048}, "configuration['a']:"),
        ({"a": {"s3cret"}}, "configuration['a']:"),
        ({"a": b"s3cret"}, "configuration['a']:"),
        ({"a": object()}, "configuration['a']:"),
        ({"a": "s3cret\ud800"}, "configuration['a']:"),
        ({"\ud800": 1}, "configuration:"),
        (_cycle(), "configuration['a'][0][0]"),
    ],
    ids=[f"refused {number}" for number in range(13)],
)
def test_what_json_cannot_hold_is_refused(configuration: Any, place: str, tmp_path: Path) -> None:
    """
    It is refused with its place and without the value, which may be a secret, before a file is made.
    """
    with pytest.raises(InvalidValue) as caught:
        connect(f"sqlite:///{tmp_path}/bot.db", configuration=configuration)

    assert str(caught.value).startswith(place)
    assert "s3cret" not in str(caught.value)
    assert "s3cret" not in repr(caught.value.value)
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize("version", ["", " 1", "1\n", "x" * 256, 4, b"1"])
def test_a_version_is_a_name(version: Any) -> None:
    """
    A version that is no short printable text is refused.
    """
    with pytest.raises(InvalidValue, match="host_version"):
        connect("memory://", host_version=version)


async def test_the_configuration_itself_is_not_stored() -> None:
    """
    Nothing of the configuration but its digest is in any event.
    """
    store = MemoryStore()
    tracker = PositionTracker(
        repository=store, sink=BatchingSink(store), configuration={"visible": "a-value-to-look-for"}
    )
    async with tracker:
        pass
    bodies = [event.body for event in store.recorded_events() if isinstance(event.body, HostBody)]

    assert bodies
    assert "visible" not in str(bodies)
    assert "a-value-to-look-for" not in str(bodies)


async def test_a_driver_that_fails_to_describe_itself_stops_the_start() -> None:
    """
    The store is closed again, and no task is left.
    """

    class Odd(MemoryStore):
        closed = 0

        def describe_driver(self) -> str:
            raise RuntimeError("an adapter's bug")

        async def aclose(self) -> None:
            self.closed += 1
            await super().aclose()

    store = Odd()
    assert isinstance(store, DescribesDriver)
    with pytest.raises(RuntimeError, match="bug"):
        async with PositionTracker(repository=store, sink=BatchingSink(store)):
            pass

    assert 1 == store.closed


def test_ccxt_is_not_imported_for_its_version() -> None:
    """
    The version comes from the installed package, or from the module that the host has imported (feature 114).
    """
    code = (
        "import sys, poslife; poslife.connect('memory://'); assert 'ccxt' not in sys.modules;"
        "sys.modules['ccxt'] = type(sys)('ccxt'); sys.modules['ccxt'].__version__ = '0.0.1';"
        "from poslife._tracker.manifest import ccxt_version; print(ccxt_version())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "0.0.1" == done.stdout.strip()
    assert _installed("ccxt") in (None, ccxt_version())


def test_a_package_that_is_not_installed_has_no_version() -> None:
    """
    A missing package is no error: its version is null.
    """
    assert installed_version("poslife-has-no-such-package") is None
    assert _installed("msgspec") == installed_version("msgspec")
