"""
Dead-letter boxes that lie.
"""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from typing_extensions import override

from poslife._domain.identifiers import EventId
from poslife.errors import DeadLetterNotFound, InvalidValue, StorageRejected
from poslife.protocols import BuriedLetter, DeadLetter, Page, PageToken
from poslife.protocols._pages import limited
from tests.conformance.honest_store import HonestStore

__all__ = ["LIES"]


class ListsAsBuried(HonestStore):
    """Lists the letters in the order they were buried."""

    @override
    async def list_dead_letters(
        self, after: PageToken | None = None, /, *, limit: int = 100
    ) -> Page[BuriedLetter]:
        page = await super().list_dead_letters(after, limit=limit)
        order = list(self.inner._host_events.letters)
        return replace(
            page, items=tuple(sorted(page.items, key=lambda one: order.index(one.letter.record.header.id)))
        )


class ForgetsAttempts(HonestStore):
    """Lists every letter as tried once."""

    @override
    async def list_dead_letters(
        self, after: PageToken | None = None, /, *, limit: int = 100
    ) -> Page[BuriedLetter]:
        page = await super().list_dead_letters(after, limit=limit)
        return replace(
            page, items=tuple(replace(one, letter=replace(one.letter, attempts=1)) for one in page.items)
        )


class GivesNaiveTimes(HonestStore):
    """Gives naive times."""

    @override
    async def list_dead_letters(
        self, after: PageToken | None = None, /, *, limit: int = 100
    ) -> Page[BuriedLetter]:
        page = await super().list_dead_letters(after, limit=limit)
        naive = datetime(2026, 1, 1)  # noqa: DTZ001 - the lie
        return replace(page, items=tuple(replace(one, buried_at=naive) for one in page.items))


class ListsAll(HonestStore):
    """Gives all letters on one page for any limit."""

    @override
    async def list_dead_letters(
        self, after: PageToken | None = None, /, *, limit: int = 100
    ) -> Page[BuriedLetter]:
        limited(limit)
        return await super().list_dead_letters(after, limit=1000)


class SkipsOne(HonestStore):
    """Loses a letter between two pages."""

    @override
    async def list_dead_letters(
        self, after: PageToken | None = None, /, *, limit: int = 100
    ) -> Page[BuriedLetter]:
        page = await super().list_dead_letters(after, limit=limit)
        return page if after is None else replace(page, items=page.items[1:])


class TakesAnyLimit(HonestStore):
    """Gives an empty page for any bad limit or token."""

    @override
    async def list_dead_letters(
        self, after: PageToken | None = None, /, *, limit: int = 100
    ) -> Page[BuriedLetter]:
        try:
            return await super().list_dead_letters(after, limit=limit)
        except InvalidValue:
            return Page(items=(), next=None)


class ReplaysNothing(HonestStore):
    """Takes a letter off the list, and stores nothing."""

    @override
    async def replay(self, event: EventId, /) -> None:
        before = dict(self.inner._host_events.records)
        await super().replay(event)
        self.inner._host_events.records = before


class KeepsListing(HonestStore):
    """Stores the event, and still lists its letter."""

    @override
    async def replay(self, event: EventId, /) -> None:
        await super().replay(event)
        self.inner._host_events._replayed.clear()


class ReplaysAll(HonestStore):
    """Replays every letter instead of one."""

    @override
    async def replay(self, event: EventId, /) -> None:
        await super().replay(event)
        for other in self.inner._host_events.letters.keys() - self.inner._host_events._replayed:
            await super().replay(other)


class ReplaysInSilence(HonestStore):
    """Replays an unknown letter without an error."""

    @override
    async def replay(self, event: EventId, /) -> None:
        try:
            await super().replay(event)
        except DeadLetterNotFound:
            return


class ForgetsTheRefused(HonestStore):
    """Takes a letter off the list although its event is refused again."""

    @override
    async def replay(self, event: EventId, /) -> None:
        try:
            await super().replay(event)
        except StorageRejected:
            self.inner._host_events._replayed.add(event)
            raise


class WantsItNew(HonestStore):
    """Refuses to replay what is stored already."""

    @override
    async def replay(self, event: EventId, /) -> None:
        if event in self.inner._host_events.records:
            raise StorageRejected("duplicate key")
        await super().replay(event)


class ReplaysTogether(HonestStore):
    """Lets every one of several concurrent replays succeed."""

    @override
    async def replay(self, event: EventId, /) -> None:
        waits = event not in self.inner._host_events._replayed
        await asyncio.sleep(0)
        try:
            await super().replay(event)
        except DeadLetterNotFound:
            if not waits:
                raise


class BuriesTheReplayed(HonestStore):
    """Brings a replayed letter back with the next burial."""

    @override
    async def bury(self, letter: DeadLetter, /) -> None:
        self.inner._host_events._replayed.discard(letter.record.header.id)
        await super().bury(letter)


class EmptyWhenAway(HonestStore):
    """Lists no letters in an outage."""

    @override
    async def list_dead_letters(
        self, after: PageToken | None = None, /, *, limit: int = 100
    ) -> Page[BuriedLetter]:
        if self.away:
            return Page(items=(), next=None)
        return await super().list_dead_letters(after, limit=limit)


class ReplaysWhenAway(HonestStore):
    """Reports a letter as replayed in an outage."""

    @override
    async def replay(self, event: EventId, /) -> None:
        if not self.away:
            await super().replay(event)


LIES: Sequence[tuple[type[HonestStore], str]] = (
    (ListsAsBuried, "test_list_dead_letters"),
    (ForgetsAttempts, "test_list_dead_letters"),
    (GivesNaiveTimes, "test_list_dead_letters"),
    (ListsAll, "test_list_in_pages"),
    (SkipsOne, "test_list_in_pages"),
    (TakesAnyLimit, "test_bad_limit_or_token"),
    (ReplaysNothing, "test_replay"),
    (KeepsListing, "test_replay"),
    (ReplaysAll, "test_replay"),
    (ReplaysInSilence, "test_replay_of_nothing"),
    (ForgetsTheRefused, "test_replay_refused_again"),
    (WantsItNew, "test_replay_of_what_is_stored"),
    (ReplaysTogether, "test_concurrent_replays"),
    (BuriesTheReplayed, "test_burial_after_a_replay"),
    (EmptyWhenAway, "test_unreachable_store_raises"),
    (ReplaysWhenAway, "test_unreachable_store_raises"),
)
