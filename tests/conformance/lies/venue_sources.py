"""
Sources that lie about a venue.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta, timezone
from decimal import Decimal
from typing import cast

from typing_extensions import override

from poslife._domain.fills import Fill
from poslife._domain.identifiers import PositionKey, Symbol, Venue
from poslife._domain.orders import OrderStatus
from poslife._domain.venue_answers import (
    FillPage,
    FillQuery,
    OrderNotSeen,
    OrderQuery,
    OrderSeen,
    Snapshot,
    SnapshotScope,
)
from poslife.errors import InvalidValue, VenueUnavailable
from tests.conformance.lies.bent_values import bent
from tests.conformance.paper_venue import HonestSource

__all__ = ["LIES"]


class SeesNothingWhenAway(HonestSource):
    """Shows no positions in an outage."""

    @override
    async def snapshot(self, scope: SnapshotScope, /) -> Snapshot:
        try:
            return await super().snapshot(scope)
        except VenueUnavailable:
            now = self.paper.now()
            return Snapshot(
                scope=scope, covers=None, complete=True, positions=(), asked_at=now, at=self.paper.now()
            )


class SeesNoOrderWhenAway(HonestSource):
    """Reports an order as not seen in an outage."""

    @override
    async def find_order(self, query: OrderQuery, /) -> OrderSeen | OrderNotSeen:
        try:
            return await super().find_order(query)
        except VenueUnavailable:
            return OrderNotSeen(at=self.paper.now(), conclusive_since=None)


class SeesNoFillsWhenAway(HonestSource):
    """Gives an empty page of fills in an outage."""

    @override
    async def fills(self, query: FillQuery, /) -> FillPage:
        try:
            return await super().fills(query)
        except VenueUnavailable:
            return FillPage(fills=(), complete=True, next_cursor=None, at=self.paper.now())


class ReadsNonsense(HonestSource):
    """Reports an order as not seen after an unreadable answer."""

    @override
    async def find_order(self, query: OrderQuery, /) -> OrderSeen | OrderNotSeen:
        if self.paper.garbled:
            return OrderNotSeen(at=self.paper.now(), conclusive_since=None)
        return await super().find_order(query)


class LetsErrorsOut(HonestSource):
    """Lets its driver's errors out."""

    @override
    async def find_order(self, query: OrderQuery, /) -> OrderSeen | OrderNotSeen:
        if self.paper.garbled:
            raise ValueError("Expecting value: line 1 column 1 (char 0)")
        return await super().find_order(query)


class ReturnsNoOrder(HonestSource):
    """Returns None for an order that was not seen."""

    @override
    async def find_order(self, query: OrderQuery, /) -> OrderSeen | OrderNotSeen:
        answer = await super().find_order(query)
        return cast("OrderNotSeen", None) if isinstance(answer, OrderNotSeen) else answer


class SeesAnyOrder(HonestSource):
    """Gives the latest order instead of the one asked for."""

    @override
    async def find_order(self, query: OrderQuery, /) -> OrderSeen | OrderNotSeen:
        latest = list(self.paper.orders)[-1:]
        return await super().find_order(replace(query, client_order_id=latest[0]) if latest else query)


class TakesWordsForFills(HonestSource):
    """Takes an acknowledged order for a filled one."""

    @override
    async def find_order(self, query: OrderQuery, /) -> OrderSeen | OrderNotSeen:
        answer = await super().find_order(query)
        if isinstance(answer, OrderNotSeen):
            return answer
        return replace(answer, filled=answer.quantity, status=OrderStatus.FILLED)


class ForgetsWhatIsFilled(HonestSource):
    """Says of every order that nothing of it is filled."""

    @override
    async def find_order(self, query: OrderQuery, /) -> OrderSeen | OrderNotSeen:
        answer = await super().find_order(query)
        return answer if isinstance(answer, OrderNotSeen) else replace(answer, filled=Decimal(0))


class KnowsTheFuture(HonestSource):
    """Claims to be conclusive about the future."""

    @override
    async def find_order(self, query: OrderQuery, /) -> OrderSeen | OrderNotSeen:
        answer = await super().find_order(query)
        if isinstance(answer, OrderSeen):
            return answer
        return replace(answer, conclusive_since=answer.at + timedelta(days=1))


