"""
Stores that give back other values than were written.
"""

# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta, timezone
from decimal import Decimal

from typing_extensions import override

from poslife._domain.changes import Change, Committed
from poslife._domain.event_envelopes import RecordedEvent, UnknownBody
from poslife._domain.fills import StoredFill
from poslife._domain.identifiers import (
    PositionId,
    PositionRef,
    Venue,
)
from poslife._domain.orders import OrderPurpose
from poslife._domain.positions import (
    ClosedPosition,
    Confidence,
    PersistedPosition,
    Position,
)
from poslife.errors import StorageRejected
from poslife.protocols import OwnerCandidates, OwnerQuery, Page, PageToken, Run
from tests.conformance.honest_store import HonestStore, PositionT
from tests.conformance.lies.bent_values import bent

__all__ = ["LIES"]


class RoundsDecimals(HonestStore):
    """Rounds numbers to eight digits."""

    @override
    def show(self, position: PositionT) -> PositionT:
        return bent(position, requested_quantity=round(position.requested_quantity, 8))

    @override
    def show_fill(self, stored: StoredFill) -> StoredFill:
        return replace(stored, fill=bent(stored.fill, price=round(stored.fill.price, 8)))


class CountsInFloats(HonestStore):
    """Keeps numbers as floats."""

    @override
    def show(self, position: PositionT) -> PositionT:
        return bent(position, requested_quantity=Decimal(repr(float(position.requested_quantity))))


class KeepsTrailingZeros(HonestStore):
    """Gives numbers with a trailing zero."""

    @override
    def show(self, position: PositionT) -> PositionT:
        number = position.requested_quantity
        return bent(
            position, requested_quantity=Decimal(f"{number:f}" + ("0" if "." in str(number) else ".0"))
        )


class GivesFloats(HonestStore):
    """Gives numbers as floats."""

    @override
    def show_fill(self, stored: StoredFill) -> StoredFill:
        return replace(stored, fill=bent(stored.fill, price=float(stored.fill.price)))


class CutsNames(HonestStore):
    """Cuts trade ids at 50 characters."""

    @override
    def show_fill(self, stored: StoredFill) -> StoredFill:
        return replace(stored, fill=bent(stored.fill, trade_id=stored.fill.trade_id[:50]))


def with_reason(event: RecordedEvent, bend: Callable[[str], str]) -> RecordedEvent:
    if event.evidence is None or not isinstance(reason := event.evidence.get("reason"), str):
        return event
    return replace(event, evidence={**event.evidence, "reason": bend(reason)})


class CutsReasons(HonestStore):
    """Cuts reasons at 50 characters."""

    @override
    def show_event(self, event: RecordedEvent) -> RecordedEvent:
        return with_reason(event, lambda reason: reason[:50])


class StripsTexts(HonestStore):
    """Strips texts."""

    @override
    def show_fill(self, stored: StoredFill) -> StoredFill:
        return bent(stored, unclaimed_because=stored.unclaimed_because and stored.unclaimed_because.strip())


class DropsNul(HonestStore):
    """Drops NUL characters."""

    @override
    def show_event(self, event: RecordedEvent) -> RecordedEvent:
        return with_reason(event, lambda reason: reason.replace("\x00", ""))


class EmptyIsNothing(HonestStore):
    """Takes an empty text for none."""

    @override
    def show_fill(self, stored: StoredFill) -> StoredFill:
        return bent(stored, unclaimed_because=stored.unclaimed_because or None)


class NothingIsZero(HonestStore):
    """Gives zero for a price that is not known."""

    @override
    def show(self, position: PositionT) -> PositionT:
        return bent(position, requested_price=position.requested_price or Decimal(0))


class NaiveTimes(HonestStore):
    """Gives naive times."""

    @override
    def show_event(self, event: RecordedEvent) -> RecordedEvent:
        return replace(event, recorded_at=event.recorded_at.replace(tzinfo=None))


class LocalTimes(HonestStore):
    """Gives local times."""

    @override
    def show_fill(self, stored: StoredFill) -> StoredFill:
        local = stored.fill.at.astimezone(timezone(timedelta(hours=4)))
        return replace(stored, fill=bent(stored.fill, at=local))


class LocalRuns(HonestStore):
    """Gives a run's times as local ones."""

    @override
    def show_run(self, run: Run) -> Run:
        return bent(run, lease_until=run.lease_until.astimezone(timezone(timedelta(hours=4))))


