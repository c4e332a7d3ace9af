"""
Clauses of `VenueSource` about questions that have no answer.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial

from poslife._domain.identifiers import Account, ClientOrderId, Venue
from poslife._domain.venue_answers import OrderSeen, SnapshotScope
from poslife.conformance._assertions import check, narrowed, refused, same
from poslife.conformance._promises import promised_by
from poslife.conformance._venue_source.hooks import SourceHooks
from poslife.errors import InvalidValue, VenueUnavailable
from poslife.protocols import VenueSource

__all__ = ["RefusalTests"]


class RefusalTests(SourceHooks):
    """
    A source raises if it could not ask, and if it is asked about another venue or account.
    """

    @promised_by(VenueSource)
    async def test_unreachable_venue_raises(self) -> None:
        """
        A venue that cannot be asked raises `VenueUnavailable`: never an empty answer (incidents 2, 3, 41).
        """
        async with self.source() as source:
            order = self._client_order_id(source)
            await self.place(order)
            await self.execute(order)
            async with self.unreachable():
                await self._check_unavailable(source, order)
            narrowed(
                await source.find_order(self._order_query(source, order)), OrderSeen, "the order afterwards"
            )
            fills, _ = await self._read_fills(source, self._fill_query(source))
            same(1, len(fills), "the number of fills afterwards")

    @promised_by(VenueSource)
    async def test_unreadable_answer_raises(self) -> None:
        """
        An answer of the venue that cannot be read raises `VenueUnavailable`.
        """
        async with self.source() as source:
            garbled = self.garbled()
            if garbled is None:
                return
            order = self._client_order_id(source)
            await self.place(order)
            async with garbled:
                await self._check_unavailable(source, order)

    async def _check_unavailable(self, source: VenueSource, order: ClientOrderId) -> None:
        calls: dict[str, Callable[[], Awaitable[object]]] = {
            "find_order": lambda: source.find_order(self._order_query(source, order)),
            "find_order of an unknown one": lambda: source.find_order(
                self._order_query(source, self._client_order_id(source, 99))
            ),
            "fills": lambda: source.fills(self._fill_query(source)),
        }
        for number, scope in enumerate(self._scopes(source)):
            calls[f"snapshot {number}"] = partial(source.snapshot, scope)
        for name, call in calls.items():
            error = await refused(call(), VenueUnavailable, f"{name} of a venue that cannot be asked")
            same(source.venue, error.venue, "VenueUnavailable.venue")

    @promised_by(VenueSource)
    async def test_other_venue_is_refused(self) -> None:
        """
        A question about another venue or account than the source's raises `InvalidValue`.
        """
        async with self.source() as source:
            await self._check_elsewhere(source, Venue("elsewhere"), source.account)
            await self._check_elsewhere(source, source.venue, Account("somebody else's"))

    async def _check_elsewhere(self, source: VenueSource, venue: Venue, account: Account) -> None:
        order = replace(
            self._order_query(source, self._client_order_id(source)), venue=venue, account=account
        )
        fills = replace(self._fill_query(source), venue=venue, account=account)
        scope = SnapshotScope(venue=venue, account=account)
        calls: dict[str, Callable[[], Awaitable[object]]] = {
            "find_order": lambda: source.find_order(order),
            "fills": lambda: source.fills(fills),
            "snapshot": lambda: source.snapshot(scope),
        }
        for name, call in calls.items():
            await refused(call(), InvalidValue, f"{name} of {venue} {account}")

    @promised_by(vars(VenueSource)["venue"], vars(VenueSource)["account"])
    async def test_says_what_it_is(self) -> None:
        """
        A source names its venue and account, and never changes them.
        """
        async with self.source() as source:
            for value in (source.venue, source.account):
                check(value != "", "venue and account of a source: expected a text, got an empty one")
            same((source.venue, source.account), (source.venue, source.account), "the venue and account")