class OnePageOfFills(HonestSource):
    """Takes the first page of fills for all of them."""

    @override
    async def fills(self, query: FillQuery, /) -> FillPage:
        return replace(await super().fills(query), next_cursor=None)


class RepeatsAFill(HonestSource):
    """Gives the last fill of a page on the next one again."""

    @override
    async def fills(self, query: FillQuery, /) -> FillPage:
        page = await super().fills(query)
        if query.cursor is None:
            return page
        return replace(page, fills=(self.paper.fills[int(query.cursor) - 1], *page.fills))


class SkipsAFill(HonestSource):
    """Leaves a fill out between two pages."""

    @override
    async def fills(self, query: FillQuery, /) -> FillPage:
        page = await super().fills(query)
        return page if query.cursor is None else replace(page, fills=page.fills[1:])


class NewestFirst(HonestSource):
    """Gives the newest fills first."""

    @override
    async def fills(self, query: FillQuery, /) -> FillPage:
        page = await super().fills(query)
        return replace(page, fills=page.fills[::-1])


class PagesInCircles(HonestSource):
    """Leads from a page of fills back to it."""

    @override
    async def fills(self, query: FillQuery, /) -> FillPage:
        return replace(await super().fills(query), next_cursor="0")


class FillsOfAnyOrder(HonestSource):
    """Gives the fills of every order for one."""

    @override
    async def fills(self, query: FillQuery, /) -> FillPage:
        return await super().fills(replace(query, client_order_id=None))


class FillsSinceEver(HonestSource):
    """Ignores the time from which fills are asked for."""

    @override
    async def fills(self, query: FillQuery, /) -> FillPage:
        return await super().fills(replace(query, since=None))


class FillsAfter(HonestSource):
    """Leaves out the fill of exactly the time asked for."""

    @override
    async def fills(self, query: FillQuery, /) -> FillPage:
        since = None if query.since is None else query.since + timedelta(microseconds=1)
        return await super().fills(replace(query, since=since))


class LocalFills(HonestSource):
    """Gives fills at local times."""

    @override
    async def fills(self, query: FillQuery, /) -> FillPage:
        page = await super().fills(query)
        local: list[Fill] = [
            bent(fill, at=fill.at.astimezone(timezone(timedelta(hours=3)))) for fill in page.fills
        ]
        return replace(page, fills=tuple(local))


class RawSymbols(HonestSource):
    """Gives the venue's raw symbols."""

    @override
    async def fills(self, query: FillQuery, /) -> FillPage:
        page = await super().fills(query)
        return replace(page, fills=tuple(replace(fill, symbol=Symbol("BTCUSDT")) for fill in page.fills))


class ShowsNothing(HonestSource):
    """Shows an empty snapshot as a complete one."""

    @override
    async def snapshot(self, scope: SnapshotScope, /) -> Snapshot:
        return replace(await super().snapshot(scope), positions=())


class ShowsTwice(HonestSource):
    """Shows a position twice."""

    @override
    async def snapshot(self, scope: SnapshotScope, /) -> Snapshot:
        snapshot = await super().snapshot(scope)
        return replace(snapshot, positions=(*snapshot.positions, *snapshot.positions))


class ShowsInCoins(HonestSource):
    """Shows a quantity in coins, not in contracts."""

    @override
    async def snapshot(self, scope: SnapshotScope, /) -> Snapshot:
        snapshot = await super().snapshot(scope)
        positions = [replace(position, quantity=position.quantity / 1000) for position in snapshot.positions]
        return replace(snapshot, positions=tuple(positions))


class CoversNothing(HonestSource):
    """Calls a snapshot complete that covers no symbols."""

    @override
    async def snapshot(self, scope: SnapshotScope, /) -> Snapshot:
        return replace(await super().snapshot(scope), covers=(), positions=())


class ForgetsTheScope(HonestSource):
    """Gives a snapshot with another scope than it was asked for."""

    @override
    async def snapshot(self, scope: SnapshotScope, /) -> Snapshot:
        return replace(await super().snapshot(scope), scope=replace(scope, symbols=None))


