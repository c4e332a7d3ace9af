"""
Stores that lie about their trail.
"""

# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from typing_extensions import override

from poslife._domain.identifiers import EventId
from poslife.errors import InvalidValue
from poslife.protocols import Erasure, EventCounts, FeedPage, FeedToken, Page, PageToken, Purge
from poslife.protocols._pages import limited
from tests.conformance.honest_store import HonestStore

__all__ = ["LIES"]


class GivesTheFeed(HonestStore):
    """Gives life events in the order of the feed."""

    @override
    async def read_life_streams(self, after: FeedToken | None = None, /, *, limit: int = 500) -> FeedPage:
        return await self.read_life_events(after, limit=limit)


class OnlyPositions(HonestStore):
    """Leaves out the life events that are about no position."""

    @override
    async def read_life_streams(self, after: FeedToken | None = None, /, *, limit: int = 500) -> FeedPage:
        page = await super().read_life_streams(after, limit=limit)
        return replace(page, items=tuple(one for one in page.items if one.header.ref is not None))


class CountsLetters(HonestStore):
    """Counts dead letters as host events."""

    @override
    async def count_events(self) -> EventCounts:
        counts = await super().count_events()
        return replace(counts, host_events=counts.host_events + len(self.inner._host_events.letters))


class CountsByFeed(HonestStore):
    """Counts a page of the feed."""

    @override
    async def count_events(self) -> EventCounts:
        counts = await super().count_events()
        return replace(counts, life_events=min(counts.life_events, 3))


class ForgetsDigests(HonestStore):
    """Lists purges without their digests."""

    @override
    async def list_purges(self, after: PageToken | None = None, /, *, limit: int = 100) -> Page[Purge]:
        page = await super().list_purges(after, limit=limit)
        return replace(page, items=tuple(replace(purge, digest=bytes(32)) for purge in page.items))


class ListsLastPurges(HonestStore):
    """Lists the last purge of each run alone."""

    @override
    async def list_purges(self, after: PageToken | None = None, /, *, limit: int = 100) -> Page[Purge]:
        page = await super().list_purges(after, limit=limit)
        last = {purge.run: purge for purge in page.items}
        return replace(page, items=tuple(last.values()))


class GivesNaiveTimes(HonestStore):
    """Gives the times of purges without a zone."""

    @override
    async def list_purges(self, after: PageToken | None = None, /, *, limit: int = 100) -> Page[Purge]:
        page = await super().list_purges(after, limit=limit)
        naive = datetime(2026, 1, 1)  # noqa: DTZ001 - the lie
        return replace(page, items=tuple(replace(purge, at=naive) for purge in page.items))


class FindsAll(HonestStore):
    """Gives every erasure, whatever is asked for."""

    @override
    async def find_erasures(self, events: Sequence[EventId], /) -> Sequence[Erasure]:
        await super().find_erasures(events)
        return tuple(self.inner._removals.erasures.values())


class FindsNothing(HonestStore):
    """Gives no erasure."""

    @override
    async def find_erasures(self, events: Sequence[EventId], /) -> Sequence[Erasure]:
        await super().find_erasures(events)
        return ()


class TakesAnyToken(HonestStore):
    """Gives an empty page for any bad limit or token."""

    @override
    async def read_life_streams(self, after: FeedToken | None = None, /, *, limit: int = 500) -> FeedPage:
        try:
            return await super().read_life_streams(after, limit=limit)
        except InvalidValue:
            return FeedPage(items=(), next=None)


class ListsForAnyToken(HonestStore):
    """Lists no purges for any bad token."""

    @override
    async def list_purges(self, after: PageToken | None = None, /, *, limit: int = 100) -> Page[Purge]:
        limited(limit)
        try:
            return await super().list_purges(after, limit=limit)
        except InvalidValue:
            return Page(items=(), next=None)


class EmptyWhenAway(HonestStore):
    """Finds no erasures in an outage."""

    @override
    async def find_erasures(self, events: Sequence[EventId], /) -> Sequence[Erasure]:
        return () if self.away else await super().find_erasures(events)


class CountsNothingWhenAway(HonestStore):
    """Counts nothing in an outage."""

    @override
    async def count_events(self) -> EventCounts:
        return EventCounts(life_events=0, host_events=0) if self.away else await super().count_events()


LIES: Sequence[tuple[type[HonestStore], str]] = (
    (GivesTheFeed, "test_every_life_event"),
    (OnlyPositions, "test_every_life_event"),
    (CountsLetters, "test_counts"),
    (CountsByFeed, "test_counts"),
    (ForgetsDigests, "test_list_purges"),
    (ListsLastPurges, "test_list_purges"),
    (GivesNaiveTimes, "test_list_purges"),
    (FindsAll, "test_find_erasures"),
    (FindsNothing, "test_find_erasures"),
    (TakesAnyToken, "test_bad_limit_or_token"),
    (ListsForAnyToken, "test_bad_limit_or_token"),
    (EmptyWhenAway, "test_unreachable_store_raises"),
    (CountsNothingWhenAway, "test_unreachable_store_raises"),
)
