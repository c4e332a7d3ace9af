"""
Stores whose lists leave out, add or repeat items, or go on at the wrong place.
"""

# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import cast

from typing_extensions import override

from poslife._domain.event_envelopes import UNLINKED, RecordedEvent
from poslife._domain.fills import StoredFill
from poslife._domain.identifiers import (
    PositionRef,
)
from poslife._domain.orders import OrderStatus
from poslife._domain.positions import (
    ClosedPosition,
    LivePosition,
    PendingPosition,
    Position,
)
from poslife.errors import (
    InvalidValue,
    PositionNotFound,
)
from poslife.protocols import Page, PageToken
from tests.conformance.honest_store import HonestStore, ItemT, ReadPage

__all__ = ["LIES"]


class LivesWithoutPending(HonestStore):
    """Leaves pending positions out of the live ones."""

    @override
    async def list_live(self, after: PageToken | None = None, /, *, limit: int = 100) -> Page[LivePosition]:
        page = await super().list_live(after, limit=limit)
        return replace(page, items=tuple(one for one in page.items if not isinstance(one, PendingPosition)))


class DoubtsOnlyWhatSaysSo(HonestStore):
    """Leaves out submitting orders of ended runs."""

    @override
    async def list_in_doubt(self, after: PageToken | None = None, /, *, limit: int = 100) -> Page[Position]:
        page = await super().list_in_doubt(after, limit=limit)
        kept = [
            one for one in page.items if any(order.status is OrderStatus.IN_DOUBT for order in one.orders)
        ]
        return replace(page, items=tuple(kept))


class SettlesTheClosed(HonestStore):
    """Takes a closed position for settled."""

    @override
    async def list_left_by_ended_runs(
        self, after: PageToken | None = None, /, *, limit: int = 100
    ) -> Page[Position]:
        page = await super().list_left_by_ended_runs(after, limit=limit)
        return replace(page, items=tuple(one for one in page.items if not isinstance(one, ClosedPosition)))


class UntilIsIncluded(HonestStore):
    """Includes the position closed at *until*."""

    @override
    async def list_closed(
        self, since: datetime, until: datetime, after: PageToken | None = None, /, *, limit: int = 100
    ) -> Page[ClosedPosition]:
        return await super().list_closed(since, until + timedelta(microseconds=1), after, limit=limit)


class FillsByTime(HonestStore):
    """Gives fills by their time, not in the order they were stored."""

    @override
    async def turn(self, read: ReadPage[ItemT], after: PageToken | None, limit: int) -> Page[ItemT]:
        page = await super().turn(read, after, limit)
        fills = [item for item in page.items if isinstance(item, StoredFill)]
        if not fills:
            return page
        return replace(
            page, items=cast("tuple[ItemT, ...]", tuple(sorted(fills, key=lambda one: one.fill.at)))
        )


class UnclaimedFillsToo(HonestStore):
    """Gives unclaimed fills of a symbol among a position's."""

    @override
    async def list_fills(
        self, ref: PositionRef, after: PageToken | None = None, /, *, limit: int = 100
    ) -> Page[StoredFill]:
        page = await super().list_fills(ref, after, limit=limit)
        stray = await super().list_unclaimed(None, limit=limit)
        return page if page.next else replace(page, items=(*page.items, *stray.items))


class HistoryFromTheOpening(HonestStore):
    """Leaves the time before the opening out of the history."""

    @override
    async def list_history(
        self, ref: PositionRef, after: PageToken | None = None, /, *, limit: int = 100
    ) -> Page[RecordedEvent]:
        page = await super().list_history(ref, after, limit=limit)
        return replace(page, items=tuple(item for item in page.items if item.version != 1))


class HistoryAsWritten(HonestStore):
    """Gives the history in the order of writing, not by event id."""

    @override
    async def list_history(
        self, ref: PositionRef, after: PageToken | None = None, /, *, limit: int = 100
    ) -> Page[RecordedEvent]:
        page = await super().list_history(ref, after, limit=limit)
        return replace(
            page, items=tuple(sorted(page.items, key=lambda item: (item.version or 0, item.index or 0)))
        )


class RecordsNow(HonestStore):
    """Gives the time of reading as the time of recording."""

    @override
    def show_event(self, event: RecordedEvent) -> RecordedEvent:
        return replace(event, recorded_at=datetime(2027, 1, 1, tzinfo=UTC))


class LinksNoHistory(HonestStore):
    """Gives events without digests."""

    @override
    def show_event(self, event: RecordedEvent) -> RecordedEvent:
        return replace(event, digest=UNLINKED)


class PagesSkip(HonestStore):
    """Skips an item between two pages."""

    @override
    async def turn(self, read: ReadPage[ItemT], after: PageToken | None, limit: int) -> Page[ItemT]:
        page = await super().turn(read, after, limit)
        if page.next is None or limit < 2:
            return page
        return replace(page, items=page.items[:-1])


class PagesRepeat(HonestStore):
    """Gives the first page again."""

    @override
    async def turn(self, read: ReadPage[ItemT], after: PageToken | None, limit: int) -> Page[ItemT]:
        page = await super().turn(read, after, limit)
        first = await super().turn(read, None, limit)
        return page if after is None else replace(page, items=(*first.items[-1:], *page.items)[:limit])


