"""
Clauses of `Repository`: every field of every type comes back from every read.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from poslife._domain.changes import Change, Claim, Close, Promote, Revise
from poslife._domain.event_envelopes import UNLINKED, Actor, LifeEvent, RecordedEvent, Severity, UnknownBody
from poslife._domain.events import OrderAcknowledged, OrderRejected
from poslife._domain.fills import StoredFill
from poslife._domain.identifiers import (
    ClientOrderId,
    Leg,
    MarginMode,
    OrderSide,
    Side,
    VenueOrderId,
)
from poslife._domain.orders import CloseReason, Order, OrderPurpose, OrderStatus
from poslife._domain.positions import (
    ClosedPosition,
    Confidence,
    Origin,
    PendingPosition,
    PersistedPosition,
    Position,
)
from poslife._domain.protection import Protection
from poslife.conformance import _full_values as full_values
from poslife.conformance._assertions import same
from poslife.conformance._example_changes import Story, begin
from poslife.conformance._example_values import START
from poslife.conformance._promises import promised_by
from poslife.conformance._repository.candidates import query_for, read_candidates, stored_fill
from poslife.conformance._repository.hooks import RepositoryHooks
from poslife.protocols import Repository

__all__ = ["FieldTests", "recorded"]


class FieldTests(RepositoryHooks):
    """
    Each value comes back whole, from every read that gives it.
    """

    @promised_by(Repository)
    async def test_every_field_of_a_pending_position(self) -> None:
        """
        Every field of a pending position, its key and its order comes back from every read (incident 36).
        """
        async with self.repository() as repository, self.beside(repository) as other:
            story = await begin(repository)
            pending = await story.commit_one(
                repository, story.claim(full_values.full_pending(story)), PendingPosition
            )
            for store in (repository, other):
                await _check_readings(store, pending)

    @promised_by(Repository)
    async def test_every_field_of_a_held_position(self) -> None:
        """
        Every field of a held position, its orders and protection comes back by every read (incidents 34, 36).
        """
        async with self.repository() as repository, self.beside(repository) as other:
            story = await begin(repository)
            held = await _full_held(story, repository)
            for store in (repository, other):
                await _check_readings(store, held)
            for protection in (
                Protection(stop_price=Decimal(3)),
                Protection(take_profit_price=Decimal("0.25"), take_profit_order_id=VenueOrderId("t")),
                None,
            ):
                revised = replace(held, protection=protection, version=held.version + 1)
                held = await story.commit_one(
                    repository, story.change(Revise(after=revised)), PersistedPosition
                )
                same(revised, await repository.get(held.ref), "the position with another protection")

    @promised_by(Repository)
    async def test_every_field_of_a_closed_position(self) -> None:
        """
        Every field of a closed position and its orders comes back from every read (incidents 36, 56).
        """
        async with self.repository() as repository, self.beside(repository) as other:
            story = await begin(repository)
            held = await _full_held(story, repository)
            exit_order = replace(held.orders[-1], status=OrderStatus.FILLED, filled=Decimal("7.25"))
            close = story.closed_from(held, exit_order)
            after = full_values.full_closed(story, close.after)
            closed = await story.commit_one(
                repository, story.change(Close(after=after, orders=(exit_order,))), ClosedPosition
            )
            same(after, closed, "Committed.positions[0]")
            for store in (repository, other):
                await _check_readings(store, closed)

    @promised_by(Repository)
    async def test_every_field_of_a_fill(self) -> None:
        """
        Every field of a fill and its fees comes back, assigned or unclaimed (incidents 36, 58).
        """
        async with self.repository() as repository:
            story = await begin(repository)
            held = await story.closing(repository)
            before = await repository.list_fills(held.ref)
            bare = replace(story.fill(held.key), venue_order_id=None, client_order_id=None, fees=())
            fills = (
                full_values.full_fill(story, held.key, held.ref),
                full_values.full_fill(story, held.key, None),
                StoredFill(fill=bare, ref=held.ref),
            )
            await repository.commit(story.change(fills=fills))
            for stored in fills:
                fill = stored.fill
                found = await stored_fill(repository, fill)
                same(stored, found, "the fill that candidates_for gives")
            assigned = await repository.list_fills(held.ref)
            same((*before.items, fills[0], fills[2]), assigned.items, "the fills that list_fills gives")
            unclaimed = await repository.list_unclaimed()
            same((fills[1],), unclaimed.items, "the fills that list_unclaimed gives")

    @promised_by(Repository.list_history)
    async def test_every_life_event(self) -> None:
        """
        Every life event comes back: each field of its header, its body as its own type, its evidence.
        """
        async with self.repository() as repository:
            story = await begin(repository)
            pending = full_values.full_pending(story)
            bodies = full_values.life_bodies()
            events = [
                LifeEvent(
                    header=full_values.full_header(story, pending, body.type),
                    version=pending.version,
                    index=index,
                    body=body,
                    evidence=full_values.EVIDENCE if index % 2 else None,
                )
                for index, body in enumerate(bodies)
            ]
            change = story.change(Claim(after=pending), events=events)
            await repository.commit(change)
            history = await repository.list_history(pending.ref)
            same(
                [recorded(event, change) for event in events],
                list(map(undigested, history.items)),
                "the history",
            )

    @promised_by(Repository.list_history)
    async def test_sparse_headers(self) -> None:
        """
        A header's empty fields come back empty, and every severity and actor as itself.
        """
        async with self.repository() as repository:
            story = await begin(repository)
            pending = story.pending()
            first = story.event(pending, 0, OrderRejected())
            sparse = replace(first.header, venue=None, account=None, symbol=None)
            headers = [
                *(replace(sparse, id=story.event_id(), severity=severity) for severity in Severity),
                *(replace(sparse, id=story.event_id(), actor=actor) for actor in Actor),
                replace(sparse, id=story.event_id(), order=0),
            ]
            events = [replace(first, header=header, index=index) for index, header in enumerate(headers)]
            change = story.change(Claim(after=pending), events=events)
            await repository.commit(change)
            history = await repository.list_history(pending.ref)
            same(
                [recorded(event, change) for event in events],
                list(map(undigested, history.items)),
                "the history",
            )

    @promised_by(Repository.list_history)
    async def test_events_of_a_newer_release(self) -> None:
        """
        Events of an unknown type or a newer schema come back whole, as `UnknownBody`.
        """
        async with self.repository() as repository:
            story = await begin(repository)
            pending = story.pending()
            known = story.event(pending, 0, OrderAcknowledged(venue_order_id=VenueOrderId("of the future")))
            events = [
                replace(known, header=replace(known.header, type="order.teleported")),
                replace(known, index=1, header=replace(known.header, id=story.event_id(), schema=99)),
            ]
            change = story.change(Claim(after=pending), events=events)
            await repository.commit(change)
            history = await repository.list_history(pending.ref)
            unknown = UnknownBody(content={"venue_order_id": "of the future"})
            wanted = [replace(recorded(event, change), body=unknown) for event in events]
            same(wanted, list(map(undigested, history.items)), "the history")

    @promised_by(Repository)
    async def test_every_member_of_every_enumeration(self) -> None:
        """
        Every status, purpose, side, leg, margin mode, origin, confidence and reason comes back as itself.
        """
        async with self.repository() as repository:
            story = await begin(repository)
            positions: list[Position] = []
            for side in Side:
                for leg in Leg:
                    for mode in (None, *MarginMode):
                        key = replace(story.key(), leg=leg, margin_mode=mode)
                        pending = replace(story.pending(key), side=side)
                        await repository.commit(story.claim(pending))
                        positions.append(pending)
            for origin in Origin:
                for confidence in Confidence:
                    promote = replace(
                        story.promoted(await story.claimed(repository)), origin=origin, confidence=confidence
                    )
                    positions.append(
                        await story.commit_one(repository, story.change(promote), PersistedPosition)
                    )
            for reason in CloseReason:
                held = await story.opened(repository)
                close = story.closed_from(held, story.exit_order(held, OrderStatus.FILLED))
                close = replace(close, after=replace(close.after, reason=reason))
                positions.append(await story.commit_one(repository, story.change(close), ClosedPosition))
            held = await story.opened(repository)
            orders = tuple(_every_order(story, held))
            revised = replace(held, orders=(*held.orders, *orders), version=held.version + 1)
            await repository.commit(story.change(Revise(after=revised, orders=orders)))
            positions.append(revised)
            for position in positions:
                same(position, await repository.get(position.ref), "the position")

            for order_side in OrderSide:
                for fill_leg in (None, *Leg):
                    fill = replace(story.fill(held.key, side=order_side), leg=fill_leg)
                    stored = StoredFill(fill=fill, ref=None, unclaimed_because="a test")
                    await repository.commit(story.change(fills=(stored,)))
                    found = await stored_fill(repository, fill)
                    same(stored, found, "the fill")

    @promised_by(Repository)
    async def test_optional_fields_left_out(self) -> None:
        """
        An unknown value comes back as ``None``: not as zero, and not as an empty text.
        """
        async with self.repository() as repository:
            story = await begin(repository)
            pending = replace(story.pending(), requested_price=None)
            await repository.commit(story.claim(pending))
            await _check_readings(repository, pending)
            bare = replace(story.pending(), requested_price=None, orders=())
            promote = Promote(
                pending=bare,
                entered_quantity=Decimal(1),
                entered_cost=Decimal(0),
                opened_at=story.at(),
                version=1,
            )
            held = await story.commit_one(repository, story.change(promote), PersistedPosition)
            same(promote.result(held.id), held, "the position that Promote gives")
            await _check_readings(repository, held)


async def _full_held(story: Story, repository: Repository) -> PersistedPosition:
    pending = full_values.full_pending(story)
    await repository.commit(story.claim(pending))
    order = replace(pending.orders[0], filled=Decimal("11.5"))
    promote = Promote(
        pending=pending,
        entered_quantity=Decimal("11.5"),
        entered_cost=Decimal("20.125"),
        opened_at=story.at(),
        origin=Origin.ADOPTED,
        confidence=Confidence.UNCONFIRMED,
        all_orders=(order,),
        orders=(order,),
        version=2,
    )
    opened = await story.commit_one(repository, story.change(promote), PersistedPosition)
    same(promote.result(opened.id), opened, "the position that Promote gives")
    full = full_values.full_held(story, opened)
    change = story.change(Revise(after=full, orders=full.orders[-1:]))
    held = await story.commit_one(repository, change, PersistedPosition)
    same(full, held, "the position that Revise gives")
    return held


async def _check_readings(repository: Repository, position: Position) -> None:
    """
    Check that every read that can give the position gives it whole.
    """
    key = position.key
    same(position, await repository.get(position.ref), "the position that get gives")
    for order in position.orders:
        if order.venue_order_id is not None:
            found = await read_candidates(repository, query_for(key, order=order.venue_order_id))
            same((position,), found.positions, "the positions that candidates_for gives for a venue order")
    if not isinstance(position, PendingPosition):
        same(position, await repository.get_by_id(position.id), "the position that get_by_id gives")
    if isinstance(position, ClosedPosition):
        closed = await repository.list_closed(START, datetime(2030, 1, 1, tzinfo=UTC))
        same([position], list(closed.items), "the positions that list_closed gives")
        return
    same(position, await repository.find_live(key), "the position that find_live gives")
    found = await read_candidates(repository, query_for(key))
    same((position,), found.positions, "the positions that candidates_for gives for its symbol")
    live = await repository.list_live()
    same(
        [position],
        [one for one in live.items if one.ref == position.ref],
        "the position that list_live gives",
    )


def _every_order(story: Story, held: PersistedPosition) -> list[Order]:
    ordinals = iter(range(len(held.orders), 65_536))
    pairs = [(purpose, status) for purpose in OrderPurpose for status in OrderStatus]
    orders = [
        story.order(held.ref, next(ordinals), purpose=purpose, status=status) for purpose, status in pairs
    ]
    orders += [
        replace(story.exit_order(held, OrderStatus.REJECTED), close_reason=reason) for reason in CloseReason
    ]
    orders = [replace(order, ordinal=len(held.orders) + index) for index, order in enumerate(orders)]
    return [replace(order, client_order_id=_named(order)) for order in orders]


def _named(order: Order) -> ClientOrderId:
    return ClientOrderId(f"{order.ref.hex[:20]}-{order.ordinal}")


def recorded(event: LifeEvent, change: Change) -> RecordedEvent:
    """
    Return the event as a store gives it back.
    """
    return RecordedEvent(
        header=event.header,
        body=event.body,
        recorded_at=change.at,
        version=event.version,
        index=event.index,
        evidence=None if event.evidence is None else dict(event.evidence),
    )


def undigested(event: RecordedEvent) -> RecordedEvent:
    """
    Return the event without its digest, and without the sequence of an event about no position.
    """
    return replace(event, digest=UNLINKED, sequence=None)
