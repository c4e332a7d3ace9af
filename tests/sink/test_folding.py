"""
Of what a bot says many times a second the latest of each interval is kept, and every one is accounted for.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import threading
from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typing_extensions import override

from poslife import BatchingSink, EventId, FoldingSink, FoldingStats, PositionTracker, Severity, Symbol
from poslife.conformance import EventSinkConformance
from poslife.errors import InvalidValue, PoslifeMisuseWarning, StorageUnavailable
from poslife.events import EventHeader, HostEvent, RecordedEvent
from poslife.memory import MemoryStore
from poslife.protocols import EventRecord, EventSink
from poslife.testing.clock import ManualClock
from tests.values import REF, RUN, new_event_id

TICK = "price.tick"

# Python 3.12 warns of forks beside threads; in a test run there are some, and the child runs none of them.
pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")


class Kept:
    """
    A sink that keeps what it is given.
    """

    def __init__(self) -> None:
        self.events: list[HostEvent] = []
        self.came = asyncio.Event()
        self.closed = 0

    def emit(self, event: HostEvent, /) -> EventId:
        self.events.append(event)
        self.came.set()
        return event.header.id

    async def flush(self, timeout: float | None = None, /) -> None:
        pass

    async def aclose(self, deadline: float | None = None, /) -> None:
        self.closed += 1

    @property
    def prices(self) -> list[object]:
        return [event.payload["price"] for event in self.events]

    def stands_for(self) -> int:
        """
        How many events those that were kept stand for, themselves included.
        """
        return sum(1 + folded(event).get("count", 0) for event in self.events)


def folded(event: HostEvent) -> dict[str, Any]:
    found: Any = event.payload.get("folded", {})
    return dict(found)


CLOCK = ManualClock()


def tick(
    price: object, symbol: str = "BTC/USDT:USDT", *, clock: ManualClock = CLOCK, **fields: Any
) -> HostEvent:
    values: dict[str, Any] = {"id": new_event_id(), "type": TICK, "occurred_at": clock.now(), "run": RUN}
    error = fields.pop("error", None)
    return HostEvent(
        header=EventHeader(**(values | fields)), payload={"symbol": symbol, "price": price}, error=error
    )


def adds_up(stats: FoldingStats) -> bool:
    return stats.emitted == stats.passed + stats.folded + stats.waiting


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


async def test_the_last_one_does_not_wait_for_another() -> None:
    """
    When the ticks stop, the latest is passed on by itself, when its interval is over.
    """
    kept = Kept()
    sink = FoldingSink(kept, fold={TICK}, interval=0.02)
    sink.emit(tick(0))
    sink.emit(tick(1))
    sink.emit(tick(2))
    assert [0] == kept.prices
    kept.came.clear()

    await kept.came.wait()

    assert [0, 2] == kept.prices
    assert 0 == sink.stats().waiting


async def test_the_last_one_of_a_thread_does_not_wait_either() -> None:
    """
    The loop that was there first looks after it.
    """
    kept = Kept()
    sink = FoldingSink(kept, fold={TICK}, interval=0.2)
    sink.emit(tick(0, "A"))
    sink.emit(tick(1, "A"))
    kept.came.clear()
    await kept.came.wait()
    kept.came.clear()

    await asyncio.to_thread(lambda: [sink.emit(tick(price, "B")) for price in range(3)])
    while 0 != sink.stats().waiting:
        kept.came.clear()
        await kept.came.wait()

    assert [0, 1, 0, 2] == kept.prices


def test_without_a_loop_it_waits_for_the_next_event_a_flush_or_the_end() -> None:
    """
    `emit` works without one; nothing that waits is lost, whichever loop comes and goes.
    """
    clock, kept = ManualClock(), Kept()
    sink = FoldingSink(kept, fold={TICK}, clock=clock)
    for price in range(3):
        sink.emit(tick(price))
    clock.advance(5)
    assert [0] == kept.prices
    sink.emit(tick(9, type="anything.else"))
    assert [0, 2, 9] == kept.prices

    async def with_a_loop(prices: Sequence[int]) -> None:
        for price in prices:
            sink.emit(tick(price))

    asyncio.run(with_a_loop([3, 4]))
    asyncio.run(with_a_loop([5]))
    assert [0, 2, 9] == kept.prices
    asyncio.run(sink.flush())
    assert [0, 2, 9, 5] == kept.prices
    asyncio.run(sink.flush())
    sink.emit(tick(6))
    asyncio.run(sink.aclose())
    assert [0, 2, 9, 5, 6] == kept.prices
    sink.emit(tick(7))
    sink.emit(tick(8))
    assert [0, 2, 9, 5, 6, 7, 8] == kept.prices
    assert 1 == kept.closed
    assert kept.stands_for() == sink.stats().emitted


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


def test_threads_lose_none() -> None:
    """
    Four threads at once, and not one event is unaccounted for.
    """
    clock, kept = ManualClock(), Kept()
    sink = FoldingSink(kept, fold={TICK}, clock=clock)
    seed = random.Random(7)

    def tell(mine: int, symbols: Sequence[str]) -> None:
        for number, symbol in enumerate(symbols):
            sink.emit(tick(number, symbol))
            if mine == 0 and number % 50 == 0:
                clock.advance(0.4)

    threads = [threading.Thread(target=tell, args=(mine, seed.choices("ABCDE", k=500))) for mine in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    asyncio.run(sink.aclose())

    assert 2000 == sink.stats().emitted == kept.stands_for()
    assert adds_up(sink.stats())


def test_a_host_that_records_its_warnings_is_not_locked_out() -> None:
    """
    The sink within may emit through this one while it is given an event.
    """
    clock = ManualClock()

    class Chatty(Kept):
        @override
        def emit(self, event: HostEvent, /) -> EventId:
            if event.header.type == TICK:
                sink.emit(tick(0, type="bot.warned"))
            return super().emit(event)

    kept = Chatty()
    sink = FoldingSink(kept, fold={TICK}, clock=clock)
    for price in range(5):
        clock.advance(0.3)
        sink.emit(tick(price))
    asyncio.run(sink.aclose())

    assert 3 == Counter(event.header.type for event in kept.events)["bot.warned"]
    assert kept.stands_for() == sink.stats().emitted


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forking is POSIX's")
def test_the_child_of_a_fork_does_not_tell_what_its_parent_will() -> None:
    """
    What waits is the parent's.
    """
    kept = Kept()
    sink = FoldingSink(kept, fold={TICK}, clock=ManualClock())
    sink.emit(tick(0))
    sink.emit(tick(1))
    child = os.fork()
    if not child:  # pragma: no cover - in the child
        with contextlib.suppress(BaseException):
            os._exit(0 if sink.stats().waiting == 0 and adds_up(sink.stats()) else 1)
        os._exit(2)

    assert 0 == os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert 1 == sink.stats().waiting


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


# ------------------------------------------------------------------------------------------- it is a sink


class GoesAway(MemoryStore):
    answers = True

    @override
    async def write(self, records: Sequence[EventRecord], /) -> None:
        if not self.answers:
            raise StorageUnavailable("switched off")
        await super().write(records)


class TestFoldingSink(EventSinkConformance):
    """
    It keeps what `EventSink` promises for everything it does not fold.
    """

    @asynccontextmanager
    @override
    async def sink(self) -> AsyncGenerator[EventSink]:
        self.store = GoesAway()
        sink = FoldingSink(BatchingSink(self.store), fold={TICK})
        yield sink
        await sink.aclose()

    @override
    async def stored(self) -> Sequence[RecordedEvent]:
        return self.store.recorded_events()

    @asynccontextmanager
    @override
    async def unreachable(self) -> AsyncGenerator[None]:
        self.store.answers = False
        yield
        self.store.answers = True