class Milliseconds(HonestStore):
    """Keeps times to the millisecond."""

    @override
    def show(self, position: PositionT) -> PositionT:
        at = position.created_at
        return bent(position, created_at=at.replace(microsecond=at.microsecond // 1000 * 1000))


class ForgetsProtection(HonestStore):
    """Drops the protection."""

    @override
    def show(self, position: PositionT) -> PositionT:
        return bent(position, protection=None) if isinstance(position, PersistedPosition) else position


class ForgetsPurpose(HonestStore):
    """Gives every order as an entry."""

    @override
    def show(self, position: PositionT) -> PositionT:
        orders = tuple(
            bent(order, purpose=OrderPurpose.ENTRY, close_reason=None) for order in position.orders
        )
        return bent(position, orders=orders)


class ForgetsFees(HonestStore):
    """Keeps the first fee only."""

    @override
    def show_fill(self, stored: StoredFill) -> StoredFill:
        return replace(stored, fill=replace(stored.fill, fees=stored.fill.fees[:1]))


class ForgetsCausation(HonestStore):
    """Drops the causation."""

    @override
    def show_event(self, event: RecordedEvent) -> RecordedEvent:
        return replace(event, header=replace(event.header, causation=None))


class AlwaysConfirmed(HonestStore):
    """Gives every position as confirmed."""

    @override
    def show(self, position: PositionT) -> PositionT:
        if isinstance(position, PersistedPosition):
            return bent(position, confidence=Confidence.CONFIRMED)
        return position


class SwapsCosts(HonestStore):
    """Swaps the entered cost and the exited cost."""

    @override
    def show(self, position: PositionT) -> PositionT:
        if isinstance(position, ClosedPosition):
            return bent(position, entered_cost=position.exited_cost, exited_cost=position.entered_cost)
        return position


class LeavesOneReadBehind(HonestStore):
    """Forgets the requested price in one of its reads."""

    @override
    async def candidates_for(self, query: OwnerQuery, /) -> OwnerCandidates:
        found = await super().candidates_for(query)
        return replace(found, positions=tuple(bent(one, requested_price=None) for one in found.positions))


class ReadsFromACache(HonestStore):
    """Gives a position as it was when it was first read."""

    def __init__(self) -> None:
        super().__init__()
        self.read: dict[PositionRef, Position] = {}

    @override
    async def get(self, ref: PositionRef, /) -> Position:
        return self.read.setdefault(ref, await super().get(ref))


class KnowsNoFuture(HonestStore):
    """Leaves out events of unknown types."""

    @override
    async def list_history(
        self, ref: PositionRef, after: PageToken | None = None, /, *, limit: int = 100
    ) -> Page[RecordedEvent]:
        page = await super().list_history(ref, after, limit=limit)
        return replace(
            page, items=tuple(item for item in page.items if not isinstance(item.body, UnknownBody))
        )


class FillsInHeaders(HonestStore):
    """Fills in the venue that a header leaves out."""

    @override
    def show_event(self, event: RecordedEvent) -> RecordedEvent:
        return replace(event, header=replace(event.header, venue=event.header.venue or Venue("bybit")))


class RefusesLargeNumbers(HonestStore):
    """Refuses numbers of 1E+12 and more."""

    @override
    async def take(self, change: Change) -> Committed:
        for transition in change.transitions:
            if transition.result(PositionId(1)).requested_quantity >= Decimal("1E+12"):
                raise StorageRejected("numeric field overflow")
        return await super().take(change)


LIES: Sequence[tuple[type[HonestStore], str]] = (
    (RoundsDecimals, "test_exact_decimals"),
    (CountsInFloats, "test_exact_decimals"),
    (KeepsTrailingZeros, "test_canonical_decimals"),
    (GivesFloats, "test_every_field_of_a_fill"),
    (CutsNames, "test_whole_names"),
    (CutsReasons, "test_whole_texts"),
    (StripsTexts, "test_whole_texts"),
    (DropsNul, "test_whole_texts"),
    (EmptyIsNothing, "test_whole_texts"),
    (NothingIsZero, "test_optional_fields_left_out"),
    (NaiveTimes, "test_times_to_the_microsecond"),
    (LocalTimes, "test_times_to_the_microsecond"),
    (LocalRuns, "test_start_run"),
    (Milliseconds, "test_times_to_the_microsecond"),
    (ForgetsProtection, "test_every_field_of_a_held_position"),
    (ForgetsPurpose, "test_every_member_of_every_enumeration"),
    (ForgetsFees, "test_every_field_of_a_fill"),
    (ForgetsCausation, "test_every_life_event"),
    (AlwaysConfirmed, "test_every_member_of_every_enumeration"),
    (SwapsCosts, "test_every_field_of_a_closed_position"),
    (LeavesOneReadBehind, "test_every_field_of_a_pending_position"),
    (ReadsFromACache, "test_get"),
    (KnowsNoFuture, "test_events_of_a_newer_release"),
    (FillsInHeaders, "test_sparse_headers"),
    (RefusesLargeNumbers, "test_usual_decimals_are_kept"),
)
