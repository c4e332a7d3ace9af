"""
Life events of the store, relayed to a further writer.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from typing_extensions import override

from poslife import BatchingSink, FurtherWriter
from poslife.errors import InvalidValue, StorageRejected
from poslife.protocols import EventRecord, FeedPage, FeedToken
from tests.sink.fakes import (
    AWAY,
    FakeJournal,
    FakeStore,
    HurriedClock,
    assert_accounts,
    event,
    later,
    numbers,
)
from tests.values import AT


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


class Lived(FakeStore):
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


def relaying(feed: Feed, file: FakeStore, journal: FakeJournal | None = None) -> BatchingSink:
    return BatchingSink(
        FakeStore(),
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
    first = relaying(feed, Lived(), FakeJournal(tmp_path / "one"))
    first.emit(event(0))
    await first.aclose(20)
    feed.add(2)
    second = relaying(feed, file := Lived(), FakeJournal(tmp_path / "two"))
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
    first = relaying(feed, Lived(), FakeJournal(tmp_path / "one"))
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
    second = relaying(other, file := Lived(), FakeJournal(tmp_path / "two"))
    second.emit(event(0))
    await second.aclose(20)

    assert [0, 1] == [version for version in file.lived if version is not None]
    assert "another one" in caplog.text


async def test_a_token_that_cannot_be_read_or_saved_repeats_life_events(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """
    The relay begins anew, which a writer passes over, and says so; nothing else is delayed.
    """
    feed = Feed()
    feed.add(4)
    (tmp_path / "relay-file").mkdir()
    sink = relaying(feed, file := Lived(), FakeJournal(tmp_path / "one"))
    sink.emit(event(0))
    await sink.aclose(20)

    assert [0, 1, 2, 3] == [version for version in file.lived if version is not None]
    assert "relay-file cannot be read, life events are relayed from the beginning" in caplog.text
    assert "the relay's token could not be saved" in caplog.text
    assert_accounts(sink)


async def test_a_life_event_that_a_writer_refuses_is_counted_as_relayed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """
    It is a dead letter of that writer, and said to be in the store.
    """

    class Strict(Lived):
        @override
        async def write(self, records: Sequence[EventRecord], /) -> None:
            if any(record.version == 1 for record in records):
                raise StorageRejected("no")
            await super().write(records)

    feed, file = Feed(), Strict()
    feed.add(3)
    sink = relaying(feed, file)
    sink.emit(event(0))
    await sink.aclose(20)

    assert [0, 2] == [version for version in file.lived if version is not None]
    assert 3 == sink.stats().further[0].relayed
    assert [1] == [letter.record.version for letter in file.dead_letters()]
    assert "a life event is kept as a dead letter; the store has it" in caplog.text


async def test_a_feed_with_a_bug_stops_no_other_task() -> None:
    """
    One that refuses its own beginning is asked again later; host events go on.
    """

    class Broken(Feed):
        broken = True

        @override
        async def read_life_events(self, after: FeedToken | None = None, /, *, limit: int = 500) -> FeedPage:
            self.asked.append(after)
            if self.broken:
                raise InvalidValue("after", after, "nothing at all")
            return await super().read_life_events(after, limit=limit)

    feed, file = Broken(), Lived()
    sink = relaying(feed, file)
    sink.emit(event(0))
    await later(lambda: len(feed.asked) > 3)
    await sink.flush(20)
    await later(lambda: len(file.lived) == 1)
    feed.broken = False
    await sink.aclose(20)

    assert [1] == numbers(file)
