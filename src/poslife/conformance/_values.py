"""
What comes back from a store: every field, every digit, every microsecond, every character.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from poslife._changes import Change, Claim, Close, Promote, Revise
from poslife._events import Actor, LifeEvent, OrderRejected, RecordedEvent, Severity, UnknownBody
from poslife._fills import Fee, StoredFill
from poslife._identifiers import (
    Account,
    ClientOrderId,
    Leg,
    MarginMode,
    OrderSide,
    PositionId,
    PositionKey,
    Side,
    Symbol,
    TradeId,
    Venue,
    VenueOrderId,
)
from poslife._money import exact_product
from poslife._orders import CloseReason, Order, OrderPurpose, OrderStatus
from poslife._position import (
    ClosedPosition,
    Confidence,
    Origin,
    PendingPosition,
    PersistedPosition,
    Position,
    Protection,
)
from poslife.conformance import _specimens as specimens
from poslife.conformance._checking import check, same
from poslife.conformance._examples import START, VENUE, Story, begin
from poslife.conformance._hooks import RepositoryHooks
from poslife.errors import StorageRejected
from poslife.protocols import Repository

__all__ = ["ValueTests"]

DECIMALS = tuple(
    Decimal(text)
    for text in (
        "1.234e-9",
        "1E+13",
        "10000000000000.00000001",
        "123456789.012345678",
        "0.1",
        "3",
        "1.50",
        "100",
        "1234567890123456789012345678901234567890",
        "0.1234567890123456789012345678901234567891",
        "12345678901234567890.1234567890123456789",
        "1E-40",
    )
)

TIMES = (
    datetime(2026, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    datetime(2026, 10, 25, 1, 30, 0, 1, tzinfo=UTC),
    datetime(2024, 2, 29, 12, 0, 0, 0, tzinfo=UTC),
    datetime(1970, 1, 1, 0, 0, 0, 1, tzinfo=UTC),
    datetime(2038, 1, 19, 3, 14, 8, 123456, tzinfo=UTC),
    datetime(2262, 4, 11, 23, 47, 17, 100000, tzinfo=UTC),
)

NAMES = (
    "'; DROP TABLE positions; --",
    'quoted "twice" and \\back\\slashed\\n',
    "%s {} $1 ? :name",
    "Ünïcødé/Ω:\N{POSITION INDICATOR}\N{ROCKET}",
    "x" * 255,
    "\N{ROCKET}" * 255,
    "NULL",
    "0",
)

TEXTS = (
    *NAMES,
    "",
    " padded ",
    "two\nlines\tand a tab\r\n",
    "a NUL \x00 within",
    "a lone surrogate \ud800 within",
    "long " * 20_000,
)


class ValueTests(RepositoryHooks):
    """
    A value that cannot be kept exactly is refused, never rounded, cut or replaced.
    """

    async def test_every_field_of_a_pending_position(self) -> None:
        """
        Every field of a pending position, its key and its order comes back from every read (incident 36).
        """
        async with self.repository() as repository, self.beside(repository) as other:
            story = await begin(repository)
            pending = await story.commit_one(
                repository, story.claim(specimens.full_pending(story)), PendingPosition
            )
            for store in (repository, other):
                await _check_readings(store, pending)

    async def test_every_field_of_a_held_position(self) -> None:
        """
        Every field of a held position, its orders and its protection comes back from every read (incidents 34, 36).
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

    async def test_every_field_of_a_closed_position(self) -> None:
        """
        Every field of a closed position and its orders comes back from every read (incidents 36, 56).
        """
        async with self.repository() as repository, self.beside(repository) as other:
            story = await begin(repository)
            held = await _full_held(story, repository)
            exit_order = replace(held.orders[-1], status=OrderStatus.FILLED, filled=Decimal("7.25"))
            close = story.closed_from(held, exit_order)
            after = replace(close.after, reason=CloseReason.STOP_LOSS, exited_cost=Decimal("18.75"))
            closed = await story.commit_one(
                repository, story.change(Close(after=after, orders=(exit_order,))), ClosedPosition
            )
            same(after, closed, "Committed.positions[0]")
            for store in (repository, other):
                await _check_readings(store, closed)

    async def test_every_field_of_a_fill(self) -> None:
        """
        Every field of a fill and its fees comes back, assigned or unclaimed (incidents 36, 58).
        """
        async with self.repository() as repository:
            story = await begin(repository)
            held = await story.opened(repository)
            before = await repository.list_fills(held.ref)
            bare = replace(story.fill(held.key), venue_order_id=None, client_order_id=None, fees=())
            fills = (
                specimens.full_fill(story, held.key, held.ref),
                specimens.full_fill(story, held.key, None),
                StoredFill(fill=bare, ref=held.ref),
            )
            await repository.commit(story.change(fills=fills))
            for stored in fills:
                fill = stored.fill
                found = await repository.find_fill(fill.venue, fill.account, fill.symbol, fill.trade_id)
                same(stored, found, "the fill that find_fill gives")
            assigned = await repository.list_fills(held.ref)
            same((*before.items, fills[0], fills[2]), assigned.items, "the fills that list_fills gives")
            unclaimed = await repository.list_unclaimed()
            same((fills[1],), unclaimed.items, "the fills that list_unclaimed gives")

    async def test_every_life_event(self) -> None:
        """
        Every life event comes back whole: every field of the header, and the body as its own type.
        """
        async with self.repository() as repository:
            story = await begin(repository)
            pending = specimens.full_pending(story)
            bodies = specimens.life_bodies()
            events = [
                LifeEvent(
                    header=specimens.full_header(story, pending, body.type),
                    version=pending.version,
                    index=index,
                    body=body,
                )
                for index, body in enumerate(bodies)
            ]
            change = story.change(Claim(after=pending), events=events)
            await repository.commit(change)
            history = await repository.list_history(pending.ref)
            same([_recorded(event, change) for event in events], list(history.items), "the history")

    async def test_sparse_headers(self) -> None:
        """
        What a header leaves out comes back as left out; every severity and actor comes back as itself.
        """
        async with self.repository() as repository:
            story = await begin(repository)
            pending = story.pending()
            first = story.event(pending, 0, OrderRejected(reason="no"))
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
            same([_recorded(event, change) for event in events], list(history.items), "the history")

    async def test_events_of_a_newer_release(self) -> None:
        """
        Events of a newer release come back whole, as `UnknownBody`: an unknown type, or a newer schema.
        """
        async with self.repository() as repository:
            story = await begin(repository)
            pending = story.pending()
            known = story.event(pending, 0, OrderRejected(reason="said the future"))
            events = [
                replace(known, header=replace(known.header, type="order.teleported")),
                replace(known, index=1, header=replace(known.header, id=story.event_id(), schema=99)),
            ]
            change = story.change(Claim(after=pending), events=events)
            await repository.commit(change)
            history = await repository.list_history(pending.ref)
            unknown = UnknownBody(content={"reason": "said the future"})
            wanted = [replace(_recorded(event, change), body=unknown) for event in events]
            same(wanted, list(history.items), "the history")

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
                    found = await repository.find_fill(fill.venue, fill.account, fill.symbol, fill.trade_id)
                    same(stored, found, "the fill")

    async def test_optional_fields_left_out(self) -> None:
        """
        What is not known comes back as not known: no price is not zero, no id is not an empty text.
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

    async def test_exact_decimals(self) -> None:
        """
        A number comes back exact, or is refused with `StorageRejected` (incident 44).
        """
        async with self.repository() as repository:
            story = await begin(repository)
            for number in DECIMALS:
                async for position, stored in _of_number(story, repository, number):
                    same(position, await repository.get(position.ref), f"the position of {number}")
                    fills = await repository.list_fills(position.ref)
                    same(stored, fills.items, f"the fills of {number}")

    async def test_usual_decimals_are_kept(self) -> None:
        """
        What an exchange says every day is kept: 1.234e-9, 1e13, 18 digits (incident 44).
        """
        async with self.repository() as repository:
            story = await begin(repository)
            for number in DECIMALS[:7]:
                pending = replace(story.pending(), requested_quantity=number, requested_price=number)
                await repository.commit(story.claim(pending))
                same(pending, await repository.get(pending.ref), f"the position of {number}")

    async def test_times_to_the_microsecond(self) -> None:
        """
        A time comes back in UTC, to the microsecond, or is refused with `StorageRejected` (incident 42).
        """
        async with self.repository() as repository:
            story = await begin(repository)
            for time in TIMES:
                pending = story.pending(status=OrderStatus.SUBMITTING)
                order = replace(pending.orders[0], prepared_at=time, submitted_at=time)
                pending = replace(pending, created_at=time, orders=(order,))
                event = story.event(pending, 0, OrderRejected(reason="no"))
                event = replace(event, header=replace(event.header, occurred_at=time))
                change = replace(story.change(Claim(after=pending), events=(event,)), at=time)
                if not await _kept(repository, change):
                    continue
                promote = replace(story.promoted(pending), opened_at=time)
                fill = replace(story.fill(pending.key), at=time)
                filled = story.change(promote, fills=(StoredFill(fill=fill, ref=pending.ref, ordinal=0),))
                held = await story.commit_one(repository, filled, PersistedPosition)
                same(promote.result(held.id), await repository.get(pending.ref), f"the position at {time}")
                close = story.closed_from(held, story.exit_order(held, OrderStatus.FILLED), at=time)
                await repository.commit(story.change(close))
                same(close.after, await repository.get(pending.ref), f"the closed position at {time}")
                history = await repository.list_history(pending.ref)
                same([_recorded(event, change)], list(history.items), f"the history at {time}")
                fills = await repository.list_fills(pending.ref)
                same(filled.fills, fills.items, f"the fills at {time}")

    async def test_whole_names(self) -> None:
        """
        A name comes back whole, or is refused with `StorageRejected` (incident 18).
        """
        async with self.repository() as repository:
            story = await begin(repository)
            for text in NAMES:
                key = PositionKey(venue=Venue(text), account=Account(text), symbol=Symbol(text))
                pending = story.pending(key)
                order = replace(
                    pending.orders[0],
                    client_order_id=ClientOrderId(text),
                    venue_order_id=VenueOrderId(text),
                )
                pending = replace(pending, orders=(order,))
                event = story.event(pending, 0, OrderRejected(reason=text))
                event = replace(event, header=replace(event.header, type=text))
                fill = replace(
                    story.fill(key, order=order),
                    trade_id=TradeId(text),
                    fees=(Fee(cost=Decimal(1), currency=text),),
                )
                stored = StoredFill(fill=fill, ref=None, unclaimed_because=text)
                change = story.change(Claim(after=pending), fills=(stored,), events=(event,))
                if await _kept(repository, change):
                    same(pending, await repository.get(pending.ref), f"the position of {text[:40]}")
                    found = await repository.find_fill(key.venue, key.account, key.symbol, fill.trade_id)
                    same(stored, found, f"the fill of {text[:40]}")
                    same(
                        pending,
                        await repository.find_by_venue_order(
                            key.venue, key.account, key.symbol, VenueOrderId(text)
                        ),
                        "the position of a venue order",
                    )
                    history = await repository.list_history(pending.ref)
                    same([event.header], [told.header for told in history.items], f"header of {text[:40]}")

    async def test_whole_texts(self) -> None:
        """
        A reason comes back whole, whatever is in it, or is refused with `StorageRejected` (incident 18).
        """
        async with self.repository() as repository:
            story = await begin(repository)
            for text in TEXTS:
                shown = ascii(text[:40])
                unclaimed = story.unclaimed(text)
                if await _kept(repository, replace(unclaimed, events=())):
                    page = await repository.list_unclaimed(limit=1000)
                    same(unclaimed.fills[0], page.items[-1], f"the unclaimed fill because of {shown}")
                pending = story.pending()
                event = story.event(pending, 0, OrderRejected(reason=text))
                if await _kept(repository, story.change(Claim(after=pending), events=(event,))):
                    history = await repository.list_history(pending.ref)
                    same([event.body], [told.body for told in history.items], f"the event because of {shown}")


async def _full_held(story: Story, repository: Repository) -> PersistedPosition:
    pending = specimens.full_pending(story)
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
    full = specimens.full_held(story, opened)
    change = story.change(Revise(after=full, orders=full.orders[-1:]))
    held = await story.commit_one(repository, change, PersistedPosition)
    same(full, held, "the position that Revise gives")
    return held


async def _check_readings(repository: Repository, position: Position) -> None:
    """
    Every read that can give the position gives it whole.
    """
    key = position.key
    same(position, await repository.get(position.ref), "what get gives")
    for order in position.orders:
        if order.venue_order_id is not None:
            found = await repository.find_by_venue_order(
                key.venue, key.account, key.symbol, order.venue_order_id
            )
            same(position, found, "what find_by_venue_order gives")
    if not isinstance(position, PendingPosition):
        same(position, await repository.get_by_id(position.id), "what get_by_id gives")
    if isinstance(position, ClosedPosition):
        closed = await repository.list_closed(START, datetime(2030, 1, 1, tzinfo=UTC))
        same([position], list(closed.items), "what list_closed gives")
        return
    same(position, await repository.find_live(key), "what find_live gives")
    holders = await repository.holders_of(key.venue, key.account, key.symbol)
    same((position,), holders, "what holders_of gives")
    live = await repository.list_live()
    same([position], [one for one in live.items if one.ref == position.ref], "what list_live gives")


def _every_order(story: Story, held: PersistedPosition) -> list[Order]:
    ordinals = iter(range(len(held.orders), 4096))
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


def _recorded(event: LifeEvent, change: Change) -> RecordedEvent:
    return RecordedEvent(
        header=event.header,
        body=event.body,
        recorded_at=change.at,
        version=event.version,
        index=event.index,
    )


async def _kept(repository: Repository, change: Change) -> bool:
    """
    Whether the store takes a change. Where it refuses, nothing of it may be there.
    """
    try:
        await repository.commit(change)
    except StorageRejected:
        for stored in change.fills:
            fill = stored.fill
            found = await repository.find_fill(fill.venue, fill.account, fill.symbol, fill.trade_id)
            check(found is None, "a refused fill should not be there")
        for transition in change.transitions:
            key = transition.result(PositionId(1)).key
            check(await repository.find_live(key) is None, "a refused claim should not hold its key")
        return False
    return True


async def _of_number(
    story: Story, repository: Repository, number: Decimal
) -> AsyncIterator[tuple[Position, tuple[StoredFill, ...]]]:
    key = PositionKey(venue=VENUE, account=Account("numbers"), symbol=story.symbol())
    pending = story.pending(key)
    order = replace(pending.orders[0], quantity=number, price=number)
    pending = replace(pending, requested_quantity=number, requested_price=number, orders=(order,))
    if not await _kept(repository, story.change(Claim(after=pending))):
        return
    yield pending, ()
    filled = replace(order, filled=number)
    cost = exact_product(number, number)
    promote = replace(
        story.promoted(pending, quantity=number),
        entered_cost=cost,
        all_orders=(filled,),
        orders=(filled,),
    )
    fees = (Fee(cost=number, currency="USDT"), Fee(cost=-number, currency="BNB"))
    fill = replace(story.fill(key, quantity=number), price=number, fees=fees)
    stored = StoredFill(fill=fill, ref=pending.ref, ordinal=0)
    try:
        held = await story.commit_one(repository, story.change(promote, fills=(stored,)), PersistedPosition)
    except StorageRejected:
        yield pending, ()
        return
    same(promote.result(held.id), held, f"the position that Promote gives of {number}")
    yield held, (stored,)
    protection = Protection(stop_price=number, take_profit_price=number)
    after = replace(held, protection=protection, version=held.version + 1)
    if await _revised(repository, story.change(Revise(after=after))):
        yield after, (stored,)


async def _revised(repository: Repository, change: Change) -> bool:
    try:
        await repository.commit(change)
    except StorageRejected:
        return False
    return True
