"""
Clauses of `Repository.candidates_for`: the stored fills and positions that decide whose a fill is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from poslife._domain.changes import Change
from poslife._domain.fill_owner import OwnerCandidates, OwnerQuery
from poslife._domain.fills import Fill, StoredFill
from poslife._domain.identifiers import (
    Account,
    Leg,
    MarginMode,
    OrderSide,
    PositionKey,
    PositionRef,
    Symbol,
    TradeId,
    Venue,
    VenueOrderId,
)
from poslife._domain.orders import OrderStatus
from poslife._domain.positions import PendingPosition, Position
from poslife.conformance._assertions import check, narrowed, same, together
from poslife.conformance._example_changes import begin
from poslife.conformance._promises import promised_by
from poslife.conformance._repository.hooks import RepositoryHooks
from poslife.protocols import Repository

__all__ = ["CandidateTests", "query_for", "read_candidates", "stored_fill"]


class CandidateTests(RepositoryHooks):
    """
    Tests of `Repository.candidates_for`.
    """

    @promised_by(Repository.candidates_for)
    async def test_stored_candidates(self) -> None:
        """
        `candidates_for` gives the stored fills with these trade ids, assigned or unclaimed.
        """
        async with self.repository() as repository:
            story = await begin(repository)
            pending = await story.claimed(repository)
            promote, key = story.promote(pending), pending.key
            unclaimed = story.unclaimed("no such order", "flat", key=key)
            await repository.commit(promote)
            await repository.commit(unclaimed)
            stored = (*promote.fills, *unclaimed.fills)
            ids = [one.fill.trade_id for one in stored]
            await _find_stored(repository, stored, query_for(key, *ids[::-1], TradeId("unknown")))
            await _find_stored(repository, stored[1:2], query_for(key, ids[1]))
            await _find_stored(repository, (), query_for(key))
            await _find_stored(repository, (), query_for(key, TradeId("unknown")))
            for elsewhere in _elsewhere(key, story.symbol()):
                await _find_stored(repository, (), query_for(elsewhere, *ids))

    @promised_by(Repository.candidates_for)
    async def test_both_sides_of_a_match(self) -> None:
        """
        Two fills of one trade id and of opposite sides are two: both are stored, and both are candidates.
        """
        async with self.repository() as repository:
            story = await begin(repository)
            bought = story.unclaimed("no such order", "flat").fills[0]
            other = OrderSide.SELL if bought.fill.side is OrderSide.BUY else OrderSide.BUY
            sold = replace(bought, fill=replace(bought.fill, side=other))
            await repository.commit(story.change(fills=(bought, sold)))
            fill = bought.fill
            query = OwnerQuery(
                venue=fill.venue, account=fill.account, symbol=fill.symbol, trade_ids=(fill.trade_id,)
            )
            found = (await read_candidates(repository, query)).stored
            same({bought, sold}, set(found), "the two sides of a match")

    @promised_by(Repository.candidates_for)
    async def test_live_candidates(self) -> None:
        """
        `candidates_for` gives every live position of the symbol, for each leg and margin mode, by ref.
        """
        async with self.repository() as repository:
            story = await begin(repository)
            key = story.key()
            await _find(repository, (), query_for(key), "of a free symbol")
            wanted: list[Position] = [
                await story.claimed(repository, key),
                await story.opened(repository, replace(key, leg=Leg.LONG)),
                await story.closing(repository, replace(key, leg=Leg.SHORT)),
                await story.opened(repository, replace(key, margin_mode=MarginMode.ISOLATED)),
            ]
            await story.ended(repository, replace(key, margin_mode=MarginMode.CROSS))
            await story.closed(repository, replace(key, margin_mode=MarginMode.CROSS))
            for elsewhere in _elsewhere(key, story.symbol()):
                await story.claimed(repository, elsewhere)
            await _find(repository, wanted, query_for(key), "of a held symbol")

    @promised_by(Repository.candidates_for)
    async def test_candidates_by_ref(self) -> None:
        """
        `candidates_for` gives the position with the ref, in any phase, if it is of the symbol.
        """
        async with self.repository() as repository:
            story = await begin(repository)
            positions: list[Position] = [
                await story.claimed(repository),
                await story.ended(repository),
                await story.closing(repository),
                await story.closed(repository),
            ]
            for position in positions:
                key, ref = position.key, position.ref
                await _find(repository, [position], query_for(key, ref=ref), "by ref")
                for elsewhere in _elsewhere(key, story.symbol()):
                    await _find(repository, (), query_for(elsewhere, ref=ref), "by the ref of another symbol")
            closed = positions[-1]
            holder = await story.opened(repository, closed.key)
            await _find(repository, [closed, holder], query_for(closed.key, ref=closed.ref), "held again")
            await _find(repository, [holder], query_for(closed.key, ref=story.ref()), "by an unknown ref")

    @promised_by(Repository.candidates_for)
    async def test_candidates_by_venue_order(self) -> None:
        """
        `candidates_for` gives the positions of the symbol with an order of this venue order id, in any phase.
        """
        async with self.repository() as repository:
            story = await begin(repository)
            working = await story.claimed(repository, status=OrderStatus.WORKING)
            positions: list[Position] = [
                working,
                await story.closing(repository),
                await story.closed(repository),
            ]
            for position in positions:
                key = position.key
                for order in position.orders:
                    name = narrowed(order.venue_order_id, str, "the venue order id of an example's order")
                    venue_order = VenueOrderId(name)
                    query = query_for(key, order=venue_order)
                    await _find(repository, [position], query, "by venue order")
                    for elsewhere in _elsewhere(key, story.symbol()):
                        query = query_for(elsewhere, order=venue_order)
                        await _find(repository, (), query, "by a venue order of another symbol")
            closed = positions[-1]
            query = query_for(closed.key, order=VenueOrderId("unknown"))
            await _find(repository, (), query, "by an unknown venue order")

            # Venue order ids are the venue's per symbol: the same one elsewhere is another order.
            twin = story.pending(status=OrderStatus.WORKING)
            order = replace(twin.orders[0], venue_order_id=working.orders[0].venue_order_id)
            twin = replace(twin, orders=(order,))
            await repository.commit(story.claim(twin))
            for position in (working, twin):
                query = query_for(position.key, order=order.venue_order_id)
                await _find(repository, [position], query, "by a venue order that two symbols have")

    @promised_by(Repository.candidates_for)
    async def test_each_candidate_once(self) -> None:
        """
        `candidates_for` gives a position once that is found as live, by its ref and by its venue order.
        """
        async with self.repository() as repository:
            story = await begin(repository)
            held = await story.opened(repository)
            query = query_for(held.key, ref=held.ref, order=held.orders[0].venue_order_id)
            await _find(repository, [held], query, "by all that it is found by")

    @promised_by(Repository.candidates_for)
    async def test_candidates_of_one_commit(self) -> None:
        """
        `candidates_for` gives fills and positions as of one commit, also while others commit.
        """
        async with self.repository() as repository, self.beside(repository) as other:
            story = await begin(repository)
            for _ in range(8):
                pending = await story.claimed(repository, status=OrderStatus.SUBMITTING)
                promote = story.promote(pending)
                query = query_for(pending.key, promote.fills[0].fill.trade_id)

                async def commit(change: Change = promote) -> None:
                    await repository.commit(change)

                async def ask(asked: OwnerQuery = query) -> None:
                    found = await read_candidates(other, asked)
                    (position,) = found.positions
                    is_before = isinstance(position, PendingPosition)
                    check(
                        is_before is not bool(found.stored),
                        f"a fill and its position of different commits: {found}",
                    )

                await together(ask(), commit(), ask(), ask())


def query_for(
    key: PositionKey,
    *trade_ids: TradeId,
    order: VenueOrderId | None = None,
    ref: PositionRef | None = None,
) -> OwnerQuery:
    """
    Return the question about fills of a symbol.
    """
    return OwnerQuery(
        venue=key.venue,
        account=key.account,
        symbol=key.symbol,
        trade_ids=trade_ids,
        venue_order_id=order,
        ref=ref,
    )


async def read_candidates(repository: Repository, query: OwnerQuery) -> OwnerCandidates:
    """
    Return the candidates, which must be an `OwnerCandidates`.
    """
    return narrowed(
        await repository.candidates_for(query), OwnerCandidates, "the return value of candidates_for"
    )


async def stored_fill(repository: Repository, fill: Fill) -> StoredFill | None:
    """
    Return the stored fill that has the trade id of *fill*.
    """
    query = OwnerQuery(venue=fill.venue, account=fill.account, symbol=fill.symbol, trade_ids=(fill.trade_id,))
    found = (await read_candidates(repository, query)).stored
    same_side = [one for one in found if one.fill.side is fill.side]
    check(len(same_side) <= 1, f"candidates_for gave {len(same_side)} fills for one trade id and side")
    return same_side[0] if same_side else None


async def _find_stored(repository: Repository, stored: Sequence[StoredFill], query: OwnerQuery) -> None:
    found = (await read_candidates(repository, query)).stored
    same(sorted(stored, key=_trade_id), sorted(found, key=_trade_id), "the stored fills")


async def _find(repository: Repository, positions: Sequence[Position], query: OwnerQuery, how: str) -> None:
    found = (await read_candidates(repository, query)).positions
    same(sorted(positions, key=lambda position: str(position.ref)), list(found), f"the candidates {how}")


def _elsewhere(key: PositionKey, symbol: Symbol) -> tuple[PositionKey, ...]:
    return (
        replace(key, venue=Venue("okx")),
        replace(key, account=Account("second")),
        replace(key, symbol=symbol),
    )


def _trade_id(stored: StoredFill) -> str:
    return stored.fill.trade_id
