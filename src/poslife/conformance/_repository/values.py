"""
Clauses of `Repository` about exact values: every digit, every microsecond, every character.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from poslife._domain.changes import Change, Claim, Revise
from poslife._domain.decimals import canonical_text, exact_negation, exact_product
from poslife._domain.events import OrderRejected
from poslife._domain.fills import Fee, StoredFill
from poslife._domain.identifiers import (
    Account,
    ClientOrderId,
    PositionId,
    PositionKey,
    Symbol,
    TradeId,
    Venue,
    VenueOrderId,
)
from poslife._domain.orders import OrderStatus
from poslife._domain.positions import PersistedPosition, Position
from poslife._domain.protection import Protection
from poslife.conformance._assertions import same
from poslife.conformance._example_changes import Story, begin
from poslife.conformance._example_values import VENUE
from poslife.conformance._promises import promised_by
from poslife.conformance._repository.candidates import query_for, read_candidates, stored_fill
from poslife.conformance._repository.fields import recorded, undigested
from poslife.conformance._repository.hooks import RepositoryHooks
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
    "'NULL'",
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

    @promised_by(Repository)
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

    @promised_by(Repository)
    async def test_usual_decimals_are_kept(self) -> None:
        """
        Numbers that exchanges send every day are kept: 1.234e-9, 1e13, 18 digits (incident 44).
        """
        async with self.repository() as repository:
            story = await begin(repository)
            for number in DECIMALS[:7]:
                pending = replace(story.pending(), requested_quantity=number, requested_price=number)
                await repository.commit(story.claim(pending))
                same(pending, await repository.get(pending.ref), f"the position of {number}")

    @promised_by(Repository)
    async def test_canonical_decimals(self) -> None:
        """
        A number comes back in its canonical form, on every store the same: no exponent, no trailing zeros.
        """
        async with self.repository() as repository:
            story = await begin(repository)
            for number in (Decimal("1.50"), Decimal("1E+3"), Decimal("100.00"), Decimal(2)):
                pending = replace(story.pending(), requested_quantity=number, requested_price=number)
                await repository.commit(story.claim(pending))
                read = await repository.get(pending.ref)
                for found in (read.requested_quantity, read.requested_price):
                    same(canonical_text(number), str(found), f"the text of {number}")

    @promised_by(Repository)
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
                event = story.event(pending, 0, OrderRejected())
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
                same(
                    [recorded(event, change)], list(map(undigested, history.items)), f"the history at {time}"
                )
                fills = await repository.list_fills(pending.ref)
                same(filled.fills, fills.items, f"the fills at {time}")

    @promised_by(Repository)
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
                event = story.event(pending, 0, OrderRejected())
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
                    found = await stored_fill(repository, fill)
                    same(stored, found, f"the fill of {text[:40]}")
                    by_order = await read_candidates(repository, query_for(key, order=VenueOrderId(text)))
                    same((pending,), by_order.positions, "the position of a venue order")
                    history = await repository.list_history(pending.ref)
                    same([event.header], [one.header for one in history.items], f"header of {text[:40]}")

    @promised_by(Repository)
    async def test_whole_texts(self) -> None:
        """
        A reason comes back whole, with any characters, or is refused with `StorageRejected` (incident 18).
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
                event = replace(story.event(pending, 0, OrderRejected()), evidence={"reason": text})
                if await _kept(repository, story.change(Claim(after=pending), events=(event,))):
                    history = await repository.list_history(pending.ref)
                    found = [one.evidence for one in history.items]
                    same([event.evidence], found, f"the evidence of the event because of {shown}")


async def _kept(repository: Repository, change: Change) -> bool:
    """
    Commit a change, and return False if the store refuses it, after a check that nothing of it is there.
    """
    try:
        await repository.commit(change)
    except StorageRejected:
        for stored in change.fills:
            fill = stored.fill
            found = await stored_fill(repository, fill)
            same(None, found, "the fill of a refused change")
        for transition in change.transitions:
            key = transition.result(PositionId(1)).key
            same(None, await repository.find_live(key), "the holder of the key of a refused claim")
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
    fees = (Fee(cost=number, currency="USDT"), Fee(cost=exact_negation(number), currency="BNB"))
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