class PagesNeverEnd(HonestStore):
    """Always says that there is more."""

    @override
    async def turn(self, read: ReadPage[ItemT], after: PageToken | None, limit: int) -> Page[ItemT]:
        page = await super().turn(read, after, limit)
        return replace(page, next=page.next or PageToken("~"))


class PagesOfEverything(HonestStore):
    """Gives everything on one page."""

    @override
    async def turn(self, read: ReadPage[ItemT], after: PageToken | None, limit: int) -> Page[ItemT]:
        await super().turn(read, after, limit)
        return await super().turn(read, after, 1000)


class OnePageOnly(HonestStore):
    """Forgets what does not fit on the first page."""

    @override
    async def turn(self, read: ReadPage[ItemT], after: PageToken | None, limit: int) -> Page[ItemT]:
        return replace(await super().turn(read, after, limit), next=None)


class PagesByCounting(HonestStore):
    """Uses offsets as tokens."""

    @override
    async def turn(self, read: ReadPage[ItemT], after: PageToken | None, limit: int) -> Page[ItemT]:
        await super().turn(read, None, limit)
        begin = int(after) if after is not None and after.isdecimal() and len(after) < 9 else 0
        whole = await super().turn(read, None, 1000)
        more = begin + limit < len(whole.items)
        return Page(
            items=whole.items[begin : begin + limit],
            next=PageToken(str(begin + limit)) if more else None,
        )


class TakesAnyLimit(HonestStore):
    """Takes any limit for 1000."""

    @override
    async def turn(self, read: ReadPage[ItemT], after: PageToken | None, limit: int) -> Page[ItemT]:
        try:
            return await super().turn(read, after, limit)
        except InvalidValue:
            return await super().turn(read, after, 1000)


class ChokesOnTokens(HonestStore):
    """Lets a driver's error out for an unknown token."""

    @override
    async def turn(self, read: ReadPage[ItemT], after: PageToken | None, limit: int) -> Page[ItemT]:
        if after == "x":
            raise ValueError("invalid literal")
        return await super().turn(read, after, limit)


class BeginsAgainForTokens(HonestStore):
    """Begins again for an unknown token."""

    @override
    async def turn(self, read: ReadPage[ItemT], after: PageToken | None, limit: int) -> Page[ItemT]:
        try:
            return await super().turn(read, after, limit)
        except InvalidValue:
            return await super().turn(read, None, limit)


class TakesNaiveTimes(HonestStore):
    """Takes a naive time for one in UTC."""

    @override
    async def list_closed(
        self, since: datetime, until: datetime, after: PageToken | None = None, /, *, limit: int = 100
    ) -> Page[ClosedPosition]:
        since, until = since.replace(tzinfo=UTC), until.replace(tzinfo=UTC)
        return await super().list_closed(since, until, after, limit=limit)


class FiftyAreEnough(HonestStore):
    """Gives 50 items without a limit."""

    @override
    async def list_unclaimed(self, after: PageToken | None = None, /, *, limit: int = 50) -> Page[StoredFill]:
        return await super().list_unclaimed(after, limit=limit)


class LatestFirst(HonestStore):
    """Gives the latest unclaimed fill first."""

    @override
    async def list_unclaimed(
        self, after: PageToken | None = None, /, *, limit: int = 100
    ) -> Page[StoredFill]:
        page = await super().list_unclaimed(after, limit=limit)
        return replace(page, items=page.items[::-1])


class NoHistoryOfNothing(HonestStore):
    """Raises where a list is empty."""

    @override
    async def list_history(
        self, ref: PositionRef, after: PageToken | None = None, /, *, limit: int = 100
    ) -> Page[RecordedEvent]:
        page = await super().list_history(ref, after, limit=limit)
        if not page.items and after is None:
            raise PositionNotFound(ref)
        return page


LIES: Sequence[tuple[type[HonestStore], str]] = (
    (LivesWithoutPending, "test_list_live"),
    (DoubtsOnlyWhatSaysSo, "test_list_in_doubt"),
    (SettlesTheClosed, "test_list_left_by_ended_runs"),
    (UntilIsIncluded, "test_list_closed"),
    (FillsByTime, "test_list_fills"),
    (UnclaimedFillsToo, "test_list_fills"),
    (HistoryFromTheOpening, "test_list_history"),
    (LinksNoHistory, "test_history_is_linked"),
    (HistoryAsWritten, "test_list_history"),
    (RecordsNow, "test_list_history"),
    (PagesSkip, "test_pages"),
    (PagesRepeat, "test_pages"),
    (PagesNeverEnd, "test_pages"),
    (PagesOfEverything, "test_pages"),
    (OnePageOnly, "test_pages"),
    (PagesByCounting, "test_pages_of_a_changing_list"),
    (TakesAnyLimit, "test_limits_refused"),
    (ChokesOnTokens, "test_tokens_are_ours"),
    (BeginsAgainForTokens, "test_tokens_are_ours"),
    (TakesNaiveTimes, "test_list_closed_of_naive_times"),
    (FiftyAreEnough, "test_default_limit"),
    (LatestFirst, "test_list_unclaimed"),
    (NoHistoryOfNothing, "test_nothing_there_is_an_empty_page"),
)
