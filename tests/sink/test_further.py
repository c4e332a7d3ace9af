"""
Several writers: each with its own cursor and counts, and the store's life events among what they get.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from typing_extensions import override

from poslife import BatchingSink, FurtherWriter
from poslife.errors import FlushTimeout, InvalidValue, StorageRejected, StorageUnavailable
from poslife.protocols import EventRecord, FeedPage, FeedToken
from tests.sink.paper import HurriedClock, PaperJournal, Told, assert_accounts, event, later, numbers
from tests.values import AT

AWAY = StorageUnavailable("connection refused")


def into(store: Told, *further: FurtherWriter, journal: PaperJournal | None = None) -> BatchingSink:
    return BatchingSink(store, journal=journal, further=further, clock=HurriedClock(), linger=0.0)


async def test_each_writer_gets_every_event_in_order() -> None:
    """
    Once, under the same ids (feature 88).
    """
    store, file = Told(), Told()
    sink = into(store, FurtherWriter(name="file", writer=file, required=True))
    for number in range(20):
        sink.emit(event(number))
    await sink.aclose(20)

    assert numbers(store) == numbers(file) == list(range(1, 21))
    assert [one.header for one in store.recorded_events()] == [one.header for one in file.recorded_events()]
    assert_accounts(sink)


async def test_an_optional_writer_that_is_away_delays_nobody() -> None:
    """
    The store is written, a flush returns, and the other gets it all when it is back.
    """
    store, file = Told(), Told()
    file.away = AWAY
    journal = PaperJournal()
    sink = into(store, FurtherWriter(name="file", writer=file), journal=journal)
    for number in range(20):
        sink.emit(event(number))
    await sink.flush(20)

    assert ((20, 0), (0, 20)) == tuple((one.committed, one.backlog) for one in sink.stats().writers)
    assert 0 == journal.forgotten
    file.away = None
    await later(lambda: len(numbers(file)) == 20)
    await sink.aclose(20)

    assert 20 == journal.forgotten
    assert_accounts(sink)


async def test_a_flush_waits_for_a_required_one() -> None:
    """
    It says what keeps it.
    """
    store, file = Told(), Told()
    file.away = AWAY
    sink = into(store, FurtherWriter(name="file", writer=file, required=True))
    sink.emit(event(0))
    with pytest.raises(FlushTimeout, match="connection refused"):
        await sink.flush(0.02)
    file.away = None
    await sink.aclose(20)

    assert [1] == numbers(file)


async def test_each_writer_goes_on_from_its_own_mark() -> None:
    """
    After a crash the slow one gets what it had not, and the store nothing.
    """
    store, file = Told(), Told()
    file.away = AWAY
    journal = PaperJournal()
    sink = into(store, FurtherWriter(name="file", writer=file), journal=journal)
    for number in range(7):
        sink.emit(event(number))
    await sink.aclose(0.05)
    after, late = Told(), Told()
    again = into(after, FurtherWriter(name="file", writer=late), journal=journal.again())
    await again.flush(20)
    await later(lambda: len(numbers(late)) == 7)
    await again.aclose(20)

    assert ([], list(range(1, 8))) == (numbers(after), numbers(late))
    assert (0, 7) == tuple(one.recovered for one in again.stats().writers)
    assert_accounts(again)


async def test_an_optional_writer_too_far_behind_loses_the_oldest_and_counts_them() -> None:
    """
    It must not fill the disk of the others.
    """
    store, file = Told(), Told()
    file.gate = asyncio.Event()
    sink = into(store, FurtherWriter(name="file", writer=file, most_behind=30), journal=PaperJournal())
    for number in range(600):
        sink.emit(event(number))
        if number == 0:
            await later(lambda: bool(file.batches))
    file.gate.set()
    await sink.flush(20)
    await later(lambda: sink.stats().further[0].backlog == 0)
    await sink.aclose(20)

    assert [1, *range(571, 601)] == numbers(file)
    assert (569, 0) == (sink.stats().further[0].dropped, sink.stats().dropped)
    assert_accounts(sink)


async def test_what_one_writer_refuses_the_other_may_take() -> None:
    """
    A dead letter is one writer's affair.
    """
    store, file = Told(), Told(lambda records: StorageRejected("no") if records[0].sequence == 1 else None)
    sink = into(store, FurtherWriter(name="file", writer=file, required=True))
    for number in range(2):
        sink.emit(event(number))
    await sink.aclose(20)

    assert ([1, 2], [2]) == (numbers(store), numbers(file))
    assert (0, 1) == tuple(one.dead_lettered for one in sink.stats().writers)


@pytest.mark.parametrize("name", ["store", "", "a b", "../x", None])
def test_a_writer_has_a_name_to_keep_its_place_under(name: str) -> None:
    """
    One that can be a file's, and is nobody else's.
    """
    with pytest.raises(InvalidValue, match="name"):
        FurtherWriter(name=name, writer=Told())


def test_two_writers_of_one_name_are_refused() -> None:
    """
    They would share a cursor.
    """
    two = [FurtherWriter(name="file", writer=Told()) for _ in range(2)]
    with pytest.raises(InvalidValue, match="different names"):
        BatchingSink(Told(), further=two)


class Feed:
    """
    Life events of a store, as a `LifeEventFeed`.
    """

    def __init__(self) -> None:
        self.items: list[EventRecord] = []
        self.away: Exception | None = None
        self.asked: list[str | None] = []

    def add(self, count: int) -> None:
        """
        So many more are committed.
        """
        for _ in range(count):
            number = len(self.items)
            self.items.append(
                EventRecord(
                    header=event(number).header,
                    recorded_at=AT,
                    sequence=None,
                    version=number,
                    index=0,
                    payload=b"{}",
                )
            )

    async def read_life_events(self, after: FeedToken | None = None, /, *, limit: int = 500) -> FeedPage:
        self.asked.append(after)
        if self.away is not None:
            raise self.away
        begin = 0 if after is None else int(after)
        items = tuple(self.items[begin : begin + min(limit, 3)])
        return FeedPage(items=items, next=FeedToken(str(begin + len(items))) if items else after)


class Lived(Told):
    """
    Takes life events, and remembers their versions.
    """

    def __init__(self) -> None:
        super().__init__()
        self.lived: list[int | None] = []

    @override
    async def write(self, records: Sequence[EventRecord], /) -> None:
        await super().write([record for record in records if record.version is None])
        self.lived += [record.version for record in records]


def relaying(feed: Feed, file: Told, journal: PaperJournal | None = None) -> BatchingSink:
    return BatchingSink(
        Told(),
        journal=journal,
        feed=feed,
        further=[FurtherWriter(name="file", writer=file)],
        clock=HurriedClock(),
        linger=0.0,
    )


async def test_life_events_reach_the_further_writers_by_relay() -> None:
    """
    Those that were there and those that come, in order, each once; a close passes on the last of them.
    """
    feed, file = Feed(), Lived()
    feed.add(7)
    sink = relaying(feed, file)
    sink.emit(event(0))
    await later(lambda: len(file.lived) >= 8)
    feed.add(5)
    await sink.aclose(20)

    assert list(range(12)) == [version for version in file.lived if version is not None]
    assert 12 == sink.stats().further[0].relayed
    assert_accounts(sink)


async def test_a_relay_goes_on_where_it_was(tmp_path: Path) -> None:
    """
    Its place is kept beside the journal.
    """
    feed = Feed()
    feed.add(4)
    first = relaying(feed, Lived(), PaperJournal(tmp_path / "one"))
    first.emit(event(0))
    await first.aclose(20)
    feed.add(2)
    second = relaying(feed, file := Lived(), PaperJournal(tmp_path / "two"))
    second.emit(event(0))
    await second.aclose(20)

    assert [4, 5] == [version for version in file.lived if version is not None]


async def test_a_relay_outlives_an_outage_of_either_side() -> None:
    """
    Nothing is passed over.
    """
    feed, file = Feed(), Lived()
    feed.add(3)
    feed.away = AWAY
    sink = relaying(feed, file)
    sink.emit(event(0))
    await later(lambda: len(feed.asked) > 3)
    feed.away = None
    file.away = AWAY
    await later(lambda: len(file.batches) > 3)
    file.away = None
    await sink.aclose(20)

    assert [0, 1, 2] == [version for version in file.lived if version is not None]


async def test_a_relay_over_another_store_begins_anew(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """
    A copy that was put back, or a new file beside an old journal, does not know the place that was kept.
    """
    feed = Feed()
    feed.add(4)
    first = relaying(feed, Lived(), PaperJournal(tmp_path / "one"))
    first.emit(event(0))
    await first.aclose(20)

    class Another(Feed):
        @override
        async def read_life_events(self, after: FeedToken | None = None, /, *, limit: int = 500) -> FeedPage:
            if after is not None and int(after) > len(self.items):
                raise InvalidValue("after", after, "the `next` of a page of this feed")
            return await super().read_life_events(after, limit=limit)

    other = Another()
    other.add(2)
    second = relaying(other, file := Lived(), PaperJournal(tmp_path / "two"))
    second.emit(event(0))
    await second.aclose(20)

    assert [0, 1] == [version for version in file.lived if version is not None]
    assert "another one" in caplog.text