class AnswersBeforeItAsks(HonestSource):
    """Gives the time of the answer as before the question."""

    @override
    async def snapshot(self, scope: SnapshotScope, /) -> Snapshot:
        snapshot = await super().snapshot(scope)
        return replace(snapshot, asked_at=snapshot.at, at=snapshot.asked_at)


class ShowsAnotherVenues(HonestSource):
    """Shows positions as another venue's."""

    @override
    async def snapshot(self, scope: SnapshotScope, /) -> Snapshot:
        snapshot = await super().snapshot(scope)
        positions = [
            replace(
                position,
                key=PositionKey(venue=Venue("okx"), account=self.account, symbol=position.key.symbol),
            )
            for position in snapshot.positions
        ]
        return replace(snapshot, positions=tuple(positions))


class AnswersForAnyone(HonestSource):
    """Answers for another venue."""

    @override
    async def find_order(self, query: OrderQuery, /) -> OrderSeen | OrderNotSeen:
        return await super().find_order(replace(query, venue=self.venue, account=self.account))


class NothingForOthers(HonestSource):
    """Gives nothing for another account."""

    @override
    async def fills(self, query: FillQuery, /) -> FillPage:
        try:
            return await super().fills(query)
        except InvalidValue:
            return FillPage(fills=(), complete=True, next_cursor=None, at=self.paper.now())


class ChangesItsName(HonestSource):
    """Names another venue each time."""

    asked = 0

    @property
    @override
    def venue(self) -> Venue:
        self.asked += 1
        return Venue(f"bybit-{self.asked}")


class FindsTheFirst(HonestSource):
    """Finds the first order when it is asked by venue order id."""

    @override
    async def find_order(self, query: OrderQuery, /) -> OrderSeen | OrderNotSeen:
        if query.venue_order_id is None:
            return await super().find_order(query)
        return await super().find_order(replace(query, client_order_id=next(iter(self.paper.orders))))


LIES: Sequence[tuple[type[HonestSource], str]] = (
    (SeesNothingWhenAway, "test_unreachable_venue_raises"),
    (SeesNoOrderWhenAway, "test_unreachable_venue_raises"),
    (SeesNoFillsWhenAway, "test_unreachable_venue_raises"),
    (ReadsNonsense, "test_unreadable_answer_raises"),
    (LetsErrorsOut, "test_unreadable_answer_raises"),
    (ReturnsNoOrder, "test_find_order_not_seen"),
    (SeesAnyOrder, "test_find_order_not_seen"),
    (TakesWordsForFills, "test_find_order_by_our_name"),
    (ForgetsWhatIsFilled, "test_find_order_with_fills"),
    (KnowsTheFuture, "test_find_order_not_seen"),
    (OnePageOfFills, "test_fills_in_pages"),
    (RepeatsAFill, "test_fills_in_pages"),
    (SkipsAFill, "test_fills_in_pages"),
    (NewestFirst, "test_fills_in_pages"),
    (PagesInCircles, "test_no_fills"),
    (FillsOfAnyOrder, "test_fills_of_one_order"),
    (FillsSinceEver, "test_fills_since"),
    (FillsAfter, "test_fills_since"),
    (LocalFills, "test_fills_in_pages"),
    (RawSymbols, "test_fills_in_pages"),
    (ShowsNothing, "test_snapshot_of_a_position"),
    (ShowsTwice, "test_snapshot_of_a_position"),
    (ShowsInCoins, "test_snapshot_of_a_position"),
    (CoversNothing, "test_snapshot_of_nothing"),
    (ForgetsTheScope, "test_snapshot_of_nothing"),
    (AnswersBeforeItAsks, "test_snapshot_of_nothing"),
    (ShowsAnotherVenues, "test_snapshot_of_nothing"),
    (AnswersForAnyone, "test_other_venue_is_refused"),
    (NothingForOthers, "test_other_venue_is_refused"),
    (ChangesItsName, "test_says_what_it_is"),
    (FindsTheFirst, "test_find_order_by_the_venues_name"),
)
