"""
Feeds of life events that lie.
"""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from typing_extensions import override

from poslife._domain.changes import Change, Committed
from poslife._domain.event_envelopes import UNLINKED
from poslife.errors import InvalidValue, RepositoryError
from poslife.protocols import EventRecord, FeedPage, FeedToken
from poslife.protocols._pages import limited
from poslife.storage._page_tokens import AfterEvent, after_event, event_token
from tests.conformance.honest_store import HonestStore

__all__ = ["LIES"]


class GoesNowhere(HonestStore):
    """Gives an empty page whose token never leads to later events."""

    @override
    async def read_life_events(self, after: FeedToken | None = None, /, *, limit: int = 500) -> FeedPage:
        if after is None and not self.inner._life_events.records:
            return FeedPage(items=(), next=FeedToken("nothing more"))
        if after == "nothing more":
            return FeedPage(items=(), next=after)
        return await super().read_life_events(after, limit=limit)


class Bends(HonestStore):
    """Gives events changed."""

    def bend(self, record: EventRecord) -> EventRecord:
        raise NotImplementedError

    @override
    async def read_life_events(self, after: FeedToken | None = None, /, *, limit: int = 500) -> FeedPage:
        page = await super().read_life_events(after, limit=limit)
        return replace(page, items=tuple(map(self.bend, page.items)))


class ForgetsVersions(Bends):
    """Gives life events without their version."""

    @override
    def bend(self, record: EventRecord) -> EventRecord:
        return replace(record, version=None)


class ForgetsBodies(Bends):
    """Gives life events without their body."""

    @override
    def bend(self, record: EventRecord) -> EventRecord:
        return replace(record, payload=b"{}")


class ForgetsCauses(Bends):
    """Gives headers without the causation."""

    @override
    def bend(self, record: EventRecord) -> EventRecord:
        return replace(record, header=replace(record.header, causation=None))


class RepeatsTheLast(HonestStore):
    """Gives the last event of a page again on the next one."""

    @override
    async def read_life_events(self, after: FeedToken | None = None, /, *, limit: int = 500) -> FeedPage:
        start = after_event(after)
        page = await super().read_life_events(after, limit=limit)
        if start is None or not page.items or limit == 1:
            return page
        again = self.inner._life_events.records[start.number - 1]
        return replace(page, items=(again, *page.items)[:limit])


class GivesMore(HonestStore):
    """Gives more than was asked for."""

    @override
    async def read_life_events(self, after: FeedToken | None = None, /, *, limit: int = 500) -> FeedPage:
        limited(limit)
        return await super().read_life_events(after, limit=1000)


class BeginsAgain(HonestStore):
    """Begins again when it is at the end."""

    @override
    async def read_life_events(self, after: FeedToken | None = None, /, *, limit: int = 500) -> FeedPage:
        page = await super().read_life_events(after, limit=limit)
        return page if page.items else await super().read_life_events(None, limit=limit)


class GivesTheRefused(HonestStore):
    """Gives the events of a refused change."""

    @override
    async def take(self, change: Change) -> Committed:
        try:
            return await super().take(change)
        except RepositoryError:
            self.inner._life_events.append(change, {})
            raise


class NumbersEarly(HonestStore):
    """Numbers events before the commit, and so passes over those that are committed late."""

    @override
    async def take(self, change: Change) -> Committed:
        committed = await super().take(change)
        if not committed.repeated and change.events and len(self.inner._changes) % 3 == 0:
            late = [self.inner._life_events.records.pop() for _ in change.events][::-1]
            place = len(self.inner._life_events.records)
            # Others go on, and are read, before this one is seen at its place.
            for _ in range(20):
                await asyncio.sleep(0)
            self.inner._life_events.records[place:place] = late
        return committed

    @override
    async def read_life_events(self, after: FeedToken | None = None, /, *, limit: int = 500) -> FeedPage:
        start = after_event(after)
        if start is None:
            return await super().read_life_events(None, limit=limit)
        events = self.inner._life_events.records
        # By number alone, as a reader of a serial column does.
        if start.number > len(events):
            return FeedPage(items=(), next=after)
        at = event_token(AfterEvent(start.number, events[start.number - 1].header.id))
        return await super().read_life_events(at, limit=limit)


class LinksNothing(Bends):
    """Gives events without digests."""

    @override
    def bend(self, record: EventRecord) -> EventRecord:
        return replace(record, digest=UNLINKED)


class BeginsEachChangeAnew(HonestStore):
    """Links the events of one change, and not to those before."""

    @override
    async def take(self, change: Change) -> Committed:
        self.inner._life_events.last_digests.clear()
        return await super().take(change)


class TakesAnyToken(HonestStore):
    """Gives an empty page for any bad limit or token."""

    @override
    async def read_life_events(self, after: FeedToken | None = None, /, *, limit: int = 500) -> FeedPage:
        try:
            return await super().read_life_events(after, limit=limit)
        except InvalidValue:
            return FeedPage(items=(), next=None)


class EmptyWhenAway(HonestStore):
    """Gives an empty page in an outage."""

    @override
    async def read_life_events(self, after: FeedToken | None = None, /, *, limit: int = 500) -> FeedPage:
        if self.away:
            return FeedPage(items=(), next=after)
        return await super().read_life_events(after, limit=limit)


LIES: Sequence[tuple[type[HonestStore], str]] = (
    (GoesNowhere, "test_feed_of_nothing"),
    (ForgetsVersions, "test_every_field"),
    (ForgetsBodies, "test_every_field"),
    (ForgetsCauses, "test_every_field"),
    (RepeatsTheLast, "test_pages"),
    (GivesMore, "test_pages"),
    (BeginsAgain, "test_goes_on"),
    (GivesTheRefused, "test_refused_and_repeated_changes"),
    (NumbersEarly, "test_concurrent_commits"),
    (LinksNothing, "test_links"),
    (BeginsEachChangeAnew, "test_links"),
    (TakesAnyToken, "test_bad_limit_or_token"),
    (EmptyWhenAway, "test_unreachable_store_raises"),
)
