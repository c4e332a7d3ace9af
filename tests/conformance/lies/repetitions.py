"""
Stores that take a change or an id twice.
"""

# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from uuid import uuid4

from typing_extensions import override

from poslife._domain.changes import Change, Close, Committed
from poslife._domain.identifiers import (
    ChangeId,
    PositionId,
    TradeId,
)
from poslife._domain.positions import (
    ClosedPosition,
    PendingPosition,
)
from poslife.errors import (
    ChangeIdReused,
    InvalidValue,
    RepositoryError,
    RunLost,
)
from tests.conformance.honest_store import HonestStore, PositionT
from tests.conformance.lies.bent_values import bent, fresh

__all__ = ["LIES"]


class AppliesTwice(HonestStore):
    """Applies a change again when it is repeated."""

    @override
    async def take(self, change: Change) -> Committed:
        return await super().take(fresh(change))


class RepeatsFills(HonestStore):
    """Stores the fills again when a change is repeated."""

    @override
    async def take(self, change: Change) -> Committed:
        committed = await super().take(change)
        if committed.repeated:
            for stored in change.fills:
                again = replace(stored, fill=replace(stored.fill, trade_id=TradeId(str(uuid4()))))
                self.inner._fills.by_key[again.fill.id] = again
        return committed


class RepeatsEvents(HonestStore):
    """Stores the events again when a change is repeated."""

    @override
    async def take(self, change: Change) -> Committed:
        committed = await super().take(change)
        if committed.repeated:
            self.inner._life_events.records.extend(
                record
                for record in tuple(self.inner._life_events.records)
                if record.header in [event.header for event in change.events]
            )
        return committed


class RepeatsTheLatest(HonestStore):
    """Answers a repetition with the positions as they are now."""

    @override
    async def take(self, change: Change) -> Committed:
        committed = await super().take(change)
        if not committed.repeated:
            return committed
        positions = [await self.inner.get(transition.ref) for transition in change.transitions]
        return replace(committed, positions=tuple(positions))


class NeverSaysRepeated(HonestStore):
    """Does not say that a change is repeated."""

    @override
    async def take(self, change: Change) -> Committed:
        return replace(await super().take(change), repeated=False)


class ForgetsChanges(HonestStore):
    """Forgets a change as soon as its position is closed."""

    @override
    async def take(self, change: Change) -> Committed:
        committed = await super().take(change)
        if any(isinstance(transition, Close) for transition in change.transitions):
            self.inner._changes.clear()
        return committed


class ForgetsChangesOfLostRuns(HonestStore):
    """Checks the lease before the change id."""

    @override
    async def take(self, change: Change) -> Committed:
        run = self.inner._runs.find(change.run)
        if change.needs_lease and (run is None or run.ended):
            raise RunLost(change.run)
        return await super().take(change)


class TakesUsedIds(HonestStore):
    """Answers any change under a used id with the first result."""

    @override
    async def take(self, change: Change) -> Committed:
        try:
            return await super().take(change)
        except ChangeIdReused:
            return replace(self.inner._changes[change.id][1], repeated=True)


class UsesUpRefusedIds(HonestStore):
    """Refuses the id of a refused change as used."""

    def __init__(self) -> None:
        super().__init__()
        self.used: set[ChangeId] = set()

    @override
    async def take(self, change: Change) -> Committed:
        if change.id in self.used:
            raise ChangeIdReused(change.id)
        try:
            return await super().take(change)
        except RepositoryError:
            self.used.add(change.id)
            raise


class ReusesIds(HonestStore):
    """Gives the id of a closed position to the next."""

    @override
    async def take(self, change: Change) -> Committed:
        committed = await super().take(change)
        if not committed.repeated and any(isinstance(one, ClosedPosition) for one in committed.positions):
            self.inner._positions.last_id -= 1
        return committed


class OneIdForAll(HonestStore):
    """Gives every position the same id."""

    @override
    def show(self, position: PositionT) -> PositionT:
        return position if isinstance(position, PendingPosition) else bent(position, id=PositionId(1))


class MintsZero(HonestStore):
    """Begins to count ids at zero."""

    @override
    def show(self, position: PositionT) -> PositionT:
        if isinstance(position, PendingPosition):
            return position
        return bent(position, id=PositionId(position.id - 1))


class TakesTheHostsId(HonestStore):
    """Lets a change give a position another id."""

    @override
    async def take(self, change: Change) -> Committed:
        try:
            return await super().take(change)
        except InvalidValue:
            (transition,) = change.transitions
            position = transition.result(PositionId(1))
            self.inner._positions.by_ref[transition.ref] = position
            return Committed(change_id=change.id, positions=(position,))


class ForgetsWhatAChangeHeld(HonestStore):
    """Forgets the contents of a change as soon as its position is closed."""

    @override
    async def take(self, change: Change) -> Committed:
        try:
            return await super().take(change)
        except ChangeIdReused:
            first = self.inner._changes[change.id][1]
            if any(isinstance(position, ClosedPosition) for position in first.positions):
                return replace(first, repeated=True)
            raise


class LooksAtTheIdLast(HonestStore):
    """Checks everything else before the change id."""

    @override
    async def take(self, change: Change) -> Committed:
        try:
            return await super().take(change)
        except ChangeIdReused:
            self.inner._check(change, self.inner._positions.heads(change, {}))
            raise


LIES: Sequence[tuple[type[HonestStore], str]] = (
    (AppliesTwice, "test_same_change_again_writes_nothing"),
    (RepeatsFills, "test_same_change_again_writes_nothing"),
    (RepeatsEvents, "test_same_change_again_writes_nothing"),
    (RepeatsTheLatest, "test_same_change_again_after_everything_else"),
    (NeverSaysRepeated, "test_concurrent_repetitions"),
    (ForgetsChanges, "test_same_change_again_after_everything_else"),
    (ForgetsChangesOfLostRuns, "test_lost_run_repeats_its_change"),
    (TakesUsedIds, "test_change_id_with_other_contents"),
    (UsesUpRefusedIds, "test_last_fill_refused_leaves_nothing"),
    (ReusesIds, "test_ids_are_minted_once"),
    (OneIdForAll, "test_ids_are_minted_once"),
    (MintsZero, "test_ids_are_minted_once"),
    (TakesTheHostsId, "test_id_never_changes"),
    (ForgetsWhatAChangeHeld, "test_change_id_with_other_contents_after_the_close"),
    (LooksAtTheIdLast, "test_reused_change_id_comes_first"),
)
