"""
Of events that come many times a second the latest of each interval is kept, and every one is accounted for.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poslife import BatchingSink, FoldingSink, FoldingStats, PositionTracker, Severity, Symbol
from poslife.errors import InvalidValue, PoslifeMisuseWarning
from poslife.events import EventHeader, HostEvent
from poslife.memory import MemoryStore
from poslife.testing.clock import ManualClock
from tests.sink.folding_fakes import TICK, Kept, adds_up, folded, tick
from tests.values import REF, RUN


def test_the_latest_of_an_interval_is_kept_and_says_what_it_stands_for() -> None:
    """
    The first passes at once; of those within a second the last one, with how many, and since when.
    """
    clock, kept = ManualClock(), Kept()
    sink = FoldingSink(kept, fold={TICK}, interval=1.0, clock=clock)
    began = clock.now()
    for price in range(10):
        event = tick(price, clock=clock)
        assert event.header.id == sink.emit(event)
        clock.advance(0.1)
    assert [0] == kept.prices
    assert FoldingStats(emitted=10, passed=1, folded=8, waiting=1, keys=1) == sink.stats()

    sink.emit(tick(10, clock=clock))

    assert [0, 9] == kept.prices
    assert {
        "count": 8,
        "first_at": began + timedelta(seconds=0.1),
        "last_at": began + timedelta(seconds=0.9),
    } == folded(kept.events[1])
    assert FoldingStats(emitted=11, passed=2, folded=8, waiting=1, keys=1) == sink.stats()


def test_what_comes_seldom_passes_as_it_is() -> None:
    """
    One event an interval is folded with nothing.
    """
    clock, kept = ManualClock(), Kept()
    sink = FoldingSink(kept, fold={TICK}, clock=clock)
    events = [tick(0), tick(1), tick(2)]
    for event in events:
        sink.emit(event)
        clock.advance(1)

    assert events == kept.events
    assert FoldingStats(emitted=3, passed=3, folded=0, waiting=0, keys=1) == sink.stats()


def test_each_key_has_an_interval_of_its_own() -> None:
    """
    Two symbols do not fold into one another, nor two positions, and other types pass.
    """
    clock, kept = ManualClock(), Kept()
    sink = FoldingSink(kept, fold={TICK}, clock=clock)
    for event in (
        tick(1),
        tick(2, "ETH/USDT:USDT"),
        tick(3, ref=REF),
        tick(4, type="order.sent"),
        tick(5, type="order.sent"),
    ):
        sink.emit(event)

    assert [1, 2, 3, 4, 5] == kept.prices


def test_a_headers_symbol_comes_before_the_payloads() -> None:
    """
    What is recorded about a position is folded by its header.
    """
    clock, kept = ManualClock(), Kept()
    sink = FoldingSink(kept, fold={TICK}, clock=clock)
    for price, symbol in enumerate(("A", "B", "A")):
        event = tick(price, "same", clock=clock)
        header = EventHeader(
            id=event.header.id, type=TICK, occurred_at=clock.now(), run=RUN, symbol=Symbol(symbol)
        )
        sink.emit(HostEvent(header=header, payload=event.payload))

    assert [0, 1] == kept.prices


def test_what_matters_is_never_folded_and_comes_after_what_waits() -> None:
    """
    An event with an error, or a warning, passes at once, and its key's latest before it.
    """
    clock, kept = ManualClock(), Kept()
    sink = FoldingSink(kept, fold={TICK}, clock=clock)
    for event in (
        tick(0),
        tick(1),
        tick(2, error=OSError("feed")),
        tick(3),
        tick(4, severity=Severity.WARNING),
    ):
        sink.emit(event)

    assert [0, 1, 2, 3, 4] == kept.prices
    assert adds_up(sink.stats())


def test_a_function_may_choose_and_another_name_the_key() -> None:
    """
    By what is in the event; here everything about one venue is one key.
    """
    clock, kept = ManualClock(), Kept()
    sink = FoldingSink(
        kept, fold=lambda event: "price" in event.payload, key=lambda event: event.header.venue, clock=clock
    )
    for event in (tick(0, "A"), tick(1, "B", type="price.mark"), tick(2, "C")):
        sink.emit(event)

    assert [0] == kept.prices
    assert 1 == sink.stats().keys


def broken(_: HostEvent) -> Any:
    raise RuntimeError("a host's mistake")


def unhashable(_: HostEvent) -> Any:
    return []


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"fold": broken}, id="choosing raises"),
        pytest.param({"fold": {TICK}, "key": broken}, id="key raises"),
        pytest.param({"fold": {TICK}, "key": unhashable}, id="key without a hash"),
    ],
)
def test_a_function_that_raises_costs_no_event(options: dict[str, Any]) -> None:
    """
    What cannot be folded passes.
    """
    kept = Kept()
    sink = FoldingSink(kept, **options)
    for price in range(3):
        sink.emit(tick(price))

    assert [0, 1, 2] == kept.prices
    assert FoldingStats(emitted=3, passed=3, folded=0, waiting=0, keys=0) == sink.stats()


def test_what_is_no_event_or_has_another_kind_of_payload_passes() -> None:
    """
    The sink within knows what to say of it.
    """

    class Own(dict[str, object]):
        pass

    store = MemoryStore()
    sink = FoldingSink(BatchingSink(store), fold=lambda _: True)
    wrong: Any = "text"
    with pytest.warns(PoslifeMisuseWarning):
        sink.emit(wrong)
    for _ in range(2):
        sink.emit(HostEvent(header=tick(0).header, payload=Own(price=1)))

    assert FoldingStats(emitted=3, passed=3, folded=0, waiting=0, keys=0) == sink.stats()


def test_the_number_of_keys_is_bounded() -> None:
    """
    Beyond the most keys events pass unfolded; a key whose interval is over makes room.
    """
    clock, kept = ManualClock(), Kept()
    sink = FoldingSink(kept, fold={TICK}, most_keys=2, clock=clock)
    for _ in range(2):
        for symbol in "ABCD":
            sink.emit(tick(symbol, symbol))
    assert [*"ABCD", *"CD"] == kept.prices
    assert 2 == sink.stats().keys

    clock.advance(3)
    sink.emit(tick("E", "E"))
    clock.advance(3)
    sink.emit(tick("F", "F"))

    assert 1 == sink.stats().keys
    assert adds_up(sink.stats())


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"interval": 0}, id="no interval"),
        pytest.param({"interval": float("nan")}, id="NaN"),
        pytest.param({"most_keys": 0}, id="no key"),
        pytest.param({"fold": "price.tick"}, id="a text"),
    ],
)
def test_what_cannot_be_is_refused_when_it_is_wired(options: dict[str, Any]) -> None:
    """
    At the start of a bot, not in a trade.
    """
    wired: dict[str, Any] = {"fold": {TICK}, **options}
    with pytest.raises(InvalidValue, match="FoldingSink"):
        FoldingSink(Kept(), **wired)


def test_a_payloads_own_word_for_it_stays() -> None:
    """
    A payload that has ``folded`` itself keeps it.
    """
    clock, kept = ManualClock(), Kept()
    sink = FoldingSink(kept, fold={TICK}, clock=clock)
    for price in range(3):
        event = tick(price, clock=clock)
        sink.emit(HostEvent(header=event.header, payload={**event.payload, "folded": "mine"}))
    clock.advance(1)
    sink.emit(tick(3))

    assert "mine" == kept.events[1].payload["folded"]
    held: Any = kept.events[1].payload["folded_"]
    assert 1 == held["count"]


def test_a_flush_does_not_open_the_door() -> None:
    """
    The interval of a key goes on after a flush: flushing each second is no way around an interval of ten.
    """
    clock, kept = ManualClock(), Kept()
    sink = FoldingSink(kept, fold={TICK}, interval=10, clock=clock)
    sink.emit(tick(0))
    sink.emit(tick(1))
    asyncio.run(sink.flush())
    sink.emit(tick(2))

    assert [0, 1] == kept.prices


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.sampled_from("ABC"),
            st.sampled_from([TICK, TICK, TICK, "other"]),
            st.sampled_from([0.0, 0.1, 0.6, 1.0, 7.0]),
            st.booleans(),
        ),
        max_size=60,
    )
)
def test_every_event_is_accounted_for_at_every_moment(steps: list[tuple[str, str, float, bool]]) -> None:
    """
    Whatever comes, however fast: ``emitted = passed + folded + waiting``, and those kept stand for all.
    """
    clock, kept = ManualClock(), Kept()
    sink = FoldingSink(kept, fold={TICK}, most_keys=2, clock=clock)
    last: dict[tuple[str, str], int] = {}
    for number, (symbol, kind, pause, flush) in enumerate(steps):
        clock.advance(pause)
        sink.emit(tick(number, symbol, type=kind, clock=clock))
        last[symbol, kind] = number
        if flush:
            asyncio.run(sink.flush())
        stats = sink.stats()
        assert adds_up(stats)
        assert stats.passed == len(kept.events)
        assert stats.keys <= 2
    asyncio.run(sink.aclose())

    assert len(steps) == kept.stands_for()
    assert 0 == sink.stats().waiting
    kept_last = {
        (event.payload["symbol"], event.header.type): event.payload["price"] for event in kept.events
    }
    assert last == kept_last


async def test_an_hour_of_a_bot() -> None:
    """
    Of 10,000 events, 97 % price updates, less than a tenth is stored, all others among them (incident 49).
    """
    clock, store = ManualClock(), MemoryStore()
    folding = FoldingSink(BatchingSink(store, clock=clock), fold={TICK}, interval=60, clock=clock)
    tracker = PositionTracker(repository=MemoryStore(), sink=folding, clock=clock)
    for number in range(10_000):
        clock.advance(0.36)
        if number % 33 == 0:
            tracker.record("signal", None, {"number": number})
        else:
            tracker.record(TICK, None, {"symbol": f"S{number % 10}", "price": Decimal(number)})
    await folding.aclose()
    stored = store.recorded_events()
    stats = folding.stats()

    assert 304 == sum(event.header.type == "signal" for event in stored)
    assert len(stored) < 1000
    assert 10_000 == stats.emitted == stats.passed + stats.folded
    assert len(stored) == stats.passed
