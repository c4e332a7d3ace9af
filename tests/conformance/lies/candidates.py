"""
Stores that leave out, add, repeat or mix up what may own a fill.
"""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from typing_extensions import override

from poslife._domain.identifiers import Leg
from poslife._domain.positions import ClosedPosition, Position
from poslife.protocols import OwnerCandidates, OwnerQuery
from tests.conformance.honest_store import HonestStore

__all__ = ["LIES"]


class FindsAssignedOnly(HonestStore):
    """Does not find unclaimed fills."""

    @override
    async def candidates_for(self, query: OwnerQuery, /) -> OwnerCandidates:
        found = await super().candidates_for(query)
        return replace(found, stored=tuple(one for one in found.stored if one.ref is not None))


class FindsFillsElsewhere(HonestStore):
    """Finds a fill whatever symbol is asked for."""

    @override
    async def candidates_for(self, query: OwnerQuery, /) -> OwnerCandidates:
        found = await super().candidates_for(query)
        stored = self.inner._fills.by_key.values()
        return replace(found, stored=tuple(one for one in stored if one.fill.trade_id in query.trade_ids))


class FindsTheFirstFill(HonestStore):
    """Looks up the first trade id alone."""

    @override
    async def candidates_for(self, query: OwnerQuery, /) -> OwnerCandidates:
        return await super().candidates_for(replace(query, trade_ids=query.trade_ids[:1]))


class FindsOneSide(HonestStore):
    """Finds one fill for a trade id, whichever side the match had."""

    @override
    async def candidates_for(self, query: OwnerQuery, /) -> OwnerCandidates:
        found = await super().candidates_for(query)
        return replace(found, stored=tuple({one.fill.trade_id: one for one in found.stored}.values()))


class FindsTheNetOnly(HonestStore):
    """Leaves out the legs of hedge mode."""

    @override
    async def candidates_for(self, query: OwnerQuery, /) -> OwnerCandidates:
        found = await super().candidates_for(query)
        return replace(found, positions=tuple(one for one in found.positions if one.key.leg is Leg.NET))


class FindsTheLatestFirst(HonestStore):
    """Gives the candidates in the opposite order."""

    @override
    async def candidates_for(self, query: OwnerQuery, /) -> OwnerCandidates:
        found = await super().candidates_for(query)
        return replace(found, positions=found.positions[::-1])


class IgnoresTheRef(HonestStore):
    """Finds no position by its ref."""

    @override
    async def candidates_for(self, query: OwnerQuery, /) -> OwnerCandidates:
        return await super().candidates_for(replace(query, ref=None))


class FindsARefElsewhere(HonestStore):
    """Finds a position by its ref whatever symbol is asked for."""

    @override
    async def candidates_for(self, query: OwnerQuery, /) -> OwnerCandidates:
        found = await super().candidates_for(query)
        known = self.inner._positions.by_ref.values()
        return _with(found, [one for one in known if one.ref == query.ref])


class FindsOrdersElsewhere(HonestStore):
    """Finds an order whatever symbol is asked for."""

    @override
    async def candidates_for(self, query: OwnerQuery, /) -> OwnerCandidates:
        found = await super().candidates_for(query)
        if query.venue_order_id is None:
            return found
        known = self.inner._positions.by_ref.values()
        return _with(
            found,
            [
                one
                for one in known
                if any(order.venue_order_id == query.venue_order_id for order in one.orders)
            ],
        )


class FindsOpenOrdersOnly(HonestStore):
    """Does not find the orders of closed positions."""

    @override
    async def candidates_for(self, query: OwnerQuery, /) -> OwnerCandidates:
        found = await super().candidates_for(query)
        if query.venue_order_id is None:
            return found
        return replace(
            found, positions=tuple(one for one in found.positions if not isinstance(one, ClosedPosition))
        )


class FindsTwice(HonestStore):
    """Gives a position once for each thing it is found by."""

    @override
    async def candidates_for(self, query: OwnerQuery, /) -> OwnerCandidates:
        found = await super().candidates_for(query)
        again = [one for one in found.positions if one.ref == query.ref and one.live]
        return replace(found, positions=(*found.positions, *again))


class AsksTwice(HonestStore):
    """Reads the fills before the positions, each for itself."""

    @override
    async def candidates_for(self, query: OwnerQuery, /) -> OwnerCandidates:
        fills = await super().candidates_for(query)
        await asyncio.sleep(0)
        return replace(await super().candidates_for(query), stored=fills.stored)


def _with(found: OwnerCandidates, others: Sequence[Position]) -> OwnerCandidates:
    positions = {one.ref: one for one in (*found.positions, *others)}
    return replace(found, positions=tuple(positions[ref] for ref in sorted(positions, key=str)))


LIES: Sequence[tuple[type[HonestStore], str]] = (
    (FindsAssignedOnly, "test_stored_candidates"),
    (FindsFillsElsewhere, "test_stored_candidates"),
    (FindsTheFirstFill, "test_stored_candidates"),
    (FindsOneSide, "test_both_sides_of_a_match"),
    (FindsTheNetOnly, "test_live_candidates"),
    (FindsTheLatestFirst, "test_live_candidates"),
    (IgnoresTheRef, "test_candidates_by_ref"),
    (FindsARefElsewhere, "test_candidates_by_ref"),
    (FindsOrdersElsewhere, "test_candidates_by_venue_order"),
    (FindsOpenOrdersOnly, "test_candidates_by_venue_order"),
    (FindsTwice, "test_each_candidate_once"),
    (AsksTwice, "test_candidates_of_one_commit"),
)
